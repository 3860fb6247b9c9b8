//! Scripted nats-servers, without I/O: what a whole client is tested against.
//!
//! A [`World`] holds [`ScriptedServer`]s that route for each other as the nodes of a cluster do.
//! Bytes from a client go into [`World::receive`], bytes to it come out of
//! [`World::poll_output`]; what a server does beyond that, well or badly, its [`Script`] says.
//! There is no clock here: whoever carries the bytes decides when they arrive. The same seed and
//! the same calls give the same bytes.
//!
//! A world may have a [`JetStream`] ([`World::enable_jetstream`]), which is told what time it is.
//!
//! The world also keeps account: [`World::taken`] lists every message that a server took, and
//! [`World::deliveries`] every copy that was written to a client, so that a test can say exactly
//! what a client must have received.
//!
//! ```
//! use nats_proto::simulator::{Script, ServerOutput, World};
//!
//! let mut world = World::new(1);
//! let server = world.add("n1", Script::default());
//! let link = world.accept(server).unwrap();
//! let Some(ServerOutput::Frame(info)) = world.poll_output(link) else { panic!() };
//! assert!(info.starts_with(b"INFO {"));
//! world.receive(link, b"CONNECT {}\r\nSUB greetings 7\r\nPUB greetings 5\r\nhello\r\n");
//! let said = core::iter::from_fn(|| world.poll_output(link));
//! let said: Vec<_> = said.collect();
//! let ServerOutput::Frame(last) = said.last().unwrap() else { panic!() };
//! assert!(last.ends_with(b"MSG greetings 7 5\r\nhello\r\n"));
//! ```

mod client_op;
mod expulsion;
mod jetstream;
mod link;
mod routing;
mod script;
mod streaming;
mod world;

#[cfg(test)]
mod tests;

pub use self::client_op::{ClientDecoder, ClientFault, ClientInfo, ClientOp, Publication};
pub use self::expulsion::Expulsion;
pub use self::jetstream::{Faults, JetStream, Progress, Stored};
pub use self::link::{LinkId, ServerOutput};
pub use self::script::{Framing, Script, ScriptedServer, ServerId};
pub use self::world::{Delivery, Taken, World};
