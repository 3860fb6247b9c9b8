use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::Error;

/// A line between clients and a server that can be cut: it carries TCP connections to the server, as
/// long as its value and the runtime last.
#[derive(Debug)]
pub struct WireCutter {
    address: SocketAddr,
    severed: Arc<AtomicBool>,
    wires: Arc<Mutex<Vec<AbortHandle>>>,
    listener: AbortHandle,
}

impl WireCutter {
    /// Leads to the server at `host:port`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if no port is free.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn to(server: String) -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(Error::io("listen for clients"))?;
        let address = listener.local_addr().map_err(Error::io("listen for clients"))?;
        let wires = Arc::new(Mutex::new(Vec::<AbortHandle>::new()));
        let severed = Arc::new(AtomicBool::new(false));
        let (kept, is_severed) = (Arc::clone(&wires), Arc::clone(&severed));
        let listening = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if is_severed.load(Ordering::SeqCst) {
                    continue;
                }
                let server = server.clone();
                let wire = tokio::spawn(async move {
                    // A server that is not there is what a client finds behind the line, too.
                    if let Ok(mut far) = TcpStream::connect(server).await {
                        tokio::io::copy_bidirectional(&mut near, &mut far).await.ok();
                    }
                });
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.retain(|wire| !wire.is_finished());
                kept.push(wire.abort_handle());
            }
        });
        Ok(Self { address, severed, wires, listener: listening.abort_handle() })
    }

    /// Where browsers connect, as a `ws://` URL.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Where the line begins, as `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Cuts every connection, and carries none from now on.
    pub fn sever(&self) {
        self.severed.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Carries connections again.
    pub fn mend(&self) {
        self.severed.store(false, Ordering::SeqCst);
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        let wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.iter().filter(|wire| !wire.is_finished()).count()
    }

    /// Cuts every connection without a word; tells how many there were. What is on its way is lost.
    pub fn cut(&self) -> usize {
        let wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner).split_off(0);
        let cut = wires.iter().filter(|wire| !wire.is_finished());
        cut.inspect(|wire| wire.abort()).count()
    }
}

impl Drop for WireCutter {
    fn drop(&mut self) {
        self.listener.abort();
        self.cut();
    }
}
