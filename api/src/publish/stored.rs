//! What a stream says to a message.

use serde::Deserialize;

/// Where a stream keeps a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The stream's name.
    pub stream: String,
    /// The message's number in the stream.
    pub sequence: u64,
    /// Whether the stream had the message already, by its `Nats-Msg-Id`, and did not store it again.
    pub duplicate: bool,
}

/// Why a stream did not take a message, in the words of nats-server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{description} (error {err_code})")]
pub struct StreamError {
    /// The number of the error.
    #[serde(default)]
    pub err_code: u32,
    /// The error in words.
    #[serde(default)]
    pub description: String,
}

/// An answer that no stream gives: somebody else listens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is none of a stream")]
pub struct NotOfAStream;

/// The answer as nats-server writes it (ADR-22).
#[derive(Deserialize)]
struct Answer {
    error: Option<StreamError>,
    stream: Option<String>,
    seq: Option<u64>,
    #[serde(default)]
    duplicate: bool,
}

/// Reads a stream's answer.
pub(crate) fn read(answer: &[u8]) -> Result<Result<Stored, StreamError>, NotOfAStream> {
    match serde_json::from_slice(answer) {
        Ok(Answer { error: Some(error), .. }) => Ok(Err(error)),
        Ok(Answer { stream: Some(stream), seq: Some(sequence), duplicate, .. }) => {
            Ok(Ok(Stored { stream, sequence, duplicate }))
        }
        _ => Err(NotOfAStream),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_told_apart() {
        let stored = |duplicate| Stored { stream: "ROOMS".to_owned(), sequence: 7, duplicate };
        assert_eq!(read(br#"{"stream":"ROOMS","seq":7}"#), Ok(Ok(stored(false))));
        assert_eq!(
            read(br#"{"stream":"ROOMS","domain":"hub","seq":7,"duplicate":true}"#),
            Ok(Ok(stored(true)))
        );
        let full = br#"{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"stream":"ROOMS","seq":0}"#;
        let error =
            StreamError { err_code: 10077, description: "maximum messages exceeded".into() };
        assert_eq!(read(full), Ok(Err(error)));
        for other in ["", "hi", "{}", "[]", r#"{"stream":"ROOMS"}"#, r#"{"stream":1,"seq":1}"#] {
            assert_eq!(read(other.as_bytes()), Err(NotOfAStream), "{other}");
        }
    }
}
