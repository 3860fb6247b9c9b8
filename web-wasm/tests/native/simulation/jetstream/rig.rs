//! A client, its server, and the streams that the server has.

use std::time::Duration;

use nats_proto::simulator::{Faults, JetStream, Script, ServerId};
use web_wasm::jetstream::stream::{Config, Stream};
use web_wasm::jetstream::{self, Context, ContextBuilder, PublishMessage};
use web_wasm::{Client, ConnectOptions};

use super::super::machine::{BEGINNING, Machine};
use super::super::network::with_world;
use super::super::sim::Simulation;
use super::super::watch::Watch;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MILLI: Duration = Duration::from_millis(1);

/// One client and the server `n1`, which has the stream `S` of everything below `s`.
pub(super) struct Rig {
    pub(super) sim: Simulation,
    pub(super) server: ServerId,
    pub(super) client: Client,
    pub(super) watch: Watch,
    pub(super) jetstream: Context,
    pub(super) stream: Stream,
}

/// Options with which a client does not despair.
pub(super) fn patient() -> ConnectOptions {
    ConnectOptions::new().retry_on_initial_connect().ping_interval(2 * SECOND)
}

pub(super) fn stream_config() -> Config {
    Config { subjects: vec!["s.>".into()], allow_direct: true, allow_rollup: true, .."S".into() }
}

impl Rig {
    pub(super) async fn new(sim: &Simulation) -> Self {
        let (server, client) = connected(sim).await;
        let watch = Watch::new(sim, &client);
        let jetstream = jetstream::new(client.clone());
        let stream = jetstream.create_stream(stream_config()).await.unwrap();
        Self { sim: sim.clone(), server, client, watch, jetstream, stream }
    }

    /// A context that waits for confirmations no longer than so.
    pub(super) fn hasty(&self, ack_timeout: Duration) -> Context {
        ContextBuilder::new().ack_timeout(ack_timeout).build(self.client.clone())
    }

    /// Publishes a number, again and again under the same id until it is confirmed.
    pub(super) async fn publish_surely(&self, number: u32) {
        let context = self.hasty(2 * SECOND);
        loop {
            let id = number.to_string();
            let message = PublishMessage::build().payload(id.clone().into()).message_id(id);
            if let Ok(published) = context.send_publish("s.x", message).await
                && published.await.is_ok()
            {
                return;
            }
            self.sim.sleep(100 * MILLI).await;
        }
    }

    pub(super) fn act<T>(&self, act: impl FnOnce(&mut JetStream) -> T) -> T {
        act_on(&self.sim, act)
    }

    /// JetStream misbehaves from now on.
    pub(super) fn fail(&self, faults: Faults) {
        self.act(|jetstream| *jetstream.faults() = faults);
    }

    /// JetStream behaves from now on.
    pub(super) fn mend(&self) {
        self.fail(Faults::default());
    }

    /// JetStream misbehaves for a while.
    pub(super) fn fail_for(&self, duration: Duration, faults: Faults) {
        self.fail(faults);
        let sim = self.sim.clone();
        self.sim.spawn(async move {
            sim.sleep(duration).await;
            act_on(&sim, |jetstream| *jetstream.faults() = Faults::default());
        });
    }

    /// Every connection breaks after so many more bytes from the server.
    pub(super) fn cut_after(&self, bytes: u64) {
        cut_after(&self.sim, self.server, bytes);
    }

    /// The server begins again, and its clients come back.
    pub(super) fn restart(&self) {
        self.act(JetStream::restart);
        self.cut_after(0);
    }

    /// The server refuses connections, or does no more.
    pub(super) fn refuse(&self, refuses: bool) {
        refuse(&self.sim, self.server, refuses);
    }

    /// What the stream has, as text.
    pub(super) fn stored(&self) -> Vec<String> {
        stored(&self.sim, "S")
    }
}

/// A server with a JetStream that has nothing yet, and its client.
pub(super) async fn connected(sim: &Simulation) -> (ServerId, Client) {
    let server = sim.network(|network| network.add("n1", Script::default()));
    with_world(sim, |world| world.enable_jetstream(BEGINNING));
    let client = Machine::new(sim).connect(patient(), &["n1"]).await.unwrap();
    (server, client)
}

pub(super) fn act_on<T>(sim: &Simulation, act: impl FnOnce(&mut JetStream) -> T) -> T {
    with_world(sim, |world| world.jetstream(act))
}

pub(super) fn cut_after(sim: &Simulation, server: ServerId, bytes: u64) {
    with_world(sim, |world| {
        for link in world.links(server) {
            world.cut_after(link, bytes);
        }
    });
}

/// The payloads that a stream has, in order, as text.
pub(super) fn stored(sim: &Simulation, stream: &str) -> Vec<String> {
    act_on(sim, |jetstream| {
        let text = |payload: &[u8]| String::from_utf8(payload.to_vec()).unwrap();
        jetstream.messages(stream).map(|(_, message)| text(&message.payload)).collect()
    })
}

/// A server refuses connections, or does no more.
pub(super) fn refuse(sim: &Simulation, server: ServerId, refuses: bool) {
    with_world(sim, |world| world.change(server, |script| script.refuses = refuses));
}

/// Payloads that are numbers.
pub(super) mod numbers {
    pub(in super::super) fn of(payload: &[u8]) -> u32 {
        str::from_utf8(payload).unwrap().parse().unwrap()
    }
}
