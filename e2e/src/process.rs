use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::{Error, Log, eventually};

/// How long a part may take to end after it was asked to.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A child process that does not outlive its value.
///
/// What it prints goes to the standard output of the test that started it, line by line and with its
/// name in front, so that it is seen where a test fails. It stays in the test's process group, so
/// that Ctrl-C in a terminal ends it as well.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    relays: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command` under the name that its output and its errors shall bear.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`] if the program is missing or may not be run.
    pub fn start(name: &'static str, command: &mut Command) -> Result<Self, Error> {
        Self::logging(name, command, &Log::default())
    }

    /// [`Process::start`], with what the process prints kept in `log` as well.
    ///
    /// # Errors
    ///
    /// Those of [`Process::start`].
    pub fn logging(name: &'static str, command: &mut Command, log: &Log) -> Result<Self, Error> {
        Self::spawn(name, command.stdin(Stdio::null()), log)
    }

    /// [`Process::logging`], with a standard input in which nothing is written by itself, and which ends
    /// when this process does, be it killed: what reads it to its end need not outlive this process either.
    pub(crate) fn leashed(
        name: &'static str,
        command: &mut Command,
        log: &Log,
    ) -> Result<Self, Error> {
        Self::spawn(name, command.stdin(Stdio::piped()), log)
    }

    fn spawn(name: &'static str, command: &mut Command, log: &Log) -> Result<Self, Error> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| Error::Spawn { name, source })?;
        let relays = [relay(name, child.stdout.take(), log), relay(name, child.stderr.take(), log)];
        Ok(Self { name, child, relays: relays.into_iter().flatten().collect() })
    }

    /// Types into the standard input of a process that was started [`leashed`](Self::leashed).
    pub(crate) fn type_in(&mut self, keys: &[u8]) -> Result<(), Error> {
        let typed = self.child.stdin.as_mut().map_or(Ok(()), |stdin| stdin.write_all(keys));
        typed.map_err(Error::io(format!("type into {}", self.name)))
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells the process to read its configuration again (SIGHUP).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses.
    pub fn hang_up(&self) -> Result<(), Error> {
        self.signal(Signal::HUP)
    }

    /// Sends the process a signal.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Error> {
        let failed = Error::io(format!("send {} a signal", self.name));
        kill_process(Pid::from_child(&self.child), signal).map_err(|error| failed(error.into()))
    }

    /// Fails if the process has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] if it has, [`Error::Io`] if the system cannot tell.
    pub fn check(&mut self) -> Result<(), Error> {
        match self.status()? {
            None => Ok(()),
            Some(status) => Err(Error::Ended { name: self.name, status }),
        }
    }

    /// Waits until the process ends by itself, and until all that it has printed is in its log.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if it does not `within` the given time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the process running.
    pub async fn ended(&mut self, within: Duration) -> Result<ExitStatus, Error> {
        let what = format!("{} ends", self.name);
        let status = eventually(within, &what, async || self.status()).await?;
        for relay in self.relays.drain(..) {
            // It can only have failed by what the log's reader did.
            let _ = relay.join();
        }
        Ok(status)
    }

    /// Ends the process with no warning (SIGKILL).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map(drop)
            .map_err(Error::io(format!("kill {}", self.name)))
    }

    /// Asks the process to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if it takes longer than ten seconds.
    ///
    /// # Cancel safety
    ///
    /// The request is made at the first poll; dropping the future then only ends the wait.
    pub async fn terminate(&mut self) -> Result<ExitStatus, Error> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .map_err(|errno| Error::io(format!("terminate {}", self.name))(errno.into()))?;
        self.ended(STOP_WITHIN).await
    }

    fn status(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().map_err(Error::io(format!("look after {}", self.name)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where the process has been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program that ends by itself; its output goes where a [`Process`]'s goes.
///
/// # Errors
///
/// [`Error::Spawn`], [`Error::Timeout`] after five minutes, and [`Error::Preparation`] if it fails.
pub(crate) async fn run(
    name: &'static str,
    what: &'static str,
    command: &mut Command,
) -> Result<(), Error> {
    let status = Process::start(name, command)?.ended(Duration::from_secs(300)).await?;
    if status.success() { Ok(()) } else { Err(Error::Preparation { what, status }) }
}

/// Threads rather than tasks: they inherit the test's captured output.
fn relay(
    name: &'static str,
    output: Option<impl Read + Send + 'static>,
    log: &Log,
) -> Option<JoinHandle<()>> {
    let (output, log) = (output?, log.clone());
    Some(thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            println!("[{name}] {line}");
            log.add(&line);
        }
    }))
}
