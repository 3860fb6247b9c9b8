//! Lines 20 to 23: who calls, how often, and what one credential can hold.

use e2e::{Browser, Setup, State};
use nkeys::KeyPair;
use reqwest::Response;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};

use crate::CONNECTED_WITHIN;
use crate::support::{Answer, HttpServer, Person, Site, TestResult, Wire, assert_problem};

/// Pages of other origins neither call the API nor open a websocket: origins are compared to the
/// letter, and what the browser says of a page's site counts.
#[tokio::test]
async fn c20_pages_from_elsewhere_get_nothing() -> TestResult {
    let site = Site::shared().await?;
    let own = site.api.url("");
    let (_, port) = own.rsplit_once(':').unwrap();
    for (header, value) in [
        ("origin", "http://evil.example".to_owned()),
        ("origin", "null".to_owned()),
        ("origin", format!("{own}.evil.example")),
        ("origin", own.replace("http:", "https:")),
        ("origin", own.replace(port, "1")),
        ("sec-fetch-site", "cross-site".to_owned()),
        ("sec-fetch-site", "same-site".to_owned()),
    ] {
        for path in ["/v1/credentials", "/ping", "/v1/publish", "/v1/revoke"] {
            let body = json!({ "nkey": KeyPair::new_user().public_key() });
            let answer = site.post(path).header(header, &value).json(&body).send().await?;
            assert!(!answer.headers().contains_key("access-control-allow-origin"), "{value}");
            assert_problem(answer, 403, "origin_not_allowed").await?;
        }
        if header == "origin" {
            let mut request = site.nats.websocket_url().into_client_request().unwrap();
            request.headers_mut().insert("origin", value.parse().unwrap());
            match connect_async(request).await {
                Err(tungstenite::Error::Http(answer)) => {
                    assert_eq!(answer.status(), 403, "{value}");
                }
                other => panic!("{value}: {other:?}"),
            }
        }
    }
    Ok(())
}

/// The same, by Chromium: a page from elsewhere can neither read nor cause anything, while the page
/// itself can.
#[tokio::test]
async fn c20_chromium_keeps_a_foreign_page_out() -> TestResult {
    let site = Site::shared().await?;
    let foreign = HttpServer::start(|_| Answer {
        status: "200 OK",
        headers: "Content-Type: text/html\r\n",
        body: "<!doctype html><title>elsewhere</title>".to_owned(),
    });
    let browser = Browser::start().await?;
    let tab = browser.open(&foreign.url("/")).await?;
    let mut watcher = Person::guest(&site).await?.connect(&site.nats).await;
    watcher.may("SUB com.scaling-ws.updates 1\r\n").await;

    let fetch = "return fetch(arguments[0], { method: 'POST', mode: arguments[1], \
                 headers: arguments[2], body: arguments[3] }) \
                 .then((answer) => answer.type + ' ' + answer.status, () => 'refused')";
    let socket = "return new Promise((done) => { const socket = new WebSocket(arguments[0]); \
                  socket.onopen = () => done('open'); socket.onerror = () => done('refused'); })";
    let nkey = KeyPair::new_user().public_key();
    let body = json!({ "nkey": nkey }).to_string();
    let as_json = json!({ "content-type": "application/json" });
    for (path, mode, headers, seen) in [
        ("/v1/credentials", "cors", &as_json, "refused"),
        ("/ping", "cors", &json!({}), "refused"),
        // What a browser sends without asking has no effect either.
        ("/ping", "no-cors", &json!({}), "refused"),
    ] {
        let arguments =
            vec![site.api.url(path).into(), mode.into(), headers.clone(), body.clone().into()];
        assert_eq!(tab.evaluate(fetch, arguments).await?, seen, "{path} {mode}");
    }
    let url = site.nats.websocket_url();
    assert_eq!(tab.evaluate(socket, vec![url.clone().into()]).await?, "refused");
    watcher.may("").await;
    assert!(!site.api.log().contains(&nkey));

    let page = browser.open(&site.api.url("/")).await?;
    page.reaches(State::Connected, CONNECTED_WITHIN).await?;
    assert_eq!(page.evaluate(socket, vec![url.into()]).await?, "open");
    let arguments = vec![site.api.url("/ping").into(), "cors".into(), json!({}), body.into()];
    assert_eq!(page.evaluate(fetch, arguments).await?, "basic 200");
    assert!(watcher.next().await.unwrap().starts_with("MSG com.scaling-ws.updates 1 "));
    Ok(())
}

