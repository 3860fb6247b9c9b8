//! What is known of a server.

use crate::server_addr::ServerAddr;
use crate::time::Instant;

/// A server that may be dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// Where its listener is.
    pub addr: ServerAddr,
    /// How many attempts in a row have failed, or led to a connection that did not last.
    pub failed_attempts: u32,
    /// Whether it has ever let the client in.
    pub did_connect: bool,
    /// Whether another server told of it, instead of the caller.
    pub is_discovered: bool,
    pub(super) connected_at: Instant,
    pub(super) ready_at: Instant,
}

impl Server {
    pub(super) fn new(addr: ServerAddr, is_discovered: bool) -> Self {
        Self {
            addr,
            failed_attempts: 0,
            did_connect: false,
            is_discovered,
            connected_at: Instant::ORIGIN,
            ready_at: Instant::ORIGIN,
        }
    }
}
