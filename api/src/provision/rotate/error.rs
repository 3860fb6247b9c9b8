//! Why a key was not replaced.

use super::KeyName;
use crate::{
    claims::SignError,
    keys::KeyFileError,
    provision::{UpdateError, WriteError, keys::FreshKeysError},
};

/// A key was not replaced. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// A rotation has been begun.
    #[error(
        "there is a next key already: go on with `api rotate switch-key {0}`, or with \
         `api rotate retire-key {0}` if that was done"
    )]
    HasNext(KeyName),
    /// A rotation has not been begun.
    #[error("there is no next key; `api rotate new-key {0}` makes one")]
    NoNext(KeyName),
    /// There is nothing to retire.
    #[error("there is no former key to retire: `api rotate new-key {0}` begins")]
    NothingToRetire(KeyName),
    /// Only the operator has an identity that can be replaced.
    #[error("the {0} key has no identity that could be replaced; only the operator has")]
    NoIdentity(KeyName),
    /// The JWT above it does not know a key.
    #[error(
        "the key in {file} is not among those that {by} knows; nothing that it signs would be taken"
    )]
    Unknown {
        /// Where the key is.
        file: String,
        /// What should know it.
        by: &'static str,
    },
    /// Something that is in use would be refused.
    #[error("{what} is signed by another key than the present one; {remedy}")]
    InUse {
        /// What is.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// The keys directory cannot be used.
    #[error(transparent)]
    Update(#[from] UpdateError),
}

impl From<KeyFileError> for RotateError {
    fn from(error: KeyFileError) -> Self {
        Self::Update(error.into())
    }
}

impl From<SignError> for RotateError {
    fn from(error: SignError) -> Self {
        Self::Update(error.into())
    }
}

impl From<FreshKeysError> for RotateError {
    fn from(error: FreshKeysError) -> Self {
        Self::Update(error.into())
    }
}

impl From<WriteError> for RotateError {
    fn from(error: WriteError) -> Self {
        Self::Update(error.into())
    }
}
