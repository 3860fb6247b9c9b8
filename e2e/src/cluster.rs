use tempfile::TempDir;

use crate::{Api, Error, NatsServer, Setup, ports, tree};

/// How many nodes `nats-conf/cluster` has.
const NODES: u16 = 3;

/// An installation on the three nodes of `nats-conf/cluster`, on one machine: fresh keys and
/// certificates, the nodes and the API, in a folder of its own.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes n1, n2 and n3, each of which can be stopped and started.
    pub nodes: Vec<NatsServer>,
    /// The API, which knows all nodes.
    pub api: Api,
    route: String,
    // Last, so that the folder is removed after the processes that write there.
    _folder: TempDir,
}

impl Cluster {
    /// Makes keys and certificates, starts all parts and waits until they are connected.
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
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let conf = folder.path().join("nats-conf");
        tree::copy(&tree::root().join("nats-conf"), &conf, "generated").await?;
        let [client, websocket, monitor, routes] = {
            let first = ports::free_in_a_row(4 * NODES)?;
            [0, 1, 2, 3].map(|kind| first + kind * NODES)
        };
        let node = |index| {
            let conf = conf.join(format!("cluster/n{}.conf", index + 1));
            NatsServer::on(conf, client + index, websocket + index, monitor + index)
        };
        let mut nodes: Vec<NatsServer> = (0..NODES).map(node).collect();
        let mut api = Api::init(folder.path(), &nodes[0], &nodes[1..], &Setup::new()).await?;
        let arguments = [
            "nodes add n1=127.0.0.1 n2=127.0.0.1 n3=127.0.0.1".to_owned(),
            format!("--client-port {client} --websocket-port {websocket}"),
            format!("--monitor-port {monitor} --cluster-port {routes}"),
            format!("--allowed-origin {} --dir", api.url("")),
        ]
        .join(" ");
        let mut arguments: Vec<&str> = arguments.split(' ').collect();
        let keys = api.keys().display().to_string();
        arguments.push(&keys);
        let ran = api.run(&arguments).await?;
        if !ran.status.success() {
            return Err(Error::Preparation { what: "`api nodes add`", status: ran.status });
        }
        for node in &mut nodes {
            node.launch()?;
        }
        for node in &mut nodes {
            node.healthy().await?;
        }
        api.start().await?;
        api.ready(true).await?;
        Ok(Self { nodes, api, route: format!("127.0.0.1:{routes}"), _folder: folder })
    }

    /// Where other nodes find the node n1, as `host:port`.
    pub fn route(&self) -> &str {
        &self.route
    }
}
