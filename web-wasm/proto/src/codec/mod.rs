//! Bytes to operations ([`Decoder`]) and operations to bytes ([`encode`]).

mod decode;
pub mod encode;

pub(crate) use decode::Whole;
pub use decode::{DecodeError, Decoder, Limits};
