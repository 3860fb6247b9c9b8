//! What happens around every handler.

pub mod authenticate;
pub mod body_limit;
pub mod observe;
pub mod origin_check;
pub mod rate_limit;
pub mod security_headers;
pub mod timeout;
