use std::time::{Duration, Instant};

use crate::Error;

/// How often a condition is looked at.
const PERIOD: Duration = Duration::from_millis(20);

/// Tries until `attempt` yields something, and returns that.
///
/// # Errors
///
/// [`Error::Timeout`], which names `what`, if it yields nothing `within` the given time; any error
/// of the attempt itself ends the wait at once.
///
/// # Cancel safety
///
/// Dropping the future stops the attempts.
pub async fn eventually<T>(
    within: Duration,
    what: &str,
    mut attempt: impl AsyncFnMut() -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    let began = Instant::now();
    loop {
        if let Some(found) = attempt().await? {
            return Ok(found);
        }
        if began.elapsed() >= within {
            return Err(Error::Timeout { what: what.to_owned(), within });
        }
        tokio::time::sleep(PERIOD).await;
    }
}
