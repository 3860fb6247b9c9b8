//! Three nodes of a cluster with JetStream.

use web_wasm::Client;
use web_wasm::jetstream::stream::Stream;

use crate::env::{self, NatsServer};
use crate::failure::impatient;
use crate::wire_cutter::WireCutter;

const JETSTREAM: &str = include_str!("../common/jetstream.conf");
/// The routes' settings as they are shipped: when a silent one is given up is among them.
const ROUTES: &str = include_str!("../../../nats-conf/parts/cluster.conf");

/// How many nodes there are.
pub(crate) const NODES: usize = 3;

/// Three nodes, which may find each other by wires that can be cut.
pub(crate) struct Trio {
    nodes: Vec<NatsServer>,
    confs: Vec<String>,
    /// From which node to which, and the wire.
    wires: Vec<(usize, usize, WireCutter)>,
}

impl Trio {
    /// Starts the nodes, and waits for none of them.
    pub(crate) fn start() -> Self {
        let ports = [(); NODES].map(|()| env::free_port());
        let routes: Vec<String> =
            ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        Self::of(ports, Vec::new(), |_| format!("routes: {routes:?}"))
    }

    /// The same, for [`isolate`](Self::isolate). The wires are tasks of the test: it must not block, as
    /// it does when it starts a node again.
    pub(crate) async fn divisible() -> Self {
        let ports = [(); NODES].map(|()| env::free_port());
        let mut wires = Vec::new();
        for (from, to) in (0..NODES).flat_map(|from| (0..NODES).map(move |to| (from, to))) {
            if from != to {
                let wire = WireCutter::to(&format!("127.0.0.1:{}", ports[to])).await;
                wires.push((from, to, wire));
            }
        }
        let url = |wire: &WireCutter| wire.url().replace("ws:", "nats:");
        let urls: Vec<Vec<String>> = (0..NODES)
            .map(|node| {
                let own = wires.iter().filter(|(from, ..)| *from == node);
                own.map(|(.., wire)| url(wire)).collect()
            })
            .collect();
        // Nothing is at the advertised address: nodes have no other way to each other.
        Self::of(ports, wires, |node| {
            format!("advertise: \"127.0.0.1:1\", routes: {:?}", urls[node])
        })
    }

    fn of(
        ports: [u16; NODES],
        wires: Vec<(usize, usize, WireCutter)>,
        routes: impl Fn(usize) -> String,
    ) -> Self {
        let conf = |node: usize| {
            let cluster = format!(
                "cluster {{ listen: \"127.0.0.1:{}\", {}\n{ROUTES} }}\n\
                 lame_duck_grace_period: \"10s\"\nlame_duck_duration: \"30s\"\n",
                ports[node],
                routes(node),
            );
            let jetstream = JETSTREAM.replace("jetstream-server", &format!("node-{node}"));
            [&*jetstream, &cluster].concat()
        };
        let confs: Vec<String> = (0..NODES).map(conf).collect();
        let nodes = confs.iter().map(|conf| NatsServer::start(conf)).collect();
        Self { nodes, confs, wires }
    }

    pub(crate) fn node(&self, index: usize) -> &NatsServer {
        &self.nodes[index]
    }

    /// Starts a node again, with other words in its configuration.
    pub(crate) fn restart_with(&self, index: usize, from: &str, to: &str) {
        let conf = &self.confs[index];
        assert!(conf.contains(from), "{conf}");
        self.nodes[index].restart_with(&conf.replace(from, to));
    }

    /// A client that knows all nodes.
    pub(crate) async fn client(&self) -> Client {
        let urls: Vec<String> = self.nodes.iter().map(NatsServer::url).collect();
        env::connect_to_all(impatient(), &urls).await.unwrap()
    }

    /// A client that knows all nodes but one, and hears of no other.
    pub(crate) async fn client_beside(&self, island: usize) -> Client {
        let nodes = self.nodes.iter().enumerate().filter(|(node, _)| *node != island);
        let urls: Vec<String> = nodes.map(|(_, node)| node.url()).collect();
        let options = impatient().ignore_discovered_servers();
        env::connect_to_all(options, &urls).await.unwrap()
    }

    /// Cuts every route of a node; its clients keep it.
    pub(crate) fn isolate(&self, island: usize) {
        self.wires_of(island).for_each(WireCutter::sever);
    }

    /// Has every route of a node fall silent, so that no server is told; its clients keep it.
    pub(crate) fn silence(&self, island: usize) {
        self.wires_of(island).for_each(WireCutter::hush);
    }

    fn wires_of(&self, island: usize) -> impl Iterator<Item = &WireCutter> {
        let its = move |(from, to, _): &&(usize, usize, _)| [*from, *to].contains(&island);
        self.wires.iter().filter(its).map(|(.., wire)| wire)
    }

    /// Has every node find the others again.
    pub(crate) fn rejoin(&self) {
        self.wires.iter().for_each(|(.., wire)| wire.mend());
    }

    /// On which node a client is.
    pub(crate) fn node_of(client: &Client) -> usize {
        number(&client.server_info().server_name)
    }

    /// Which node leads a stream.
    pub(crate) async fn leader(stream: &Stream) -> usize {
        number(&stream.get_info().await.unwrap().cluster.unwrap().leader.unwrap())
    }

    /// Waits until a client's server knows so many nodes, itself among them. One that is not heard of it
    /// gives up within 20 seconds, by the settings that are shipped.
    pub(crate) async fn sees(client: &Client, nodes: usize) {
        let seen = || client.server_info().connect_urls.len();
        let what = || format!("{} of {nodes} nodes", seen());
        env::at_last(what, || seen() == nodes).await;
    }
}

/// The number in a node's name.
fn number(name: &str) -> usize {
    name.trim_start_matches("node-").parse().unwrap()
}

/// Waits until every node has all of a stream.
pub(crate) async fn whole(stream: &Stream) {
    let waiting = async {
        while !is_whole(stream).await {
            env::pause(50).await;
        }
    };
    tokio::time::timeout(env::CAUGHT_UP, waiting).await.expect("every node has caught up");
}

async fn is_whole(stream: &Stream) -> bool {
    let Ok(info) = stream.get_info().await else { return false };
    let Some(cluster) = info.cluster else { return false };
    let current = cluster.replicas.iter().filter(|peer| peer.current).count();
    cluster.leader.is_some() && current == NODES - 1
}
