//! A nats-server on our configuration, in a directory of its own.

use std::{
    collections::HashSet,
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Mutex,
    time::Duration,
};

use api::{
    claims::{AccountClaims, Claims, KeyPair, key::Role},
    publish::ConnectionSettings,
};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::wait::until;

pub(crate) const PAGE_ORIGIN: &str = "http://localhost:3000";

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// `NATS_SERVER`, else what `just setup` installs, else the one on PATH.
fn nats_server() -> PathBuf {
    if let Some(given) = std::env::var_os("NATS_SERVER") {
        return given.into();
    }
    let local = workspace().join(".tools/nats/bin/nats-server");
    if local.is_file() { local } else { "nats-server".into() }
}

/// A port nobody listens on, that no other test of this process was given, and that the system
/// gives to no outgoing connection before the server has taken it.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap();
    let given = given.get_or_insert_default();
    loop {
        let port = fastrand::u16(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && given.insert(port) {
            return port;
        }
    }
}

pub(crate) struct Nats {
    dir: tempfile::TempDir,
    pub(crate) client_port: u16,
    pub(crate) websocket_port: u16,
    /// Whether it asks about clients that bring no token.
    asks: bool,
    child: Option<Child>,
}

impl Nats {
    /// `unprovisioned`, for a server that asks about clients which bring no token.
    pub(crate) fn unprovisioned_asking() -> Self {
        let mut nats = Self::unprovisioned();
        nats.asks = true;
        nats
    }

    /// Copies our configuration to a new directory and runs `api init` there.
    pub(crate) fn provision() -> Self {
        let nats = Self::unprovisioned();
        let output = nats.init();
        assert!(output.status.success(), "{output:?}");
        nats
    }

