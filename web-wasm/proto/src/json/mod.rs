//! JSON for the handshake: as much as INFO and CONNECT need, in a twentieth of what a general library
//! takes of a page's download. JetStream's documents are `serde_json`'s.

mod read;
mod write;

pub(crate) use read::{JsonError, Reader};
pub(crate) use write::ObjectWriter;
