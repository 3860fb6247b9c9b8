//! Why no token was minted.

use crate::claims::SignError;

/// Why no token was minted.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The token would not fit the line that a client logs in with.
    #[error("the token has {actual} bytes, more than the {limit} that fit a login")]
    TooLarge {
        /// Bytes the token has.
        actual: usize,
        /// Bytes it may have.
        limit: usize,
    },
    /// The clock shows a time that no token can carry.
    #[error(
        "the clock is wrong: {now} seconds after 1970, plus the token's life, is no valid time"
    )]
    Clock {
        /// The time given, in Unix seconds.
        now: i64,
    },
    /// What the token rests on has ended.
    #[error("what the token would rest on has ended")]
    Over,
    /// The claims could not be signed.
    #[error("the token could not be signed")]
    Sign(#[from] SignError),
}
