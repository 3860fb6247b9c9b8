use tokio::fs;

use crate::setup::edited;
use crate::{Api, Cluster, Error, NatsServer, Setup, Stack, WireCutter, ports};

/// An installation whose browsers come to a leaf, which hangs on the server that the API uses.
#[derive(Debug)]
pub struct Leaf {
    /// The leaf: browsers are told of it alone.
    pub server: NatsServer,
    /// The way from the leaf to its hub.
    pub link: WireCutter,
    /// The hub and the API.
    pub hub: Stack,
}

impl Leaf {
    /// Makes keys, certificates and credentials, starts all parts and waits until they are connected.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::start_with`]; [`Error::Preparation`] if `api leaf add` fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends and removes everything.
    pub async fn start(setup: Setup) -> Result<Self, Error> {
        let mut hub = Stack::prepare(&setup.hub()).await?;
        let keys = hub.api.keys().clone();
        let port = ports::free()?;
        let server = add(&hub.api, &format!("--hub 127.0.0.1 --hub-port {port}")).await?;
        let link = WireCutter::to(format!("127.0.0.1:{port}")).await?;
        let local = keys.join("leaves/l1/local.conf");
        let failed = || Error::io(format!("edit {}", local.display()));
        let text = fs::read_to_string(&local).await.map_err(failed())?;
        let text = text.replace(&format!("127.0.0.1:{port}"), &link.address());
        fs::write(&local, text).await.map_err(failed())?;

        // As often as a test can wait for, not an operator.
        let resolver = keys.join("../parts/resolver.conf");
        let failed = || Error::io(format!("edit {}", resolver.display()));
        let text = fs::read_to_string(&resolver).await.map_err(failed())?;
        let edits = [["interval: \"2m\"".to_owned(), "interval: \"2s\"".to_owned()]];
        fs::write(&resolver, edited(&resolver, text, &edits)?).await.map_err(failed())?;

        hub.api.set_websocket_url(&server.websocket_url());
        hub.nats.start().await?;
        hub.api.start().await?;
        hub.api.ready(true).await?;
        let mut leaf = Self { server, link, hub };
        leaf.server.start().await?;
        Ok(leaf)
    }
}

/// An installation whose browsers come to a leaf, which hangs on the three nodes of a cluster.
#[derive(Debug)]
pub struct LeafOfCluster {
    /// The leaf: browsers are told of it alone.
    pub server: NatsServer,
    /// The nodes and the API.
    pub hub: Cluster,
}

impl LeafOfCluster {
    /// Makes keys, certificates and credentials, starts all parts and waits until they are connected.
    ///
    /// # Errors
    ///
    /// Those of [`Cluster::start`]; [`Error::Preparation`] if `api leaf add` fails.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends and removes everything.
    pub async fn start() -> Result<Self, Error> {
        let mut hub = Cluster::prepare_hub().await?;
        let nodes: Vec<String> =
            hub.for_leaves().iter().map(|node| format!("--hub {node}")).collect();
        let mut server = add(&hub.api, &nodes.join(" ")).await?;
        hub.api.set_websocket_url(&server.websocket_url());
        hub.launch().await?;
        server.start().await?;
        Ok(Self { server, hub })
    }
}

/// Makes the leaf l1 of a hub, which these arguments name; it is not started.
async fn add(api: &Api, hub: &str) -> Result<NatsServer, Error> {
    let [client, websocket, monitor] = [ports::free()?, ports::free()?, ports::free()?];
    let arguments = [
        format!("leaf add l1=127.0.0.1 {hub}"),
        format!("--client-port {client} --websocket-port {websocket}"),
        format!("--monitor-port {monitor} --allowed-origin {}", api.url("")),
    ]
    .join(" ");
    let ran = api.run(&arguments.split(' ').collect::<Vec<_>>()).await?;
    if !ran.status.success() {
        return Err(Error::Preparation { what: "`api leaf add`", status: ran.status });
    }
    let conf = api.keys().join("../leaf.conf");
    Ok(NatsServer::on(conf, client, websocket, monitor).with_tls())
}
