//! An outbox: what is published while no server is reachable, kept over reloads and sent later.
//!
//! [`Outbox::publish`] returns when the message is *stored here*. From then on it survives the page,
//! and is sent to JetStream as soon as a server is there: in the order of the entries, and once.
//!
//! ```no_run
//! # #[cfg(target_arch = "wasm32")]
//! # async fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
//! use web_wasm::jetstream::{self, PublishMessage};
//! use web_wasm::outbox::{Options, Outbox};
//!
//! let outbox = Outbox::open(&jetstream::new(client), Options::new("orders", "alice")).await?;
//! let queued = outbox.publish("orders.7", PublishMessage::build().payload("{}".into())).await?;
//! // The message is safe now. Whether a stream has it comes later, perhaps after many reloads.
//! let ack = queued.await?;
//! println!("message {} of {}", ack.sequence, ack.stream);
//! # Ok(())
//! # }
//! ```
//!
//! - **Order**: one entry is on its way at a time; [`nats_proto::outbox::Queue`] says why. What is
//!   refused for good is [set aside](SetAside) with the reason, and held until it is
//!   [removed](Outbox::remove) or [sent again](Outbox::retry).
//! - **Once**: each entry has an id, and is sent again only while the stream knows it for certain
//!   ([`Options::duplicate_window`]). Later it is set aside as [in doubt](SetAside::InDoubt).
//! - **Tabs**: all tabs of an origin that open the same name and owner have the same entries. One of
//!   those that are connected sends; when it closes or loses its connection another does.
//! - **Owner**: entries are of whom the application says. An outbox of another owner neither sees nor
//!   sends them. `Outbox::delete` removes an owner's entries for good.
//! - **Not secret**: subjects, headers and payloads lie unencrypted in the browser's profile, for every
//!   script of the origin and everybody who can read the disk, until they are sent or removed.
//! - **How durable**: entries outlive page and browser. Browsers flush the disk when they like, so a
//!   power cut may take the last moments, and they may evict the data of an origin that has not asked to
//!   persist (`navigator.storage.persist()`).

#[cfg(target_arch = "wasm32")]
mod browser_tabs;
mod entry;
mod error;
mod event;
mod handle;
#[cfg(target_arch = "wasm32")]
mod indexed_db;
mod inner;
mod memory;
mod options;
mod queued;
mod sender;
mod storage;

pub use entry::{Entry, State};
pub use error::{AckError, OpenError, PublishError, StorageError, TabsError};
pub use event::{Event, Events};
pub use handle::Outbox;
#[cfg(target_arch = "wasm32")]
pub use indexed_db::IndexedDb;
pub use memory::Memory;
pub use options::Options;
pub use queued::{Acknowledged, Queued};
pub use storage::{Backing, Bounds, Numbered, Storage, Tabs};

pub use nats_proto::outbox::{OnRefusal, Record, RecordError, SetAside};
