//! Consumers: what holders of a role are sent from a stream, beside what they subscribe to live.
//!
//! One is made for each key and stream by this service, and delivers to the holder's own inbox alone.
//! It takes no acknowledgements and is pulled by nobody: either would be a request to JetStream, which
//! answers wherever the asker says.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Grant, resolve::resolve};
use crate::claims::Permission;

/// With which of a stream's messages a consumer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverPolicy {
    /// The first that the stream has.
    All,
    /// The last of each subject: the values that a bucket has.
    LastPerSubject,
    /// The first after it was made.
    New,
}

impl DeliverPolicy {
    /// nats-server's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::LastPerSubject => "last_per_subject",
            Self::New => "new",
        }
    }
}

/// A consumer of each holder of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerTemplate {
    /// The stream, which the roles file declares.
    pub stream: String,
    /// What it delivers, with `{{subject()}}` and tags.
    pub filter: Vec<String>,
    /// What it begins with.
    pub deliver_policy: DeliverPolicy,
    /// How long it is kept while nobody listens.
    pub inactive_threshold: Duration,
}

/// The consumer of one holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its stream.
    pub stream: String,
    /// Its name: the holder's public key.
    pub name: String,
    /// Where it delivers to. nats-server begins once somebody subscribes to just this, without
    /// wildcards, and goes on where it was when nobody did for a time.
    pub deliver_subject: String,
    /// What it delivers. Never empty, which nats-server would read as everything.
    pub filter: Vec<String>,
    deliver_policy: DeliverPolicy,
    inactive_threshold: Duration,
}

impl Consumer {
    /// Its configuration as nats-server reads it (ADR-15).
    #[must_use]
    pub fn config(&self) -> Value {
        json!({
            "durable_name": self.name,
            "name": self.name,
            "deliver_subject": self.deliver_subject,
            "deliver_policy": self.deliver_policy.as_str(),
            "ack_policy": "none",
            "replay_policy": "instant",
            "filter_subjects": self.filter,
            "inactive_threshold":
                u64::try_from(self.inactive_threshold.as_nanos()).unwrap_or(u64::MAX),
            "mem_storage": true,
        })
    }
}

impl Grant<'_> {
    /// The consumers of the holder: one for each that the role has, and of which something is granted.
    #[must_use]
    pub fn consumers(&self) -> Vec<Consumer> {
        self.templates()
            .filter_map(|(template, filter)| {
                (!filter.is_empty()).then(|| Consumer {
                    stream: template.stream.clone(),
                    name: self.nkey.to_string(),
                    deliver_subject: format!("{}.stream.{}", self.inbox_prefix(), template.stream),
                    filter,
                    deliver_policy: template.deliver_policy,
                    inactive_threshold: template.inactive_threshold,
                })
            })
            .collect()
    }

    /// The streams that the role has a consumer of, and the holder none: without channels, nothing of
    /// them is granted.
    #[must_use]
    pub fn streams_without_consumer(&self) -> Vec<String> {
        self.templates()
            .filter(|(_, filter)| filter.is_empty())
            .map(|(template, _)| template.stream.clone())
            .collect()
    }

    fn templates(&self) -> impl Iterator<Item = (&ConsumerTemplate, Vec<String>)> {
        self.policy.role.consumers.iter().map(|template| {
            let filter = Permission { allow: template.filter.clone(), deny: Vec::new() };
            (template, resolve(&filter, Some(&self.nkey), &self.channels).allow)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::Identity,
        claims::UserPair,
        mint::{RolePolicy, policy::testing::policy},
    };

    fn with_consumer() -> RolePolicy {
        let mut policy = policy("member", Vec::new());
        policy.role.consumers = vec![ConsumerTemplate {
            stream: "CHAT".into(),
            filter: vec!["rooms.{{tag(room)}}.>".into()],
            deliver_policy: DeliverPolicy::All,
            inactive_threshold: Duration::from_secs(60),
        }];
        policy
    }

    #[test]
    fn a_consumer_is_for_one_key_and_the_channels_it_has() {
        let policy = with_consumer();
        let nkey = UserPair::from_random([3; 32]).unwrap().public().clone();
        let grant = policy.grant(&Identity::Guest, nkey.clone(), &["room:7", "room:a"]).unwrap();
        let [consumer] = &grant.consumers()[..] else { panic!("one") };
        assert_eq!(consumer.name, nkey.as_str());
        assert_eq!(consumer.deliver_subject, format!("_INBOX.{nkey}.stream.CHAT"));
        assert!(grant.subscribe().verdict(&consumer.deliver_subject).is_allowed());
        let config = consumer.config();
        assert_eq!(config["filter_subjects"], json!(["rooms.7.>", "rooms.a.>"]));
        assert_eq!(config["ack_policy"], "none");
        assert_eq!(config["inactive_threshold"], 60_000_000_000_u64);
        assert!(grant.streams_without_consumer().is_empty());
    }

    #[test]
    fn without_a_channel_there_is_none_rather_than_one_of_everything() {
        let policy = with_consumer();
        let nkey = UserPair::from_random([3; 32]).unwrap().public().clone();
        let grant = policy.grant(&Identity::Guest, nkey, &[] as &[&str]).unwrap();
        assert_eq!(grant.consumers(), []);
        assert_eq!(grant.streams_without_consumer(), ["CHAT"]);
    }
}
