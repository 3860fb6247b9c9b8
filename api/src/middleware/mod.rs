//! What happens around every handler.

pub mod admit;
pub mod authenticate;
pub mod body_limit;
mod catch_panic;
pub mod layer;
pub mod observe;
pub mod origin_check;
pub mod rate_limit;
pub mod security_headers;
pub mod surroundings;
mod timeout;
