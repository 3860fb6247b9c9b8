//! The API under load, beside a route of axum's that does nothing.

mod empty;
mod load;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use e2e::{Stack, eventually};
use nkeys::KeyPair;
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub(crate) use self::empty::serve;
use self::load::Request;
use crate::error::Error;
use crate::results::{Cell, Results};
use crate::table;

/// How long a server may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// How many different public keys ask for credentials.
const KEYS: usize = 1_000;

/// How `bench http` is called.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// How often everything is measured, each time all routes after one another
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How long each route is asked, in seconds
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How many connections ask at a time
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The API's program, as optimised as this one
    #[arg(long, default_value = "target/release/api")]
    api: PathBuf,
    /// Where the results go
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// Measures, and writes `http.json` and `http.md`.
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let stack = Stack::start().await?;
    let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
    let (_api, api) = start_api(&options.api, &stack, folder.path()).await?;
    let (_empty, empty) = start_empty().await?;

    let credentials = (0..KEYS).map(|_| {
        let nkey = KeyPair::new_user().public_key();
        Request::post(api, "/v1/credentials", &format!("{{\"nkey\":\"{nkey}\"}}"))
    });
    let routes = [
        ("empty route", vec![Request::post(empty, "/ping", "")]),
        ("POST /ping", vec![Request::post(api, "/ping", "")]),
        ("GET /healthz", vec![Request::get(api, "/healthz")]),
        ("POST /v1/credentials", credentials.collect()),
    ];
    let time = Duration::from_secs_f64(options.seconds);
    let mut results = Results::new(options.rounds, options.seconds / 5.0);
    for (name, requests) in &routes {
        load::run(requests, options.connections, time / 5).await.map(drop)?;
        println!("{name} answers");
    }
    for round in 0..options.rounds {
        for turn in 0..routes.len() {
            let (name, requests) = &routes[(turn + round as usize) % routes.len()];
            let metrics = load::run(requests, options.connections, time).await?;
            println!("round {}  {name}: {metrics}", round + 1);
            let scenario = format!("{} connections", options.connections);
            results.cells.push(Cell::new(&scenario, name, round, metrics));
        }
    }
    let columns = table::Ratios { limit: "empty route", rival: None };
    results.write(&options.out, "http", &table::markdown(&results, |_| columns))
}

/// Starts the API once more, beside the stack's: without rate limits, and with its log thrown away.
async fn start_api(
    program: &Path,
    stack: &Stack,
    folder: &Path,
) -> Result<(Child, SocketAddr), Error> {
    let dev = Path::new("api/config/dev.toml");
    let text = fs::read_to_string(dev).map_err(Error::io("read the API's configuration"))?;
    let text = unlimited(&text).ok_or(Error::Unexpected {
        what: "the API's configuration",
        found: "no limits".to_owned(),
    })?;
    let config = folder.join("api.toml");
    fs::write(&config, text).map_err(Error::io("write the API's configuration"))?;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    let address = address.map_err(Error::io("find a free port"))?;
    let mut command = Command::new(program);
    command
        .args(["serve", "--config"])
        .arg(&config)
        .env("API_LISTEN", address.to_string())
        .env("API_NATS_URL", stack.nats.client_url())
        .env("API_KEYS_DIR", stack.api.keys())
        .env("API_WEBSOCKET_URLS", stack.nats.websocket_url());
    let child = spawn(&mut command)?;
    answers(&Request::get(address, "/readyz")).await?;
    Ok((child, address))
}

/// The configuration with `[limits] enabled = false`.
fn unlimited(text: &str) -> Option<String> {
    let (before, limits) = text.split_once("\n[limits]\n")?;
    Some(format!("{before}\n[limits]\n{}", limits.replacen("enabled = true", "enabled = false", 1)))
}

/// Starts this program once more, as the server that does nothing.
async fn start_empty() -> Result<(Child, SocketAddr), Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    let address = address.map_err(Error::io("find a free port"))?;
    let program = std::env::current_exe().map_err(Error::io("find this program"))?;
    let mut command = Command::new(program);
    let child = spawn(command.args(["serve-empty", &address.to_string()]))?;
    answers(&Request::post(address, "/ping", "")).await?;
    Ok((child, address))
}

fn spawn(command: &mut Command) -> Result<Child, Error> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let command = command.kill_on_drop(true);
    command.spawn().map_err(Error::io("start a server (`just bench-http` builds it)"))
}

async fn answers(request: &Request) -> Result<(), Error> {
    let what = format!("{} answers", request.address());
    let answered = async || Ok(load::once(request).await.is_ok().then_some(()));
    Ok(eventually(READY_WITHIN, &what, answered).await?)
}
