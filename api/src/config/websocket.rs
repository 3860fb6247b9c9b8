//! The websocket listeners of NATS, as browsers reach them.

use serde::Deserialize;
use url::Url;

use super::{Invalid, is_loopback};

/// What browsers are told about the websocket listeners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebsocketConfig {
    /// `wss://` URLs, or `ws://` ones on loopback, best first. The page's content security policy
    /// allows these and no others.
    pub urls: Vec<Url>,
}

impl WebsocketConfig {
    pub(super) fn check(&self, problems: &mut Vec<Invalid>) {
        let mut refuse =
            |problem: String| problems.push(Invalid { field: "websocket.urls", problem });
        if self.urls.is_empty() {
            refuse("at least one URL is needed".to_owned());
        }
        for url in &self.urls {
            if !matches!(url.scheme(), "ws" | "wss") {
                refuse(format!("scheme {:?} is neither ws nor wss", url.scheme()));
            } else if !url.username().is_empty()
                || url.password().is_some()
                || url.query().is_some()
                || url.fragment().is_some()
            {
                refuse("a URL holds more than scheme, host, port and path".to_owned());
            } else if url.as_str().contains([';', ',', '\'']) {
                // The URL becomes part of a header with its own punctuation.
                refuse("a URL holds one of ; , '".to_owned());
            } else if url.scheme() == "ws" && !is_loopback(url) {
                refuse("a ws:// URL leads off this machine, where it must be wss://".to_owned());
            }
        }
    }
}
