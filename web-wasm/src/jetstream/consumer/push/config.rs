//! How consumers that deliver by themselves are to be.

use core::time::Duration;
use std::collections::BTreeMap;

use nats_proto::jetstream::DateTime;
use nats_proto::jetstream::consumer as wire;

use crate::jetstream::consumer::{
    AckPolicy, DeliverPolicy, FromConsumer, IntoConsumerConfig, ReplayPolicy, WrongKind,
};

/// A consumer that delivers by itself, to whoever subscribes to a subject.
///
/// The fields are those of [`consumer::Config`](wire::Config) that concern such a consumer; what is
/// left at its default is left to the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// Where messages are published.
    pub deliver_subject: String,
    /// The queue group that shares the messages.
    pub deliver_group: Option<String>,
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
    /// How many bits a second are delivered at most; 0 for no limit.
    pub rate_limit: u64,
    /// Of how many acknowledgements in a hundred the server publishes an advisory.
    pub sample_frequency: u8,
    /// How many messages may wait for their acknowledgement at a time; -1 for no limit.
    pub max_ack_pending: i64,
    /// Whether only headers are delivered.
    pub headers_only: bool,
    /// Whether the server asks from time to time if its reader keeps up, and waits for the answer.
    /// Needs heartbeats and the right to publish to `$JS.FC.<stream>.>`, and is not for queue groups.
    pub flow_control: bool,
    /// How long the server is silent at most before it sends a heartbeat; zero for none.
    pub idle_heartbeat: Duration,
    /// How long nobody may subscribe before the server deletes the consumer.
    pub inactive_threshold: Duration,
    /// How many servers keep the consumer's state; 0 for as many as keep the stream.
    pub num_replicas: usize,
    /// Whether the consumer's state is kept in memory.
    pub memory_storage: bool,
    /// Whatever else the application wants to remember.
    pub metadata: BTreeMap<String, String>,
    /// Until when the consumer delivers nothing.
    pub pause_until: Option<DateTime>,
}

impl IntoConsumerConfig for Config {
    fn into_consumer_config(self) -> wire::Config {
        wire::Config {
            deliver_subject: Some(self.deliver_subject),
            deliver_group: self.deliver_group,
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
            rate_limit: self.rate_limit,
            sample_frequency: self.sample_frequency,
            max_ack_pending: self.max_ack_pending,
            headers_only: self.headers_only,
            flow_control: self.flow_control,
            idle_heartbeat: self.idle_heartbeat,
            inactive_threshold: self.inactive_threshold,
            num_replicas: self.num_replicas,
            memory_storage: self.memory_storage,
            metadata: self.metadata,
            pause_until: self.pause_until,
            ..wire::Config::default()
        }
    }
}

impl FromConsumer for Config {
    fn try_from_consumer_config(config: wire::Config) -> Result<Self, WrongKind> {
        Ok(Self {
            deliver_subject: config.deliver_subject.ok_or(WrongKind::PullBased)?,
            deliver_group: config.deliver_group,
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
            rate_limit: config.rate_limit,
            sample_frequency: config.sample_frequency,
            max_ack_pending: config.max_ack_pending,
            headers_only: config.headers_only,
            flow_control: config.flow_control,
            idle_heartbeat: config.idle_heartbeat,
            inactive_threshold: config.inactive_threshold,
            num_replicas: config.num_replicas,
            memory_storage: config.memory_storage,
            metadata: config.metadata,
            pause_until: config.pause_until,
        })
    }
}
