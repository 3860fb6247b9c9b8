//! The service answers as its description says.

use boon::{Compiler, Schemas};
use nkeys::KeyPair;
use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    callers::new_api_key,
    insider::Insider,
    nats::Nats,
    service::{Api, Options},
};

const DOCUMENT: &str = "file:///openapi.json";

/// Checks an answer, whatever its status, against the description of its route.
pub(crate) async fn check(document: &Value, method: &str, path: &str, response: Response) {
    let status = response.status().as_u16().to_string();
    let media = response.headers()["content-type"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    let escape = |text: &str| text.replace('~', "~0").replace('/', "~1");
    let pointer = format!(
        "/paths/{}/{method}/responses/{status}/content/{}/schema",
        escape(path),
        escape(&media)
    );
    assert!(document.pointer(&pointer).is_some(), "{pointer} is not described: {body}");
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource(DOCUMENT, document.clone()).unwrap();
    let schema = compiler.compile(&format!("{DOCUMENT}#{pointer}"), &mut schemas).unwrap();
    let outcome = schemas.validate(&body, schema).map_err(|error| error.to_string());
    assert_eq!(outcome, Ok(()), "{pointer}: {body}");
}

#[tokio::test]
async fn the_answers_of_every_route_are_as_described() {
    let nats = Nats::running().await;
    let (key, element) = new_api_key("backend");
    let options = Options::default().edit("api_keys = []", format!("api_keys = [{element}]"));
    let api = Api::start_with(&nats, &options).await;
    api.until_status("/readyz", 200).await;
    Insider::connect(&nats).await.add_stream("ROOMS", "rooms.7.*", &json!({})).await;

    let document: Value = api.get("/openapi.json").await.json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        check(&document, "get", path, api.get(path).await).await;
        check(&document, "get", path, api.post(path, "").await).await;
    }
    check(&document, "post", "/ping", api.ping().await).await;
    check(&document, "post", "/ping", api.call_as("/ping", "nonsense").await).await;

    let nkey = KeyPair::new_user().public_key();
    for body in [
        json!({ "nkey": nkey }),
        json!({ "nkey": "x" }),
        json!({ "nkey": nkey, "role": "member" }),
        json!({ "nkey": nkey, "channels": ["room:7"] }),
        json!({ "nkey": nkey, "channels": ["*"] }),
        json!({}),
    ] {
        let path = "/v1/credentials";
        check(&document, "post", path, api.post_as(path, &key, &body).await).await;
    }
    for path in ["/v1/session"] {
        check(&document, "post", path, api.post_as(path, &key, &json!({})).await).await;
        let response = api.http.delete(api.url(path)).send().await.unwrap();
        check(&document, "delete", path, response).await;
    }
    let ban = json!({ "nkey": nkey });
    let path = "/v1/revoke";
    check(&document, "post", path, api.post_as(path, &key, &ban).await).await;
    for body in [
        json!({ "subject": "com.scaling-ws.updates", "payload": "x" }),
        json!({ "subject": "rooms.7.announce", "json": null, "jetstream": true }),
        json!({ "subject": "rooms.8.announce", "json": 1, "jetstream": true }),
        json!({ "subject": "a", "payload": "x" }),
        json!({ "subject": "*", "payload": "x" }),
        json!({ "subject": "rooms.7.announce", "payload": "x", "msg_id": "" }),
        json!({ "subject": "rooms.7.announce", "payload": "x", "headers": { "Nats-A": ["x"] } }),
        json!({ "subject": "rooms.7.announce", "payload": "x".repeat(65_537) }),
    ] {
        let path = "/v1/publish";
        check(&document, "post", path, api.post_as(path, &key, &body).await).await;
    }
    for query in [
        "subject=rooms.7.announce&action=publish",
        "subject=a.*&action=subscribe",
        "subject=a.*&action=publish",
        "subject=a",
        "subject=a&action=publish&role=x",
    ] {
        let url = format!("/v1/permissions?{query}");
        let response = api.http.get(api.url(&url)).bearer_auth(&key).send().await.unwrap();
        check(&document, "get", "/v1/permissions", response).await;
    }
}
