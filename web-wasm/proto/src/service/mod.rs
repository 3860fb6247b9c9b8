//! Services: responders that can be found, described and measured. Source: ADR-32.
//!
//! | unit | what it is for |
//! |---|---|
//! | [`Registry`] | what a running service knows of itself, and what it answers to each [`Verb`] |
//! | [`Verb`], [`Selector`] | the subjects on which services are asked |
//! | [`PingResponse`], [`Info`], [`Stats`], [`SchemaResponse`] | the answers, written and read |
//! | [`error::Error`] | an answer that says what went wrong, as headers |
//! | [`ReplyFilter`] | which reply subjects a service answers to |

mod documents;
pub mod endpoint;
pub mod error;
mod name;
mod registry;
mod reply_filter;
mod verb;

pub use self::documents::{
    Document, DocumentError, EndpointSchema, Info, PingResponse, Schema, SchemaResponse, Stats,
};
pub use self::error::{NATS_SERVICE_ERROR, NATS_SERVICE_ERROR_CODE};
pub use self::name::{NameError, VersionError, validate_name, validate_version};
pub use self::registry::{EndpointId, Identity, Registry};
pub use self::reply_filter::ReplyFilter;
pub use self::verb::{API_PREFIX, Selector, SelectorError, Verb};

/// The queue group of endpoints that are given no other.
pub const DEFAULT_QUEUE_GROUP: &str = "q";
