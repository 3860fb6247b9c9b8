use std::env;
use std::io::{self, Read, Write};
use std::process::{self, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::{Error, Log, Machine, Process, tree};

/// Says to a test program that it is in a machine room.
const INSIDE: &str = "E2E_MACHINE_ROOM";

/// Says that a machine room must be had, where it is 1.
const REQUIRED: &str = "NETNS_REQUIRED";

/// How long a test in a machine room may take.
const DONE_WITHIN: Duration = Duration::from_secs(1_800);

/// What is tried before anything is made in earnest: all kinds of what a room is made of.
const TRIAL: &str = "link add trial type bridge\nlink add near type veth peer name far\n";

/// A network of a test's own, in which a bridge joins machines: a network namespace, and one for each
/// machine in it.
///
/// It takes no rights where users may have namespaces. Nothing leads out of it, and no address in it is
/// anywhere else, so that it is as good as loopback: a test in it uses no network. It is a namespace of
/// processes, too, of which the test program is the first: they all end with that, and nothing of the
/// room outlives its processes.
#[derive(Debug)]
#[non_exhaustive]
pub struct MachineRoom {}

impl MachineRoom {
    /// Runs the body of the test that is called `test`, within a machine room: the running program is
    /// started there once more, for this test alone.
    ///
    /// Where the system lets nobody make namespaces, which is found out by trying, the test does not run:
    /// one line on standard error says so, and why. With `NETNS_REQUIRED=1` in the environment that is an
    /// error.
    ///
    /// # Errors
    ///
    /// Those of the body; [`Error::Preparation`] if it fails in the room; [`Error::Timeout`] after
    /// half an hour; [`Error::NoMachineRoom`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends everything in the room, and so does the end of this process.
    pub async fn around(
        test: &str,
        body: impl AsyncFnOnce(Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if env::var_os(INSIDE).is_some() {
            return body(Self::enter()?).await;
        }
        if let Err(reason) = try_out() {
            if env::var_os(REQUIRED).is_some_and(|required| required == "1") {
                return Err(Error::NoMachineRoom { reason });
            }
            // Past the test harness, which shows only what a test that failed has printed.
            let line = format!("test {test} DID NOT RUN: no network namespace here ({reason})\n");
            return io::stderr().write_all(line.as_bytes()).map_err(Error::io("tell of it"));
        }
        // Outside, since cargo may want the network.
        let api = tree::api_program().await?;
        let program = env::current_exe().map_err(Error::io("find the running program"))?;
        // Here rather than there, as who is killed removes nothing.
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let log = Log::default();
        let mut command = unshare();
        command.arg("--kill-child").arg(program);
        command.args([test, "--exact", "--nocapture"]);
        command.env(INSIDE, "1").env(tree::API_PROGRAM, api).env("TMPDIR", folder.path());
        let mut process = Process::leashed("machine room", &mut command, &log)?;
        let status = process.ended(DONE_WITHIN).await?;
        // A program that finds no test of the name is content.
        if !status.success() || !log.text().contains("test result: ok. 1 passed") {
            return Err(Error::Preparation { what: "the test in its machine room", status });
        }
        Ok(())
    }

    /// Sets up the room in which this process is.
    fn enter() -> Result<Self, Error> {
        // Whoever is the first process has namespaces of its own: nothing is ever set up elsewhere.
        if process::id() != 1 {
            let reason = format!("{INSIDE} is set, but this is not the first process of a room");
            return Err(Error::NoMachineRoom { reason });
        }
        thread::spawn(|| {
            // Whatever ends it: who has started this process is gone.
            let _ = io::stdin().read(&mut [0]);
            process::exit(1);
        });
        // A bridge would take the address of one of its ports otherwise, another one with each.
        ip(&format!(
            "link set lo up\n\
             link add bridge address 02:00:00:00:00:fe type bridge\n\
             address add {}/24 dev bridge\n\
             link set bridge up\n",
            Machine::address_of(254)
        ))?;
        Ok(Self {})
    }

    /// Adds a machine, the `number`th, to the bridge.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`], [`Error::Preparation`], [`Error::Timeout`]: it can't be set up.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future removes it.
    pub async fn machine(&self, number: u8) -> Result<Machine, Error> {
        Machine::start(number).await
    }
}

/// `unshare`, with what a room is made of. Who makes it is root there, and nowhere else.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--pid", "--fork", "--mount-proc"]);
    // Where `ip` is, which is not everybody's search path.
    let path = env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

/// Whether a room can be made, or what the system says.
fn try_out() -> Result<(), String> {
    let mut command = unshare();
    match fed(command.args(["ip", "-batch", "-"]), TRIAL) {
        Err(error) => Err(format!("unshare: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")),
    }
}

/// Has `ip` do what these lines say, in the room's own namespace.
pub(crate) fn ip(lines: &str) -> Result<(), Error> {
    ip_by(&mut Command::new("ip"), lines)
}

/// The same, with a command that leads to `ip`.
pub(crate) fn ip_by(command: &mut Command, lines: &str) -> Result<(), Error> {
    let output = fed(command.args(["-batch", "-"]), lines);
    let output = output.map_err(|source| Error::Spawn { name: "ip", source })?;
    if !output.status.success() {
        println!("{lines}{}", String::from_utf8_lossy(&output.stderr));
        return Err(Error::Preparation { what: "setting up a network", status: output.status });
    }
    Ok(())
}

/// Runs a program that ends by itself on this input.
fn fed(command: &mut Command, input: &str) -> io::Result<Output> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that has ended already says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}
