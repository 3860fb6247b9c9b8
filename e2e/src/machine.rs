use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::machine_room::{ip, ip_by};
use crate::nats_server::nats_server_program;
use crate::{Error, Log, Process, eventually};

/// How long the system may take to make a namespace, and a nats-server until it is healthy.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A machine of a [`MachineRoom`](crate::MachineRoom): a network namespace with a loopback and an address
/// of its own, and a link to the bridge. It may run a nats-server on `nats-conf`, with the ports that
/// `api nodes add` chooses by itself.
#[derive(Debug)]
pub struct Machine {
    number: u8,
    server: Option<Process>,
    log: Log,
    /// What keeps the namespace when nothing else is in it.
    keeper: Process,
}

impl Machine {
    /// Makes one. Its process is in its namespace a moment after it has begun.
    pub(crate) async fn start(number: u8) -> Result<Self, Error> {
        let mut keep = Command::new("unshare");
        let keeper = Process::start("machine", keep.args(["--net", "sleep", "infinity"]))?;
        let mut machine = Self { number, server: None, log: Log::default(), keeper };
        let link = |path: &str| fs::read_link(path).map_err(Error::io(format!("read {path}")));
        let (room, own) = (link("/proc/self/ns/net")?, machine.namespace());
        eventually(READY_WITHIN, "a machine has a namespace of its own", async || {
            machine.keeper.check()?;
            Ok((link(&own)? != room).then_some(()))
        })
        .await?;
        let port = machine.port();
        ip(&format!(
            "link add {port} type veth peer name eth0 netns {}\n\
             link set {port} master bridge up\n",
            machine.keeper.id()
        ))?;
        ip_by(
            machine.enter().arg("ip"),
            &format!(
                "link set lo up\naddress add {}/24 dev eth0\nlink set eth0 up\n",
                machine.address()
            ),
        )?;
        Ok(machine)
    }

    /// The address of the machine with this number, on the bridge that all are on.
    pub(crate) fn address_of(number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, number)
    }

    /// Its address on the bridge.
    pub fn address(&self) -> Ipv4Addr {
        Self::address_of(self.number)
    }

    /// Where browsers connect to its nats-server, as a `ws://` URL.
    pub fn websocket_url(&self) -> String {
        format!("ws://{}:5000", self.address())
    }

    /// Where services on it connect to its nats-server, as a `nats://` URL.
    pub fn client_url(&self) -> &'static str {
        "nats://127.0.0.1:4222"
    }

    /// Takes its link down: packets to and from it vanish, and nobody is told.
    ///
    /// # Errors
    ///
    /// [`Error::Preparation`] if the system refuses.
    pub fn cut(&self) -> Result<(), Error> {
        ip(&format!("link set {} down\n", self.port()))
    }

    /// Takes its link up again.
    ///
    /// # Errors
    ///
    /// [`Error::Preparation`] if the system refuses.
    pub fn mend(&self) -> Result<(), Error> {
        ip(&format!("link set {} up\n", self.port()))
    }

    /// Starts a nats-server on it; [`Machine::healthy`] waits for it.
    pub(crate) fn launch(&mut self, conf: PathBuf) -> Result<(), Error> {
        let mut command = self.enter();
        command.arg(nats_server_program()).arg("-c").arg(conf);
        self.server = Some(Process::logging("nats-server", &mut command, &self.log)?);
        Ok(())
    }

    /// Waits until its nats-server is healthy.
    pub(crate) async fn healthy(&mut self) -> Result<(), Error> {
        let what = format!("the nats-server of machine {} is healthy", self.number);
        let mut server = self.server.take();
        eventually(READY_WITHIN, &what, async || {
            server.as_mut().map_or(Ok(()), Process::check)?;
            let answer = self.monitor("/healthz").await;
            Ok(answer.is_ok_and(|health| health["status"] == "ok").then_some(()))
        })
        .await?;
        self.server = server;
        Ok(())
    }

    /// What the monitoring of its nats-server, which is on its loopback only, says at a path, which begins
    /// with `/`.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the server does not answer.
    ///
    /// # Cancel safety
    ///
    /// It only looks.
    pub async fn monitor(&self, path: &str) -> Result<Value, Error> {
        let url = format!("http://127.0.0.1:8222{path}");
        self.run(async || Ok(reqwest::get(url).await?.json().await?)).await?
    }

    /// Runs a part of the test on it, from now on: on a thread with a runtime of its own, whose sockets are
    /// this machine's.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system refuses, or if it panics.
    ///
    /// # Cancel safety
    ///
    /// The thread goes on if the future is dropped.
    pub fn run<T, P, F>(&self, part: P) -> impl Future<Output = Result<T, Error>> + use<T, P, F>
    where
        T: Send + 'static,
        P: FnOnce() -> F + Send + 'static,
        F: Future<Output = T>,
    {
        let namespace = File::open(self.namespace());
        let (answer, answered) = oneshot::channel();
        thread::spawn(move || {
            let runtime = namespace.and_then(|namespace| {
                let network = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(namespace.as_fd(), network)?;
                runtime::Builder::new_current_thread().enable_all().build()
            });
            let done = runtime.map(|runtime| runtime.block_on(async { part().await }));
            // Nobody may wait any more.
            let _ = answer.send(done);
        });
        async move {
            let failed = || Error::io("run something on a machine");
            answered.await.map_err(|gone| failed()(io::Error::other(gone)))?.map_err(failed())
        }
    }

    /// The room's end of its link.
    fn port(&self) -> String {
        format!("port{}", self.number)
    }

    fn namespace(&self) -> String {
        format!("/proc/{}/ns/net", self.keeper.id())
    }

    /// A command that runs its arguments as a command on this machine, in the process that it is itself.
    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespace()));
        command
    }
}
