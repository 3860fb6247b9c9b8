//! What a user may publish or subscribe to, and over which kind of connection.

use serde::{Deserialize, Serialize};

/// Subjects allowed and denied for one direction.
///
/// Deny wins over allow. Both lists empty means *everything* is allowed; the constructors here
/// never make that value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// Both directions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    /// What may be published to.
    #[serde(rename = "pub")]
    pub publish: Permission,
    /// What may be subscribed to.
    #[serde(rename = "sub")]
    pub subscribe: Permission,
}

/// The kind of connection a user may come over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ConnectionType {
    /// The NATS protocol over TCP.
    Standard,
    /// The NATS protocol over a websocket.
    Websocket,
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
}
