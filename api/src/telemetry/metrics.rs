//! Numbers for Prometheus.
//!
//! No label takes its value from a stranger: each is a route, a code, a role or another word of this
//! service's or its configuration's own. So nobody can make it keep ever more series.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

use super::answers::Answers;
use crate::{error::Code, limits::LimitKind};

/// The media type of [`Metrics::encode`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the latency histogram, in seconds: from a mint, well below a millisecond, to the
/// time-outs.
const LATENCY_BUCKETS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 2.5, 10.0];

/// All the service's metrics. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    answers: Answers,
    refusals: Family<Refusal, Counter>,
    minted: Family<Role, Counter>,
    rate_limited: Family<Kind, Counter>,
    published: Family<Outcome, Counter>,
    key_fetches: Family<KeyFetch, Counter>,
    callouts: Family<Outcome, Counter>,
    callout_duration: Histogram,
    transfers: Family<Transfer, Counter>,
    transferred: Family<Flow, Counter>,
    nats_connected: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Role {
    role: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyFetch {
    issuer: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Transfer {
    bucket: String,
    direction: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Flow {
    bucket: String,
    direction: &'static str,
}

/// Makes histograms of how long something took.
#[derive(Clone)]
pub(super) struct Latency;

impl MetricConstructor<Histogram> for Latency {
    fn new_metric(&self) -> Histogram {
        Histogram::new(LATENCY_BUCKETS)
    }
}

/// What became of a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The server has it.
    Confirmed,
    /// It was not sent: there is no connection, or it is backed up.
    Unavailable,
    /// It was not sent: the message is at fault.
    Refused,
    /// Nobody can tell.
    Unconfirmed,
}

/// What became of a client that nats-server asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalloutOutcome {
    /// It was let in.
    Allowed,
    /// It was turned away, for this reason.
    Denied(&'static str),
    /// It was turned away because there were too many.
    Overloaded,
    /// It was no question of nats-server's.
    NoQuestion,
    /// No answer could be made.
    Failed,
}

/// Which way an object goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From a caller to its bucket.
    In,
    /// From its bucket to a caller.
    Out,
}

/// What became of an object on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferOutcome {
    /// All of it arrived.
    Whole,
    /// It was given up, by either side.
    CutShort,
    /// It is not what was stored.
    Corrupt,
    /// Nobody can tell whether it is stored.
    InDoubt,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("api");
        let answers = Answers::register(&mut registry);
        let refusals = Family::default();
        let minted = Family::default();
        let rate_limited = Family::default();
        let published = Family::default();
        let key_fetches = Family::default();
        let callouts = Family::default();
        let callout_duration = Latency.new_metric();
        let transfers = Family::default();
        let transferred = Family::default();
        let nats_connected = Gauge::default();
        registry.register("refusals", "Problems answered, by code", refusals.clone());
        registry.register("credentials_minted", "Credentials minted", minted.clone());
        registry.register(
            "rate_limited",
            "Calls refused for coming too often, by what was counted",
            rate_limited.clone(),
        );
        registry.register(
            "publishes",
            "Messages for NATS, by what became of them",
            published.clone(),
        );
        registry.register("key_fetches", "Fetches of issuers' keys", key_fetches.clone());
        registry.register(
            "callouts",
            "Clients that nats-server asked about, by what became of them",
            callouts.clone(),
        );
        registry.register_with_unit(
            "callout_duration",
            "Time from nats-server's question to the answer",
            Unit::Seconds,
            callout_duration.clone(),
        );
        registry.register(
            "object_transfers",
            "Objects on their way, by what became of them",
            transfers.clone(),
        );
        registry.register_with_unit(
            "object_transferred",
            "Bytes of objects that were moved",
            Unit::Bytes,
            transferred.clone(),
        );
        registry.register(
            "nats_connected",
            "Whether there is a connection to NATS",
            nats_connected.clone(),
        );
        Self(Arc::new(Inner {
            registry,
            answers,
            refusals,
            minted,
            rate_limited,
            published,
            key_fetches,
            callouts,
            callout_duration,
            transfers,
            transferred,
            nats_connected,
        }))
    }

    /// Counts a request. `route` is the pattern that matched, and `None` if none did; the method is
    /// named only if it is a usual one.
    pub fn answered(&self, route: Option<&str>, method: &str, status: u16, took: Duration) {
        self.0.answers.count(route.unwrap_or("none"), method, status, took);
    }

    /// Counts a problem that was answered.
    pub fn refused(&self, code: Code) {
        self.0.refusals.get_or_create_owned(&Refusal { code: code.as_str() }).inc();
    }

    /// Counts a credential. The role is one of those configured.
    pub fn minted(&self, role: &str) {
        self.0.minted.get_or_create_owned(&Role { role: role.to_owned() }).inc();
    }

    /// Counts a call that came too soon.
    pub fn rate_limited(&self, kind: LimitKind) {
        self.0.rate_limited.get_or_create_owned(&Kind { kind: kind.as_str() }).inc();
    }

    /// Counts a publish.
    pub fn published(&self, outcome: Published) {
        let result = match outcome {
            Published::Confirmed => "confirmed",
            Published::Unavailable => "unavailable",
            Published::Refused => "refused",
            Published::Unconfirmed => "unconfirmed",
        };
        self.0.published.get_or_create_owned(&Outcome { result }).inc();
    }

    /// What counts the fetches of one issuer's keys, by whether they succeeded. The issuer is one of
    /// those configured.
    pub fn key_fetches(&self, issuer: &str) -> impl Fn(bool) + Send + Sync + use<> {
        let count = |result| {
            self.0.key_fetches.get_or_create_owned(&KeyFetch { issuer: issuer.to_owned(), result })
        };
        let (succeeded, failed) = (count("succeeded"), count("failed"));
        move |ok| {
            if ok { &succeeded } else { &failed }.inc();
        }
    }

    /// Counts a client that nats-server asked about, and how long the answer took; one that was
    /// turned away without being looked at took none. The reason is a word of this service's.
    pub fn callout(&self, outcome: CalloutOutcome, took: Duration) {
        let result = match outcome {
            CalloutOutcome::Allowed => "allowed",
            CalloutOutcome::Denied(reason) => reason,
            CalloutOutcome::Overloaded => "overloaded",
            CalloutOutcome::NoQuestion => "no_question",
            CalloutOutcome::Failed => "failed",
        };
        self.0.callouts.get_or_create_owned(&Outcome { result }).inc();
        if outcome != CalloutOutcome::Overloaded {
            self.0.callout_duration.observe(took.as_secs_f64());
        }
    }

    /// Counts an object on its way, and the bytes of it that were moved. The bucket is one of those
    /// declared.
    pub fn transferred(
        &self,
        bucket: &str,
        direction: Direction,
        outcome: TransferOutcome,
        bytes: u64,
    ) {
        let direction = match direction {
            Direction::In => "in",
            Direction::Out => "out",
        };
        let result = match outcome {
            TransferOutcome::Whole => "whole",
            TransferOutcome::CutShort => "cut_short",
            TransferOutcome::Corrupt => "corrupt",
            TransferOutcome::InDoubt => "in_doubt",
        };
        let bucket = bucket.to_owned();
        self.0
            .transferred
            .get_or_create_owned(&Flow { bucket: bucket.clone(), direction })
            .inc_by(bytes);
        self.0.transfers.get_or_create_owned(&Transfer { bucket, direction, result }).inc();
    }

    /// All numbers in the text format of OpenMetrics 1.0, as of now.
    ///
    /// # Errors
    /// [`fmt::Error`], which writing to memory does not meet with.
    pub fn encode(&self, is_nats_connected: bool) -> Result<String, fmt::Error> {
        self.0.nats_connected.set(is_nats_connected.into());
        let mut text = String::new();
        text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_make_up_becomes_no_label() {
        let metrics = Metrics::new();
        for n in 0..100 {
            metrics.answered(None, &format!("METHOD{n}"), 404, Duration::from_millis(1));
        }
        let text = metrics.encode(true).unwrap();
        assert!(!text.contains("METHOD"), "{text}");
        let line = "api_http_requests_total{route=\"none\",method=\"other\",status=\"404\"} 100";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn the_text_is_that_of_openmetrics() {
        let metrics = Metrics::new();
        metrics.answered(Some("/ping"), "POST", 200, Duration::from_micros(700));
        metrics.refused(Code::RateLimited);
        metrics.rate_limited(LimitKind::Session);
        metrics.minted("guest");
        metrics.published(Published::Confirmed);
        metrics.key_fetches("https://i.example")(false);
        metrics.callout(CalloutOutcome::Denied("banned"), Duration::from_micros(700));
        metrics.callout(CalloutOutcome::Overloaded, Duration::ZERO);
        let text = metrics.encode(false).unwrap();
        for line in [
            "api_http_requests_total{route=\"/ping\",method=\"POST\",status=\"200\"} 1",
            "api_http_request_duration_seconds_bucket{le=\"0.001\",route=\"/ping\"} 1",
            "api_http_request_duration_seconds_bucket{le=\"0.0005\",route=\"/ping\"} 0",
            "api_refusals_total{code=\"rate_limited\"} 1",
            "api_rate_limited_total{kind=\"session\"} 1",
            "api_credentials_minted_total{role=\"guest\"} 1",
            "api_publishes_total{result=\"confirmed\"} 1",
            "api_key_fetches_total{issuer=\"https://i.example\",result=\"failed\"} 1",
            "api_key_fetches_total{issuer=\"https://i.example\",result=\"succeeded\"} 0",
            "api_callouts_total{result=\"banned\"} 1",
            "api_callouts_total{result=\"overloaded\"} 1",
            "api_callout_duration_seconds_count 1",
            "api_nats_connected 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
