use std::path::PathBuf;

use tempfile::TempDir;

use crate::{Api, Error, NatsServer, tree};

/// The subject that `POST /ping` publishes to and every page listens on.
pub const UPDATES: &str = "com.scaling-ws.updates";

/// A whole installation: fresh keys, a nats-server and the API, in a folder of its own.
#[derive(Debug)]
pub struct Stack {
    /// The server, which can be stopped and started.
    pub nats: NatsServer,
    /// The API, which can be stopped and started.
    pub api: Api,
    // Last, so that the folder is removed after the processes that write there.
    _folder: TempDir,
}

impl Stack {
    /// Makes the keys, starts both parts and waits until they are connected.
    ///
    /// # Errors
    ///
    /// Those of the parts: see [`NatsServer::start`], [`Api::init`] and [`Api::start`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends and removes everything.
    pub async fn start() -> Result<Self, Error> {
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let conf = folder.path().join("nats-conf");
        tree::copy(&tree::root().join("nats-conf"), &conf, "generated").await?;

        let mut nats = NatsServer::new(conf.join("single.conf"))?;
        let mut api = Api::init(conf.join("generated"), &nats).await?;
        nats.start().await?;
        api.start().await?;
        api.ready(true).await?;
        Ok(Self { nats, api, _folder: folder })
    }

    /// Asks the API for an update, as `curl -X POST …/ping` would.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if it does not answer. A refusal is an answer.
    ///
    /// # Cancel safety
    ///
    /// The request may have been carried out.
    pub async fn ping(&self) -> Result<reqwest::Response, Error> {
        Ok(reqwest::Client::new().post(self.api.url("/ping")).send().await?)
    }

    /// The credentials file of the API's own user.
    pub fn service_credentials(&self) -> PathBuf {
        self.api.keys().join("service.creds")
    }
}
