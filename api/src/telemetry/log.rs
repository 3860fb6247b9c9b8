//! The log.
//!
//! It holds no secret at any level: tokens and seeds have types whose `Debug` hides them, bodies,
//! headers and queries are not logged, and axum is built without its own log, which would quote a
//! body that does not parse.

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    EnvFilter, Layer,
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

use crate::config::{LogConfig, LogFormat};

/// The log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is none.
    #[error("the log filter {filter:?} is not valid")]
    Filter {
        /// The filter given.
        filter: String,
        /// Why it is none.
        source: tracing_subscriber::filter::ParseError,
    },
    /// There is a log already.
    #[error("the log is already started")]
    Started(#[source] TryInitError),
}

/// Starts the log on standard error. `RUST_LOG` wins over the configured filter.
///
/// # Errors
/// * [`TelemetryError::Filter`]: the filter, or `RUST_LOG`, cannot be read.
/// * [`TelemetryError::Started`]: called twice in one process.
pub fn start(config: &LogConfig) -> Result<(), TelemetryError> {
    let directives = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(set) if !set.trim().is_empty() => set,
        _ => config.filter.clone(),
    };
    let filter = EnvFilter::try_new(&directives)
        .map_err(|source| TelemetryError::Filter { filter: directives, source })?;

    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let layer = match config.format {
        LogFormat::Compact => layer.compact().with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init()
        .map_err(TelemetryError::Started)
}
