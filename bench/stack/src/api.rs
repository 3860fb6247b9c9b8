use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use e2e::eventually;
use tokio::process::{Child, Command};

use crate::error::Error;
use crate::http::Request;

/// How long a server may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// What the API is to use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uses<'a> {
    /// The folder of its keys.
    pub(crate) keys: &'a Path,
    /// Where it reaches NATS.
    pub(crate) nats_url: &'a str,
    /// Where browsers do.
    pub(crate) websocket_urls: &'a str,
    /// Where its configuration is written.
    pub(crate) folder: &'a Path,
}

/// Starts an API of its own beside a stack's: as optimised as `program` is, without rate limits, and
/// with its log thrown away.
pub(crate) async fn start(program: &Path, uses: Uses<'_>) -> Result<(Child, SocketAddr), Error> {
    let dev = Path::new("api/config/dev.toml");
    let text = fs::read_to_string(dev).map_err(Error::io("read the API's configuration"))?;
    let text = unlimited(&text).ok_or(Error::Unexpected {
        what: "the API's configuration",
        found: "no limits".to_owned(),
    })?;
    let config = uses.folder.join("api-without-limits.toml");
    fs::write(&config, text).map_err(Error::io("write the API's configuration"))?;

    let address = free_address()?;
    let mut command = Command::new(program);
    command
        .args(["serve", "--config"])
        .arg(&config)
        .env("API_LISTEN", address.to_string())
        .env("API_NATS_URL", uses.nats_url)
        .env("API_KEYS_DIR", uses.keys)
        .env("API_WEBSOCKET_URLS", uses.websocket_urls);
    let child = spawn(&mut command)?;
    answers(&Request::get(address, "/readyz")).await?;
    Ok((child, address))
}

/// The configuration with `[limits] enabled = false`.
fn unlimited(text: &str) -> Option<String> {
    let (before, limits) = text.split_once("\n[limits]\n")?;
    Some(format!("{before}\n[limits]\n{}", limits.replacen("enabled = true", "enabled = false", 1)))
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map_err(Error::io("find a free port"))
}

/// Starts a program that ends with the value, and prints nothing.
pub(crate) fn spawn(command: &mut Command) -> Result<Child, Error> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let command = command.kill_on_drop(true);
    command.spawn().map_err(Error::io("start a server (`just bench-http` builds it)"))
}

/// Waits until a request is answered.
pub(crate) async fn answers(request: &Request) -> Result<(), Error> {
    let what = format!("{} answers", request.address());
    let answered = async || Ok(request.once().await.is_ok().then_some(()));
    Ok(eventually(READY_WITHIN, &what, answered).await?)
}
