//! What services say of themselves, as JSON.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::endpoint;
use super::verb::Verb;
use crate::jetstream::DateTime;
use crate::jetstream::wire::null_as_default;
use crate::quoted::Quoted;

/// An answer to one of the verbs.
pub trait Document: DeserializeOwned + Serialize + sealed::Sealed {
    /// The verb that it answers.
    const VERB: Verb;

    /// What its `type` field says.
    const KIND: &'static str;

    /// Reads one from the payload of an answer.
    ///
    /// # Errors
    /// Any [`DocumentError`].
    fn read(payload: &[u8]) -> Result<Self, DocumentError> {
        let document: Self = serde_json::from_slice(payload)
            .map_err(|error| DocumentError::Malformed(format!("{error}")))?;
        if document.kind() != Self::KIND {
            return Err(DocumentError::OtherKind {
                expected: Self::KIND,
                found: document.kind().into(),
            });
        }
        Ok(document)
    }

    /// Writes it as the payload of an answer.
    fn write(&self) -> Vec<u8> {
        // Text, numbers, and maps from text: there is none that JSON can't have.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Why a payload is not the document that it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It is not JSON, or has not the fields.
    #[error("malformed: {0}")]
    Malformed(String),
    /// It says that it is something else.
    #[error("it should be {expected} and says that it is {}", Quoted(.found))]
    OtherKind {
        /// What its `type` should say.
        expected: &'static str,
        /// What it does say.
        found: String,
    },
}

mod sealed {
    pub trait Sealed {
        fn kind(&self) -> &str;
    }
}

macro_rules! document {
    ($document:ident, $verb:ident, $kind:literal) => {
        impl sealed::Sealed for $document {
            fn kind(&self) -> &str {
                &self.kind
            }
        }

        impl Document for $document {
            const VERB: Verb = Verb::$verb;
            const KIND: &'static str = $kind;
        }
    };
}

document!(PingResponse, Ping, "io.nats.micro.v1.ping_response");
document!(Info, Info, "io.nats.micro.v1.info_response");
document!(Stats, Stats, "io.nats.micro.v1.stats_response");
document!(SchemaResponse, Schema, "io.nats.micro.v1.schema_response");

/// The answer to PING: who is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingResponse {
    /// The kind of document.
    #[serde(rename = "type")]
    pub kind: String,
    /// The service's name, which all its instances share.
    pub name: String,
    /// The instance's id.
    pub id: String,
    /// The service's version.
    pub version: String,
    /// What its author says of it besides.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: BTreeMap<String, String>,
}

/// The answer to INFO: what it is and where it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// The kind of document.
    #[serde(rename = "type")]
    pub kind: String,
    /// The service's name, which all its instances share.
    pub name: String,
    /// The instance's id.
    pub id: String,
    /// The service's version.
    pub version: String,
    /// What its author says of it besides.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: BTreeMap<String, String>,
    /// What it is for, in words for people.
    #[serde(default)]
    pub description: String,
    /// Its endpoints, those made later included.
    #[serde(default, deserialize_with = "null_as_default")]
    pub endpoints: Vec<endpoint::Info>,
}

/// The answer to STATS: what it has done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The kind of document.
    #[serde(rename = "type")]
    pub kind: String,
    /// The service's name, which all its instances share.
    pub name: String,
    /// The instance's id.
    pub id: String,
    /// The service's version.
    pub version: String,
    /// What its author says of it besides.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: BTreeMap<String, String>,
    /// When the instance began, or was [reset](super::Registry::reset).
    pub started: DateTime,
    /// What each of its endpoints has done.
    #[serde(default, deserialize_with = "null_as_default")]
    pub endpoints: Vec<endpoint::Stats>,
}

/// The answer to SCHEMA: what its endpoints take and give.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SchemaResponse {
    /// The kind of document.
    #[serde(rename = "type")]
    pub kind: String,
    /// The service's name, which all its instances share.
    pub name: String,
    /// The instance's id.
    pub id: String,
    /// The service's version.
    pub version: String,
    /// What its author says of it besides.
    #[serde(default, deserialize_with = "null_as_default")]
    pub metadata: BTreeMap<String, String>,
    /// Its endpoints.
    #[serde(default, deserialize_with = "null_as_default")]
    pub endpoints: Vec<EndpointSchema>,
}

/// An endpoint in a SCHEMA document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointSchema {
    /// The endpoint's name.
    pub name: String,
    /// What it is subscribed to.
    pub subject: String,
    /// What it takes and gives, if its author says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
}

/// What an endpoint takes and gives, each usually as a [JSON Schema](https://json-schema.org).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The payload of a request.
    #[serde(default)]
    pub request: serde_json::Value,
    /// The payload of an answer.
    #[serde(default)]
    pub response: serde_json::Value,
}
