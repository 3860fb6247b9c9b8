//! One process's share of the visitors, who do what the standard input says.
//!
//! It prints one line as soon as all are connected, and then one for each line that it is given:
//! a [`Count`] for `count`, a [`Taken`] for `take`.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::Message as Frame;
use web_wasm::platform::Runtime;
use web_wasm::{ConnectOptions, Event, UserKey};

use super::UPDATES;
use super::dialer::{From, Tokio, unix_time};
use crate::error::Error;
use crate::http::Request;

/// How many visitors come at a time. All at once would measure only how long the first waits.
const AT_A_TIME: usize = 64;

/// How `bench swarm` is called.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The websocket addresses, of which the visitors take each their own
    #[arg(long, value_delimiter = ',', required = true)]
    urls: Vec<String>,
    /// Where credentials for NATS are minted; else what comes is plain text
    #[arg(long)]
    api: Option<SocketAddr>,
    /// How many visitors
    #[arg(long)]
    count: u32,
    /// How many visitors other processes have before these
    #[arg(long)]
    first: u32,
}

/// How things stand.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Count {
    /// How many are connected.
    pub(super) connected: u64,
    /// How many connections they have lost, altogether.
    pub(super) lost: u64,
    /// How many messages they have had, altogether.
    pub(super) received: u64,
}

/// What has happened since it was last asked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Taken {
    /// How long each message took to each visitor.
    pub(super) latencies_us: Vec<u32>,
    /// How long each visitor that lost its connection was without.
    pub(super) away_ms: Vec<u32>,
    /// When each connection was begun, in milliseconds since 1970.
    pub(super) dials_ms: Vec<u64>,
}

#[derive(Debug, Default)]
struct Tally {
    count: Count,
    taken: Taken,
}

impl Tally {
    fn receive(&mut self, payload: &[u8]) {
        self.count.received += 1;
        let sent = std::str::from_utf8(payload).ok().and_then(|text| text.parse().ok());
        if let Some(sent) = sent {
            let took = unix_time().saturating_sub(Duration::from_micros(sent)).as_micros();
            self.taken.latencies_us.push(u32::try_from(took).unwrap_or(u32::MAX));
        }
    }
}

type Shared = Rc<RefCell<Tally>>;

/// Connects them all, and answers until the standard input ends.
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    LocalSet::new().run_until(hold(options)).await
}

async fn hold(options: Options) -> Result<(), Error> {
    let tally = Shared::default();
    let dials = Rc::new(RefCell::new(Vec::new()));
    let room = Rc::new(Semaphore::new(AT_A_TIME));
    let mut coming = Vec::new();
    for number in options.first..options.first + options.count {
        let (tally, room) = (Rc::clone(&tally), Rc::clone(&room));
        let from = From::visitor(number, Rc::clone(&dials));
        let (urls, api) = (options.urls.clone(), options.api);
        coming.push(tokio::task::spawn_local(async move {
            let _turn = room.acquire().await;
            match api {
                Some(api) => visit_nats(from, urls, api, tally).await,
                None => visit_plain(from, &urls[number as usize % urls.len()], tally).await,
            }
        }));
    }
    for visitor in coming {
        visitor.await.map_err(|error| unexpected(error.to_string()))??;
    }
    dials.borrow_mut().clear();
    println!("{}", serde_json::to_string(&tally.borrow().count)?);
    let mut asked = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = asked.next_line().await.map_err(Error::io("read what is asked"))? {
        let mut tally = tally.borrow_mut();
        let answer = match line.as_str() {
            "count" => serde_json::to_string(&tally.count)?,
            "take" => {
                let dials = dials.take().into_iter().map(|at| at.as_millis() as u64);
                tally.taken.dials_ms.extend(dials);
                serde_json::to_string(&core::mem::take(&mut tally.taken))?
            }
            _ => return Err(unexpected(line)),
        };
        println!("{answer}");
    }
    Ok(())
}

fn unexpected(found: String) -> Error {
    Error::Unexpected { what: "a visitor", found }
}

#[derive(Deserialize)]
struct Grant {
    jwt: String,
}

/// One with the client of this project: a key of its own, a credential for it, a subscription.
async fn visit_nats(
    from: From,
    urls: Vec<String>,
    api: SocketAddr,
    tally: Shared,
) -> Result<(), Error> {
    let key = Rc::new(UserKey::generate().map_err(|error| unexpected(error.to_string()))?);
    let body = format!("{{\"nkey\":\"{}\"}}", key.public_key());
    let granted = Request::post(api, "/v1/credentials", &body).once().await?;
    let Grant { jwt } = serde_json::from_slice(&granted)?;
    let runtime = Runtime::new(Tokio::new(), from);
    let options = ConnectOptions::new().jwt(jwt, key).ignore_discovered_servers();
    let options = options.wait_on_first_connect();
    let client = options.connect_with(runtime, &*urls).await;
    let client = client.map_err(|error| unexpected(error.to_string()))?;
    let mut events = client.events();
    let updates = client.subscribe(UPDATES).await;
    let mut updates = updates.map_err(|error| unexpected(error.to_string()))?;
    client.flush().await.map_err(|error| unexpected(error.to_string()))?;
    tally.borrow_mut().count.connected += 1;
    tokio::task::spawn_local(async move {
        let mut lost = None;
        loop {
            tokio::select! {
                message = updates.next() => match message {
                    Some(message) => tally.borrow_mut().receive(&message.payload),
                    None => return,
                },
                event = events.next() => match event {
                    Some(Event::Disconnected { .. }) => {
                        lost = Some(Instant::now());
                        let count = &mut tally.borrow_mut().count;
                        count.connected -= 1;
                        count.lost += 1;
                    }
                    Some(Event::Connected { .. }) => if let Some(lost) = lost.take() {
                        let mut tally = tally.borrow_mut();
                        tally.count.connected += 1;
                        let away = lost.elapsed().as_millis();
                        tally.taken.away_ms.push(u32::try_from(away).unwrap_or(u32::MAX));
                    },
                    Some(_) => {}
                    None => return,
                },
            }
        }
    });
    Ok(())
}

/// One with nothing but a websocket.
async fn visit_plain(from: From, url: &str, tally: Shared) -> Result<(), Error> {
    let socket = from.open(url).await;
    let mut socket = socket.map_err(|error| unexpected(error.to_string()))?;
    tally.borrow_mut().count.connected += 1;
    tokio::task::spawn_local(async move {
        while let Some(Ok(frame)) = socket.next().await {
            if let Frame::Text(text) = frame {
                tally.borrow_mut().receive(text.as_bytes());
            }
        }
        let count = &mut tally.borrow_mut().count;
        count.connected -= 1;
        count.lost += 1;
    });
    Ok(())
}
