//! A role: who may have it, and what its holders get.

use std::{fmt, sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    channel::{AllowedValues, ChannelKind},
    consumer::ConsumerTemplate,
    resolve::{resolve, with_wildcards},
};
use crate::{
    auth::Identity,
    claims::{ConnectionType, Permission, UserTemplate, subject::overlap},
    objects::ObjectRights,
};

/// Longest name of a role. Names are part of file names and of each token's own name.
const MAX_NAME_BYTES: usize = 32;

/// The name of a role: `[a-z0-9_-]{1,32}`, since it becomes part of file names. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleName(Arc<str>);

/// A text is no name of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role's name has 1 to {MAX_NAME_BYTES} of a-z, 0-9, - and _")]
pub struct RoleNameError;

impl RoleName {
    /// Reads a name strictly.
    ///
    /// # Errors
    /// [`RoleNameError`] for anything but 1 to 32 of `a-z`, `0-9`, `-` and `_`.
    pub fn parse(text: &str) -> Result<Self, RoleNameError> {
        if text.len() <= MAX_NAME_BYTES && is_token(text) {
            Ok(Self(text.into()))
        } else {
            Err(RoleNameError)
        }
    }

    /// The name as it stands in the account's JWT and in file names.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for RoleName {
    type Err = RoleNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Whether a text can stand in a subject as one token, and in a tag, with no way to mean anything
/// else: no wildcard, no dot, no `$`, and no upper case, which tags lose.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// One role of the roles file.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// Who may have it: whoever meets one of these.
    pub given_to: Vec<CallerRule>,
    /// How long a token lives, in whole seconds.
    pub ttl: Duration,
    /// The channels a caller may ask for.
    pub channels: Vec<ChannelKind>,
    /// What holders are sent from streams.
    pub consumers: Vec<ConsumerTemplate>,
    /// What they may have of object buckets, by calls to this service.
    pub objects: Vec<ObjectRights>,
    /// Rights and limits, as the account's JWT holds them.
    pub template: UserTemplate,
}

impl Role {
    /// Whether this caller may have the role.
    #[must_use]
    pub fn is_for(&self, identity: &Identity) -> bool {
        self.given_to.iter().any(|rule| rule.admits(identity))
    }

    /// What this service publishes for a caller with the role: what the role itself may publish,
    /// without channels. Subjects that hold the publisher's key are not among it, since a caller
    /// proves no key here, and on those the key says who speaks.
    #[must_use]
    pub fn publish_by_call(&self) -> Permission {
        resolve(&self.template.publish, None, &[])
    }

    /// Whether some holder, by some key or channel, may publish on some subject of this pattern.
    #[must_use]
    pub fn may_reach(&self, pattern: &str) -> bool {
        self.template.publish.allow.iter().any(|allowed| overlap(&with_wildcards(allowed), pattern))
    }

    /// Whether browsers may connect with it.
    #[must_use]
    pub fn is_for_browsers(&self) -> bool {
        self.template.allowed_connection_types.contains(&ConnectionType::Websocket)
    }

    /// The claims of a person that decide about the role and its channels.
    pub(super) fn claims(&self) -> impl Iterator<Item = String> {
        let rules = self.given_to.iter().filter_map(|rule| match rule {
            CallerRule::User { claim: Some(rule), .. } => Some(&rule.path),
            _ => None,
        });
        let channels = self.channels.iter().filter_map(|kind| match &kind.values {
            AllowedValues::InClaim(path) => Some(path),
            AllowedValues::Any => None,
        });
        rules.chain(channels).map(ClaimPath::claim)
    }

    /// Largest message, headers included, in bytes.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        // The roles file has no role without a limit.
        usize::try_from(self.template.payload).unwrap_or(0)
    }
}

/// Who a role is for.
#[derive(Debug, Clone, PartialEq)]
pub enum CallerRule {
    /// Callers who say nothing about themselves.
    Guest,
    /// The back end with the API key of this name.
    ApiKey(String),
    /// People with a token of a trusted issuer.
    User {
        /// Of this issuer only.
        issuer: Option<String>,
        /// With this claim only.
        claim: Option<ClaimRule>,
    },
}

impl CallerRule {
    /// Whether this caller meets the rule.
    pub(crate) fn admits(&self, identity: &Identity) -> bool {
        match (self, identity) {
            (Self::Guest, Identity::Guest) => true,
            (Self::ApiKey(expected), Identity::Service { name }) => expected == name,
            (Self::User { issuer: expected, claim }, Identity::User { issuer, claims, .. }) => {
                expected.as_ref().is_none_or(|expected| expected == issuer)
                    && claim.as_ref().is_none_or(|rule| {
                        rule.path.find(claims).is_some_and(|value| rule.test.passes(value))
                    })
            }
            _ => false,
        }
    }
}

