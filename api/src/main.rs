//! The `api` binary: everything is in the library.

use std::{io::Write, process::ExitCode};

use api::{causes::Causes, cli::Cli};
use clap::Parser;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed there is nobody to tell.
            let _ = writeln!(std::io::stderr().lock(), "error: {}", Causes(&error));
            ExitCode::FAILURE
        }
    }
}
