use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tokio::fs;

use crate::process::run;
use crate::setup::edited;
use crate::{Error, Log, NatsServer, Process, Setup, eventually, ports, tree};

/// How long the API may take until it answers, and a command of its program until it ends.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The variable that says where the page is.
const PAGE: &str = "API_PAGE_DIR";

/// The variable that says whose certificates nats-server must have.
const CA_FILE: &str = "API_NATS_CA_FILE";

/// The API, as a child process, in its development configuration but for addresses and folders.
#[derive(Debug)]
pub struct Api {
    port: u16,
    keys: PathBuf,
    config: PathBuf,
    roles: PathBuf,
    environment: Vec<[String; 2]>,
    nats_urls: String,
    websocket_urls: String,
    log: Log,
    process: Option<Process>,
}

/// A command of the API's program that has ended.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed, on standard output and error.
    pub output: String,
}

impl Api {
    /// Chooses a port, and makes configuration and keys in `folder` for this API and the servers that
    /// it is to use; `api init` is told of the first.
    ///
    /// # Errors
    ///
    /// [`Error::Preparation`] if the API cannot be built or its `init` fails; [`Error::Edit`];
    /// [`Error::Io`] if no port is free.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the programs it runs; `folder` may be left half made.
    pub async fn init(
        folder: &Path,
        nats: &NatsServer,
        others: &[NatsServer],
        setup: &Setup,
    ) -> Result<Self, Error> {
        let list = |url: fn(&NatsServer) -> String| {
            let urls: Vec<String> = std::iter::once(nats).chain(others).map(url).collect();
            urls.join(",")
        };
        let keys = folder.join("nats-conf/generated");
        let mut environment = setup.environment.clone();
        // A test may name another authority.
        if setup.tls && !environment.iter().any(|[name, _]| name == CA_FILE) {
            environment.push([CA_FILE.to_owned(), keys.join("tls/ca.pem").display().to_string()]);
        }
        let api = Self {
            port: ports::free()?,
            keys,
            config: folder.join("api.toml"),
            roles: folder.join("roles.toml"),
            environment,
            nats_urls: list(NatsServer::client_url),
            websocket_urls: list(NatsServer::websocket_url),
            log: Log::default(),
            process: None,
        };
        let bans = ["nats-conf/generated/bans", &folder.join("bans").display().to_string()];
        let config = [&[bans.map(str::to_owned)], &setup.config[..]].concat();
        for (shipped, path, edits) in [
            ("api/config/dev.toml", &api.config, &config),
            ("api/roles.toml", &api.roles, &setup.roles),
        ] {
            let text = read(&tree::root().join(shipped)).await?;
            write(path, &edited(path, text, edits)?).await?;
        }

        let mut init = api.command().await?;
        init.arg("init").arg("--dir").arg(&api.keys);
        init.args(setup.auth_callout.then_some("--auth-callout"));
        if setup.tls {
            init.args(["--tls", "localhost", "--tls", "127.0.0.1", "--tls", "::1"]);
        }
        init.args(["--client-listen", &nats.client_address()]);
        init.args(["--websocket-listen", &nats.websocket_address()]);
        init.args(["--monitor-listen", &nats.monitor_address()]);
        init.args(["--allowed-origin", &api.url("")]);
        for origin in &setup.origins {
            init.args(["--allowed-origin", origin]);
        }
        run("api init", "`api init`", &mut init).await?;
        Ok(api)
    }

    /// Has the API name another address of a websocket listener, from the next start on.
    pub fn add_websocket_url(&mut self, url: &str) {
        self.websocket_urls = format!("{},{url}", self.websocket_urls);
    }

    /// Has the API name only this address of a websocket listener, from the next start on.
    pub fn set_websocket_url(&mut self, url: &str) {
        url.clone_into(&mut self.websocket_urls);
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
        let mut command = self.command().await?;
        command.arg("serve");
        if !self.environment.iter().any(|[name, _]| name == PAGE) {
            command.env(PAGE, tree::page()?);
        }
        let mut process = Process::logging("api", &mut command, &self.log)?;
        eventually(READY_WITHIN, "the API answers", async || {
            process.check()?;
            let answer = reqwest::get(self.url("/healthz")).await;
            Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        })
        .await?;
        self.process = Some(process);
        Ok(())
    }

    /// Runs a command of the API's program on this API's files, as its operator would.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`]; [`Error::Timeout`] if it does not end within a minute. That it
    /// fails is an answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills the program.
    pub async fn run(&self, arguments: &[&str]) -> Result<Ran, Error> {
        let log = Log::default();
        let mut command = self.command().await?;
        let mut process = Process::logging("api", command.args(arguments), &log)?;
        let status = process.ended(READY_WITHIN).await?;
        Ok(Ran { status, output: log.text() })
    }

    /// Replaces words of the configuration, as an editor would; the next start brings it into effect.
    ///
    /// # Errors
    ///
    /// [`Error::Edit`] if it has no such words; [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// The file may be left half written.
    pub async fn edit_config(&self, from: &str, to: &str) -> Result<(), Error> {
        edit(&self.config, from, to).await
    }

    /// Replaces words of the roles file, as an editor would; `api roles apply` brings it into effect.
    ///
    /// # Errors
    ///
    /// [`Error::Edit`] if it has no such words; [`Error::Io`].
    ///
    /// # Cancel safety
    ///
    /// The file may be left half written.
    pub async fn edit_roles(&self, from: &str, to: &str) -> Result<(), Error> {
        edit(&self.roles, from, to).await
    }

    /// The program, told where this API's files and servers are.
    async fn command(&self) -> Result<Command, Error> {
        let mut command = Command::new(tree::api_program().await?);
        command
            .env_remove("RUST_LOG")
            .env("API_CONFIG", &self.config)
            .env("API_ROLES", &self.roles)
            .env("API_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("API_NATS_URL", &self.nats_urls)
            .env("API_KEYS_DIR", &self.keys)
            .env("API_WEBSOCKET_URLS", &self.websocket_urls)
            .envs(self.environment.iter().map(|[name, value]| (name, value)))
            .current_dir(tree::root());
        Ok(command)
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

    /// A new API key: the key itself, and what has to be in `[auth] api_keys` for an API to know it.
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

    /// Asks for an update, as `curl -X POST …/ping` would.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if it does not answer. A refusal is an answer.
    ///
    /// # Cancel safety
    ///
    /// The request may have been carried out.
    pub async fn ping(&self) -> Result<reqwest::Response, Error> {
        Ok(reqwest::Client::new().post(self.url("/ping")).send().await?)
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

    /// What the API has printed.
    pub fn log(&self) -> String {
        self.log.text()
    }
}

async fn edit(path: &Path, from: &str, to: &str) -> Result<(), Error> {
    let edits = [[from.to_owned(), to.to_owned()]];
    write(path, &edited(path, read(path).await?, &edits)?).await
}

async fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).await.map_err(Error::io(format!("read {}", path.display())))
}

async fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).await.map_err(Error::io(format!("write {}", path.display())))
}
