//! What happens around every handler.

pub mod body_limit;
pub mod observe;
pub mod origin_check;
pub mod security_headers;
pub mod timeout;
