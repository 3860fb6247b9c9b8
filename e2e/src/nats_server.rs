use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::{Error, Log, Process, eventually, ports, tree};

/// How long a nats-server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long one may take that closes its clients one after the other.
const GONE_WITHIN: Duration = Duration::from_secs(120);

/// A nats-server on a copy of `nats-conf`, with ports of its own. It can be stopped and started
/// again on the same ports.
#[derive(Debug)]
pub struct NatsServer {
    conf: PathBuf,
    client_port: u16,
    websocket_port: u16,
    monitor_port: u16,
    websocket_host: &'static str,
    tls: bool,
    log: Log,
    process: Option<Process>,
}

impl NatsServer {
    /// Chooses the ports for a server that will run on `conf`; [`NatsServer::start`] starts it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if no port is free.
    pub fn new(conf: PathBuf) -> Result<Self, Error> {
        Ok(Self::on(conf, ports::free()?, ports::free()?, ports::free()?))
    }

    /// A server that has neither this project's configuration nor authentication, only a websocket
    /// listener and streams, kept in `folder` as its configuration is.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if no port is free or the file cannot be written.
    pub fn with_streams_in(folder: &Path) -> Result<Self, Error> {
        let server = Self::new(folder.join("nats.conf"))?;
        let (client, websocket) = (server.client_address(), server.websocket_address());
        let (monitor, store) = (server.monitor_address(), folder.join("jetstream"));
        let conf = format!(
            "server_name: streams\nlisten: \"{client}\"\nhttp: \"{monitor}\"\n\
             websocket {{ listen: \"{websocket}\", no_tls: true }}\n\
             jetstream {{ store_dir: {store:?}, max_memory_store: 64MB, max_file_store: 256MB }}\n"
        );
        fs::write(&server.conf, conf).map_err(Error::io("write nats-server's configuration"))?;
        Ok(server)
    }

    /// A server that will run on `conf`, which has these ports.
    pub(crate) fn on(
        conf: PathBuf,
        client_port: u16,
        websocket_port: u16,
        monitor_port: u16,
    ) -> Self {
        let log = Log::default();
        Self {
            conf,
            client_port,
            websocket_port,
            monitor_port,
            websocket_host: "127.0.0.1",
            tls: false,
            log,
            process: None,
        }
    }

    /// The same, whose listeners speak TLS.
    pub(crate) fn with_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// The same, whose websocket listener is at another address.
    pub(crate) fn with_websocket_host(mut self, host: &'static str) -> Self {
        self.websocket_host = host;
        self
    }

    /// Has the server read its configuration and certificates again.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses; [`Error::Timeout`] if the server has not done it within
    /// a minute.
    ///
    /// # Cancel safety
    ///
    /// The server may be reading.
    pub async fn reload(&self) -> Result<(), Error> {
        let done = || self.log().matches("Reloaded server configuration").count();
        let before = done();
        self.process.as_ref().map_or(Ok(()), Process::hang_up)?;
        eventually(READY_WITHIN, "nats-server has read its configuration again", async || {
            Ok((done() > before).then_some(()))
        })
        .await
    }

    /// Starts the server and waits until it is healthy.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`], [`Error::Ended`] if it refuses its configuration, [`Error::Timeout`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the server it was starting.
    pub async fn start(&mut self) -> Result<(), Error> {
        self.launch()?;
        self.healthy().await
    }

    /// Starts the server. A node of a cluster is [`healthy`](Self::healthy) only when others are there.
    pub(crate) fn launch(&mut self) -> Result<(), Error> {
        let mut command = Command::new(nats_server_program());
        let command = command.arg("-c").arg(&self.conf);
        self.process = Some(Process::logging("nats-server", command, &self.log)?);
        Ok(())
    }

    /// Waits until the server is healthy; ends it if it does not become so.
    pub(crate) async fn healthy(&mut self) -> Result<(), Error> {
        let health = self.monitor_url("/healthz");
        // Not kept while it is waited for, so that it ends with the wait.
        let mut process = self.process.take();
        eventually(READY_WITHIN, "nats-server is healthy", async || {
            process.as_mut().map_or(Ok(()), Process::check)?;
            let answer = reqwest::get(&health).await;
            Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        })
        .await?;
        self.process = process;
        Ok(())
    }

    /// Ends the server with no warning, as a crash would.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Ends the server in its own good order.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if it takes longer than ten seconds.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills the server.
    pub async fn stop(&mut self) -> Result<(), Error> {
        if let Some(mut process) = self.process.take() {
            process.terminate().await?;
        }
        Ok(())
    }

    /// Has the server send its clients away, and waits until it has ended: its lame duck mode.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses; [`Error::Timeout`] if it takes longer than two minutes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future kills the server.
    pub async fn lame_duck(&mut self) -> Result<(), Error> {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::USR2)?;
            process.ended(GONE_WITHIN).await?;
        }
        Ok(())
    }

    /// The number of the server's process, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// What the server has printed.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Where services connect, as a `nats://` or `tls://` URL.
    pub fn client_url(&self) -> String {
        let scheme = if self.tls { "tls" } else { "nats" };
        format!("{scheme}://{}", self.client_address())
    }

    /// Where browsers connect, as a `ws://` or `wss://` URL.
    pub fn websocket_url(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}", self.websocket_address())
    }

    /// Waits until `count` subscriptions to exactly `subject` are in force.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] after ten seconds; [`Error::Http`] if the server does not answer.
    ///
    /// # Cancel safety
    ///
    /// It only looks.
    pub async fn subscribed(&self, subject: &str, count: usize) -> Result<(), Error> {
        let url = self.monitor_url("/connz?subs=1");
        let what = format!("nats-server knows {count} subscriptions to {subject}");
        eventually(Duration::from_secs(60), &what, async || {
            let connections: Value = reqwest::get(&url).await?.json().await?;
            let found = connections["connections"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|connection| connection["subscriptions_list"].as_array())
                .flatten()
                .filter(|subscribed| *subscribed == subject)
                .count();
            Ok((found == count).then_some(()))
        })
        .await
    }

    /// Where services connect, as `host:port`.
    pub fn client_address(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    /// Where browsers connect, as `host:port`.
    pub fn websocket_address(&self) -> String {
        format!("{}:{}", self.websocket_host, self.websocket_port)
    }

    /// What the server's monitoring says at a path, which begins with `/`.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the server does not answer.
    ///
    /// # Cancel safety
    ///
    /// It only looks.
    pub async fn monitor(&self, path: &str) -> Result<Value, Error> {
        Ok(reqwest::get(self.monitor_url(path)).await?.json().await?)
    }

    /// Where the server's monitoring is, as `host:port`.
    pub fn monitor_address(&self) -> String {
        format!("127.0.0.1:{}", self.monitor_port)
    }

    fn monitor_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.monitor_address())
    }
}

/// The checkout's own nats-server, if it has one, else the one on the search path.
pub(crate) fn nats_server_program() -> PathBuf {
    let own = tree::root().join(".tools/nats/bin/nats-server");
    if own.exists() { own } else { Path::new("nats-server").to_owned() }
}
