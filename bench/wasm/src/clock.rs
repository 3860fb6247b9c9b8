//! The page's clock.

use web_sys::Performance;

thread_local! {
    static PERFORMANCE: Option<Performance> = web_sys::window().and_then(|window| window.performance());
}

/// Milliseconds since the page was loaded.
pub(crate) fn now() -> f64 {
    PERFORMANCE.with(|performance| performance.as_ref().map_or(0.0, Performance::now))
}
