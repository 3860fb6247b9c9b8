//! Line 26: the way between browser and server.

use api::claims::{Claims, OperatorClaims};
use e2e::{Browser, Error, Setup, State, eventually};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
use tokio_tungstenite::{accept_async, connect_async};

use crate::CONNECTED_WITHIN;
use crate::support::{HttpServer, Shipped, Site, TestResult, Wire, shipped};

/// Beyond this machine browsers are sent to `wss://` alone: the API does not start otherwise.
#[tokio::test]
async fn c26_browsers_are_sent_to_wss_beyond_this_machine() -> TestResult {
    let check = async |url: &str| {
        let setup = Setup::new().environment("API_WEBSOCKET_URLS", url);
        Site::prepare(setup).await?.api.run(&["check-config"]).await
    };
    for url in ["ws://nats.example.com", "ws://192.0.2.1:5000", "ws://localhost.example.com:5000"] {
        let ran = check(url).await?;
        assert_eq!(ran.status.code(), Some(1), "{url}");
        assert!(ran.output.contains("websocket.urls") && ran.output.contains("wss://"), "{url}");
    }
    for url in ["wss://nats.example.com", "ws://127.0.0.1:5000", "ws://localhost:5000"] {
        let ran = check(url).await?;
        assert!(ran.status.success(), "{url}: {}", ran.output);
    }
    let production = std::fs::read_to_string(shipped("api/config/production.toml")).unwrap();
    assert!(production.contains("wss://") && !production.contains("\"ws://"));
    Ok(())
}

/// The page runs its own code and reaches its own servers, and nothing else: no inline script, no
/// other origin.
#[tokio::test]
async fn c26_the_page_has_a_strict_content_security_policy() -> TestResult {
    let site = Site::shared().await?;
    let answer = reqwest::get(site.api.url("/")).await?;
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let websocket = site.nats.websocket_url();
    for rule in ["default-src 'none'", "frame-ancestors 'none'", &websocket] {
        assert!(policy.contains(rule), "{rule} is not in {policy}");
    }
    for hole in ["'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:", "ws:", "wss:"] {
        assert!(!policy.split([';', ' ']).any(|word| word == hole), "{hole} is in {policy}");
    }

    // What markup in a message would try if it ever became more than text.
    let (thief, reached) = HttpServer::recording();
    let attack = "window.violated = []; \
                  addEventListener('securitypolicyviolation', \
                      (event) => window.violated.push(event.effectiveDirective)); \
                  const script = document.createElement('script'); \
                  script.textContent = 'window.attacked = true'; \
                  const image = document.createElement('img'); \
                  image.setAttribute('onerror', 'window.attacked = true'); image.src = '/nope'; \
                  document.body.append(script, image); \
                  return fetch(arguments[0]).then(() => 'reached', () => 'kept')";
    let browser = Browser::start().await?;
    let tab = browser.open(&site.api.url("/")).await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    assert_eq!(tab.evaluate(attack, vec![thief.url("/loot").into()]).await?, "kept");
    eventually(CONNECTED_WITHIN, "Chromium stops each of the three", async || {
        let violated = tab.evaluate("return window.violated.sort().join()", vec![]).await?;
        Ok((violated == "connect-src,script-src-attr,script-src-elem").then_some(()))
    })
    .await?;
    assert_eq!(tab.evaluate("return window.attacked ?? null", vec![]).await?, Value::Null);
    assert!(reached.lock().unwrap().is_empty());
    Ok(())
}

/// nats-server is 2.14 or newer, by its own word: older ones refuse their configuration, the API
/// does not use them, and the page gives them no credential.
#[tokio::test]
async fn c26_a_server_that_is_too_old_is_not_used() -> TestResult {
    let site = Site::shared().await?;
    let version = Wire::websocket(&site.nats).await.info().await["version"].clone();
    let number = |at| version.as_str().unwrap().split('.').nth(at).unwrap().parse::<u32>().unwrap();
    assert!((number(0), number(1)) >= (2, 14), "{version}");

    // nats-server itself: the operator's JWT says how old it may be.
    let mut future = Site::prepare(Setup::new()).await?;
    let conf = future.key_file("auth.conf");
    let token =
        conf.split_whitespace().find(|word| word.contains("eyJ")).unwrap().trim_matches('"');
    let mut operator = Claims::<OperatorClaims>::decode(token).unwrap();
    assert_eq!(operator.nats.assert_server_version.as_deref(), Some("2.14.0"));
    operator.nats.assert_server_version = Some("99.0.0".to_owned());
    let newer = operator.seal(&future.seed("operator.seed")).unwrap();
    let path = future.api.keys().join("auth.conf");
    std::fs::write(path, conf.replace(token, newer.as_str())).unwrap();
    assert!(matches!(future.nats.start().await, Err(Error::Ended { .. })));

    // The API, with an old server.
    let listener = TcpListener::bind(future.nats.client_address()).await.unwrap();
    let info = json!({
        "server_id": "S", "server_name": "old", "version": "2.13.9", "proto": 1, "headers": true,
        "max_payload": 65_536, "nonce": "abc", "auth_required": true,
    });
    let old = info.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            // It says yes to whatever it is asked.
            let said = format!("INFO {old}\r\nPONG\r\n");
            stream.write_all(said.as_bytes()).await.unwrap();
            tokio::spawn(async move { tokio::io::copy(&mut stream, &mut tokio::io::sink()).await });
        }
    });
    future.api.start().await?;
    eventually(CONNECTED_WITHIN, "the API says why", async || {
        Ok(future.api.log().contains("2.13.9 is too old").then_some(()))
    })
    .await?;
    future.api.ready(false).await?;

    // The page, with an old server.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let site = Site::start(Setup::new().environment("API_WEBSOCKET_URLS", url)).await?;
    let browser = Browser::start().await?;
    let _tab = browser.open(&site.api.url("/")).await?;
    for _ in 0..2 {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept_async(stream).await.unwrap();
        socket.send(Message::binary(format!("INFO {info}\r\n"))).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            assert!(message.is_close(), "the page says {message}");
        }
    }
    Ok(())
}

/// No websocket is compressed: the decompressor would be reachable before login. (It is off in every
/// configuration that is shipped, and no offer is taken.)
#[tokio::test]
async fn c26_websockets_are_not_compressed() -> TestResult {
    for conf in Shipped::all() {
        assert_eq!(conf.values("websocket"), ["{"], "{}", conf.file);
        assert_eq!(conf.values("websocket.compression"), ["false"], "{}", conf.file);
    }

    let site = Site::shared().await?;
    let mut request = site.nats.websocket_url().into_client_request().unwrap();
    let offer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    request.headers_mut().insert("sec-websocket-extensions", offer.parse().unwrap());
    let (_, answer) = connect_async(request).await.unwrap();
    assert_eq!(answer.status(), 101);
    assert!(!answer.headers().contains_key("sec-websocket-extensions"));
    Ok(())
}
