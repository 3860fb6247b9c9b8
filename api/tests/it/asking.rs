//! A nats-server that asks about clients, and the service that answers it.

use reqwest::{Response, header};
use serde_json::{Value, json};

use crate::{
    callers,
    client::Client,
    nats::Nats,
    service::{Api, Options},
    wait::until,
};

pub(crate) const SESSION: &str = "/v1/session";
/// What a client is told that does not get in, whatever the reason.
pub(crate) const REFUSED: &str = "-ERR 'Authorization Violation'";

/// A running server that asks.
pub(crate) async fn asking() -> Nats {
    asking_with(|_| {}).await
}

/// `asking`, where the roles file is changed before keys are made.
pub(crate) async fn asking_with(change: impl FnOnce(&Nats)) -> Nats {
    let mut nats = Nats::unprovisioned_asking();
    change(&nats);
    let output = nats.init();
    assert!(output.status.success(), "{output:?}");
    nats.start().await;
    nats
}

/// Lets back ends come over websockets.
pub(crate) fn open_websocket_to_back_ends(nats: &Nats) {
    nats.edit_roles("[\"STANDARD\"]\npublish", "[\"WEBSOCKET\"]\npublish");
}

/// A service that answers and knows these issuers, with guests or without.
pub(crate) fn options(issuers: &[String], guests: bool) -> Options {
    callers::options(issuers, guests)
        .edit("enabled = false\nconnection_types", "enabled = true\nconnection_types")
}

/// Starts a service and waits until nats-server can ask it.
pub(crate) async fn answering(nats: &Nats, options: &Options) -> Api {
    let api = Api::start_with(nats, options).await;
    api.until_status("/readyz", 200).await;
    until("the service answers nats-server", || async {
        api.log().contains("answering nats-server about clients").then_some(())
    })
    .await;
    api
}

/// Asks for a session.
pub(crate) async fn ask_session(api: &Api, bearer: Option<&str>, body: &Value) -> Response {
    let request = api.http.post(api.url(SESSION)).header(header::CONTENT_TYPE, "application/json");
    let request = match bearer {
        Some(bearer) => request.bearer_auth(bearer),
        None => request,
    };
    request.body(body.to_string()).send().await.unwrap()
}

/// A session, as the browser's header `Cookie` says it.
pub(crate) async fn session(api: &Api, bearer: Option<&str>, body: &Value) -> String {
    let response = ask_session(api, bearer, body).await;
    assert_eq!(response.status(), 204, "{}", api.log());
    let set = response.headers()[header::SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

/// Connects as a page whose browser has this cookie, without any credential of its own.
pub(crate) async fn come(nats: &Nats, cookie: &str) -> (Client, Option<String>) {
    let mut client = Client::with_cookie(nats, cookie).await;
    let answer = client.connect(&json!({})).await;
    (client, answer)
}

/// The same, and it gets in.
pub(crate) async fn get_in(nats: &Nats, cookie: &str) -> Client {
    let (client, answer) = come(nats, cookie).await;
    assert_eq!(answer.as_deref(), Some("PONG"));
    client
}

/// Connects with a token of the client's own.
pub(crate) async fn come_with(mut client: Client, token: &str) -> (Client, Option<String>) {
    let answer = client.connect(&json!({ "auth_token": token })).await;
    (client, answer)
}
