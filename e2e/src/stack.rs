use std::path::PathBuf;

use tempfile::TempDir;
use tokio::fs;

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
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        Self::start_in(folder, "single.conf", Setup::default()).await
    }

    /// One whose nats-server asks the API about clients that bring no credential, with a page that
    /// brings none (`e2e/pages/session`). Guests are not let in; the back end with the API key that is
    /// returned has the role `member`, and each of its connections lasts five seconds.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::start`]; [`Error::Io`] if a file cannot be copied or written.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends and removes everything.
    pub async fn start_with_sessions() -> Result<(Self, String), Error> {
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let (key, element) = Api::new_key("member").await?;
        let edit = async |from: &str, edits: &[(&str, &str)]| {
            let from = tree::root().join(from);
            let to = folder.path().join(from.file_name().unwrap_or_default());
            let failed = || Error::io(format!("copy {}", from.display()));
            let mut text = fs::read_to_string(&from).await.map_err(failed())?;
            for (old, new) in edits {
                text = text.replacen(old, new, 1);
            }
            fs::write(&to, text).await.map_err(failed())?;
            Ok::<_, Error>(to)
        };
        let config = edit(
            "api/config/dev.toml",
            &[
                ("enabled = true", "enabled = false"),
                ("enabled = false\nconnection_types", "enabled = true\nconnection_types"),
                ("api_keys = []", &format!("api_keys = [{element}]")),
            ],
        )
        .await?;
        let members = "given_to = [{ user = true }, { api_key = \"member\" }]\nttl_seconds = 5";
        let roles =
            edit("api/roles.toml", &[("given_to = [{ user = true }]\nttl_seconds = 900", members)])
                .await?;
        let page = folder.path().join("page");
        for part in [&tree::root().join("e2e/pages/session"), tree::client().await?] {
            tree::copy(part, &page, "").await?;
        }
        let setup = Setup {
            config: Some(config),
            roles: Some(roles),
            page: Some(page),
            auth_callout: true,
        };
        let stack = Self::start_in(folder, "single-callout.conf", setup).await?;
        Ok((stack, key))
    }

    async fn start_in(folder: TempDir, conf_file: &str, setup: Setup) -> Result<Self, Error> {
        let conf = folder.path().join("nats-conf");
        tree::copy(&tree::root().join("nats-conf"), &conf, "generated").await?;

        let mut nats = NatsServer::new(conf.join(conf_file))?;
        let mut api = Api::init(conf.join("generated"), &nats, setup).await?;
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
