//! Benchmarks of the project: `bench browser` measures the client in Chromium beside nats.js and a
//! bare websocket, `bench http` the API, `bench scale` tens of thousands of connections at once. What
//! is measured, and how, is in BENCHMARKS.md.

mod api;
mod browser;
mod error;
mod http;
mod report;
mod results;
mod scale;
mod statistics;
mod table;

use std::net::SocketAddr;

use clap::{Parser, Subcommand};

use crate::error::Error;

#[derive(Debug, Parser)]
#[command(about = "Benchmarks of the project", long_about = None)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The client in Chromium, beside nats.js and a bare websocket
    Browser(browser::Options),
    /// The API under load, beside a route that does nothing
    Http(http::Options),
    /// Many connections at once, beside websocket servers
    Scale(scale::Options),
    /// Hold many connections, as the standard input says
    #[command(hide = true)]
    Swarm(scale::swarm::Options),
    /// Serve websockets as the designs do that need a server of their own
    #[command(hide = true)]
    Relay(scale::relay::Options),
    /// Serve the route that does nothing
    #[command(hide = true)]
    ServeEmpty {
        /// Where to listen
        address: SocketAddr,
    },
    /// Write tables and plot of results that were measured before
    Report(report::Options),
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    match Arguments::parse().command {
        Command::Browser(options) => browser::run(options).await,
        Command::Http(options) => http::run(options).await,
        Command::Scale(options) => scale::run(options).await,
        Command::Swarm(options) => scale::swarm::run(options).await,
        Command::Relay(options) => scale::relay::run(options).await,
        Command::ServeEmpty { address } => http::serve(address).await,
        Command::Report(options) => report::run(&options),
    }
}
