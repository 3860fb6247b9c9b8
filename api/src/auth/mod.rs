//! Who asks.
//!
//! A caller proves who it is by one bearer credential (RFC 6750): an API key, or a token of an issuer
//! that is trusted. [`Authenticator`] turns that into an [`Identity`]; the middleware of the same
//! purpose puts it in front of every route that mints or publishes.

pub mod api_key;
pub mod authenticator;
pub mod bearer;
pub mod fetch;
mod identity;
pub mod key_set;
pub mod key_source;
pub mod signature;
pub mod token;

pub use authenticator::{AuthError, Authenticator, AuthenticatorError};
pub use identity::Identity;
