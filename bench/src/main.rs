//! Benchmarks of the project: `bench browser` measures the client in Chromium beside nats.js and a
//! bare websocket. What is measured, and how, is in BENCHMARKS.md.

mod browser;
mod error;
mod statistics;

use std::path::PathBuf;

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
    /// Write the table and the plot of results that were measured before
    Report {
        /// The results, as `bench browser` wrote them
        results: PathBuf,
    },
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    match Arguments::parse().command {
        Command::Browser(options) => browser::run(options).await,
        Command::Report { results } => browser::report(&results),
    }
}
