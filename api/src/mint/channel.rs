//! Channels: parts of a role's subjects that a caller asks for by name, such as `room:7`.
//!
//! A channel becomes a tag of the token, and nats-server puts the tag's value in the place of
//! `{{tag(room)}}` in the role's template. What stands there is part of a subject, so a value is
//! taken as it is or refused, never escaped: `*` would open every room.

use std::fmt;

use serde_json::{Map, Value};

use super::role::{ClaimPath, is_token};
use crate::auth::Identity;

/// Longest kind of channel, in bytes.
pub(crate) const MAX_KIND_BYTES: usize = 16;
/// Longest value of a channel, in bytes.
pub(crate) const MAX_VALUE_BYTES: usize = 64;

/// A kind of channel of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelKind {
    /// Its name, `[a-z0-9_-]{1,16}`: the tag's name.
    pub name: String,
    /// Which values a caller may ask for.
    pub values: AllowedValues,
    /// How many one token may have.
    pub max: usize,
}

/// Which values of a kind of channel a caller may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedValues {
    /// Whatever is well formed.
    Any,
    /// Those that this claim of the caller's own token lists.
    InClaim(ClaimPath),
}

impl AllowedValues {
    fn admit(&self, identity: &Identity, value: &str) -> bool {
        match (self, identity) {
            (Self::Any, _) => true,
            (Self::InClaim(path), Identity::User { claims, .. }) => lists(claims, path, value),
            (Self::InClaim(_), Identity::Guest | Identity::Service { .. }) => false,
        }
    }
}

fn lists(claims: &Map<String, Value>, path: &ClaimPath, value: &str) -> bool {
    match path.find(claims) {
        Some(Value::Array(values)) => values.iter().any(|listed| listed.as_str() == Some(value)),
        Some(Value::String(listed)) => listed == value,
        _ => false,
    }
}

/// A channel that is well formed: `kind:value`, the kind `[a-z0-9_-]{1,16}`, the value
/// `[a-z0-9_-]{1,64}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Channel {
    kind: String,
    value: String,
}

impl Channel {
    /// Reads a channel strictly.
    ///
    /// # Errors
    /// [`ChannelError::Malformed`] for anything else; the text is not repeated.
    pub fn parse(text: &str) -> Result<Self, ChannelError> {
        let (kind, value) = text.split_once(':').ok_or(ChannelError::Malformed)?;
        let fits = kind.len() <= MAX_KIND_BYTES && value.len() <= MAX_VALUE_BYTES;
        if fits && is_token(kind) && is_token(value) {
            Ok(Self { kind: kind.to_owned(), value: value.to_owned() })
        } else {
            Err(ChannelError::Malformed)
        }
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

/// A channel was not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// Not of the form of a channel.
    #[error("a channel is not of the form kind:value with a-z, 0-9, - and _")]
    Malformed,
    /// The role has no such kind, or this caller may not have this value.
    #[error("the caller may not have the channel {0}")]
    Denied(Channel),
    /// More of one kind than the role gives.
    #[error("more than {max} channels of the kind {kind}")]
    TooMany {
        /// The kind.
        kind: String,
        /// How many there may be.
        max: usize,
    },
}

/// Checks what a caller asks for against what the role gives; what is asked for twice is given
/// once.
pub(super) fn grant(
    kinds: &[ChannelKind],
    identity: &Identity,
    asked: &[impl AsRef<str>],
) -> Result<Vec<Channel>, ChannelError> {
    let mut granted: Vec<Channel> = Vec::new();
    for text in asked {
        let channel = Channel::parse(text.as_ref())?;
        let kind = kinds.iter().find(|kind| kind.name == channel.kind);
        let Some(kind) = kind.filter(|kind| kind.values.admit(identity, &channel.value)) else {
            return Err(ChannelError::Denied(channel));
        };
        if granted.contains(&channel) {
            continue;
        }
        if granted.iter().filter(|other| other.kind == channel.kind).count() == kind.max {
            return Err(ChannelError::TooMany { kind: channel.kind, max: kind.max });
        }
        granted.push(channel);
    }
    Ok(granted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kinds() -> Vec<ChannelKind> {
        vec![
            ChannelKind { name: "room".into(), values: AllowedValues::Any, max: 2 },
            ChannelKind {
                name: "team".into(),
                values: AllowedValues::InClaim(ClaimPath("teams".into())),
                max: 8,
            },
        ]
    }

    fn user(teams: Value) -> Identity {
        let claims = Map::from_iter([("teams".to_owned(), teams)]);
        Identity::User { issuer: "i".into(), subject: "s".into(), claims }
    }

    fn ask(identity: &Identity, channels: &[&str]) -> Result<Vec<String>, ChannelError> {
        let granted = grant(&kinds(), identity, channels)?;
        Ok(granted.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn anything_but_a_plain_token_is_refused_and_never_escaped() {
        for bad in [
            "",
            ":",
            "room",
            "room:",
            ":7",
            "room:*",
            "room:>",
            "room:a.b",
            "room:a b",
            "room:A",
            "room:é",
            "room:\0",
            "room:7\r\n",
            "room:$js",
            "room:{{name()}}",
            "room:7:8",
            "Room:7",
            "ro.om:7",
            "room :7",
            "room:7,8",
            "room:\"",
            &format!("room:{}", "x".repeat(65)),
            &format!("{}:7", "k".repeat(17)),
        ] {
            assert_eq!(ask(&Identity::Guest, &[bad]), Err(ChannelError::Malformed), "{bad:?}");
        }
        let longest = format!("{}:{}", "k".repeat(16), "x".repeat(64));
        assert_eq!(Channel::parse(&longest).unwrap().to_string(), longest);
    }

    #[test]
    fn a_caller_gets_what_the_role_gives_and_each_once() {
        let asked = ["room:7", "room:8", "room:7"];
        assert_eq!(ask(&Identity::Guest, &asked).unwrap(), ["room:7", "room:8"]);
        assert_eq!(ask(&Identity::Guest, &[]).unwrap(), [] as [String; 0]);
        let denied = ask(&Identity::Guest, &["hall:7"]).unwrap_err();
        assert_eq!(denied, ChannelError::Denied(Channel::parse("hall:7").unwrap()));
        let many = ask(&Identity::Guest, &["room:1", "room:2", "room:3"]).unwrap_err();
        assert_eq!(many, ChannelError::TooMany { kind: "room".into(), max: 2 });
    }

    #[test]
    fn values_from_a_claim_are_only_those_it_lists() {
        let member = user(json!(["red", "blue", 7]));
        assert_eq!(ask(&member, &["team:red", "team:blue"]).unwrap(), ["team:red", "team:blue"]);
        for (identity, asked) in [
            (member.clone(), "team:green"),
            (member, "team:7"),
            (user(json!({"red": true})), "team:red"),
            (user(json!("red blue")), "team:red"),
            (Identity::Guest, "team:red"),
            (Identity::Service { name: "red".into() }, "team:red"),
        ] {
            assert!(matches!(ask(&identity, &[asked]), Err(ChannelError::Denied(_))), "{asked}");
        }
        assert_eq!(ask(&user(json!("red")), &["team:red"]).unwrap(), ["team:red"]);
    }
}
