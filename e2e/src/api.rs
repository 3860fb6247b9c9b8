use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::run;
use crate::{Error, NatsServer, Process, eventually, ports, tree};

/// How long the API may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// What an API differs in from its development configuration, beside addresses and folders.
#[derive(Debug, Default)]
pub struct Setup {
    /// Another configuration.
    pub config: Option<PathBuf>,
    /// Other roles.
    pub roles: Option<PathBuf>,
    /// Another page.
    pub page: Option<PathBuf>,
    /// Whether clients that bring no token are asked about.
    pub auth_callout: bool,
}

/// The API, as a child process, in its development configuration but for addresses, folders and its
/// [`Setup`].
#[derive(Debug)]
pub struct Api {
    port: u16,
    keys: PathBuf,
    setup: Setup,
    nats_url: String,
    websocket_url: String,
    process: Option<Process>,
}

impl Api {
    /// Chooses a port, and makes keys and configuration in `keys` for this API and `nats`.
    ///
    /// # Errors
    ///
    /// [`Error::Preparation`] if the API cannot be built or its `init` fails; [`Error::Io`] if no
    /// port is free.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the programs it runs; `keys` may be left half made.
    pub async fn init(keys: PathBuf, nats: &NatsServer, setup: Setup) -> Result<Self, Error> {
        let api = Self {
            port: ports::free()?,
            keys,
            setup,
            nats_url: nats.client_url(),
            websocket_url: nats.websocket_url(),
            process: None,
        };
        let mut init = Command::new(tree::api_program().await?);
        init.arg("init").arg("--dir").arg(&api.keys);
        init.args(["--client-listen", &nats.client_address()]);
        init.args(["--websocket-listen", &nats.websocket_address()]);
        init.args(["--monitor-listen", &nats.monitor_address()]);
        init.args(["--allowed-origin", &api.url("")]);
        init.args(api.setup.auth_callout.then_some("--auth-callout"));
        init.envs(api.setup.roles.iter().map(|roles| ("API_ROLES", roles)));
        run("api init", "`api init`", init.current_dir(tree::root())).await?;
        Ok(api)
    }

    /// Starts the API and waits until it answers. It need not have reached NATS by then.
    ///
    /// # Errors
    ///
    /// [`Error::NoPage`], [`Error::Spawn`], [`Error::Ended`] if it refuses to run,
    /// [`Error::Timeout`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the API it was starting.
    pub async fn start(&mut self) -> Result<(), Error> {
        let page = match &self.setup.page {
            Some(page) => page.clone(),
            None => tree::page()?,
        };
        let config = self.setup.config.as_deref();
        let mut command = Command::new(tree::api_program().await?);
        command
            .args(["serve", "--config"])
            .arg(config.unwrap_or(Path::new("api/config/dev.toml")))
            .env("API_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("API_NATS_URL", &self.nats_url)
            .env("API_KEYS_DIR", &self.keys)
            .env("API_WEBSOCKET_URLS", &self.websocket_url)
            .env("API_PAGE_DIR", page)
            .envs(self.setup.roles.iter().map(|roles| ("API_ROLES", roles)))
            .current_dir(tree::root());
        let mut process = Process::start("api", &mut command)?;
        eventually(READY_WITHIN, "the API answers", async || {
            process.check()?;
            let answer = reqwest::get(self.url("/healthz")).await;
            Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        })
        .await?;
        self.process = Some(process);
        Ok(())
    }

    /// Waits until the API says whether it is `ready`, that is, connected to NATS.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] after thirty seconds; [`Error::Http`] if it does not answer.
    ///
    /// # Cancel safety
    ///
    /// It only looks.
    pub async fn ready(&self, ready: bool) -> Result<(), Error> {
        let expected = if ready { 200 } else { 503 };
        let what = format!("/readyz answers {expected}");
        eventually(Duration::from_secs(30), &what, async || {
            let status = reqwest::get(self.url("/readyz")).await?.status();
            Ok((status == expected).then_some(()))
        })
        .await
    }

    /// A new API key: the key itself, and the line that makes an API know it.
    ///
    /// # Errors
    ///
    /// [`Error::Preparation`] if the API cannot be built; [`Error::Io`] if it makes none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is kept of the key.
    pub async fn new_key(name: &str) -> Result<(String, String), Error> {
        let program = tree::api_program().await?;
        let made = Command::new(program).args(["key", "new", name]).output();
        let text = String::from_utf8_lossy(&made.map_err(Error::io("make an API key"))?.stdout)
            .into_owned();
        let (key, rest) = text.split_once('\n').unwrap_or_default();
        Ok((key.to_owned(), rest.lines().last().unwrap_or_default().trim().to_owned()))
    }

    /// Ends the API with no warning, as a crash would.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// The URL of a path, which begins with `/`; with an empty path, the API's origin.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The folder of the keys made by [`Api::init`].
    pub fn keys(&self) -> &PathBuf {
        &self.keys
    }
}
