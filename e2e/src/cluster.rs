use std::path::Path;

use tempfile::TempDir;
use tokio::fs;

use crate::{Api, Error, NatsServer, Setup, ports, tree};

/// How many nodes `nats-conf/cluster` has.
const SHIPPED: u16 = 3;

/// An installation on the nodes of `nats-conf/cluster`, on one machine: fresh keys and certificates,
/// the nodes and the API, in a folder of its own.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes n1, n2 and so on, each of which can be stopped and started.
    pub nodes: Vec<NatsServer>,
    /// The API, which knows all nodes.
    pub api: Api,
    routes: u16,
    leaves: u16,
    // Last, so that the folder is removed after the processes that write there.
    _folder: TempDir,
}

impl Cluster {
    /// Makes keys and certificates, starts all parts and waits until they are connected: the three
    /// nodes that are shipped.
    ///
    /// # Errors
    ///
    /// Those of the parts: see [`NatsServer::start`], [`Api::init`] and [`Api::start`].
    /// [`Error::Preparation`] if `api nodes add` fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends and removes everything.
    pub async fn start() -> Result<Self, Error> {
        Self::start_of(SHIPPED).await
    }

    /// [`Cluster::start`], with so many nodes, nine at most. Those beyond the third are like it.
    ///
    /// # Errors
    ///
    /// Those of [`Cluster::start`]; [`Error::Io`] if a node's configuration can't be written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends and removes everything.
    pub async fn start_of(count: u16) -> Result<Self, Error> {
        let mut cluster = Self::prepare(count, false).await?;
        cluster.launch().await?;
        Ok(cluster)
    }

    /// The three nodes that are shipped as a hub for leaves, with TLS: `nats-conf/cluster/hub-n1.conf`
    /// and so on. Nothing is started.
    pub(crate) async fn prepare_hub() -> Result<Self, Error> {
        Self::prepare(SHIPPED, true).await
    }

    async fn prepare(count: u16, hub: bool) -> Result<Self, Error> {
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let conf = folder.path().join("nats-conf");
        tree::copy(&tree::root().join("nats-conf"), &conf, "generated").await?;
        like_the_third(&conf.join("cluster"), count).await?;
        let [client, websocket, monitor, routes, leaves] = {
            let first = ports::free_in_a_row(5 * count)?;
            [0, 1, 2, 3, 4].map(|kind| first + kind * count)
        };
        let kind = if hub { "hub-" } else { "" };
        let node = |index| {
            let conf = conf.join(format!("cluster/{kind}n{}.conf", index + 1));
            let node = NatsServer::on(conf, client + index, websocket + index, monitor + index);
            if hub { node.with_tls() } else { node }
        };
        let nodes: Vec<NatsServer> = (0..count).map(node).collect();
        let setup = if hub { Setup::new().tls() } else { Setup::new() };
        let api = Api::init(folder.path(), &nodes[0], &nodes[1..], &setup).await?;
        let named: Vec<String> = (1..=count).map(|number| format!("n{number}=127.0.0.1")).collect();
        let arguments = [
            format!("nodes add {}", named.join(" ")),
            format!("--client-port {client} --websocket-port {websocket}"),
            format!("--monitor-port {monitor} --cluster-port {routes} --leaf-port {leaves}"),
            format!("--allowed-origin {} --dir", api.url("")),
        ]
        .join(" ");
        let mut arguments: Vec<&str> = arguments.split(' ').collect();
        let keys = api.keys().display().to_string();
        arguments.push(&keys);
        arguments.extend(hub.then_some("--tls"));
        let ran = api.run(&arguments).await?;
        if !ran.status.success() {
            return Err(Error::Preparation { what: "`api nodes add`", status: ran.status });
        }
        Ok(Self { nodes, api, routes, leaves, _folder: folder })
    }

    /// Starts all parts and waits until they are connected.
    pub(crate) async fn launch(&mut self) -> Result<(), Error> {
        for node in &mut self.nodes {
            node.launch()?;
        }
        for node in &mut self.nodes {
            node.healthy().await?;
        }
        self.api.start().await?;
        self.api.ready(true).await
    }

    /// Where leaves find the nodes, each as `host:port`.
    pub(crate) fn for_leaves(&self) -> Vec<String> {
        (self.leaves..).take(self.nodes.len()).map(|port| format!("127.0.0.1:{port}")).collect()
    }

    /// Where other nodes find the node n1, as `host:port`.
    pub fn route(&self) -> String {
        format!("127.0.0.1:{}", self.routes)
    }
}

/// Writes the configuration of the nodes that are not shipped.
async fn like_the_third(folder: &Path, count: u16) -> Result<(), Error> {
    let failed = || Error::io(format!("write nodes into {}", folder.display()));
    let third = format!("n{SHIPPED}");
    let text = fs::read_to_string(folder.join(format!("{third}.conf"))).await.map_err(failed())?;
    for number in SHIPPED + 1..=count {
        let name = format!("n{number}");
        let text = text
            .replace(&format!("nodes/{third}/"), &format!("nodes/{name}/"))
            .replace(&format!("\"{third}\""), &format!("\"{name}\""));
        fs::write(folder.join(format!("{name}.conf")), text).await.map_err(failed())?;
    }
    Ok(())
}
