use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::run;
use crate::{Error, NatsServer, Process, eventually, ports, tree};

/// How long the API may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// The API, as a child process, in its development configuration but for addresses and folders.
#[derive(Debug)]
pub struct Api {
    port: u16,
    keys: PathBuf,
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
    pub async fn init(keys: PathBuf, nats: &NatsServer) -> Result<Self, Error> {
        let api = Self {
            port: ports::free()?,
            keys,
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
        run("api init", "`api init`", init.current_dir(tree::root())).await?;
        Ok(api)
    }

    /// Has the API name another address of a websocket listener, from the next start on.
    pub fn add_websocket_url(&mut self, url: &str) {
        self.websocket_url = format!("{},{url}", self.websocket_url);
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
        let mut command = Command::new(tree::api_program().await?);
        command
            .args(["serve", "--config", "api/config/dev.toml"])
            .env("API_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("API_NATS_URL", &self.nats_url)
            .env("API_KEYS_DIR", &self.keys)
            .env("API_WEBSOCKET_URLS", &self.websocket_url)
            .env("API_PAGE_DIR", tree::page()?)
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
