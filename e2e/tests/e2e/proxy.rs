//! A reverse proxy in front, as `deploy/proxy` has it: nginx ends TLS, and closes what is silent.

use std::fs;
use std::path::Path;
use std::time::Duration;

use e2e::{Browser, Error, NatsServer, Proxy, Setup, Stack, State, Tab, UPDATES, eventually};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::tls::by_tls;
use crate::updates::service;
use crate::{CONNECTED_WITHIN, HEALED_WITHIN, TestResult, UPDATE_WITHIN, ping_until_taken};

/// A page that is connected by way of nginx, which closes what is silent for `idle`; nats-server asks
/// for a sign of life every `ping`.
async fn behind_nginx(idle: &str, ping: &str) -> Result<(Stack, Proxy, Browser, Tab), Error> {
    behind(Proxy::new()?, idle, ping).await
}

async fn behind(
    mut proxy: Proxy,
    idle: &str,
    ping: &str,
) -> Result<(Stack, Proxy, Browser, Tab), Error> {
    let setup = Setup::new()
        .origin(proxy.origin())
        .config("trusted_proxies = []", "trusted_proxies = [\"127.0.0.1\"]")
        .environment("API_WEBSOCKET_URLS", proxy.websocket_url());
    let mut stack = Stack::prepare(&setup).await?;
    let limits = stack.api.keys().join("../parts/limits.conf");
    let text = fs::read_to_string(&limits).expect("it was copied");
    let asks = "ping_interval: \"20s\"";
    assert!(text.contains(asks), "limits.conf has no {asks}");
    fs::write(&limits, text.replace(asks, &format!("ping_interval: {ping:?}"))).expect("a file");
    let ran = stack.api.run(&["tls", "add", "127.0.0.1", "localhost"]).await?;
    assert!(ran.status.success(), "{}", ran.output);
    stack.nats.start().await?;
    stack.api.start().await?;
    stack.api.ready(true).await?;
    proxy.start(&stack, idle).await?;
    let browser = Browser::start_trusting(&stack.api.keys().join("tls/single/server.key")).await?;
    let tab = browser.open(&format!("{}/", proxy.origin())).await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    Ok((stack, proxy, browser, tab))
}

/// What nats-server knows of the page's connection, if there is one.
async fn connection(stack: &Stack) -> Result<Option<Value>, Error> {
    let url = format!("http://{}/connz", stack.nats.monitor_address());
    let all: Value = reqwest::get(url).await?.json().await?;
    let mut connections = all["connections"].as_array().into_iter().flatten();
    Ok(connections.find(|connection| connection["type"] == "websocket").cloned())
}

/// What nginx closes by silence stays open by nats-server's asking, over many times that silence.
#[tokio::test]
async fn a_page_stays_behind_nginx_for_longer_than_its_time_out() -> TestResult {
    let (stack, _proxy, _browser, tab) = behind_nginx("3s", "500ms").await?;
    let began = connection(&stack).await?.expect("the page is connected");
    eventually(HEALED_WITHIN, "the connection is three time-outs old", async || {
        let now = connection(&stack).await?.expect("it is there all the time");
        assert_eq!(now["cid"], began["cid"], "nginx has ended the connection");
        // "9.1s", or with minutes on a slow machine.
        let uptime = now["uptime"].as_str().unwrap_or_default();
        let seconds = uptime.trim_end_matches('s').parse::<f64>();
        Ok((uptime.contains('m') || seconds.is_ok_and(|seconds| seconds >= 9.0)).then_some(()))
    })
    .await?;
    assert_eq!(stack.api.ping().await?.status(), 200);
    tab.shows_updates(1, UPDATE_WITHIN).await?;
    Ok(())
}

/// A time-out that is shorter than everybody's asking does end connections, and pages come back.
#[tokio::test]
async fn a_page_that_nginx_cuts_off_for_its_silence_comes_back() -> TestResult {
    let (stack, _proxy, _browser, tab) = behind_nginx("1s", "20s").await?;
    let began = connection(&stack).await?;
    eventually(HEALED_WITHIN, "the page is there by another connection", async || {
        let now = connection(&stack).await?;
        Ok(now.filter(|now| Some(&now["cid"]) != began.as_ref().map(|began| &began["cid"])))
    })
    .await?;
    eventually(Duration::from_secs(40), "an update gets through between two cuts", async || {
        ping_until_taken(&stack.api).await?;
        Ok((!tab.updates().await?.is_empty()).then_some(()))
    })
    .await?;
    Ok(())
}

