//! TLS on every listener, with certificates of the installation's own authority.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use e2e::{Browser, Setup, Stack, State, UPDATES, eventually};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::connect_async;

use crate::{CONNECTED_WITHIN, TestResult, UPDATE_WITHIN, connected_tab, ping_until_taken};

/// A browser that takes the certificate of a stack. (A test can't have it trust the authority: its
/// store is the machine's.)
async fn browser_for(stack: &Stack) -> Result<Browser, e2e::Error> {
    Browser::start_trusting(&stack.api.keys().join("tls/single/server.key")).await
}

/// Connects to `address` by TLS, trusts `authority` alone, and asks for `host`.
pub(crate) async fn by_tls(
    address: &str,
    authority: &Path,
    host: &str,
) -> Result<TlsStream<TcpStream>, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).expect("a certificate")).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows the versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(host.to_owned()).expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The certificate that a websocket listener shows to who trusts `authority` and asks for `host`.
async fn certificate(
    stack: &Stack,
    authority: &Path,
    host: &str,
) -> Result<Vec<u8>, std::io::Error> {
    let stream = by_tls(&stack.nats.websocket_address(), authority, host).await?;
    let shown = stream.get_ref().1.peer_certificates().expect("the server has shown it");
    Ok(shown[0].to_vec())
}

#[tokio::test]
async fn pages_and_services_come_by_tls_and_nobody_without() -> TestResult {
    let stack = Stack::start_with(&Setup::new().tls()).await?;
    let browser = browser_for(&stack).await?;
    let tab = connected_tab(&stack.api, &browser).await?;
    stack.nats.subscribed(UPDATES, 1).await?;
    assert!(stack.nats.websocket_url().starts_with("wss://"));
    assert_eq!(stack.api.ping().await?.status(), 200);
    tab.shows_updates(1, UPDATE_WITHIN).await?;

    // A page is told of wss:// alone, and may go nowhere else.
    let answer = reqwest::get(stack.api.url("/")).await?;
    let policy = answer.headers()["content-security-policy"].to_str().expect("text");
    assert!(
        policy.contains(&stack.nats.websocket_url()) && !policy.contains("ws://127"),
        "{policy}"
    );

    // A browser's upgrade without TLS, and a service's login without it.
    let plain = format!("ws://{}", stack.nats.websocket_address());
    connect_async(plain).await.expect_err("nothing is upgraded without TLS");
    let mut stream =
        BufReader::new(TcpStream::connect(stack.nats.client_address()).await.expect("it listens"));
    let mut info = String::new();
    stream.read_line(&mut info).await.expect("the server speaks first");
    assert!(info.contains("\"tls_required\":true"), "{info}");
    stream.write_all(b"CONNECT {}\r\nPING\r\n").await.expect("it is read");
    let mut said = Vec::new();
    // However the server ends it: there is no login.
    let _ = stream.read_to_end(&mut said).await;
    assert!(!String::from_utf8_lossy(&said).contains("PONG"), "{said:?}");
    Ok(())
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_is_not_trusted_is_refused_by_name() -> TestResult {
    let mut stack = Stack::prepare(&Setup::new().tls()).await?;
    stack.nats.start().await?;
    // A certificate for the same names, by another authority, as anybody can make it.
    let stranger = stack.api.keys().join("stranger");
    let arguments = ["init", "--tls", "127.0.0.1", "--dir", stranger.to_str().expect("text")];
    assert!(stack.api.run(&arguments).await?.status.success());
    let strangers = stranger.join("tls/ca.pem");
    let own = stack.api.keys().join("tls/ca.pem");
    let refused = certificate(&stack, &strangers, "127.0.0.1").await.expect_err("not its own");
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
    let refused = certificate(&stack, &own, "example.com").await.expect_err("not its name");
    assert!(refused.to_string().contains("not valid for name"), "{refused}");
    for host in ["127.0.0.1", "localhost", "::1"] {
        certificate(&stack, &own, host).await.expect("trusted, and for this name");
    }

    // The API takes the server for nobody.
    let trusted = std::fs::read(&own).expect("it is there");
    std::fs::copy(&strangers, &own).expect("it can be replaced");
    stack.api.start().await?;
    eventually(CONNECTED_WITHIN, "the API says why", async || {
        Ok(stack.api.log().contains("invalid peer certificate").then_some(()))
    })
    .await?;
    stack.api.ready(false).await?;
    // And as soon as it trusts the right one, with no new start.
    std::fs::write(&own, trusted).expect("it can be replaced");
    stack.api.ready(true).await?;

    // A browser that trusts neither does not say why to the page, so the page can only go on trying.
    let browser = Browser::start().await?;
    let tab = browser.open(&stack.api.url("/")).await?;
    eventually(CONNECTED_WITHIN, "Chromium names the reason in its console", async || {
        let console = browser.console().await?;
        Ok(console.iter().any(|line| line.contains("ERR_CERT_AUTHORITY_INVALID")).then_some(()))
    })
    .await?;
    assert!(tab.reaches(State::Connected, Duration::ZERO).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_certificate_is_renewed_and_no_connection_ends() -> TestResult {
    let stack = Stack::start_with(&Setup::new().tls()).await?;
    let browser = browser_for(&stack).await?;
    let tab = connected_tab(&stack.api, &browser).await?;
    stack.nats.subscribed(UPDATES, 1).await?;
    let connections = async || -> Result<String, e2e::Error> {
        let url = format!("http://{}/connz?sort=cid", stack.nats.monitor_address());
        let all: serde_json::Value = reqwest::get(url).await?.json().await?;
        let cids = all["connections"].as_array().into_iter().flatten();
        Ok(cids.map(|connection| connection["cid"].to_string()).collect::<Vec<_>>().join(","))
    };
    let before = connections().await?;

    let authority = stack.api.keys().join("tls/ca.pem");
    let former = certificate(&stack, &authority, "127.0.0.1").await.expect("it is trusted");
    let ran = stack.api.run(&["tls", "renew", "localhost", "127.0.0.1"]).await?;
    assert!(ran.status.success(), "{}", ran.output);
    stack.nats.reload().await?;
    let renewed = certificate(&stack, &authority, "127.0.0.1").await.expect("it is trusted");
    assert_ne!(former, renewed);
    certificate(&stack, &authority, "::1").await.expect_err("it is not for this name any more");

    assert_eq!(connections().await?, before);
    assert_eq!(stack.api.ping().await?.status(), 200);
    tab.shows_updates(1, UPDATE_WITHIN).await?;
    // What is there already is not overwritten.
    let ran = stack.api.run(&["tls", "add", "localhost"]).await?;
    assert!(!ran.status.success() && ran.output.contains("already exists"), "{}", ran.output);
    Ok(())
}

/// By its name: a content security policy can't name an address of IPv6.
#[tokio::test]
async fn a_page_comes_by_tls_to_a_server_on_ipv6() -> TestResult {
    let setup = Setup::new().tls().websocket_host("[::1]");
    let mut stack = Stack::prepare(&setup).await?;
    let port = stack.nats.websocket_address();
    let (_, port) = port.rsplit_once(':').expect("an address has a port");
    stack.api.set_websocket_url(&format!("wss://localhost:{port}"));
    stack.nats.start().await?;
    stack.api.start().await?;
    stack.api.ready(true).await?;
    let browser = browser_for(&stack).await?;
    let tab = connected_tab(&stack.api, &browser).await?;
    stack.nats.subscribed(UPDATES, 1).await?;
    ping_until_taken(&stack.api).await?;
    tab.shows_updates(1, UPDATE_WITHIN).await?;
    Ok(())
}
