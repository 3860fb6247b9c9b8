//! The real `api` binary, as a child process.

use std::{
    fs::{self, File},
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use reqwest::{Client, Response, header};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{nats::Nats, wait::until};

/// What differs from `dev.toml` and from an ordinary start.
#[derive(Default)]
pub(crate) struct Options {
    /// Replacements in the text of `dev.toml`.
    pub(crate) edits: Vec<(&'static str, String)>,
    /// Environment variables on top.
    pub(crate) env: Vec<(&'static str, String)>,
}

impl Options {
    pub(crate) fn edit(mut self, from: &'static str, to: impl Into<String>) -> Self {
        self.edits.push((from, to.into()));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }
}

pub(crate) struct Api {
    dir: tempfile::TempDir,
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) http: Client,
}

pub(crate) fn dev_toml() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/dev.toml")
}

pub(crate) fn roles_toml() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("roles.toml")
}

/// The command that starts the service for `nats`, with its files in `dir`.
pub(crate) fn command(nats: &Nats, dir: &Path, options: &Options) -> Command {
    let mut text = fs::read_to_string(dev_toml()).unwrap();
    for (from, to) in &options.edits {
        assert!(text.contains(from), "dev.toml has no {from:?}");
        text = text.replacen(from, to, 1);
    }
    let config = dir.join("api.toml");
    fs::write(&config, text).unwrap();

    let mut command = Command::new(env!("CARGO_BIN_EXE_api"));
    command
        .arg("serve")
        .arg("--config")
        .arg(config)
        .env_remove("RUST_LOG")
        .env("API_LISTEN", "127.0.0.1:0")
        .env("API_ADDRESS_FILE", dir.join("address"))
        .env("API_NATS_URL", nats.url())
        .env("API_KEYS_DIR", nats.keys_dir())
        .env("API_ROLES", nats.roles_file())
        .env("API_WEBSOCKET_URLS", nats.websocket_url())
        .env("API_PAGE_DIR", dir.join("page"))
        .envs(options.env.iter().map(|(name, value)| (name, value)))
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

impl Api {
    pub(crate) async fn start(nats: &Nats) -> Self {
        Self::start_with(nats, &Options::default()).await
    }

    pub(crate) async fn start_with(nats: &Nats, options: &Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = File::create(dir.path().join("api.log")).unwrap();
        let mut child = command(nats, dir.path(), options).stderr(log).spawn().unwrap();
        let address = until("the service tells its address", || {
            let ended = child.try_wait().unwrap();
            let address = fs::read_to_string(dir.path().join("address")).ok();
            // One that is to stop by itself may have done so as soon as it had told its address.
            let log = || read(&dir.path().join("api.log"));
            assert!(ended.is_none() || address.is_some(), "{ended:?}: {}", log());
            async { address.map(|address| address.parse().unwrap()) }
        })
        .await;
        Self { dir, child, address, http: Client::new() }
    }

    /// `start`, then waits until NATS is connected.
    pub(crate) async fn ready(nats: &Nats) -> Self {
        let api = Self::start(nats).await;
        api.until_status("/readyz", 200).await;
        api
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn page_dir(&self) -> PathBuf {
        self.dir.path().join("page")
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().await.unwrap()
    }

    pub(crate) async fn ping(&self) -> Response {
        self.http.post(self.url("/ping")).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.http
            .post(self.url(path))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await
            .unwrap()
    }

    /// A call with a bearer credential, for a new key where a credential is asked for.
    pub(crate) async fn call_as(&self, path: &str, bearer: &str) -> Response {
        let nkey = nkeys::KeyPair::new_user().public_key();
        self.post_as(path, bearer, &serde_json::json!({ "nkey": nkey })).await
    }

    /// A call with a bearer credential and a body of the test's choice.
    pub(crate) async fn post_as(&self, path: &str, bearer: &str, body: &Value) -> Response {
        self.http
            .post(self.url(path))
            .bearer_auth(bearer)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_string())
            .send()
            .await
            .unwrap()
    }

    /// A credential for this key.
    pub(crate) async fn credential(&self, nkey: &str) -> Value {
        let response =
            self.post("/v1/credentials", serde_json::json!({ "nkey": nkey }).to_string()).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    pub(crate) async fn until_status(&self, path: &str, status: u16) {
        until("the status is right", || async {
            (self.get(path).await.status() == status).then_some(())
        })
        .await;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the process to end by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until("the service ends", || {
            let ended = child.try_wait().unwrap();
            async move { ended }
        })
        .await
    }

    pub(crate) fn log(&self) -> String {
        read(&self.dir.path().join("api.log"))
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    let mut text = String::new();
    File::open(path).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Checks that a response is a problem with this status and code, and returns its body.
pub(crate) async fn problem(response: Response, status: u16, code: &str) -> Value {
    let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
    let actual = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(actual, status, "{text}");
    assert_eq!(content_type.unwrap(), "application/problem+json", "{text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["code"], code, "{text}");
    assert_eq!(body["status"], status, "{text}");
    for member in ["type", "title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {text}");
    }
    body
}