    /// Copies our configuration to a new directory, where `api init` is yet to be run.
    pub(crate) fn unprovisioned() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let conf = dir.path().join("nats-conf");
        fs::create_dir_all(conf.join("parts")).unwrap();
        let ours = workspace().join("nats-conf");
        for name in ["single.conf", "single-callout.conf"] {
            fs::copy(ours.join(name), conf.join(name)).unwrap();
        }
        for part in fs::read_dir(ours.join("parts")).unwrap() {
            let part = part.unwrap();
            fs::copy(part.path(), conf.join("parts").join(part.file_name())).unwrap();
        }
        fs::copy(workspace().join("api/roles.toml"), dir.path().join("roles.toml")).unwrap();
        Self {
            dir,
            client_port: free_port(),
            websocket_port: free_port(),
            asks: false,
            child: None,
        }
    }

    /// `provision`, then `start`.
    pub(crate) async fn running() -> Self {
        let mut nats = Self::provision();
        nats.start().await;
        nats
    }

    /// Another server with the same keys, in a directory of its own.
    fn sibling(&self) -> Self {
        let other = Self::unprovisioned();
        fs::create_dir_all(other.keys_dir().join("data/jetstream")).unwrap();
        fs::create_dir_all(other.keys_dir().join("data/accounts")).unwrap();
        let local = fs::read_to_string(self.keys_dir().join("local.conf")).unwrap();
        let mut text =
            local.replace(self.dir.path().to_str().unwrap(), other.dir.path().to_str().unwrap());
        let monitor = local.lines().find(|line| line.starts_with("MONITOR_LISTEN")).unwrap();
        text = text.replace(monitor, &format!("MONITOR_LISTEN: \"127.0.0.1:{}\"", free_port()));
        for (ours, theirs) in
            [(self.client_port, other.client_port), (self.websocket_port, other.websocket_port)]
        {
            text = text.replace(&format!(":{ours}\""), &format!(":{theirs}\""));
        }
        fs::write(other.keys_dir().join("local.conf"), text).unwrap();
        self.copy_trust_to(&other);
        other
    }

    /// Copies whom the server trusts to another of its cluster.
    pub(crate) fn copy_trust_to(&self, other: &Self) {
        let (from, to) = (self.keys_dir().join("auth.conf"), other.keys_dir().join("auth.conf"));
        fs::copy(from, to).unwrap();
    }

    /// Running servers of one cluster. The first has the keys.
    pub(crate) async fn cluster<const N: usize>() -> [Self; N] {
        let first = Self::provision();
        let ports: [u16; N] = std::array::from_fn(|_| free_port());
        let routes: Vec<_> =
            ports.iter().map(|port| format!("\"nats://127.0.0.1:{port}\"")).collect();
        let routes = routes.join(", ");
        let mut nodes: Vec<Self> = (1..N).map(|_| first.sibling()).collect();
        nodes.insert(0, first);
        for (at, (node, port)) in nodes.iter_mut().zip(ports).enumerate() {
            let text = fs::read_to_string(node.conf()).unwrap();
            let text =
                text.replace("server_name: \"single\"", &format!("server_name: \"n{}\"", at + 1));
            let cluster = format!(
                "cluster {{ name: test, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}\n"
            );
            fs::write(node.conf(), text + &cluster).unwrap();
            node.start().await;
        }
        nodes.try_into().ok().unwrap()
    }

    /// Runs `api init` with this server's ports.
    pub(crate) fn init(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_api"))
            .args(["init", "--dir", "nats-conf/generated", "--roles", "roles.toml"])
            .args(["--client-listen", &format!("127.0.0.1:{}", self.client_port)])
            .args(["--websocket-listen", &format!("127.0.0.1:{}", self.websocket_port)])
            .args(["--monitor-listen", &format!("127.0.0.1:{}", free_port())])
            .args(["--allowed-origin", PAGE_ORIGIN])
            .args(["--allowed-origin", "http://127.0.0.1:3000"])
            .args(self.asks.then_some("--auth-callout"))
            .current_dir(self.dir.path())
            .output()
            .unwrap()
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn roles_file(&self) -> PathBuf {
        self.dir.path().join("roles.toml")
    }

    /// Replaces a part of the roles file.
    pub(crate) fn edit_roles(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.roles_file()).unwrap();
        assert!(text.contains(from), "roles.toml has no {from:?}");
        fs::write(self.roles_file(), text.replacen(from, to, 1)).unwrap();
    }

    /// Lets the back ends with API keys of these names have the role `backend`.
    pub(crate) fn admit_back_ends(&self, names: &[&str]) {
        let rules: String = names.iter().map(|n| format!("{{ api_key = {n:?} }},")).collect();
        self.edit_roles("{ api_key = \"backend\" }", &rules);
    }

    pub(crate) fn keys_dir(&self) -> PathBuf {
        self.dir.path().join("nats-conf/generated")
    }

    /// How the service connects by way of a port on this machine.
    pub(crate) fn settings_by(&self, port: u16) -> ConnectionSettings {
        ConnectionSettings {
            urls: vec![format!("nats://127.0.0.1:{port}").parse().unwrap()],
            ca_file: None,
            credentials: api::keys::load_service(&self.keys_dir()).unwrap(),
            connect_timeout: Duration::from_secs(2),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.client_port)
    }

    pub(crate) fn websocket_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.websocket_port)
    }

    /// A seed of the keys directory.
    pub(crate) fn seed<R: Role>(&self, name: &str) -> KeyPair<R> {
        KeyPair::from_seed(fs::read_to_string(self.keys_dir().join(name)).unwrap().trim()).unwrap()
    }

    /// Removes every key above the roles.
    pub(crate) fn take_keys_away(&self) {
        for name in ["operator", "account", "system-account"] {
            for name in [format!("{name}.seed"), format!("{name}-signing.seed")] {
                fs::remove_file(self.keys_dir().join(name)).unwrap();
            }
        }
    }

    /// The account as it stands in the keys directory.
    pub(crate) fn account(&self) -> Claims<AccountClaims> {
        Claims::decode(fs::read_to_string(self.keys_dir().join("account.jwt")).unwrap().trim())
            .unwrap()
    }

    /// Changes the account's JWT behind the back of `api`, before the server's first start.
    pub(crate) fn change_account(&self, change: impl FnOnce(&mut Claims<AccountClaims>)) {
        self.change_jwt("account.jwt", change);
    }

    /// `change_account`, for any account's JWT of the keys directory.
    pub(crate) fn change_jwt(&self, name: &str, change: impl FnOnce(&mut Claims<AccountClaims>)) {
        let (path, conf) = (self.keys_dir().join(name), self.keys_dir().join("auth.conf"));
        let before = fs::read_to_string(&path).unwrap();
        let mut account = Claims::decode(before.trim()).unwrap();
        change(&mut account);
        let jwt = account.seal(&self.seed("operator-signing.seed")).unwrap();
        let text = fs::read_to_string(&conf).unwrap();
        fs::write(conf, text.replace(before.trim(), jwt.as_str())).unwrap();
        fs::write(path, jwt.as_str()).unwrap();
    }

    /// Replaces a part of nats-server's configuration.
    pub(crate) fn edit_conf(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.conf()).unwrap();
        assert!(text.contains(from), "the configuration has no {from:?}");
        fs::write(self.conf(), text.replacen(from, to, 1)).unwrap();
    }

    fn conf(&self) -> PathBuf {
        let name = if self.asks { "single-callout.conf" } else { "single.conf" };
        self.dir.path().join("nats-conf").join(name)
    }

    /// Has nats-server check the configuration.
    pub(crate) fn check_conf(&self) -> Output {
        Command::new(nats_server()).arg("-t").arg("-c").arg(self.conf()).output().unwrap()
    }

    /// Starts the server from another working directory and waits until both listeners answer.
    pub(crate) async fn start(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("nats.log"))
            .unwrap();
        let child = Command::new(nats_server())
            .arg("-c")
            .arg(self.conf())
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        for port in [self.client_port, self.websocket_port] {
            until("nats-server listens", || async { TcpStream::connect(("127.0.0.1", port)).ok() })
                .await;
        }
    }

    /// Starts the server, which is expected to refuse, and returns what it says.
    pub(crate) async fn refusal(&self) -> String {
        let mut command = Command::new(nats_server());
        let child = command.arg("-c").arg(self.conf()).current_dir("/").stdin(Stdio::null());
        let mut child = child.stderr(Stdio::piped()).spawn().unwrap();
        let ended = until("nats-server refuses", || {
            let ended = child.try_wait().unwrap();
            async move { ended }
        })
        .await;
        assert!(!ended.success());
        String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap()
    }

    /// Ends the server as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Freezes the server: its connections stay open and nothing moves.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        // The signal is only sent: until the last thread has stopped, the server may answer yet.
        let (_, status) = waitpid(Some(self.pid()), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "{status:?}");
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Has the server read its configuration again.
    pub(crate) fn reload(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().unwrap())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("nats.log")).unwrap()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}
