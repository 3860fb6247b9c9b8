//! What a bucket knows of an object.

use std::error::Error;

use async_nats::HeaderMap;
use data_encoding::BASE64;
use nats_proto::object_store::ObjectInfo;
use serde::Deserialize;
use serde_json::json;

use super::{
    error::{ReadError, StoreError},
    name::ObjectName,
    store::Store,
};
use crate::streams::{JetStreamError, jetstream::ask};

/// nats-server's number for a subject without a message.
const NO_MESSAGE: u32 = 10_037;
/// Longest id of an object's pieces.
const MAX_NUID_BYTES: usize = 64;
/// The header by which a message takes the place of the last of its subject.
const ROLLUP: (&str, &str) = ("Nats-Rollup", "sub");
/// The header that has a message refused when another was the last of its subject.
const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";
/// The header of an object, as HTTP has it, that says what it is.
const CONTENT_TYPE: &str = "Content-Type";

/// What a bucket knows of an object.
#[derive(Debug, Clone)]
pub struct Meta {
    pub(super) info: ObjectInfo,
    /// The number of the message that says so.
    pub(super) sequence: u64,
    /// When it was stored, in RFC 3339.
    pub(super) stored: String,
}

/// A message as `STREAM.MSG.GET` answers it (ADR-31 has the other ways).
#[derive(Deserialize)]
struct Got {
    message: GotMessage,
}

#[derive(Deserialize)]
struct GotMessage {
    seq: u64,
    #[serde(default)]
    data: String,
    #[serde(default)]
    time: String,
}

impl Meta {
    pub(super) fn read(payload: &[u8], sequence: u64, stored: String) -> Result<Self, ReadError> {
        let malformed = |error: Box<dyn Error + Send + Sync>| ReadError::Info(error);
        let info: ObjectInfo =
            serde_json::from_slice(payload).map_err(|error| malformed(error.into()))?;
        // It becomes part of a subject.
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let fits = info.nuid.len() <= MAX_NUID_BYTES && info.nuid.bytes().all(is_plain);
        if !fits || (info.nuid.is_empty() && info.chunks > 0) {
            return Err(malformed("the id of the pieces is none".into()));
        }
        Ok(Self { info, sequence, stored })
    }

    /// Whether there is something to be read. What stands for an object elsewhere is nothing: what is
    /// there may be for others.
    pub(super) fn is_object(&self) -> bool {
        !self.info.deleted && self.info.link().is_none()
    }

    /// What changes when the object does: its digest or, where whoever wrote it left that out, the id of
    /// its pieces.
    #[must_use]
    pub fn tag(&self) -> &str {
        let digest = self.info.digest.as_deref();
        digest.and_then(|digest| digest.strip_prefix("SHA-256=")).unwrap_or(&self.info.nuid)
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.info.size
    }

    /// What whoever wrote it says that it is, as a media type. It may be anything.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        Some(&**self.info.headers.as_ref()?.get_ignore_case(CONTENT_TYPE)?)
    }

    /// When it was stored, in RFC 3339.
    #[must_use]
    pub fn stored(&self) -> &str {
        &self.stored
    }
}

/// The headers of an object of this media type.
pub(super) fn headers_of(content_type: &str) -> Option<nats_proto::HeaderMap> {
    let mut headers = nats_proto::HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type).ok()?;
    Some(headers)
}

impl Store {
    /// What is known of an object that can be read, asked of the stream's leader: whoever has been told
    /// that it is stored finds it.
    ///
    /// # Errors
    /// [`ReadError::JetStream`], [`ReadError::Info`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn find(&self, name: &ObjectName) -> Result<Option<Meta>, ReadError> {
        Ok(self.last(name).await?.filter(Meta::is_object))
    }

    /// The last that was said of this name, also that its object was deleted.
    pub(super) async fn last(&self, name: &ObjectName) -> Result<Option<Meta>, ReadError> {
        let body = json!({ "last_by_subj": self.meta_subject(name)? }).to_string();
        match ask::<Got>(self.client(), self.api("STREAM.MSG.GET"), body.into_bytes()).await {
            Ok(Got { message }) => {
                let payload = BASE64
                    .decode(message.data.as_bytes())
                    .map_err(|error| ReadError::Info(error.into()))?;
                Meta::read(&payload, message.seq, message.time).map(Some)
            }
            Err(JetStreamError::Refused { err_code: NO_MESSAGE, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Says something of a name, if `expected` is still the number of the last that was said of it; 0
    /// for nothing.
    pub(super) async fn say(
        &self,
        name: &ObjectName,
        info: &ObjectInfo,
        expected: u64,
    ) -> Result<u64, SayError> {
        let subject = self.meta_subject(name)?;
        let payload = serde_json::to_vec(info).map_err(|error| ReadError::Info(error.into()))?;
        let mut headers = HeaderMap::new();
        headers.insert(ROLLUP.0, ROLLUP.1);
        headers.insert(EXPECTED, expected.to_string());
        Ok(self.publish(subject, Some(headers), payload.into()).await?)
    }

    pub(super) fn meta_subject(&self, name: &ObjectName) -> Result<String, ReadError> {
        let subject = self.layout().meta(name.as_str());
        // No name is long enough for that.
        subject.map(|subject| subject.as_str().to_owned()).map_err(|e| ReadError::Info(e.into()))
    }
}

/// What was to be said of a name was not.
#[derive(Debug, thiserror::Error)]
pub(super) enum SayError {
    /// It has no form.
    #[error(transparent)]
    Form(#[from] ReadError),
    /// It is not known to be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}
