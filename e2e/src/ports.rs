use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::Error;

/// Below the ephemeral ports of common systems: while a server is down for a test, no outgoing
/// connection can be given its port, least of all one that tries to reach it.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Takes so many ports in a row, of 127.0.0.1, that nobody listens on, and that this process has not
/// handed out before; tells the first.
///
/// # Errors
///
/// [`Error::Io`] if there are none.
pub(crate) fn free_in_a_row(count: u16) -> Result<u16, Error> {
    loop {
        let first = free()?;
        let mut next = first;
        while next - first + 1 < count && free()? == next + 1 {
            next += 1;
        }
        if next - first + 1 == count {
            return Ok(first);
        }
    }
}

/// Takes a port of 127.0.0.1 that nobody listens on, and that this process has not handed out before.
///
/// # Errors
///
/// [`Error::Io`] if all are taken.
pub(crate) fn free() -> Result<u16, Error> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run side by side begin at different places.
    let start =
        u16::try_from(process::id().wrapping_mul(97) % u32::from(COUNT)).unwrap_or_default();
    let mut last = None;
    for _ in 0..COUNT {
        let port = FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    Err(Error::io("find a free port")(last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into())))
}
