use std::fmt;

use serde::Deserialize;
use serde_json::json;

use super::contender::Contender;
use super::native::{Echo, feed};
use super::page::{Page, Usage};
use super::server::Server;
use super::streams::{self, Streams};
use crate::error::Error;
use crate::results::Metrics;
use crate::statistics::quantile;

/// What a browser does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Receives what a native program publishes as fast as it can.
    Receive { size: usize },
    /// The same on ten subjects in turn, by one subscription to all of them.
    ReceiveMixed { size: usize },
    /// The same as the first by way of a reverse proxy.
    ReceiveBehind { size: usize },
    /// Publishes without waiting, and flushes at the end.
    Publish { size: usize },
    /// Publishes, and waits for the server's confirmation of each message.
    PublishFlushed,
    /// Asks one question after the other.
    Request,
    /// Asks with a hundred questions on their way.
    Pipelined,
    /// Loads the library, connects and closes.
    Connect,
    /// Does something with a stream or a bucket.
    Streams(Streams),
}

/// The sizes of payloads, in bytes.
const SIZES: [usize; 4] = [16, 128, 1024, 16 * 1024];
/// Those that are received on several subjects, too.
const SIZES_MIXED: [usize; 2] = [16, 128];
/// Those that are received behind a proxy, too.
const SIZES_BEHIND: [usize; 3] = [16, 128, 1024];
/// Of the messages whose latency counts more than their size.
pub(super) const SMALL: usize = 128;
/// How many questions are on their way at a time.
pub(super) const WINDOW: usize = 100;

/// Everything that is measured.
pub(crate) fn all() -> Vec<Scenario> {
    let receive = SIZES.map(|size| Scenario::Receive { size });
    let mixed = SIZES_MIXED.map(|size| Scenario::ReceiveMixed { size });
    let behind = SIZES_BEHIND.map(|size| Scenario::ReceiveBehind { size });
    let publish = SIZES.map(|size| Scenario::Publish { size });
    let rest =
        [Scenario::PublishFlushed, Scenario::Request, Scenario::Pipelined, Scenario::Connect];
    let streams = streams::ALL.map(Scenario::Streams);
    receive
        .into_iter()
        .chain(mixed)
        .chain(behind)
        .chain(publish)
        .chain(rest)
        .chain(streams)
        .collect()
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Receive { size } => write!(f, "receive {}", bytes(size)),
            Self::ReceiveMixed { size } => {
                write!(f, "receive {} on ten subjects", bytes(size))
            }
            Self::ReceiveBehind { size } => write!(f, "receive {} behind a proxy", bytes(size)),
            Self::Publish { size } => write!(f, "publish {}", bytes(size)),
            Self::PublishFlushed => f.write_str("publish and flush"),
            Self::Request => f.write_str("request"),
            Self::Pipelined => f.write_str("requests, pipelined"),
            Self::Connect => f.write_str("connect"),
            Self::Streams(streams) => streams.fmt(f),
        }
    }
}

/// A size, for people.
pub(super) fn bytes(size: usize) -> String {
    match size {
        0..1024 => format!("{size} B"),
        _ => format!("{} KiB", size / 1024),
    }
}

/// What came, and what it took, in milliseconds.
#[derive(Deserialize)]
pub(super) struct Received {
    pub(super) bytes: f64,
    pub(super) elapsed: f64,
    pub(super) stall: f64,
}

#[derive(Deserialize)]
pub(super) struct Elapsed {
    pub(super) elapsed: f64,
    #[serde(default)]
    stall: Option<f64>,
}

