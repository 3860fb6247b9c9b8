use std::fs;

use e2e::NatsServer;
use tempfile::TempDir;

use crate::error::Error;

/// A nats-server that lets everybody in, and does not lose patience with a slow reader: what is
/// measured is how fast a client takes what waits for it.
#[derive(Debug)]
pub(crate) struct Server {
    nats: NatsServer,
    _folder: TempDir,
}

impl Server {
    /// Starts it.
    pub(crate) async fn start() -> Result<Self, Error> {
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let conf = folder.path().join("bench.conf");
        let mut nats = NatsServer::new(conf.clone())?;
        let text = format!(
            "listen: \"{}\"\nhttp: \"{}\"\nmax_pending: 2GB\nwrite_deadline: \"60s\"\n\
             ping_interval: \"10m\"\nwebsocket {{\n  listen: \"{}\"\n  no_tls: true\n}}\n\
             jetstream {{\n  store_dir: \"{}\"\n}}\n",
            nats.client_address(),
            nats.monitor_address(),
            nats.websocket_address(),
            folder.path().join("jetstream").display(),
        );
        fs::write(&conf, text).map_err(Error::io("write the server's configuration"))?;
        nats.start().await?;
        Ok(Self { nats, _folder: folder })
    }

    /// Where native clients connect, as `host:port`.
    pub(crate) fn client_address(&self) -> String {
        self.nats.client_address()
    }

    /// Where the page connects.
    pub(crate) fn websocket_url(&self) -> String {
        self.nats.websocket_url()
    }
}
