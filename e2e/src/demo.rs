use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{Error, Log, Process, eventually, ports, tree};

/// How long a demo may take that has to build everything first.
const READY_WITHIN: Duration = Duration::from_secs(900);

/// How long it may take to end, and what it has started with it.
const GONE_WITHIN: Duration = Duration::from_secs(60);

/// What it says when all is there.
const READY: &str = "Ctrl-C ends it all.";

/// How many ports a demo has, its own and those after it.
const PORTS: u16 = 13;

/// `tools/demo.sh`, as `just demo`, `just demo-tls` and `just cluster` run it, with keys and ports of its
/// own.
#[derive(Debug)]
pub struct Demo {
    port: u16,
    log: Log,
    process: Process,
    // Last, so that the folder is removed after the processes that write there.
    folder: TempDir,
}

impl Demo {
    /// Runs the script with this argument, if any, and waits until it says that the page is there.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`], [`Error::Ended`], [`Error::Timeout`]; [`Error::Io`] if there are no ports.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has the script end, with what it has started.
    pub async fn start(argument: Option<&str>) -> Result<Self, Error> {
        let mut script = tree::script("tools/demo.sh")?;
        script.args(argument);
        Self::run(script).await
    }

    /// [`Demo::start`] by a recipe of the `Justfile`, in a terminal, as a person would.
    ///
    /// # Errors
    ///
    /// Those of [`Demo::start`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future hangs up: the script ends, with what it has started.
    pub async fn start_in_terminal(recipe: &str) -> Result<Self, Error> {
        let just = std::env::var("JUST").unwrap_or_else(|_| "just".to_owned());
        let mut terminal = tree::script("script")?;
        let line = format!("{just} {recipe}");
        terminal.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
        Self::run(terminal).await
    }

    async fn run(mut command: Command) -> Result<Self, Error> {
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let (port, log) = (ports::free_in_a_row(PORTS)?, Log::default());
        command.env("DEMO_DIR", folder.path()).env("DEMO_PORT", port.to_string());
        let process = Process::leashed("demo", &mut command, &log)?;
        let mut demo = Self { port, log, process, folder };
        eventually(READY_WITHIN, "the demo is ready", async || {
            let ready = demo.log().contains(READY);
            if !ready {
                demo.process.check()?;
            }
            Ok(ready.then_some(()))
        })
        .await?;
        Ok(demo)
    }

    /// The URL of a path of the API, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    /// The folder of the keys that it has made.
    pub fn keys(&self) -> PathBuf {
        self.folder.path().join("nats-conf/generated")
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// What the monitoring of its nats-server, of the first where there are several, says at a path, which
    /// begins with `/`.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the server does not answer.
    ///
    /// # Cancel safety
    ///
    /// It only looks.
    pub async fn monitor(&self, path: &str) -> Result<Value, Error> {
        let url = format!("http://127.0.0.1:{}{path}", self.port + 7);
        Ok(reqwest::get(url).await?.json().await?)
    }

    /// Presses Ctrl-C in its terminal, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Timeout`] after a minute.
    ///
    /// # Cancel safety
    ///
    /// The key is pressed at the first poll; dropping the future then only ends the wait.
    pub async fn press_ctrl_c(&mut self) -> Result<ExitStatus, Error> {
        self.process.type_in(b"\x03")?;
        self.process.ended(GONE_WITHIN).await
    }

    /// Sends the script SIGINT, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Timeout`] after a minute.
    ///
    /// # Cancel safety
    ///
    /// The signal is sent at the first poll; dropping the future then only ends the wait.
    pub async fn interrupt(&mut self) -> Result<ExitStatus, Error> {
        self.process.signal(Signal::INT)?;
        self.process.ended(GONE_WITHIN).await
    }

    /// Sends the script SIGTERM, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Timeout`] after a minute.
    ///
    /// # Cancel safety
    ///
    /// The signal is sent at the first poll; dropping the future then only ends the wait.
    pub async fn terminate(&mut self) -> Result<ExitStatus, Error> {
        self.process.signal(Signal::TERM)?;
        self.process.ended(GONE_WITHIN).await
    }

    /// The command lines of all processes that it has started and that still run, however they may have
    /// come about: they have its environment.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system does not tell.
    pub fn left_behind(&self) -> Result<Vec<String>, Error> {
        let mark = format!("DEMO_DIR={}", self.folder.path().display());
        let read = |folder: PathBuf, name: &str| {
            // Of others' processes, and of those that end meanwhile, nothing is told.
            let bytes = fs::read(folder.join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', "\n")
        };
        let processes = fs::read_dir("/proc").map_err(Error::io("list processes"))?;
        let folders = processes.filter_map(|entry| Some(entry.ok()?.path()));
        let its = folders.filter(|folder| {
            read(folder.clone(), "environ").lines().any(|variable| variable == mark)
        });
        Ok(its.map(|folder| read(folder, "cmdline").replace('\n', " ")).collect())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // A test that fails leaves nothing behind either, which a script that is killed would.
        let _ = self.process.signal(Signal::TERM);
        let began = Instant::now();
        while self.left_behind().is_ok_and(|left| !left.is_empty()) && began.elapsed() < GONE_WITHIN
        {
            thread::sleep(Duration::from_millis(50));
        }
    }
}
