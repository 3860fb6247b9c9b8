//! What is asked of consumers, and answered.

use serde::{Deserialize, Serialize};

use super::{Config, Info};
use crate::jetstream::wire::is_default;
use crate::jetstream::{DateTime, Name};

/// What to do about a consumer that is there, or is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Make it, or change it if it is there.
    #[default]
    #[serde(rename = "")]
    CreateOrUpdate,
    /// Make it. If it is there it must have the same configuration.
    Create,
    /// Change it; it must be there.
    Update,
}

/// Asks for a consumer to be made or changed.
#[derive(Clone, Debug, Serialize)]
pub struct CreateRequest<'a> {
    stream_name: &'a str,
    config: &'a Config,
    #[serde(skip_serializing_if = "is_default")]
    action: Action,
}

impl<'a> CreateRequest<'a> {
    /// Asks for a consumer of this stream and configuration.
    pub fn new(stream: &'a Name, config: &'a Config, action: Action) -> Self {
        Self { stream_name: stream, config, action }
    }
}

/// Asks that a consumer deliver nothing until a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PauseRequest {
    /// The moment; `None` to go on now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_until: Option<DateTime>,
}

/// Asks that the client that is pinned get no more messages before others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UnpinRequest<'a> {
    /// The priority group.
    pub group: &'a str,
}

/// Asks that a consumer begin again. Source: ADR-60.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ResetRequest {
    /// The number in the stream of the first message to deliver; 0 for the first that is not
    /// acknowledged.
    #[serde(rename = "seq", skip_serializing_if = "is_default")]
    pub sequence: u64,
}

/// Where a consumer begins again.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct ResetResponse {
    /// The consumer.
    #[serde(flatten)]
    pub info: Info,
    /// The number in the stream of the message to deliver next.
    #[serde(rename = "reset_seq")]
    pub reset_sequence: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_say_only_what_is_wanted() {
        let (stream, config) = (Name::new("S").unwrap(), Config::default());
        let write = |action| {
            let request = CreateRequest::new(&stream, &config, action);
            serde_json::to_value(request).unwrap()
        };
        assert_eq!(write(Action::CreateOrUpdate).get("action"), None);
        assert_eq!(write(Action::Create)["action"], "create");
        assert_eq!(write(Action::Update)["action"], "update");
        assert_eq!(write(Action::Update)["stream_name"], "S");
        assert_eq!(serde_json::to_string(&PauseRequest::default()).unwrap(), "{}");
        assert_eq!(serde_json::to_string(&ResetRequest { sequence: 7 }).unwrap(), r#"{"seq":7}"#);
    }
}
