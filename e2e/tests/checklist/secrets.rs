//! Lines 17 to 19: what must not be seen.

use std::fs;
use std::net::UdpSocket;

use e2e::{Browser, Setup, State};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::CONNECTED_WITHIN;
use crate::support::{HttpServer, Person, Shipped, Site, TestResult, assert_problem};

/// Monitoring shows whole JWTs, so in every configuration that is shipped it listens on loopback and
/// nowhere else.
#[tokio::test]
async fn c17_monitoring_is_on_loopback_in_every_configuration() -> TestResult {
    // `$MONITOR_LISTEN` is what `api init` writes; it refuses all but loopback.
    let kinds = ["http", "https", "http_port", "https_port", "monitor_port", "prof_port"];
    for conf in Shipped::all() {
        let found: Vec<_> = conf.settings().filter(|(name, _)| kinds.contains(name)).collect();
        assert_eq!(found, [("http", "$MONITOR_LISTEN")], "{}", conf.file);
    }

    let site = Site::shared().await?;
    for address in ["0.0.0.0:8222", "[::]:8222", "192.0.2.1:8222"] {
        let target = site.api.keys().join("refused");
        let target = target.to_str().unwrap();
        let ran = site.api.run(&["init", "--dir", target, "--monitor-listen", address]).await?;
        assert_eq!(ran.status.code(), Some(1), "{address}");
        assert!(ran.output.contains("not on loopback"), "{}", ran.output);
        assert!(!fs::exists(target).unwrap());
    }

    let monitor = site.nats.monitor_address();
    let varz: Value = reqwest::get(format!("http://{monitor}/varz")).await?.json().await?;
    assert_eq!(varz["http_host"], "127.0.0.1");
    // From elsewhere, that is, by another address of this machine where it has one.
    let probe = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    if let Ok(outside) = probe
        && !outside.ip().is_loopback()
    {
        let (_, port) = monitor.rsplit_once(':').unwrap();
        let address = format!("{}:{port}", outside.ip());
        TcpStream::connect(address).await.expect_err("monitoring answers on loopback alone");
    }
    // What the API tells of itself is kept there, too.
    for config in ["dev", "production"] {
        let text =
            fs::read_to_string(crate::support::shipped(&format!("api/config/{config}.toml")));
        let (_, metrics) = text.as_ref().unwrap().split_once("[metrics]").unwrap();
        assert!(metrics.contains("listen = \"127.0.0.1:"), "{config}");
    }
    Ok(())
}

