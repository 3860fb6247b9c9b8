//! Streams and buckets that the roles file declares: made, checked and kept as it says.
//!
//! nats-server answers a request to JetStream on whatever subject the asker names, with rights of its
//! own: also a confirmation of storing, and also on `$JS.API.STREAM.DELETE.x`. A browser that may
//! have anything of JetStream answer it can therefore have the server publish all over the account,
//! and no permission holds it back (`nats_server_answers_wherever_the_asker_says` in `tests/it` tries
//! it). So a stream that a browser writes to answers nobody, and none of them asks JetStream.
//!
//! [`DeclaredStream`] is what the file says, [`Difference`] what a server has otherwise, and
//! [`Streams`] looks after all of them for as long as the service runs.

mod declared;
mod difference;
pub(crate) mod jetstream;
mod keeper;

pub use declared::{DeclaredStream, Kind, Storage};
pub use difference::Difference;
pub use jetstream::JetStreamError;
pub use keeper::{Streams, StreamsError, StreamsNotReady};
