//! Bytes to operations ([`Decoder`]) and operations to bytes ([`encode`]).

mod decode;
pub mod encode;

pub use decode::{DecodeError, Decoder, Limits};
