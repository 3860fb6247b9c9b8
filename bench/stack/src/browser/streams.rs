use std::fmt;

use serde_json::json;

use super::page::Page;
use super::scenario::{Elapsed, Received, SMALL, WINDOW, bytes, latencies, rates};
use super::server::Server;
use super::stored::Stored;
use crate::error::Error;
use crate::results::Metrics;

/// What a browser does with a stream or a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    /// Publishes to a stream, and waits for the confirmation of each message.
    Publish,
    /// Publishes with a hundred confirmations on their way.
    Pipelined,
    /// Reads what is stored by an ordered consumer.
    Ordered { size: usize },
    /// Reads what is stored by a pull consumer, and acknowledges each message.
    Acknowledged { size: usize },
    /// Watches a bucket until all of its keys have been told.
    Watch,
}

/// All of it.
pub(crate) const ALL: [Streams; 7] = [
    Streams::Publish,
    Streams::Pipelined,
    Streams::Ordered { size: SMALL },
    Streams::Ordered { size: 1024 },
    Streams::Acknowledged { size: SMALL },
    Streams::Acknowledged { size: 1024 },
    Streams::Watch,
];

/// How many keys a bucket has that is watched, at any scale.
const KEYS: u64 = 10_000;

impl fmt::Display for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Publish => f.write_str("JetStream publish"),
            Self::Pipelined => f.write_str("JetStream publish, pipelined"),
            Self::Ordered { size } => write!(f, "JetStream ordered consumer {}", bytes(size)),
            Self::Acknowledged { size } => {
                write!(f, "JetStream consume and acknowledge {}", bytes(size))
            }
            Self::Watch => f.write_str("KV watch of 10,000 keys"),
        }
    }
}

impl Streams {
    /// How many messages or watches there are at full scale.
    pub(crate) fn count(self) -> f64 {
        match self {
            Self::Publish => 2_000.0,
            Self::Pipelined => 50_000.0,
            Self::Ordered { size: ..1024 } => 200_000.0,
            Self::Ordered { .. } | Self::Acknowledged { size: ..1024 } => 100_000.0,
            Self::Acknowledged { .. } => 50_000.0,
            Self::Watch => 10.0,
        }
    }

    /// Measures a library that a fresh page has loaded.
    pub(crate) async fn measure(
        self,
        page: &Page<'_>,
        server: &Server,
        count: u64,
    ) -> Result<Metrics, Error> {
        let stored = Stored::connect(server).await?;
        let () = page.call("openStreams", json!([server.websocket_url()])).await?;
        let metrics = match self {
            Self::Publish | Self::Pipelined => self.publish(page, &stored, count).await?,
            Self::Ordered { size } | Self::Acknowledged { size } => {
                let name = format!("READ-{size}");
                stored.messages(&name, size, count).await?;
                self.read(page, &name, size, count).await?
            }
            Self::Watch => {
                stored.bucket("watched", SMALL, KEYS).await?;
                watch(page, "watched", count).await?
            }
        };
        let () = page.call("close", json!([])).await?;
        Ok(metrics)
    }

    async fn publish(self, page: &Page<'_>, to: &Stored, count: u64) -> Result<Metrics, Error> {
        const SUBJECT: &str = "bench.store";
        to.empty("PUBLISHED", SUBJECT).await?;
        if self == Self::Pipelined {
            let arguments = |count: u64| json!([SUBJECT, SMALL, count, WINDOW]);
            let _: Elapsed = page.call("pipelined", arguments(count / 10)).await?;
            let before = page.begin().await?;
            let Elapsed { elapsed, .. } = page.call("pipelined", arguments(count)).await?;
            return Ok(rates(count, elapsed, before, page.usage().await?));
        }
        let arguments = |count: u64| json!([SUBJECT, SMALL, count]);
        let _: Vec<f64> = page.call("publishStored", arguments(count / 10)).await?;
        let before = page.begin().await?;
        let times: Vec<f64> = page.call("publishStored", arguments(count)).await?;
        let used = rates(count, times.iter().sum(), before, page.usage().await?);
        Ok(used.and(latencies(&times)))
    }

    async fn read(
        self,
        page: &Page<'_>,
        name: &str,
        size: usize,
        count: u64,
    ) -> Result<Metrics, Error> {
        let how = if matches!(self, Self::Ordered { .. }) { "ordered" } else { "acknowledged" };
        let _: Received = page.call("read", json!([how, name, count / 10])).await?;
        let before = page.begin().await?;
        let received =
            all_of(size as u64 * count, page.call("read", json!([how, name, count])).await?)?;
        let metrics = rates(count, received.elapsed, before, page.usage().await?);
        Ok(metrics.with("stall_ms", received.stall))
    }
}

/// Watches a bucket so often, each time from the question on until the last key.
async fn watch(page: &Page<'_>, name: &str, times: u64) -> Result<Metrics, Error> {
    let once = async || {
        let received = page.call("read", json!(["watch", name, KEYS])).await?;
        all_of(SMALL as u64 * KEYS, received)
    };
    once().await?;
    let before = page.begin().await?;
    let mut took = Vec::new();
    let mut stall = 0.0_f64;
    for _ in 0..times {
        let received = once().await?;
        took.push(received.elapsed);
        stall = stall.max(received.stall);
    }
    let used = rates(KEYS * times, took.iter().sum(), before, page.usage().await?);
    Ok(used.and(latencies(&took)).with("stall_ms", stall))
}

/// What was received, if it is as much as there is.
fn all_of(expected: u64, received: Received) -> Result<Received, Error> {
    if received.bytes == expected as f64 {
        return Ok(received);
    }
    let found = format!("{} of {expected}", received.bytes);
    Err(Error::Unexpected { what: "how many bytes came", found })
}
