use std::fs;
use std::path::PathBuf;

use e2e::{NatsServer, Proxy};
use tempfile::TempDir;

use crate::error::Error;

/// A nats-server that lets everybody in, and does not lose patience with a slow reader: what is
/// measured is how fast a client takes what waits for it.
#[derive(Debug)]
pub(crate) struct Server {
    nats: NatsServer,
    /// nginx in front of it, once that is started.
    proxy: Option<Proxy>,
    folder: TempDir,
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
        Ok(Self { nats, proxy: None, folder })
    }

    /// Puts nginx in front of it, as `deploy/proxy` has it for whole frames. Says false where nginx is not installed.
    pub(crate) async fn start_proxy(&mut self) -> Result<bool, Error> {
        let mut proxy = Proxy::new()?.with_whole_frames();
        match proxy.start_before(&self.nats, self.folder.path()).await {
            Ok(()) => self.proxy = Some(proxy),
            Err(e2e::Error::Spawn { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// The key of the proxy's certificate, if it is there.
    pub(crate) fn proxy_key(&self) -> Option<PathBuf> {
        self.proxy.as_ref().map(|_| self.folder.path().join("nginx.key"))
    }

    /// Where native clients connect, as `host:port`.
    pub(crate) fn client_address(&self) -> String {
        self.nats.client_address()
    }

    /// Where the page connects.
    pub(crate) fn websocket_url(&self) -> String {
        self.nats.websocket_url()
    }

    /// Where the page connects by way of the proxy.
    pub(crate) fn url_behind_proxy(&self) -> Result<String, Error> {
        let url = self.proxy.as_ref().map(Proxy::websocket_url);
        url.ok_or_else(|| Error::Unexpected { what: "the proxy", found: "nothing".to_owned() })
    }
}
