use std::path::PathBuf;

use tempfile::TempDir;

use crate::{Api, Error, NatsServer, Setup, tree};

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
        Self::start_with(&Setup::new()).await
    }

    /// [`Stack::start`], with another configuration.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::start`], and [`Error::Edit`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends and removes everything.
    pub async fn start_with(setup: &Setup) -> Result<Self, Error> {
        let mut stack = Self::prepare(setup).await?;
        stack.nats.start().await?;
        stack.api.start().await?;
        stack.api.ready(true).await?;
        Ok(stack)
    }

    /// One whose nats-server asks the API about clients that bring no credential, with a page that
    /// brings none (`e2e/pages/session`). Guests are not let in; the back end with the API key that is
    /// returned has the role `member`, and each of its connections lasts five seconds.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::start_with`]; [`Error::Preparation`] if the client cannot be built.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends and removes everything.
    pub async fn start_with_sessions() -> Result<(Self, String), Error> {
        let (key, element) = Api::new_key("member").await?;
        let members = "given_to = [{ user = true }, { api_key = \"member\" }]\nttl_seconds = 5";
        let setup = Setup::new()
            .auth_callout()
            .config("enabled = true", "enabled = false")
            .config("enabled = false\nconnection_types", "enabled = true\nconnection_types")
            .config("api_keys = []", format!("api_keys = [{element}]"))
            .roles("given_to = [{ user = true }]\nttl_seconds = 900", members)
            .environment("API_PAGE_DIR", tree::session_page().await?.display().to_string());
        Ok((Self::start_with(&setup).await?, key))
    }

    /// One whose API serves the examples in the place of the page, with other words of the setup.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::start_with`]; [`Error::NoExamples`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends and removes everything.
    pub async fn start_with_examples(setup: Setup) -> Result<Self, Error> {
        let folder = tree::examples()?.display().to_string();
        Self::start_with(&setup.environment("API_PAGE_DIR", folder)).await
    }

    /// Makes the keys and starts nothing.
    ///
    /// # Errors
    ///
    /// Those of [`Api::init`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future removes everything.
    pub async fn prepare(setup: &Setup) -> Result<Self, Error> {
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let conf = folder.path().join("nats-conf");
        tree::copy(&tree::root().join("nats-conf"), &conf, "generated").await?;
        let name = match setup {
            Setup { hub: true, .. } => "hub.conf",
            Setup { tls: true, .. } => "tls.conf",
            Setup { auth_callout: true, .. } => "single-callout.conf",
            _ => "single.conf",
        };
        let mut nats = NatsServer::new(conf.join(name))?;
        if setup.tls {
            nats = nats.with_tls();
        }
        if let Some(host) = setup.websocket_host {
            nats = nats.with_websocket_host(host);
        }
        let api = Api::init(folder.path(), &nats, &[], setup).await?;
        Ok(Self { nats, api, _folder: folder })
    }

    /// The credentials file of the API's own user.
    pub fn service_credentials(&self) -> PathBuf {
        self.api.keys().join("service.creds")
    }
}
