//! Consumers that deliver by themselves, to a subject.
//!
//! They are there for what others have set up, and for what is to reach many at once. Whoever may
//! make one may have the server publish the stream's messages anywhere, and nothing but
//! [flow control](Config::flow_control) keeps it from sending more than is read: for all else
//! [pull consumers](super::pull) are the better choice.
//!
//! A browser that may ask JetStream nothing is sent what an API had made for it: a [`Delivery`].

mod config;
mod delivery;
mod messages;

pub use config::Config;
pub use delivery::{Delivery, DeliveryError};
pub use messages::{Messages, MessagesError};

pub use nats_proto::jetstream::consume::PushError;
