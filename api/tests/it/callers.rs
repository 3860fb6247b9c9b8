//! Who gets in, and what those get who do not.

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{
    client::Client,
    issuer::{AUDIENCE, Issuer, Key, hmac_sha256, now, signed, with},
    nats::Nats,
    service::{Api, Options, problem},
};

const CREDENTIALS: &str = "/v1/credentials";

/// A service that knows these issuers, with guests or without.
pub(crate) fn options(issuers: &[String], guests: bool) -> Options {
    let options =
        Options::default().edit("issuers = []", format!("issuers = [{}]", issuers.join(", ")));
    if guests { options } else { options.edit("enabled = true", "enabled = false") }
}

/// No fetch after the first one: neither by time nor for a key that is not there.
pub(crate) fn fetch_once(options: Options) -> Options {
    options
        .edit("min_interval_seconds = 10", "min_interval_seconds = 3600")
        .edit("refresh_seconds = 300", "refresh_seconds = 3600")
}

/// An `api key new`, by its two lines: the key, and the element for the configuration.
pub(crate) fn new_api_key(name: &str) -> (String, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_api"))
        .args(["key", "new", name])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let key = text.lines().next().unwrap().to_owned();
    let element = text.lines().last().unwrap().trim().to_owned();
    (key, element)
}

#[tokio::test]
async fn a_user_with_a_valid_token_gets_a_credential() {
    let nats = Nats::provision();
    let (ed, p256) = (Key::ed25519("1"), Key::p256("2"));
    let issuer = Issuer::start(&[&ed, &p256]).await;
    for from in [issuer.config(), issuer.config_with("\"discovery\"")] {
        let api = Api::start_with(&nats, &options(&[from], false)).await;
        let claims = issuer.claims();
        for token in [
            ed.token(&claims),
            p256.token(&claims),
            ed.token(&with(&claims, "aud", json!(["elsewhere", AUDIENCE]))),
            ed.token(&with(&claims, "nbf", Value::Null)),
            // Within the leeway.
            ed.token(&with(&claims, "exp", now() - 1)),
            ed.token(&with(&claims, "nbf", now() + 2)),
        ] {
            let response = api.call_as(CREDENTIALS, &token).await;
            assert_eq!(response.status(), 200, "{}", api.log());
        }
        // Without a token nobody is let in.
        let response = api.post(CREDENTIALS, "{}").await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        problem(response, 401, "authentication_required").await;
        problem(api.ping().await, 401, "authentication_required").await;
    }
}