/// Frames larger than what the client reads at once: a message that is larger itself, and many small ones.
#[tokio::test]
async fn a_page_behind_nginx_reads_every_message_of_large_frames() -> TestResult {
    let proxy = Proxy::new()?.with_whole_frames();
    let (stack, _proxy, _browser, tab) = behind(proxy, "75s", "20s").await?;
    stack.nats.subscribed(UPDATES, 1).await?;
    let publisher = service(&stack).await;
    let (large, small) = (20, 10_000);
    for number in 0..large + small {
        let size = if number < large { 60_000 } else { 100 };
        let update = format!("{{\"number\":{number},\"filled\":\"{}\"}}", "x".repeat(size));
        publisher.publish(UPDATES, update.into()).await.expect("the service user may publish");
    }
    eventually(HEALED_WITHIN, "the page has counted all of them", async || {
        let all = format!("Result from API: ({})", large + small);
        Ok((tab.text("#result").await? == all).then_some(()))
    })
    .await
}

/// What nats-server sends to browsers at most in one frame.
const CUT: usize = 4096;

/// The frames of a websocket that names itself as a browser does.
struct Frames<S>(WebSocketStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Frames<S> {
    /// Asks for an upgrade, and subscribes to everything below `load`.
    async fn open(stream: S, url: &str) -> Self {
        let mut request = url.into_client_request().expect("a URL");
        let browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                       Chrome/150.0.0.0 Safari/537.36";
        request.headers_mut().insert("user-agent", browser.parse().expect("a header"));
        let (socket, _) = client_async(request, stream).await.expect("it is upgraded");
        let mut this = Self(socket);
        let hello = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB load.> 1\r\nPING\r\n";
        this.0.send(Message::Binary(hello.into())).await.expect("it is taken");
        this.until("PONG\r\n").await;
        this
    }

    /// What comes in until it ends so, frame by frame.
    async fn until(&mut self, end: &str) -> Vec<Vec<u8>> {
        let mut frames: Vec<Vec<u8>> = Vec::new();
        // A frame may end anywhere, so that the end may lie in two.
        let mut last = Vec::new();
        while !last.ends_with(end.as_bytes()) {
            let frame = timeout(HEALED_WITHIN, self.0.next()).await.expect("more comes");
            let frame = frame.expect("it is open").expect("a frame").into_data();
            last.extend_from_slice(&frame);
            last.drain(..last.len().saturating_sub(end.len()));
            frames.push(frame.to_vec());
        }
        frames
    }
}

/// Starts an nginx in front of nats-server, with its files in `folder`, and connects by it.
async fn open_behind(
    proxy: &mut Proxy,
    nats: &NatsServer,
    folder: &Path,
) -> Result<Frames<TlsStream<TcpStream>>, Error> {
    fs::create_dir(folder).expect("a folder");
    proxy.start_before(nats, folder).await?;
    let address = format!("127.0.0.1:{}", proxy.port());
    let stream = by_tls(&address, &folder.join("nginx.pem"), "localhost").await.expect("TLS");
    Ok(Frames::open(stream, &proxy.websocket_url()).await)
}

/// A browser is sent frames that are cut, directly and behind nginx, and whole ones where nginx leaves out
/// what it is. The messages are the same.
#[tokio::test]
async fn nats_server_cuts_frames_for_browsers_unless_nginx_hides_that_they_are() -> TestResult {
    let folder = TempDir::new().expect("a folder");
    let mut nats = NatsServer::with_streams_in(folder.path())?;
    nats.start().await?;
    let stream = TcpStream::connect(nats.websocket_address()).await.expect("it listens");
    let mut direct = Frames::open(stream, &nats.websocket_url()).await;
    let (shipped, hiding) = (folder.path().join("shipped"), folder.path().join("hiding"));
    let mut as_shipped = Proxy::new()?;
    let mut to_shipped = open_behind(&mut as_shipped, &nats, &shipped).await?;
    let mut that_hides = Proxy::new()?.with_whole_frames();
    let mut to_hiding = open_behind(&mut that_hides, &nats, &hiding).await?;

    let publisher = async_nats::connect(nats.client_address()).await.expect("it connects");
    let publish = async |subject: &'static str, payload: Vec<u8>| {
        publisher.publish(subject, payload.into()).await.expect("it is taken");
    };
    let large = 60_000;
    publish("load.large", vec![b'x'; large]).await;
    for _ in 0..10_000 {
        publish("load.small", vec![b'y'; 16]).await;
    }
    publish("load.end", b"the end".to_vec()).await;

    let cut = direct.until("the end\r\n").await;
    let too = to_shipped.until("the end\r\n").await;
    let whole = to_hiding.until("the end\r\n").await;
    assert_eq!(cut.concat(), too.concat());
    assert_eq!(cut.concat(), whole.concat());
    let largest = |frames: &[Vec<u8>]| frames.iter().map(Vec::len).max();
    assert_eq!([largest(&cut), largest(&too)], [Some(CUT); 2]);
    // A message goes into a frame as a whole, with whatever waits beside it.
    let largest = largest(&whole);
    assert!(largest > Some(large), "the largest frame has {largest:?} bytes");
    Ok(())
}
