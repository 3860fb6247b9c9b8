//! What JetStream sends.

use alloc::format;
use alloc::string::ToString;

use bytes::Bytes;

use crate::header::HeaderMap;
use crate::simulator::Publication;
use crate::subject::Subject;

/// A message from JetStream itself. Where it goes need not be what it says: what a consumer
/// delivers has the subject that it was published to.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Outgoing {
    pub(in crate::simulator) to: Subject,
    pub(in crate::simulator) publication: Publication,
}

impl Outgoing {
    /// An answer without headers.
    pub(super) fn answer(to: Subject, payload: impl Into<Bytes>) -> Self {
        let publication = Publication {
            subject: to.clone(),
            reply: None,
            headers: None,
            payload: payload.into(),
        };
        Self { to, publication }
    }

    /// A status without a payload: `line` is what follows `NATS/1.0 `, with all headers.
    pub(super) fn status(to: Subject, line: &str) -> Self {
        let headers = Some(Bytes::from(format!("NATS/1.0 {line}\r\n\r\n")));
        let publication =
            Publication { subject: to.clone(), reply: None, headers, payload: Bytes::new() };
        Self { to, publication }
    }
}

/// A header block with more headers at its end.
pub(super) fn with_headers(block: Option<&Bytes>, more: &[(&str, &dyn ToString)]) -> Bytes {
    let mut text = match block {
        Some(block) => block[..block.len().saturating_sub(2)].to_vec(),
        None => b"NATS/1.0\r\n".to_vec(),
    };
    for (name, value) in more {
        text.extend_from_slice(format!("{name}: {}\r\n", value.to_string()).as_bytes());
    }
    text.extend_from_slice(b"\r\n");
    text.into()
}

/// The headers of a message.
pub(super) fn parse_headers(block: Option<&Bytes>) -> HeaderMap {
    block.map(|block| crate::header::HeaderBlock::parse(block).headers).unwrap_or_default()
}
