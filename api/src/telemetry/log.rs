//! The log.
//!
//! It holds no secret at any level: tokens and seeds have types whose `Debug` hides them, bodies,
//! headers and queries are not logged, and axum is built without its own log, which would quote a
//! body that does not parse.

use std::io::{self, IsTerminal};

use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::Targets,
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
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let layer = match config.format {
        LogFormat::Compact => layer.compact().with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let layer = filtered(layer, directives)?;
    tracing_subscriber::registry().with(layer).try_init().map_err(TelemetryError::Started)
}

type Log = Box<dyn Layer<Registry> + Send + Sync>;

fn filtered(layer: Log, directives: String) -> Result<Log, TelemetryError> {
    let filter = EnvFilter::try_new(&directives);
    let targets = targets(&directives);
    let filter = filter.map_err(|source| TelemetryError::Filter { filter: directives, source })?;
    Ok(match targets {
        Some(targets) => layer.with_filter(targets).boxed(),
        None => layer.with_filter(filter).boxed(),
    })
}

/// The same filter, if it names levels and targets alone. `EnvFilter` looks at each span each time
/// that it is entered, in case it is one that a directive names, and every request would pay for it.
fn targets(directives: &str) -> Option<Targets> {
    let is_plain = |piece: &str| {
        !piece.is_empty() && piece.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:".contains(&b))
    };
    let all_plain = directives.split([',', '=']).all(is_plain);
    all_plain.then(|| directives.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn what_names_levels_and_targets_alone_needs_no_more_than_that() {
        let ours = targets("info,async_nats=off,api::publish=debug").unwrap();
        for (target, level, expected) in [
            ("api", Level::INFO, true),
            ("api", Level::DEBUG, false),
            ("api::publish::outbox", Level::DEBUG, true),
            ("api::publish", Level::TRACE, false),
            ("async_nats::connector", Level::ERROR, false),
        ] {
            assert_eq!(ours.would_enable(target, &level), expected, "{target} {level}");
        }
        for other in ["", "api[request]=debug", "[{id=1}]=trace", "info, api=debug", "a,,b", "api="]
        {
            assert!(targets(other).is_none(), "{other}");
        }
    }
}
