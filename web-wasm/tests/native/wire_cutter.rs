//! A line between clients and a server that can be cut, or fall silent.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What becomes of what is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Carries,
    Silent,
    Severed,
}

/// Carries TCP connections to a server's port, and cuts them without a word.
pub(crate) struct WireCutter {
    url: String,
    line: watch::Sender<Line>,
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
        let (line, state) = watch::channel(Line::Carries);
        let (kept, count) = (Rc::clone(&wires), Rc::clone(&accepted));
        tokio::task::spawn_local(async move {
            while let Ok((near, _)) = listener.accept().await {
                count.set(count.get() + 1);
                if *state.borrow() == Line::Severed {
                    continue;
                }
                let carrying = carry(near, server.clone(), state.clone());
                let wire = tokio::task::spawn_local(async move { drop(carrying.await) });
                let mut kept = kept.borrow_mut();
                kept.retain(|wire| !wire.is_finished());
                kept.push(wire.abort_handle());
            }
        });
        Self { url, line, wires, accepted }
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
        self.line.send_replace(Line::Severed);
        self.cut();
    }

    /// Lets nothing through from now on, in either direction, not even that a side has closed its
    /// connection. No connection is reset; new ones come about, and nobody answers.
    ///
    /// So it is where packets vanish, but for the handshake of new connections. What was sent meanwhile
    /// comes after [`mend`](Self::mend), as TCP would repeat it, to who still listens.
    pub(crate) fn hush(&self) {
        self.line.send_replace(Line::Silent);
    }

    /// Carries connections again.
    pub(crate) fn mend(&self) {
        self.line.send_replace(Line::Carries);
    }
}

async fn carry(near: TcpStream, server: String, state: watch::Receiver<Line>) -> io::Result<()> {
    carries(&mut state.clone()).await?;
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = TcpStream::connect(server).await?.into_split();
    tokio::try_join!(pump(from_near, to_far, state.clone()), pump(from_far, to_near, state))?;
    Ok(())
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<Line>,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut bytes).await;
        carries(&mut state).await?;
        match read? {
            0 => return to.shutdown().await,
            read => to.write_all(&bytes[..read]).await?,
        }
    }
}

/// Waits until the line carries.
async fn carries(state: &mut watch::Receiver<Line>) -> io::Result<()> {
    let carries = state.wait_for(|line| *line == Line::Carries).await;
    carries.map(drop).map_err(io::Error::other)
}