/// Everything that can be wrong with a token, each by itself.
fn bad_tokens(issuer: &Issuer, key: &Key, stranger: &Key) -> Vec<(&'static str, String)> {
    let claims = issuer.claims();
    let header = json!({ "typ": "JWT", "alg": "EdDSA", "kid": key.id });
    let good = key.token(&claims);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let public = BASE64URL_NOPAD.encode(key.public());
    let mut bad = vec![
        ("no signature", format!("{message}.")),
        ("half a signature", format!("{message}.{}", &signature[..40])),
        ("no JWT", "rubbish".to_owned()),
        ("one part", message.split_once('.').unwrap().0.to_owned()),
        ("two parts", message.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("empty parts", "..".to_owned()),
        ("padding", format!("{good}=")),
        ("by a stranger", stranger.token_with(&header, &claims)),
        ("unknown key", key.token_with(&with(&header, "kid", "unknown"), &claims)),
        ("key id of another type", key.token_with(&with(&header, "kid", 1), &claims)),
        ("no audience", key.token(&with(&claims, "aud", Value::Null))),
        ("other audience", key.token(&with(&claims, "aud", "elsewhere"))),
        ("other audiences", key.token(&with(&claims, "aud", json!(["a", "b"])))),
        ("audience of another type", key.token(&with(&claims, "aud", json!({ AUDIENCE: 1 })))),
        ("no issuer", key.token(&with(&claims, "iss", Value::Null))),
        ("other issuer", key.token(&with(&claims, "iss", "https://elsewhere.example"))),
        ("several issuers", key.token(&with(&claims, "iss", json!([issuer.name()])))),
        ("issuer but for a slash", key.token(&with(&claims, "iss", format!("{}/", issuer.name())))),
        ("expired", key.token(&with(&claims, "exp", now() - 100))),
        ("no expiry", key.token(&with(&claims, "exp", Value::Null))),
        ("expiry as text", key.token(&with(&claims, "exp", (now() + 60).to_string()))),
        ("negative expiry", key.token(&with(&claims, "exp", -1))),
        ("not yet valid", key.token(&with(&claims, "nbf", now() + 100))),
        ("start as text", key.token(&with(&claims, "nbf", "0"))),
        ("no subject", key.token(&with(&claims, "sub", Value::Null))),
        ("empty subject", key.token(&with(&claims, "sub", ""))),
        ("long subject", key.token(&with(&claims, "sub", "a".repeat(256)))),
        ("subject of another type", key.token(&with(&claims, "sub", 7))),
        ("subject on two lines", key.token(&with(&claims, "sub", "a\nb"))),
        ("extensions", key.token_with(&with(&header, "crit", json!(["b64"])), &claims)),
        ("other algorithm", key.token_with(&with(&header, "alg", "ES256"), &claims)),
        ("pinned out", key.token_with(&with(&header, "alg", "ES384"), &claims)),
        ("no algorithm", key.token_with(&with(&header, "alg", Value::Null), &claims)),
        // A key in the token proves nothing.
        ("brings its own key", stranger.token_with(&with(&header, "jwk", stranger.jwk()), &claims)),
        ("no claims", key.token(&json!([]))),
        ("too long", format!("{good}{}", "A".repeat(9000))),
        ("unknown API key", format!("sk_{}", "A".repeat(43))),
        ("API key's prefix", "sk_".to_owned()),
    ];
    for none in ["none", "None", "NONE", ""] {
        let header = with(&header, "alg", none);
        bad.push(("unsigned", signed(&header, &claims, |_| Vec::new())));
        bad.push(("unsigned, with a signature", key.token_with(&header, &claims)));
    }
    for secret in
        [key.public(), public.as_bytes(), key.jwk().to_string().as_bytes(), b"".as_slice()]
    {
        let header = with(&header, "alg", "HS256");
        let token = signed(&header, &claims, |message| hmac_sha256(secret, message));
        bad.push(("public key as secret", token));
    }
    bad
}

#[tokio::test]
async fn a_bad_credential_gets_the_same_401_whatever_is_wrong_and_never_a_guests_rights() {
    let nats = Nats::provision();
    let (key, stranger) = (Key::ed25519("1"), Key::ed25519("1"));
    let issuer = Issuer::start(&[&key]).await;
    let options = fetch_once(options(&[issuer.config()], true)).env("RUST_LOG", "trace");
    let api = Api::start_with(&nats, &options).await;
    let good = key.token(&issuer.claims());
    assert_eq!(api.call_as(CREDENTIALS, &good).await.status(), 200);
    // Guests are let in, so whoever brings nothing gets something.
    assert_eq!(api.ping().await.status(), 503);

    let mut headers: Vec<(&str, Vec<String>)> = bad_tokens(&issuer, &key, &stranger)
        .into_iter()
        .map(|(what, token)| (what, vec![format!("Bearer {token}")]))
        .collect();
    headers.extend([
        ("no scheme", vec![good.clone()]),
        ("empty", vec![String::new()]),
        ("scheme alone", vec!["Bearer".to_owned()]),
        ("other scheme", vec!["Basic dTpw".to_owned()]),
        ("other scheme, good token", vec![format!("DPoP {good}")]),
        ("two", vec![format!("Bearer {good}"), format!("Bearer {good}")]),
        ("two in one", vec![format!("Bearer {good}, Bearer {good}")]),
    ]);
    let mut bodies = Vec::new();
    for (what, values) in headers {
        for path in [CREDENTIALS, "/ping"] {
            let mut request =
                api.http.post(api.url(path)).header("content-type", "application/json");
            for value in &values {
                request = request.header(header::AUTHORIZATION, value);
            }
            let nkey = KeyPair::new_user().public_key();
            let body = json!({ "nkey": nkey }).to_string();
            let response = request.body(body).send().await.unwrap();
            assert_eq!(response.status(), 401, "{what}");
            let challenge = response.headers()[header::WWW_AUTHENTICATE].clone();
            assert_eq!(challenge, "Bearer error=\"invalid_token\"", "{what}");
            bodies.push(problem(response, 401, "invalid_credentials").await);
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);

    // Why is in the log, once, and nothing of the credentials.
    let log = api.log();
    for cause in [
        "the token is not taken: it has expired",
        "the token is not taken: it is not valid yet",
        "the token is not taken: it is not for this audience",
        "the token is not taken: its signature is not by the issuer's key",
        "the token is not taken: the issuer has no key that fits the token",
        "the token is not taken: it is signed by an algorithm that the issuer is not configured for",
        "the token is not taken: it calls for extensions that are not understood",
        "the token's issuer is not trusted",
        "the API key is not known",
        "there are several Authorization headers",
    ] {
        assert!(log.contains(cause), "{cause}\n{log}");
    }
    assert_eq!(log.matches("it is not valid yet").count(), 2, "once for each call");
    for secret in ["eyJ", "sk_", good.rsplit_once('.').unwrap().1] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn what_was_refused_leaves_no_trace_on_nats() {
    let nats = Nats::running().await;
    let (key, stranger) = (Key::ed25519("1"), Key::ed25519("1"));
    let issuer = Issuer::start(&[&key]).await;
    let api = Api::start_with(&nats, &options(&[issuer.config()], false)).await;
    api.until_status("/readyz", 200).await;

    let watcher = KeyPair::new_user();
    let good = key.token(&issuer.claims());
    let body = json!({ "nkey": watcher.public_key() }).to_string();
    let response = api
        .http
        .post(api.url(CREDENTIALS))
        .bearer_auth(&good)
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    let credential: Value = response.json().await.unwrap();
    let mut client = Client::websocket(&nats).await;
    assert_eq!(client.log_in(credential["jwt"].as_str().unwrap(), &watcher).await, "PONG");
    assert!(client.round_trip("SUB com.scaling-ws.updates 1\r\n").await.is_empty());

    problem(api.ping().await, 401, "authentication_required").await;
    for (_, token) in bad_tokens(&issuer, &key, &stranger) {
        problem(api.call_as("/ping", &token).await, 401, "invalid_credentials").await;
    }
    // Whatever came would have come before the answer to a PING.
    assert!(client.round_trip("").await.is_empty());
    assert_eq!(api.call_as("/ping", &good).await.status(), 200);
    assert!(client.next().await.unwrap().starts_with("MSG com.scaling-ws.updates 1 "));
}

#[tokio::test]
async fn two_issuers_are_two() {
    let nats = Nats::provision();
    // The same name for two keys: it means something at its own issuer only.
    let (a, b) = (Key::ed25519("1"), Key::ed25519("1"));
    let (at_a, at_b) = (Issuer::start(&[&a]).await, Issuer::start(&[&b]).await);
    let api = Api::start_with(&nats, &options(&[at_a.config(), at_b.config()], false)).await;
    for token in [a.token(&at_a.claims()), b.token(&at_b.claims())] {
        assert_eq!(api.call_as(CREDENTIALS, &token).await.status(), 200);
    }
    for token in [a.token(&at_b.claims()), b.token(&at_a.claims())] {
        problem(api.call_as(CREDENTIALS, &token).await, 401, "invalid_credentials").await;
    }
}

#[tokio::test]
async fn claims_that_the_configuration_calls_for_must_be_there() {
    let nats = Nats::provision();
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let config = issuer.config().replace("required_claims = []", "required_claims = [\"email\"]");
    let api = Api::start_with(&nats, &options(&[config], false)).await;
    let claims = issuer.claims();
    let complete = key.token(&with(&claims, "email", "alice@example.com"));
    assert_eq!(api.call_as(CREDENTIALS, &complete).await.status(), 200);
    let mut null = claims.clone();
    null["email"] = Value::Null;
    for incomplete in [claims, null] {
        let response = api.call_as(CREDENTIALS, &key.token(&incomplete)).await;
        problem(response, 401, "invalid_credentials").await;
    }
}

#[tokio::test]
async fn a_back_end_gets_in_by_its_api_key() {
    let nats = Nats::running().await;
    nats.admit_back_ends(&["billing"]);
    let (key, element) = new_api_key("billing");
    let (replaced, also) = new_api_key("billing");
    let (forgotten, _) = new_api_key("billing");
    let options = Options::default()
        .edit("enabled = true", "enabled = false")
        .edit("api_keys = []", format!("api_keys = [{element} {also}]"));
    let api = Api::start_with(&nats, &options).await;
    api.until_status("/readyz", 200).await;
    for key in [&key, &replaced] {
        assert_eq!(api.call_as("/ping", key).await.status(), 200);
        assert_eq!(api.call_as(CREDENTIALS, key).await.status(), 200);
    }
    let (rest, last) = key.split_at(key.len() - 1);
    let almost = [rest, if last == "A" { "E" } else { "A" }].concat();
    for unknown in [&forgotten, &almost, &key.to_lowercase(), &key["sk_".len()..].to_owned()] {
        problem(api.call_as("/ping", unknown).await, 401, "invalid_credentials").await;
    }
    let log = api.log();
    assert!(log.contains("billing"), "its name is logged: {log}");
    assert!(!log.contains("sk_"), "{log}");

    // A browser that holds a key is still a browser.
    let foreign = api
        .http
        .post(api.url("/ping"))
        .bearer_auth(&key)
        .header(header::ORIGIN, "https://evil.example")
        .send()
        .await
        .unwrap();
    problem(foreign, 403, "origin_not_allowed").await;
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_send_a_token() {
    let nats = Nats::provision();
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let options = options(&[issuer.config()], false)
        .edit("cross = []", "cross = [\"https://partner.example\"]");
    let api = Api::start_with(&nats, &options).await;
    let preflight = api
        .http
        .request(Method::OPTIONS, api.url(CREDENTIALS))
        .header(header::ORIGIN, "https://partner.example")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 200);
    let allowed = preflight.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
    assert!(allowed.contains("authorization"), "{allowed}");

    // A page can read why it was refused, and when to come back.
    let refused = api
        .http
        .post(api.url(CREDENTIALS))
        .header(header::ORIGIN, "https://partner.example")
        .bearer_auth("eyJ")
        .send()
        .await
        .unwrap();
    let headers = refused.headers();
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://partner.example");
    let exposed = headers[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap();
    assert!(exposed.contains("retry-after"), "{exposed}");
    problem(refused, 401, "invalid_credentials").await;
}

#[test]
fn what_would_be_unsafe_cannot_be_configured() {
    let issuer = |changed: &[(&str, &str)]| {
        let mut text = "{ issuer = \"https://i.example\", audience = \"a\", keys = \"discovery\", \
                        algorithms = [\"EdDSA\"], leeway_seconds = 60, required_claims = [] }"
            .to_owned();
        for (from, to) in changed {
            assert!(text.contains(from));
            text = text.replace(from, to);
        }
        text
    };
    let check = |issuers: &str, api_keys: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.toml");
        let text = std::fs::read_to_string(crate::service::dev_toml())
            .unwrap()
            .replace("issuers = []", &format!("issuers = [{issuers}]"))
            .replace("api_keys = []", &format!("api_keys = [{api_keys}]"));
        std::fs::write(&path, text).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_api"))
            .args(["check-config", "--config", path.to_str().unwrap()])
            .env("API_ROLES", crate::service::roles_toml())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(check(&issuer(&[]), "").0);
    for (changed, why) in [
        ([("EdDSA", "HS256")], "unknown variant `HS256`"),
        ([("EdDSA", "none")], "unknown variant `none`"),
        ([("[\"EdDSA\"]", "[]")], "auth.issuers.algorithms: \"https://i.example\": at least one"),
        ([("leeway_seconds = 60", "leeway_seconds = 61")], "61 is outside 0 to 60 seconds"),
        ([("https://i.example", "http://i.example")], "keys are fetched by https"),
        ([("\"discovery\"", "{ jwks = \"http://i.example/jwks\" }")], "keys are fetched by https"),
        ([("\"discovery\"", "\"guess\"")], "unknown variant `guess`"),
        ([("audience = \"a\"", "audience = \"\"")], "auth.issuers.audience"),
        ([("audience = \"a\", ", "")], "missing field `audience`"),
    ] {
        let (ok, stderr) = check(&issuer(&changed), "");
        assert!(!ok && stderr.contains(why), "{why}\n{stderr}");
    }
    let twice = format!("{}, {}", issuer(&[]), issuer(&[]));
    assert!(check(&twice, "").1.contains("is there twice"));

    let (key, element) = new_api_key("a");
    assert!(check("", &element).0);
    assert!(check("", &format!("{element} {element}")).1.contains("is there twice"));
    let by_mistake = format!("{{ name = \"a\", sha256 = \"{key}\" }}");
    let (ok, stderr) = check("", &by_mistake);
    assert!(!ok && stderr.contains("64 hexadecimal digits") && !stderr.contains("sk_"), "{stderr}");
    let (ok, stderr) = check("", &element.replace("\"a\"", "\"a b\""));
    assert!(!ok && stderr.contains("auth.api_keys.name"), "{stderr}");
}

#[test]
fn an_api_key_needs_a_plain_name() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_api"))
        .args(["key", "new", "a b"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert_ne!(new_api_key("a").0, new_api_key("a").0);
}
