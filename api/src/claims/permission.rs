//! What a user may publish or subscribe to, and over which kind of connection.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::subject;

/// Subjects allowed and denied for one direction.
///
/// Deny wins over allow. Both lists empty means *everything* is allowed; the constructors here
/// never make that value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Permission {
    /// Subjects (wildcards included) that are allowed.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Subjects (wildcards included) that are denied.
    #[serde(default)]
    pub deny: Vec<String>,
}

impl Permission {
    /// Allows the given subjects and nothing else. Given none, it allows nothing.
    #[must_use]
    pub fn only<S: Into<String>>(subjects: impl IntoIterator<Item = S>) -> Self {
        let allow: Vec<String> = subjects.into_iter().map(Into::into).collect();
        if allow.is_empty() { Self::nothing() } else { Self { allow, deny: Vec::new() } }
    }

    /// Allows nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self { allow: Vec::new(), deny: vec![">".to_owned()] }
    }

    /// True if NATS reads it as "everything".
    #[must_use]
    pub fn is_unrestricted(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// What nats-server would say to this subject, and by which entry of which list.
    ///
    /// The permission must be resolved: a pattern that still holds `{{…}}` matches nothing here.
    #[must_use]
    pub fn verdict(&self, subject: &str) -> Verdict<'_> {
        let find = |patterns: &'_ [String]| {
            patterns.iter().position(|pattern| subject::matches(pattern, subject))
        };
        if let Some(at) = find(&self.deny) {
            return Verdict::Denied(&self.deny[at]);
        }
        match find(&self.allow) {
            Some(at) => Verdict::Allowed(Some(&self.allow[at])),
            None if self.allow.is_empty() => Verdict::Allowed(None),
            None => Verdict::NotListed,
        }
    }

    /// What nats-server would say to a subscription, which may be to a pattern, and by which entry
    /// of which list.
    ///
    /// The server compares the wildcards of a subscription as the tokens that they are written as.
    /// So an entry decides only if it matches the pattern as a whole; what is denied of an allowed
    /// pattern otherwise is kept back message by message. And since `*` stands for the token `>` as
    /// for any other, who may subscribe to `a.*` may subscribe to `a.>`, and gets `a.b.c`.
    ///
    /// The permission must be resolved, as for [`Permission::verdict`].
    #[must_use]
    pub fn subscription_verdict(&self, pattern: &str) -> SubscriptionVerdict<'_> {
        let verdict = self.verdict(pattern);
        let overlap = |denied: &&String| subject::overlap(denied, pattern);
        let kept_back = if verdict.is_allowed() {
            self.deny.iter().filter(overlap).map(String::as_str).collect()
        } else {
            Vec::new()
        };
        SubscriptionVerdict { verdict, kept_back }
    }
}

/// What a permission says to a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionVerdict<'a> {
    /// Whether the subscription is taken.
    pub verdict: Verdict<'a>,
    /// Entries of the deny list whose messages the subscription does not get, although it is taken.
    pub kept_back: Vec<&'a str>,
}

/// What a permission says to one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Allowed, by this entry; `None` where there is no list of what is allowed.
    Allowed(Option<&'a str>),
    /// Denied by this entry.
    Denied(&'a str),
    /// Denied because nothing allows it.
    NotListed,
}

impl Verdict<'_> {
    /// True for [`Verdict::Allowed`].
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// Both directions, and answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    /// What may be published to.
    #[serde(rename = "pub")]
    pub publish: Permission,
    /// What may be subscribed to.
    #[serde(rename = "sub")]
    pub subscribe: Permission,
    /// Leave to answer requests.
    #[serde(default, rename = "resp", skip_serializing_if = "Option::is_none")]
    pub responses: Option<ResponsePermission>,
}

/// Leave to publish to the reply subject of a message that was received, whatever that subject is
/// and whatever the lists say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponsePermission {
    /// Answers to one request.
    pub max: i64,
    /// Time after the request within which they must come, in nanoseconds.
    pub ttl: i64,
}

/// The kind of connection a user may come over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConnectionType {
    /// The NATS protocol over TCP.
    Standard,
    /// The NATS protocol over a websocket.
    Websocket,
    /// A leaf node over TCP.
    Leafnode,
    /// A leaf node over a websocket.
    LeafnodeWs,
    /// MQTT over TCP.
    Mqtt,
    /// MQTT over a websocket.
    MqttWs,
    /// A program that nats-server is embedded in.
    InProcess,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_constructor_allows_everything() {
        assert!(!Permission::nothing().is_unrestricted());
        assert!(!Permission::only::<String>([]).is_unrestricted());
        assert_eq!(Permission::only::<String>([]), Permission::nothing());
        assert_eq!(Permission::only(["a"]).allow, ["a"]);
    }

    #[test]
    fn both_lists_are_always_written() {
        let json = serde_json::to_string(&Permission::nothing()).unwrap();
        assert_eq!(json, r#"{"allow":[],"deny":[">"]}"#);
    }

    #[test]
    fn a_subscription_is_allowed_as_a_whole_and_denied_as_a_whole() {
        let permission = Permission {
            allow: vec!["rooms.7.>".to_owned(), "a.*".to_owned()],
            deny: vec!["rooms.*.secret".to_owned(), "rooms.7.x.>".to_owned()],
        };
        for (pattern, verdict, kept_back) in [
            ("rooms.7.chat", Verdict::Allowed(Some("rooms.7.>")), &[][..]),
            ("rooms.7.*", Verdict::Allowed(Some("rooms.7.>")), &["rooms.*.secret"]),
            ("rooms.7.>", Verdict::Allowed(Some("rooms.7.>")), &["rooms.*.secret", "rooms.7.x.>"]),
            ("rooms.7.secret", Verdict::Denied("rooms.*.secret"), &[]),
            ("rooms.7.x.*", Verdict::Denied("rooms.7.x.>"), &[]),
            ("rooms.*.chat", Verdict::NotListed, &[]),
            // Wider than it looks.
            ("a.>", Verdict::Allowed(Some("a.*")), &[]),
            ("a.*.>", Verdict::NotListed, &[]),
            (">", Verdict::NotListed, &[]),
        ] {
            let expected = SubscriptionVerdict { verdict, kept_back: kept_back.to_vec() };
            assert_eq!(permission.subscription_verdict(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn the_verdict_names_the_entry_that_decides() {
        let permission = Permission {
            allow: vec!["rooms.7.>".to_owned(), "a".to_owned()],
            deny: vec!["rooms.*.secret".to_owned()],
        };
        for (subject, expected) in [
            ("rooms.7.chat", Verdict::Allowed(Some("rooms.7.>"))),
            ("a", Verdict::Allowed(Some("a"))),
            ("rooms.7.secret", Verdict::Denied("rooms.*.secret")),
            ("rooms.8.chat", Verdict::NotListed),
            ("rooms.7", Verdict::NotListed),
        ] {
            assert_eq!(permission.verdict(subject), expected, "{subject}");
        }
        assert_eq!(Permission::nothing().verdict("a"), Verdict::Denied(">"));
        let all_but = Permission { allow: Vec::new(), deny: vec!["a".to_owned()] };
        assert_eq!(all_but.verdict("b"), Verdict::Allowed(None));
        assert!(!all_but.verdict("a").is_allowed());
    }
}
