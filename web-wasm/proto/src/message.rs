//! A message that was received.

use bytes::Bytes;
use bytestring::ByteString;

use crate::header::HeaderMap;
use crate::status::StatusCode;
use crate::subject::Subject;

/// A message from a subscription or in answer to a request.
///
/// Subject, payload and headers are views into the frame that brought them: cloning a message
/// copies none of them, and keeping one keeps its frame in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The subject it was published to.
    pub subject: Subject,
    /// Where the publisher wants an answer, if it does.
    pub reply: Option<Subject>,
    /// The body, any bytes.
    pub payload: Bytes,
    /// The headers, if the message came with a header block.
    pub headers: Option<HeaderMap>,
    /// The status, if the server put one on the header block's first line.
    pub status: Option<StatusCode>,
    /// The words after the status.
    pub description: Option<ByteString>,
    /// Headers and payload together, in bytes on the wire.
    pub length: usize,
}

impl Message {
    /// Whether this is the server's word that nobody listens on the subject of a request.
    pub fn is_no_responders(&self) -> bool {
        self.status == Some(StatusCode::NO_RESPONDERS) && self.payload.is_empty()
    }
}
