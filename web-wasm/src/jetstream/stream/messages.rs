//! Messages got from, and deleted by, a stream's leader.

use nats_proto::jetstream::response::Done;
use nats_proto::jetstream::{Endpoint, GetRequest, StreamMessage};
use nats_proto::subject::validate_pattern;
use serde::Serialize;

use super::{DeleteMessageError, LastRawMessageError, RawMessageError, Stream};
use crate::jetstream::context::json;
use crate::jetstream::error::RequestError;
use crate::request::Request;

/// Asks for a message to be deleted.
#[derive(Serialize)]
struct DeleteRequest {
    seq: u64,
    no_erase: bool,
}

impl<T> Stream<T> {
    /// The message of this number.
    ///
    /// # Errors
    /// [`RawMessageError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get_raw_message(&self, sequence: u64) -> Result<StreamMessage, RawMessageError> {
        self.get_raw(GetRequest { sequence, ..GetRequest::default() }).await
    }

    /// The last message of a subject, which may be a pattern.
    ///
    /// # Errors
    /// [`LastRawMessageError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get_last_raw_message_by_subject(
        &self,
        subject: impl Into<String>,
    ) -> Result<StreamMessage, LastRawMessageError> {
        let last_by_subject = subject.into();
        validate_pattern(&last_by_subject)?;
        self.get_raw(GetRequest { last_by_subject, ..GetRequest::default() }).await
    }

    /// The first message of a subject, which may be a pattern, of at least this number.
    ///
    /// # Errors
    /// [`RawMessageError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get_next_raw_message_by_subject(
        &self,
        subject: impl Into<String>,
        sequence: u64,
    ) -> Result<StreamMessage, RawMessageError> {
        let next_by_subject = subject.into();
        validate_pattern(&next_by_subject)?;
        self.get_raw(GetRequest { next_by_subject, sequence, ..GetRequest::default() }).await
    }

    /// The first message of a subject, which may be a pattern.
    ///
    /// # Errors
    /// [`RawMessageError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get_first_raw_message_by_subject(
        &self,
        subject: impl Into<String>,
    ) -> Result<StreamMessage, RawMessageError> {
        self.get_next_raw_message_by_subject(subject, 0).await
    }

    async fn get_raw(&self, request: GetRequest) -> Result<StreamMessage, RawMessageError> {
        let answer = async {
            let subject = self.context.subject(Endpoint::MessageGet(&self.name));
            let request = Request::new().payload(json(&request)?).timeout(self.context.timeout());
            let answer = self.context.client.send_request(subject, request).await?;
            Ok::<_, RequestError>(StreamMessage::from_answer(&answer.payload)?)
        };
        answer.await.map_err(RawMessageError::from_request)
    }

    /// Deletes a message, and overwrites what was stored of it.
    ///
    /// # Errors
    /// [`DeleteMessageError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the message may have been deleted.
    pub async fn delete_message(&self, sequence: u64) -> Result<(), DeleteMessageError> {
        self.delete(sequence, false).await
    }

    /// Deletes a message, and leaves what was stored of it to be overwritten in time; this is
    /// faster than [`delete_message`](Self::delete_message).
    ///
    /// # Errors
    /// [`DeleteMessageError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the message may have been deleted.
    pub async fn delete_message_no_erase(&self, sequence: u64) -> Result<(), DeleteMessageError> {
        self.delete(sequence, true).await
    }

    async fn delete(&self, seq: u64, no_erase: bool) -> Result<(), DeleteMessageError> {
        let request = DeleteRequest { seq, no_erase };
        let done = self.context.request::<Done>(Endpoint::MessageDelete(&self.name), &request);
        done.await.map(drop).map_err(DeleteMessageError::from_request)
    }
}