/// Too many calls for one key, by one caller, or from one address are refused with the time to wait;
/// a large body is refused before it is read.
#[tokio::test]
async fn c21_calls_are_limited_by_session_caller_and_address() -> TestResult {
    let limits = |burst: u32| format!("burst = {burst}\nper_minute = 1");
    let setup = Setup::new()
        .config("burst = 3000\nper_minute = 60000", limits(14))
        .config("burst = 3000\nper_minute = 60000", limits(6))
        .config("burst = 300\nper_minute = 600", limits(2));
    let site = Site::start(setup).await?;
    let ask = async |bearer: &str, nkey: &str| {
        site.call("/v1/credentials", Some(bearer), &json!({ "nkey": nkey })).await
    };
    let of = |person| site.issuer.token(&site.issuer.claims(person, &[]));
    let (alice, bob, key) = (of("alice"), of("bob"), KeyPair::new_user().public_key());
    let fresh = || KeyPair::new_user().public_key();

    // Calls 1 to 3: one session has had its two.
    for _ in 0..2 {
        assert_eq!(ask(&alice, &key).await?.status(), 200);
    }
    assert_wait(ask(&alice, &key).await?).await?;
    // Calls 4 to 7: other keys of the same caller, until she has had her six.
    for _ in 0..3 {
        assert_eq!(ask(&alice, &fresh()).await?.status(), 200);
    }
    assert_wait(ask(&alice, &fresh()).await?).await?;
    // Calls 8 to 14: others are not held up by that. Guesses count.
    assert_eq!(ask(&bob, &key).await?.status(), 200);
    let large = json!({ "nkey": "U".repeat(20_000) });
    let answer = site.call("/v1/credentials", Some(&bob), &large).await?;
    assert_problem(answer, 413, "body_too_large").await?;
    for _ in 0..5 {
        assert_problem(ask("guess", &fresh()).await?, 401, "invalid_credentials").await?;
    }
    // The address has had its fourteen.
    for bearer in [&alice, &bob, "guess"] {
        assert_wait(ask(bearer, &fresh()).await?).await?;
    }
    assert_eq!(reqwest::get(site.api.url("/healthz")).await?.status(), 200);
    Ok(())
}

async fn assert_wait(answer: Response) -> TestResult {
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_problem(answer, 429, "rate_limited").await?;
    Ok(())
}

/// Whatever is wrong with a credential, the answer is the same 401 to the letter, also where guests
/// are let in; a guess that is nearly right learns no more than one that is all wrong. (Digests are
/// compared, each to its end.)
#[tokio::test]
async fn c22_every_bad_credential_gets_the_same_answer() -> TestResult {
    let site = Site::shared().await?;
    let claims = site.issuer.claims("alice", &["7"]);
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        site.issuer.token(&claims)
    };
    let good = site.issuer.token(&claims);
    let changed = |text: &str| {
        let last = if text.ends_with('A') { 'B' } else { 'A' };
        format!("{}{last}", &text[..text.len() - 1])
    };
    let stranger = KeyPair::new_user();
    let bad = [
        // API keys: of nobody, nearly right, right at the beginning, right and more.
        format!("sk_{}", "A".repeat(43)),
        changed(&site.backend),
        site.backend[..20].to_owned(),
        format!("{}A", site.backend),
        // Tokens: by another key, for others, by others, too old, of nobody, cut off, changed.
        site.issuer.token_by(&stranger, &claims),
        with("aud", json!("elsewhere")),
        with("iss", json!("https://evil.example")),
        with("exp", json!(1)),
        with("sub", Value::Null),
        good[..good.len() / 2].to_owned(),
        format!("{}.", &good[..good.rfind('.').unwrap()]),
        "guess".to_owned(),
        "eyJ".to_owned(),
    ];
    let body = json!({ "nkey": KeyPair::new_user().public_key() });
    let mut answers = Vec::new();
    for bearer in &bad {
        for path in ["/v1/credentials", "/v1/publish", "/v1/revoke", "/ping"] {
            let answer = site.call(path, Some(bearer), &body).await?;
            let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
            let said = assert_problem(answer, 401, "invalid_credentials").await?;
            answers.push((challenge, said));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    for bearer in [&good, &site.backend] {
        assert_eq!(site.call("/v1/credentials", Some(bearer), &body).await?.status(), 200);
    }
    Ok(())
}

/// A token has 3,500 bytes at most, so that it fits a login; more channels than that holds are
/// refused, and so is a role that could have such a token.
#[tokio::test]
async fn c23_a_token_fits_the_line_that_logs_in() -> TestResult {
    let site = Site::shared().await?;
    let rooms: Vec<String> = (0..17).map(|n| format!("{n:064}")).collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    let largest = Person::member(&site, "alice", &rooms[..16]).await?;
    assert!(largest.jwt().len() <= 3_500, "{}", largest.jwt().len());
    let mut wire: Wire = largest.connect(&site.nats).await;
    let said = format!("PUB rooms.{}.chat.{} 2\r\nhi\r\n", rooms[15], largest.nkey());
    wire.may(&said).await;

    let token = site.issuer.token(&site.issuer.claims("alice", &rooms));
    let channels: Vec<String> = rooms.iter().map(|room| format!("room:{room}")).collect();
    let body = json!({ "nkey": KeyPair::new_user().public_key(), "channels": channels });
    let answer = site.call("/v1/credentials", Some(&token), &body).await?;
    assert_problem(answer, 422, "credential_too_large").await?;

    let refusal = Site::prepare(Setup::new().roles("max = 16", "max = 64")).await.err();
    let refusal = refusal.expect("`api init` refuses the role").to_string();
    assert!(refusal.contains("`api init` failed"), "{refusal}");
    Ok(())
}
