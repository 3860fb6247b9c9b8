//! Who asks.

mod identity;

pub use identity::Identity;
