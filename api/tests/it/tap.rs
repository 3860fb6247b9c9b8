//! A TCP relay before nats-server that hears what is said to it, and holds back what it answers.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
};

use crate::wait::until;

/// How nats-server says that nobody listens, from the beginning and to the end: headers alone.
const ANSWER: &[u8] = b"HMSG ";
const END: &[u8] = b"\r\n\r\n\r\n";
/// How the service asks whether its messages have arrived.
const QUESTION: &str = "PUB com.scaling-ws.api.confirm ";

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Pass,
    Lose,
}

pub(crate) struct Tap {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
    listens: watch::Sender<bool>,
    cuts: watch::Sender<u32>,
}

impl Tap {
    /// Relays one connection after the other to this port until the test ends. Each answer waits for
    /// its turn in the channel; once that is closed, they pass.
    pub(crate) async fn start(to: u16) -> (Self, mpsc::UnboundedSender<Answer>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (listens, listening) = watch::channel(true);
        let (cuts, cut) = watch::channel(0);
        let (answers, mut answered) = mpsc::unbounded_channel();
        let heard = Arc::default();
        let hears = Arc::clone(&heard);
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let (from_client, to_client) = near.into_split();
                let (from_server, to_server) = far.into_split();
                let mut cut = cut.clone();
                cut.mark_unchanged();
                tokio::select! {
                    _ = listen(from_client, to_server, listening.clone(), &hears) => {}
                    _ = speak(from_server, to_client, &mut answered) => {}
                    _ = cut.changed() => {}
                }
            }
        });
        (Self { port, heard, listens, cuts }, answers)
    }

    /// Reads nothing more from the client, or again.
    pub(crate) fn listen(&self, listens: bool) {
        self.listens.send_replace(listens);
    }

    /// Ends the connection there is.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// What was heard: each payload of a message, and `?` for each question.
    pub(crate) fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let text = String::from_utf8_lossy(&heard);
        let mut lines = text.split("\r\n");
        let mut all = Vec::new();
        while let Some(line) = lines.next() {
            if line.starts_with(QUESTION) {
                all.push("?".to_owned());
            } else if line.starts_with("PUB ") {
                all.extend(lines.next().map(str::to_owned));
            }
        }
        all
    }

    /// Waits until just this was heard.
    pub(crate) async fn until_heard(&self, expected: &[&str]) {
        until("it is heard", || async { (self.heard() == expected).then_some(()) }).await;
    }
}

async fn listen(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut listening: watch::Receiver<bool>,
    heard: &Mutex<Vec<u8>>,
) -> io::Result<()> {
    let mut piece = vec![0; 65_536];
    loop {
        let _ = listening.wait_for(|listening| *listening).await;
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        // Before nats-server can answer.
        heard.lock().unwrap().extend_from_slice(&piece[..read]);
        to.write_all(&piece[..read]).await?;
    }
}

async fn speak(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    answered: &mut mpsc::UnboundedReceiver<Answer>,
) -> io::Result<()> {
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|part| part == what);
    let mut waiting = Vec::new();
    loop {
        if from.read_buf(&mut waiting).await? == 0 {
            return Ok(());
        }
        while let Some(begin) = find(&waiting, ANSWER) {
            let Some(end) = find(&waiting, END) else { break };
            let rest = waiting.split_off(end + END.len());
            let answer = waiting.split_off(begin);
            to.write_all(&waiting).await?;
            if answered.recv().await != Some(Answer::Lose) {
                to.write_all(&answer).await?;
            }
            waiting = rest;
        }
        if find(&waiting, ANSWER).is_none() {
            to.write_all(&waiting).await?;
            waiting.clear();
        }
    }
}