/// No token, seed, signature, API key or cookie gets into a log: not the API's at its loudest, not
/// nats-server's as configured, and not the browser's console. (nats-server's trace shows whole
/// logins, so no configuration turns it on.)
#[tokio::test]
async fn c18_no_log_holds_a_secret_at_any_level() -> TestResult {
    let mut site = Site::start(Setup::new().environment("RUST_LOG", "trace")).await?;
    let browser = Browser::start().await?;
    let tab = browser.open(&site.api.url("/")).await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;

    let guest = Person::guest(&site).await?;
    let (nkey, seed) = (guest.nkey(), guest.key.seed().unwrap());
    let token = site.issuer.token(&site.issuer.claims("alice", &["7"]));
    let forged = format!("{}{}", &token[..token.len() - 8], "AAAAAAAA");
    let secrets = [guest.jwt().to_owned(), seed, token, forged, site.backend.clone()];
    // In every place where somebody confused could put one.
    for secret in &secrets {
        for body in [
            json!({ "nkey": secret }),
            json!({ "nkey": nkey, secret.as_str(): 1 }),
            json!({ "nkey": nkey, "token": secret }),
            json!({ "nkey": nkey, "channels": [secret] }),
            json!([secret]),
        ] {
            site.call("/v1/credentials", None, &body).await?;
            site.call("/v1/publish", Some(secret), &body).await?;
        }
        for (name, value) in [
            ("authorization", format!("Basic {secret}")),
            ("authorization", secret.clone()),
            ("cookie", format!("session={secret}")),
            ("x-api-key", secret.clone()),
            ("x-forwarded-for", secret.clone()),
            ("origin", secret.clone()),
        ] {
            site.post("/v1/credentials")
                .header(name, value)
                .json(&json!({ "nkey": nkey }))
                .send()
                .await?;
        }
        reqwest::get(site.api.url(&format!("/{secret}"))).await?;
        reqwest::get(site.api.url(&format!("/healthz?token={secret}"))).await?;
    }
    // Logins that fail, and the API's own, once more.
    Person { key: nkeys::KeyPair::new_user(), ..guest }.login(&site.nats).await;
    site.nats.kill()?;
    site.api.ready(false).await?;
    site.nats.start().await?;
    site.api.ready(true).await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;

    for conf in Shipped::all() {
        assert_eq!(conf.values("trace"), ["false"], "{}", conf.file);
        let others = conf.settings().filter(|(name, _)| name.starts_with("trace_"));
        assert_eq!(others.count(), 0, "{}", conf.file);
    }
    let console = browser.console().await?.join("\n");
    let api = site.api.log();
    assert!(api.contains("TRACE"), "the log is not loud");
    assert!(api.contains(&nkey), "the public key is there, to find a credential by");
    let mut hidden = Vec::from(secrets);
    for file in fs::read_dir(site.api.keys()).unwrap().map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        if name.ends_with(".seed") {
            hidden.push(site.key_file(&name));
        } else if name.ends_with(".creds") {
            hidden.extend(
                site.key_file(&name).lines().filter(|l| l.starts_with("SU")).map(str::to_owned),
            );
        }
    }
    for (whose, log) in [("the API", api), ("nats-server", site.nats.log()), ("Chromium", console)]
    {
        for secret in hidden.iter().flat_map(|secret| secret.split('.')) {
            assert!(!log.contains(secret), "the log of {whose} holds {secret}");
        }
        for mark in ["eyJ", "sk_", "session=", "\"sig\""] {
            assert!(!log.contains(mark), "the log of {whose} holds {mark}");
        }
    }
    Ok(())
}

/// A credential comes in the body of an answer that nobody keeps, and is never part of a URL or of a
/// header that lasts.
#[tokio::test]
async fn c19_a_credential_comes_in_a_body_that_is_not_kept() -> TestResult {
    // In the place of nats-server, somebody who writes down how he is called.
    let (listener, heads) = HttpServer::recording();
    let url = listener.url("/").replacen("http", "ws", 1);
    let site = Site::start(Setup::new().environment("API_WEBSOCKET_URLS", url)).await?;

    let body = json!({ "nkey": nkeys::KeyPair::new_user().public_key() });
    let answer = site.call("/v1/credentials", None, &body).await?;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(!answer.headers().contains_key("set-cookie"));
    assert!(answer.headers().values().all(|value| !value.to_str().unwrap().contains("eyJ")));
    assert!(answer.text().await?.contains("\"jwt\":\"eyJ"));
    // Nor does the API take one from there.
    let answer = reqwest::get(site.api.url("/v1/credentials?nkey=U")).await?;
    assert_problem(answer, 405, "method_not_allowed").await?;
    let token = site.issuer.token(&site.issuer.claims("alice", &["7"]));
    let path = format!("/v1/credentials?access_token={token}");
    let answer = site.call(&path, None, &body).await?;
    assert_eq!(answer.json::<Value>().await?["role"], "guest");

    let browser = Browser::start().await?;
    let tab = browser.open(&site.api.url("/")).await?;
    e2e::eventually(CONNECTED_WITHIN, "the page dials twice", async || {
        Ok((heads.lock().unwrap().len() >= 2).then_some(()))
    })
    .await?;
    for head in heads.lock().unwrap().iter().map(|head| head.to_lowercase()) {
        assert!(
            head.starts_with("get / http/1.1\r\n") && head.contains("upgrade: websocket"),
            "{head}"
        );
        for mark in ["eyj", "authorization", "cookie", "sec-websocket-protocol"] {
            assert!(!head.contains(mark), "{head}");
        }
    }
    let script = "return performance.getEntriesByType('resource').map((entry) => entry.name) \
                  .concat(location.href, document.cookie, JSON.stringify(localStorage))";
    let urls = tab.evaluate(script, vec![]).await?.to_string();
    assert!(urls.contains("/v1/credentials") && !urls.contains("eyJ"), "{urls}");
    Ok(())
}
