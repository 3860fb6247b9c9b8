//! What the server makes of a configuration.

use alloc::string::String;
use alloc::vec;
use core::time::Duration;

use super::refusal::Refusal;
use crate::jetstream::stream::{Compression, Config, RetentionPolicy};
use crate::jetstream::{ErrorCode, consumer};

/// How long a stream remembers ids unless it is told otherwise.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// What a limit is that limits nothing.
fn limit<T: Default + PartialEq + From<i8>>(value: T) -> T {
    if value == T::default() { T::from(-1) } else { value }
}

/// A stream's configuration with what the server chooses.
pub(super) fn stream(mut config: Config) -> Result<Config, Refusal> {
    if config.name.is_empty() || config.name.contains(['.', '*', '>', ' ']) {
        return Err(Refusal::new(400, ErrorCode::STREAM_INVALID_CONFIG, "invalid stream name"));
    }
    if config.mirror.is_some() || config.sources.is_some() {
        return Err(Refusal::not_simulated("mirrors and sources"));
    }
    if config.retention != RetentionPolicy::Limits {
        return Err(Refusal::not_simulated("retention by interest"));
    }
    if config.allow_message_ttl || config.subject_delete_marker_ttl.is_some() {
        return Err(Refusal::not_simulated("messages with a time to live"));
    }
    if config.subjects.is_empty() {
        config.subjects = vec![config.name.clone()];
    }
    config.max_consumers = limit(config.max_consumers);
    config.max_messages = limit(config.max_messages);
    config.max_bytes = limit(config.max_bytes);
    config.max_messages_per_subject = limit(config.max_messages_per_subject);
    config.max_message_size = limit(config.max_message_size);
    config.num_replicas = config.num_replicas.max(1);
    config.compression.get_or_insert(Compression::None);
    if config.duplicate_window.is_zero() {
        config.duplicate_window = match config.max_age {
            Duration::ZERO => DUPLICATE_WINDOW,
            max_age => DUPLICATE_WINDOW.min(max_age),
        };
    }
    Ok(config)
}

/// A consumer's configuration with what the server chooses; its filters are one list.
pub(super) fn consumer(mut config: consumer::Config) -> Result<consumer::Config, Refusal> {
    use consumer::{AckPolicy, DeliverPolicy, ReplayPolicy};
    if config.deliver_subject.is_some() {
        return Err(Refusal::not_simulated("push consumers"));
    }
    if config.replay_policy != ReplayPolicy::Instant || config.pause_until.is_some() {
        return Err(Refusal::not_simulated("consumers that take their time"));
    }
    if !config.priority_groups.is_empty() || config.ack_policy == AckPolicy::FlowControl {
        return Err(Refusal::not_simulated("priority groups and flow control"));
    }
    if config.deliver_policy == DeliverPolicy::LastPerSubject && filters(&config).is_empty() {
        let words = "consumer delivery policy is deliver last per subject, but optional filter \
                     subject is not set";
        return Err(Refusal::new(400, ErrorCode::CONSUMER_INVALID_POLICY, words));
    }
    if config.ack_policy != AckPolicy::None {
        if config.ack_wait.is_zero() {
            config.ack_wait = Duration::from_secs(30);
        }
        if config.max_ack_pending == 0 {
            config.max_ack_pending = 1_000;
        }
    }
    config.max_deliver = limit(config.max_deliver);
    if config.max_waiting == 0 {
        config.max_waiting = 512;
    }
    if config.durable_name.is_none() && config.inactive_threshold.is_zero() {
        config.inactive_threshold = Duration::from_secs(5);
    }
    Ok(config)
}

/// The patterns of the subjects that a consumer delivers; none for all.
pub(super) fn filters(config: &consumer::Config) -> vec::Vec<String> {
    match config.filter_subject.as_str() {
        "" => config.filter_subjects.clone(),
        filter => vec![filter.into()],
    }
}
