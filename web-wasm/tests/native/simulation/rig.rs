//! A client, its only server, and all that they stand on.

use nats_proto::simulator::{LinkId, Script, ServerId};
use web_wasm::{Client, ConnectOptions};

use super::machine::Machine;
use super::network::with_world;
use super::sim::Simulation;
use super::watch::Watch;

/// One client that is watched from the start, on a machine of its own, and the server `n1`.
pub(crate) struct Rig {
    pub(crate) sim: Simulation,
    pub(crate) server: ServerId,
    pub(crate) machine: Machine,
    pub(crate) client: Client,
    pub(crate) watch: Watch,
}

impl Rig {
    pub(crate) async fn new(sim: Simulation, script: Script, options: ConnectOptions) -> Self {
        let server = sim.network(|network| network.add("n1", script));
        let machine = Machine::new(&sim);
        let client = machine.connect(options, &["n1"]).await.unwrap();
        let watch = Watch::new(&sim, &client);
        Self { sim, server, machine, client, watch }
    }

    /// The latest connection to the server.
    pub(crate) fn link(&self) -> LinkId {
        *self.sim.network(|network| network.links(self.server)).last().unwrap()
    }

    /// The server behaves otherwise from now on.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        with_world(&self.sim, |world| world.change(self.server, change));
    }
}
