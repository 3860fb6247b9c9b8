//! How consumers that deliver what is asked for are to be.

use core::time::Duration;
use std::collections::BTreeMap;

use nats_proto::jetstream::DateTime;
use nats_proto::jetstream::consumer as wire;

use crate::jetstream::consumer::{
    AckPolicy, DeliverPolicy, FromConsumer, IntoConsumerConfig, PriorityPolicy, ReplayPolicy,
    WrongKind,
};

/// A consumer that delivers what is asked for, to however many clients.
///
/// The fields are those of [`consumer::Config`](wire::Config) that concern such a consumer; what is
/// left at its default is left to the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The name of a consumer that outlives those who use it.
    pub durable_name: Option<String>,
    /// The consumer's name, the same as `durable_name` where that is there.
    pub name: Option<String>,
    /// What the consumer is for.
    pub description: Option<String>,
    /// Which message is the first.
    pub deliver_policy: DeliverPolicy,
    /// Which messages must be acknowledged.
    pub ack_policy: AckPolicy,
    /// How long the server waits for an acknowledgement.
    pub ack_wait: Duration,
    /// How often a message is delivered at most; -1 for no limit.
    pub max_deliver: i64,
    /// How long the server waits before the second delivery, the third and so on.
    pub backoff: Vec<Duration>,
    /// The pattern of the subjects to deliver; empty for all of the stream's.
    pub filter_subject: String,
    /// Patterns of the subjects to deliver, in the place of `filter_subject`.
    pub filter_subjects: Vec<String>,
    /// How fast messages are delivered.
    pub replay_policy: ReplayPolicy,
    /// Of how many acknowledgements in a hundred the server publishes an advisory.
    pub sample_frequency: u8,
    /// How many pull requests may wait at a time.
    pub max_waiting: i64,
    /// How many messages may wait for their acknowledgement at a time; -1 for no limit.
    pub max_ack_pending: i64,
    /// Whether only headers are delivered.
    pub headers_only: bool,
    /// How many messages one pull request may ask for; 0 for no limit.
    pub max_batch: i64,
    /// How many bytes one pull request may ask for; 0 for no limit.
    pub max_bytes: i64,
    /// How long one pull request may wait; zero for no limit.
    pub max_expires: Duration,
    /// How long nobody may use the consumer before the server deletes it.
    pub inactive_threshold: Duration,
    /// How many servers keep the consumer's state; 0 for as many as keep the stream.
    pub num_replicas: usize,
    /// Whether the consumer's state is kept in memory.
    pub memory_storage: bool,
    /// Whatever else the application wants to remember.
    pub metadata: BTreeMap<String, String>,
    /// Until when the consumer delivers nothing.
    pub pause_until: Option<DateTime>,
    /// How the clients of a priority group are preferred to each other.
    pub priority_policy: PriorityPolicy,
    /// The priority groups, of which a pull request names one.
    pub priority_groups: Vec<String>,
    /// How long a pinned client may be silent before another takes its place.
    pub priority_timeout: Duration,
}

impl IntoConsumerConfig for Config {
    fn into_consumer_config(self) -> wire::Config {
        wire::Config {
            durable_name: self.durable_name,
            name: self.name,
            description: self.description,
            deliver_policy: self.deliver_policy,
            ack_policy: self.ack_policy,
            ack_wait: self.ack_wait,
            max_deliver: self.max_deliver,
            backoff: self.backoff,
            filter_subject: self.filter_subject,
            filter_subjects: self.filter_subjects,
            replay_policy: self.replay_policy,
            sample_frequency: self.sample_frequency,
            max_waiting: self.max_waiting,
            max_ack_pending: self.max_ack_pending,
            headers_only: self.headers_only,
            max_batch: self.max_batch,
            max_bytes: self.max_bytes,
            max_expires: self.max_expires,
            inactive_threshold: self.inactive_threshold,
            num_replicas: self.num_replicas,
            memory_storage: self.memory_storage,
            metadata: self.metadata,
            pause_until: self.pause_until,
            priority_policy: self.priority_policy,
            priority_groups: self.priority_groups,
            priority_timeout: self.priority_timeout,
            ..wire::Config::default()
        }
    }
}

