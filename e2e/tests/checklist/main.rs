//! The security checklist, from its first line to its last: what is promised of this project, each
//! line tried from outside against a real nats-server on `nats-conf`, the real API and, where the
//! line is about browsers, Chromium.
//!
//! A test is named after its line and says the rule first. `SECURITY.md` maps each line to these
//! tests and to the finer ones behind them.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "the helpers of a test may fail it")]

mod callers;
mod keys;
mod lifecycle;
mod reach;
mod secrets;
mod streams;
mod subjects;
mod support;
mod tokens;
mod transport;

use std::time::Duration;

/// Room for a page to load and to connect, again and again, on a busy machine.
const CONNECTED_WITHIN: Duration = Duration::from_secs(90);
