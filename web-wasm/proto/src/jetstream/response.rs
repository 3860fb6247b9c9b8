//! The answers of the JetStream API.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ApiError;
use super::wire::null_as_default;

/// What an answer is instead of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The server refuses.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The answer is not what this version can read; a stranger may have sent it.
    #[error("the answer can't be read: {problem}")]
    Malformed {
        /// What is wrong with it.
        problem: String,
    },
}

#[derive(Deserialize)]
struct Envelope {
    error: Option<ApiError>,
}

/// Reads the answer to a request: what was asked for, or the server's error.
///
/// ```
/// use nats_proto::jetstream::{ErrorCode, response, stream};
///
/// let answer = br#"{"error":{"code":404,"err_code":10059,"description":"stream not found"}}"#;
/// match response::parse::<stream::Info>(answer) {
///     Err(response::ResponseError::Api(error)) => {
///         assert_eq!(error.error_code(), ErrorCode::STREAM_NOT_FOUND);
///     }
///     other => panic!("{other:?}"),
/// }
/// ```
///
/// # Errors
/// Any [`ResponseError`].
pub fn parse<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ResponseError> {
    match read::<Envelope>(payload)?.error {
        Some(error) => Err(error.into()),
        None => read(payload),
    }
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ResponseError> {
    serde_json::from_slice(payload)
        .map_err(|error| ResponseError::Malformed { problem: error.to_string() })
}

/// The answer of a request that does something and has nothing else to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Done {
    /// Whether it was done.
    pub success: bool,
}

/// A part of a list that is too long for one answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
#[non_exhaustive]
pub struct Page<T> {
    /// How many entries the whole list has.
    #[serde(default)]
    pub total: u64,
    /// The entries of this part.
    #[serde(alias = "streams", alias = "consumers", default, deserialize_with = "null_as_default")]
    pub entries: Vec<T>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jetstream::{Account, ErrorCode, PublishAck, consumer, stream};
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn an_error_is_told_from_an_answer() {
        let done: Done = parse(br#"{"type":"t","success":true}"#).unwrap();
        assert!(done.success);
        let refused = br#"{"type":"t","error":{"code":503,"err_code":10008,"description":"d"}}"#;
        let Err(ResponseError::Api(error)) = parse::<Done>(refused) else { panic!() };
        assert_eq!((error.code(), error.error_code()), (503, ErrorCode::CLUSTER_NOT_AVAILABLE));
        assert_eq!(error.description(), "d");
        let bare: Result<Done, _> = parse(br#"{"error":{"code":500}}"#);
        assert!(matches!(bare, Err(ResponseError::Api(error)) if error.error_code().0 == 0));
        for rubbish in [&b""[..], b"[]", b"nonsense", br#"{"success":"yes"}"#, b"\xff"] {
            let read = parse::<Done>(rubbish);
            assert!(matches!(read, Err(ResponseError::Malformed { .. })), "{rubbish:?}");
        }
    }

    #[test]
    fn pages_of_streams_and_of_consumers_are_read() {
        let page: Page<String> = parse(br#"{"total":2,"offset":0,"streams":["a","b"]}"#).unwrap();
        assert_eq!(page, Page { total: 2, entries: vec!["a".into(), "b".into()] });
        let page: Page<String> = parse(br#"{"total":0,"consumers":null}"#).unwrap();
        assert_eq!(page, Page { total: 0, entries: vec![] });
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(
            bytes: Vec<u8>,
            text in r#"\{("(config|state|created|error|total|seq|stream|name|first_ts)":("[a-z0-9:TZ.-]{0,24}"|-?[0-9]{1,22}|null|\[\]|\{\}),?){0,6}\}"#,
        ) {
            for answer in [&bytes[..], text.as_bytes()] {
                let _ = parse::<Done>(answer);
                let _ = parse::<Page<String>>(answer);
                let _ = parse::<Page<stream::Info>>(answer);
                let _ = parse::<stream::Info>(answer);
                let _ = parse::<stream::PauseResponse>(answer);
                let _ = parse::<stream::Config>(answer);
                let _ = parse::<consumer::Info>(answer);
                let _ = parse::<consumer::Config>(answer);
                let _ = parse::<Account>(answer);
                let _ = parse::<PublishAck>(answer);
            }
        }
    }
}