impl Scenario {
    /// What a contender is called here, unless it is the same as others of its library.
    pub(crate) fn name_of(self, contender: &Contender) -> Option<&'static str> {
        match self {
            Self::Receive { .. } => Some(contender.name),
            // It does not depend on how a library's messages are read.
            Self::ReceiveMixed { .. } | Self::ReceiveBehind { .. } => {
                contender.elsewhere.and(Some(contender.name))
            }
            Self::Streams(_) if contender.is_bare() => None,
            _ => contender.elsewhere,
        }
    }

    /// Whether a reverse proxy has to be there.
    pub(crate) fn is_behind_proxy(self) -> bool {
        matches!(self, Self::ReceiveBehind { .. })
    }

    /// How many messages, questions or connections there are at full scale.
    fn count(self) -> f64 {
        match self {
            Self::Receive { size: ..1024 }
            | Self::ReceiveMixed { .. }
            | Self::ReceiveBehind { size: ..1024 } => 1_000_000.0,
            Self::Receive { size: ..16384 } | Self::ReceiveBehind { .. } => 300_000.0,
            Self::Receive { .. } => 30_000.0,
            Self::Publish { size: ..1024 } => 300_000.0,
            Self::Publish { size: ..16384 } => 100_000.0,
            Self::Publish { .. } => 10_000.0,
            Self::PublishFlushed | Self::Request => 2_000.0,
            Self::Pipelined => 50_000.0,
            Self::Connect => 50.0,
            Self::Streams(streams) => streams.count(),
        }
    }

    /// Measures a contender on a fresh page; nothing if its library has no such thing.
    pub(crate) async fn measure(
        self,
        contender: &Contender,
        page: &Page<'_>,
        server: &Server,
        scale: f64,
    ) -> Result<Option<Metrics>, Error> {
        let count = (self.count() * scale).max(10.0) as u64;
        let loading: f64 = page.call("load", json!([contender.library])).await?;
        if let Self::Streams(streams) = self {
            return streams.measure(page, server, count).await.map(Some);
        }
        if self == Self::Connect {
            // The first connections warm up.
            let url = server.websocket_url();
            let _: Vec<f64> = page.call("connect", json!([url, 5])).await?;
            let times: Vec<f64> = page.call("connect", json!([url, count])).await?;
            let metrics = latencies(&times).with("load_ms", loading);
            return Ok(Some(metrics));
        }
        let url = match self {
            Self::ReceiveBehind { .. } => server.url_behind_proxy()?,
            _ => server.websocket_url(),
        };
        let _: () = page.call("open", json!([url])).await?;
        let metrics = match self {
            Self::Receive { size } | Self::ReceiveBehind { size } => {
                receive(contender, page, server, &[FEED], size, count).await?
            }
            Self::ReceiveMixed { size } => {
                let subjects: Vec<_> = (0..10).map(|n| format!("{FEED}.{n}")).collect();
                receive(contender, page, server, &subjects, size, count).await?
            }
            Self::Publish { size } => Some(publish(page, size, count).await?),
            _ => Some(self.ask(page, server, count).await?),
        };
        let _: () = page.call("close", json!([])).await?;
        Ok(metrics)
    }

    async fn ask(self, page: &Page<'_>, server: &Server, count: u64) -> Result<Metrics, Error> {
        const SUBJECT: &str = "bench.echo";
        let _echo = Echo::start(server, SUBJECT).await?;
        let function = match self {
            Self::Request => "requests",
            Self::Pipelined => "pipelined",
            _ => "publishFlushed",
        };
        let arguments = |count: u64| match self {
            Self::Pipelined => json!([SUBJECT, SMALL, count, WINDOW]),
            Self::Request => json!([SUBJECT, SMALL, count]),
            _ => json!(["bench.nobody", SMALL, count]),
        };
        if self == Self::Pipelined {
            let _: Elapsed = page.call(function, arguments(count / 10)).await?;
            let before = page.begin().await?;
            let Elapsed { elapsed, .. } = page.call(function, arguments(count)).await?;
            return Ok(rates(count, elapsed, before, page.usage().await?));
        }
        let _: Vec<f64> = page.call(function, arguments(count / 10)).await?;
        let before = page.begin().await?;
        let times: Vec<f64> = page.call(function, arguments(count)).await?;
        let used = rates(count, times.iter().sum(), before, page.usage().await?);
        Ok(used.and(latencies(&times)))
    }
}

/// What is received is published here, or below.
const FEED: &str = "bench.feed";

async fn receive<S: AsRef<str>>(
    contender: &Contender,
    page: &Page<'_>,
    server: &Server,
    subjects: &[S],
    size: usize,
    count: u64,
) -> Result<Option<Metrics>, Error> {
    // As long as each of them, from which the bare socket knows how many bytes come.
    let pattern = if subjects.len() == 1 { FEED.to_owned() } else { format!("{FEED}.*") };
    if !page.call("receive", json!([contender.how, pattern])).await? {
        return Ok(None);
    }
    let round = async |count: u64| {
        let _: () = page.call("arm", json!([count, size])).await?;
        let fed = feed(server, subjects, size, count);
        let (fed, received) = tokio::join!(fed, page.call::<Received>("received", json!([])));
        fed.and(received)
    };
    round(count / 10).await?;
    let before = page.begin().await?;
    let received = round(count).await?;
    let after = page.usage().await?;
    if received.bytes != (count as f64) * (size as f64) {
        let found = format!("{} in {count} messages of {size}", received.bytes);
        return Err(Error::Unexpected { what: "how many bytes came", found });
    }
    page.collect_garbage().await?;
    let kept = page.usage().await?.heap;
    let wasm: f64 = page.call("wasmMemory", json!([])).await?;
    let metrics = rates(count, received.elapsed, before, after)
        .with("stall_ms", received.stall)
        .with("heap_bytes", after.heap)
        .with("heap_kept_bytes", kept)
        .with("wasm_bytes", wasm);
    Ok(Some(metrics))
}

async fn publish(page: &Page<'_>, size: usize, count: u64) -> Result<Metrics, Error> {
    const SUBJECT: &str = "bench.nobody";
    let _: Elapsed = page.call("publish", json!([SUBJECT, size, count / 10])).await?;
    let before = page.begin().await?;
    let done: Elapsed = page.call("publish", json!([SUBJECT, size, count])).await?;
    let metrics = rates(count, done.elapsed, before, page.usage().await?);
    Ok(metrics.with("stall_ms", done.stall.unwrap_or_default()))
}

/// What `count` messages took, altogether `elapsed` milliseconds.
pub(super) fn rates(count: u64, elapsed: f64, before: Usage, after: Usage) -> Metrics {
    let count = count as f64;
    Metrics::default()
        .with("per_second", count / elapsed * 1_000.0)
        .with("main_thread_us", (after.main_thread - before.main_thread) / count * 1e6)
        .with("process_us", (after.process - before.process) / count * 1e6)
}

pub(super) fn latencies(times: &[f64]) -> Metrics {
    Metrics::default()
        .with("p50_ms", quantile(times, 0.5).unwrap_or_default())
        .with("p99_ms", quantile(times, 0.99).unwrap_or_default())
}
