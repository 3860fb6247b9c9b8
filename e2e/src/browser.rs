use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rcgen::{KeyPair, PublicKeyData};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::Mutex;
use url::Url;

use crate::{Error, Process, Tab, eventually, ports};

/// How long ChromeDriver may take until it answers, and the browser until it is closed.
const WITHIN: Duration = Duration::from_secs(60);

/// The capabilities that all tests in a browser share.
const CAPABILITIES: &str = include_str!("../../tools/webdriver.json");

/// A Chromium with a new, empty profile, driven through a ChromeDriver of its own.
#[derive(Debug)]
pub struct Browser {
    client: Arc<Mutex<Client>>,
    session: String,
    port: u16,
    // In this order: the driver ends before the profile is removed.
    _driver: Process,
    _profile: TempDir,
}

impl Browser {
    /// Starts ChromeDriver and, through it, Chromium.
    ///
    /// # Errors
    ///
    /// [`Error::Spawn`] if there is no ChromeDriver; [`Error::Session`] if it cannot start Chromium.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends what it has started.
    pub async fn start() -> Result<Self, Error> {
        Self::start_with(None).await
    }

    /// [`Browser::start`], with one that takes any certificate of the key in this file of PEM, and no
    /// other that it would not take by itself.
    ///
    /// # Errors
    ///
    /// Those of [`Browser::start`]; [`Error::Io`] if the file holds no key.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends what it has started.
    pub async fn start_trusting(key: &Path) -> Result<Self, Error> {
        let failed = || Error::io(format!("read the key {}", key.display()));
        let pem = tokio::fs::read_to_string(key).await.map_err(failed())?;
        let pair =
            KeyPair::from_pem(&pem).map_err(|source| failed()(std::io::Error::other(source)))?;
        let hash = BASE64.encode(&Sha256::digest(pair.subject_public_key_info()));
        Self::start_with(Some(format!("--ignore-certificate-errors-spki-list={hash}"))).await
    }

    async fn start_with(argument: Option<String>) -> Result<Self, Error> {
        let profile = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let port = ports::free()?;
        let program = std::env::var_os("CHROMEDRIVER")
            .map_or_else(|| PathBuf::from("chromedriver"), PathBuf::from);
        let mut driver =
            Process::start("chromedriver", Command::new(program).arg(format!("--port={port}")))?;
        let address = format!("http://127.0.0.1:{port}");
        let status = format!("{address}/status");
        eventually(WITHIN, "ChromeDriver answers", async || {
            driver.check()?;
            let answer = reqwest::get(&status).await;
            Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        })
        .await?;

        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&profile, argument))
            .connect(&address)
            .await?;
        let session = client.session_id().await?.unwrap_or_default();
        let client = Arc::new(Mutex::new(client));
        Ok(Self { client, session, port, _driver: driver, _profile: profile })
    }

    /// Opens a page in a tab of its own and waits until it has loaded.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`] if the page cannot be loaded.
    ///
    /// # Cancel safety
    ///
    /// The tab may have been opened, and stays until the browser ends.
    pub async fn open(&self, url: &str) -> Result<Tab, Error> {
        let window = {
            let client = self.client.lock().await;
            let window = client.new_window(true).await?.handle;
            client.switch_to_window(window.clone()).await?;
            client.goto(url).await?;
            window
        };
        Ok(Tab::new(Arc::clone(&self.client), window))
    }

    /// What all tabs have written to their consoles since this was last asked, as
    /// `LEVEL message`. Violations of a content security policy and failed requests are among it.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`] if ChromeDriver has no such log.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may lose entries.
    pub async fn console(&self) -> Result<Vec<String>, Error> {
        let entries = self
            .client
            .lock()
            .await
            .issue_cmd(ChromeCommand { path: "se/log", body: json!({ "type": "browser" }) })
            .await?;
        let line = |entry: &Value| {
            let part = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            format!("{} {}", part("level"), part("message"))
        };
        Ok(entries.as_array().into_iter().flatten().map(line).collect())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with its driver in any case. Told to close, it has done so when the answer
        // comes, and its profile can be removed. What goes wrong here leaves some files behind.
        let _ = close(self.port, &self.session);
    }
}

/// Deletes a session without the help of an async runtime, which may be gone.
fn close(port: u16, session: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(WITHIN))?;
    let host = format!("Host: 127.0.0.1:{port}");
    write!(stream, "DELETE /session/{session} HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n")?;
    stream.read_exact(&mut [0])
}

fn capabilities(profile: &TempDir, argument: Option<String>) -> Map<String, Value> {
    let mut capabilities: Map<String, Value> =
        serde_json::from_str(CAPABILITIES).unwrap_or_default();
    if let Some(arguments) = capabilities
        .get_mut("goog:chromeOptions")
        .and_then(|options| options["args"].as_array_mut())
    {
        arguments.push(format!("--user-data-dir={}", profile.path().display()).into());
        arguments.extend(argument.map(Value::from));
    }
    capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
    capabilities
}

/// A command that ChromeDriver has beyond the WebDriver standard.
#[derive(Debug)]
pub(crate) struct ChromeCommand {
    /// The path below the session's.
    pub(crate) path: &'static str,
    pub(crate) body: Value,
}

impl WebDriverCompatibleCommand for ChromeCommand {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _url: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