/// What a claim must be.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimRule {
    /// Which claim.
    pub path: ClaimPath,
    /// What it must be.
    pub test: ClaimTest,
}

/// A claim: its name or, beginning with a slash, a JSON Pointer (RFC 6901) into the claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(pub String);

impl ClaimPath {
    /// The claim that it is, or begins in.
    fn claim(&self) -> String {
        match self.0.strip_prefix('/') {
            None => self.0.clone(),
            Some(rest) => {
                let first = rest.split_once('/').map_or(rest, |(first, _)| first);
                first.replace("~1", "/").replace("~0", "~")
            }
        }
    }

    /// The value there, if there is one.
    pub(super) fn find<'a>(&self, claims: &'a serde_json::Map<String, Value>) -> Option<&'a Value> {
        match self.0.strip_prefix('/') {
            None => claims.get(&self.0),
            Some(rest) => {
                let below = rest.find('/').map_or("", |at| &rest[at..]);
                claims.get(&self.claim())?.pointer(below)
            }
        }
    }
}

/// How a claim is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimTest {
    /// It is exactly this.
    Equals(Value),
    /// It is a list with this in it, or a text with this among its words, as `scope` is.
    Contains(Value),
}

impl ClaimTest {
    fn passes(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Equals(expected), _) => expected == value,
            (Self::Contains(expected), Value::Array(values)) => values.contains(expected),
            (Self::Contains(Value::String(expected)), Value::String(words)) => {
                words.split(' ').any(|word| word == expected)
            }
            (Self::Contains(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(claims: Value) -> Identity {
        let Value::Object(claims) = claims else { panic!("not an object") };
        Identity::User { issuer: "https://id.example".into(), subject: "ann".into(), claims }
    }

    fn rule(issuer: Option<&str>, path: &str, test: ClaimTest) -> CallerRule {
        let claim = Some(ClaimRule { path: ClaimPath(path.into()), test });
        CallerRule::User { issuer: issuer.map(Into::into), claim }
    }

    #[test]
    fn names_are_plain_tokens() {
        for good in ["guest", "a", "0", "back-end_2", &"x".repeat(32)] {
            assert_eq!(RoleName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "Guest", "a.b", "a/b", "../a", "*", ">", "a b", "é", "a\n", &"x".repeat(33)]
        {
            assert!(RoleName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn each_rule_admits_its_own_kind_of_caller_only() {
        let anybody = user(json!({}));
        let service = Identity::Service { name: "shop".into() };
        let any_user = CallerRule::User { issuer: None, claim: None };
        for (rule, admitted) in [
            (CallerRule::Guest, &Identity::Guest),
            (CallerRule::ApiKey("shop".into()), &service),
            (any_user, &anybody),
        ] {
            for caller in [&Identity::Guest, &service, &anybody] {
                assert_eq!(rule.admits(caller), caller == admitted, "{rule:?} {caller:?}");
            }
        }
        assert!(!CallerRule::ApiKey("other".into()).admits(&service));
    }

    #[test]
    fn the_issuer_is_compared_exactly() {
        let of = |issuer: &str| CallerRule::User { issuer: Some(issuer.into()), claim: None };
        assert!(of("https://id.example").admits(&user(json!({}))));
        assert!(!of("https://id.example/").admits(&user(json!({}))));
    }

    #[test]
    fn claims_are_compared_as_values() {
        let claims = json!({
            "groups": ["staff", 7], "scope": "read write", "verified": true, "n": 1,
            "realm_access": {"roles": ["member"], "a/b": 1}, "https://x.example/r": "y",
        });
        let passes =
            |path: &str, test: ClaimTest| rule(None, path, test).admits(&user(claims.clone()));
        let equals = |value| ClaimTest::Equals(value);
        let contains = |value| ClaimTest::Contains(value);

        assert!(passes("verified", equals(json!(true))));
        assert!(!passes("verified", equals(json!("true"))));
        assert!(passes("n", equals(json!(1))));
        assert!(!passes("groups", equals(json!("staff"))));
        assert!(passes("groups", contains(json!("staff"))));
        assert!(passes("groups", contains(json!(7))));
        assert!(!passes("groups", contains(json!("sta"))));
        assert!(passes("scope", contains(json!("write"))));
        assert!(!passes("scope", contains(json!("writ"))));
        assert!(!passes("n", contains(json!(1))));
        assert!(!passes("absent", equals(Value::Null)));
        assert!(passes("/realm_access/roles", contains(json!("member"))));
        assert!(passes("/realm_access/a~1b", equals(json!(1))));
        assert!(passes("https://x.example/r", equals(json!("y"))));
        assert!(passes("/verified", equals(json!(true))));
        assert!(!rule(Some("https://other"), "n", equals(json!(1))).admits(&user(claims.clone())));
    }
}
