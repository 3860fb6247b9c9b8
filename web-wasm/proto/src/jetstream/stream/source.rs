//! Streams that copy others.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::jetstream::wire::{is_default, null_as_default};
use crate::jetstream::{ApiPrefix, DateTime, NameError, UnknownFields};

/// A stream that another copies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// The stream's name.
    pub name: String,
    /// The number of the first message to copy.
    #[serde(rename = "opt_start_seq", skip_serializing_if = "Option::is_none")]
    pub start_sequence: Option<u64>,
    /// The moment of the first message to copy.
    #[serde(rename = "opt_start_time", skip_serializing_if = "Option::is_none")]
    pub start_time: Option<DateTime>,
    /// The pattern of the subjects to copy; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_subject: Option<String>,
    /// What becomes of subjects; patterns of the subjects to copy, too.
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub subject_transforms: Vec<SubjectTransform>,
    /// Where the stream is, if it is in another account or domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// The domain that the stream is in: a short form of `external`, which the server is sent.
    #[serde(skip)]
    pub domain: Option<String>,
    /// The consumer that copies, where it was made beforehand. From nats-server 2.14.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<StreamConsumerSource>,
    /// The fields that this version does not know.
    #[serde(flatten)]
    pub unknown: UnknownFields,
}

impl Source {
    /// Says in `external` what `domain` says.
    pub(super) fn resolve_domain(&mut self) -> Result<(), NameError> {
        if let Some(domain) = self.domain.take() {
            let api_prefix = ApiPrefix::domain(&domain)?.as_str().into();
            self.external = Some(External { api_prefix, delivery_prefix: None });
        }
        Ok(())
    }
}

/// Where a stream of another account or domain is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct External {
    /// What the subjects of its API begin with.
    #[serde(rename = "api")]
    pub api_prefix: String,
    /// What the subjects that it delivers to begin with.
    #[serde(rename = "deliver", skip_serializing_if = "Option::is_none")]
    pub delivery_prefix: Option<String>,
}

/// A consumer of the stream that is copied, made beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamConsumerSource {
    /// The consumer's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The subject that it delivers to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deliver_subject: String,
}

/// What becomes of the subjects that a pattern matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectTransform {
    /// The pattern.
    #[serde(rename = "src", skip_serializing_if = "is_default")]
    pub source: String,
    /// What subjects become; `{{wildcard(1)}}` is what the pattern's first wildcard stood for.
    #[serde(rename = "dest")]
    pub destination: String,
}