impl FromConsumer for Config {
    fn try_from_consumer_config(config: wire::Config) -> Result<Self, WrongKind> {
        if config.deliver_subject.is_some() {
            return Err(WrongKind::PushBased);
        }
        Ok(Self {
            durable_name: config.durable_name,
            name: config.name,
            description: config.description,
            deliver_policy: config.deliver_policy,
            ack_policy: config.ack_policy,
            ack_wait: config.ack_wait,
            max_deliver: config.max_deliver,
            backoff: config.backoff,
            filter_subject: config.filter_subject,
            filter_subjects: config.filter_subjects,
            replay_policy: config.replay_policy,
            sample_frequency: config.sample_frequency,
            max_waiting: config.max_waiting,
            max_ack_pending: config.max_ack_pending,
            headers_only: config.headers_only,
            max_batch: config.max_batch,
            max_bytes: config.max_bytes,
            max_expires: config.max_expires,
            inactive_threshold: config.inactive_threshold,
            num_replicas: config.num_replicas,
            memory_storage: config.memory_storage,
            metadata: config.metadata,
            pause_until: config.pause_until,
            priority_policy: config.priority_policy,
            priority_groups: config.priority_groups,
            priority_timeout: config.priority_timeout,
        })
    }
}

/// A consumer that delivers each message once and in order, to one client, and is made anew where
/// that is needed.
///
/// It acknowledges nothing, is kept in memory, and the server deletes it half a minute after its
/// client is gone. Source: ADR-17.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrderedConfig {
    /// The consumer's name; those that take its place add a number. Default: one that nobody else
    /// has.
    pub name: Option<String>,
    /// What the consumer is for.
    pub description: Option<String>,
    /// Which message is the first.
    pub deliver_policy: DeliverPolicy,
    /// The pattern of the subjects to deliver; empty for all of the stream's.
    pub filter_subject: String,
    /// Patterns of the subjects to deliver, in the place of `filter_subject`.
    pub filter_subjects: Vec<String>,
    /// How fast messages are delivered.
    pub replay_policy: ReplayPolicy,
    /// Whether only headers are delivered.
    pub headers_only: bool,
    /// How many messages are asked for at a time at most; 0 for 500.
    pub max_batch: i64,
    /// How many bytes are asked for at a time at most; 0 for no limit.
    pub max_bytes: i64,
    /// How long one request waits at most; zero for 30 s.
    pub max_expires: Duration,
    /// Whatever else the application wants to remember.
    pub metadata: BTreeMap<String, String>,
}

impl IntoConsumerConfig for OrderedConfig {
    fn into_consumer_config(self) -> wire::Config {
        wire::Config {
            name: self.name,
            description: self.description,
            deliver_policy: self.deliver_policy,
            ack_policy: AckPolicy::None,
            max_deliver: 1,
            filter_subject: self.filter_subject,
            filter_subjects: self.filter_subjects,
            replay_policy: self.replay_policy,
            headers_only: self.headers_only,
            max_batch: self.max_batch,
            max_bytes: self.max_bytes,
            max_expires: self.max_expires,
            inactive_threshold: Duration::from_secs(30),
            num_replicas: 1,
            memory_storage: true,
            metadata: self.metadata,
            ..wire::Config::default()
        }
    }
}

impl FromConsumer for OrderedConfig {
    fn try_from_consumer_config(config: wire::Config) -> Result<Self, WrongKind> {
        if config.deliver_subject.is_some() {
            return Err(WrongKind::PushBased);
        }
        Ok(Self {
            name: config.name,
            description: config.description,
            deliver_policy: config.deliver_policy,
            filter_subject: config.filter_subject,
            filter_subjects: config.filter_subjects,
            replay_policy: config.replay_policy,
            headers_only: config.headers_only,
            max_batch: config.max_batch,
            max_bytes: config.max_bytes,
            max_expires: config.max_expires,
            metadata: config.metadata,
        })
    }
}
