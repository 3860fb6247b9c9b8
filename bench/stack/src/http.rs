//! The API under load, beside a route of axum's that does nothing.

mod empty;
mod load;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use e2e::Stack;
use nkeys::KeyPair;
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub(crate) use self::empty::serve;
pub(crate) use self::load::Request;
use crate::api::{self, Uses, answers, free_address, spawn};
use crate::error::Error;
use crate::results::{Cell, Results};
use crate::table;

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
    let uses = Uses {
        keys: stack.api.keys(),
        nats_url: &stack.nats.client_url(),
        websocket_urls: &stack.nats.websocket_url(),
        folder: folder.path(),
    };
    let (_api, api) = api::start(&options.api, uses).await?;
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
    results.write(&options.out, "http", &report(&results))
}

/// The table.
pub(crate) fn report(results: &Results) -> String {
    table::markdown(results, |_| table::Ratios { limit: "empty route", rival: None })
}

/// Starts this program once more, as the server that does nothing.
async fn start_empty() -> Result<(Child, SocketAddr), Error> {
    let address = free_address()?;
    let program = std::env::current_exe().map_err(Error::io("find this program"))?;
    let mut command = Command::new(program);
    let child = spawn(command.args(["serve-empty", &address.to_string()]))?;
    answers(&Request::post(address, "/ping", "")).await?;
    Ok((child, address))
}
