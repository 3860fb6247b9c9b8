//! A line between clients and a server that can be cut.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// Carries TCP connections to a server's port, and cuts them without a word.
pub(crate) struct WireCutter {
    url: String,
    severed: Rc<Cell<bool>>,
    wires: Rc<RefCell<Vec<AbortHandle>>>,
    accepted: Rc<Cell<u32>>,
}

impl WireCutter {
    pub(crate) async fn to(server: &str) -> Self {
        let server = server.trim_start_matches("ws://").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let wires = Rc::new(RefCell::new(Vec::<AbortHandle>::new()));
        let accepted = Rc::new(Cell::new(0));
        let severed = Rc::new(Cell::new(false));
        let (kept, count, is_severed) =
            (Rc::clone(&wires), Rc::clone(&accepted), Rc::clone(&severed));
        tokio::task::spawn_local(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                count.set(count.get() + 1);
                if is_severed.get() {
                    continue;
                }
                let server = server.clone();
                let wire = tokio::task::spawn_local(async move {
                    if let Ok(mut far) = TcpStream::connect(server).await {
                        tokio::io::copy_bidirectional(&mut near, &mut far).await.ok();
                    }
                });
                let mut kept = kept.borrow_mut();
                kept.retain(|wire| !wire.is_finished());
                kept.push(wire.abort_handle());
            }
        });
        Self { url, severed, wires, accepted }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many connections there were.
    pub(crate) fn accepted(&self) -> u32 {
        self.accepted.get()
    }

    /// Cuts every connection. What is on its way is lost.
    pub(crate) fn cut(&self) {
        for wire in self.wires.borrow_mut().drain(..) {
            wire.abort();
        }
    }

    /// Cuts every connection, and carries none from now on.
    pub(crate) fn sever(&self) {
        self.severed.set(true);
        self.cut();
    }

    /// Carries connections again.
    pub(crate) fn mend(&self) {
        self.severed.set(false);
    }
}
