//! Whether the page is connected, to what, and if not, why.

use futures_util::StreamExt;
use web_wasm::{Event, Events};

use crate::view::View;

/// What the page says of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// There has been no connection yet.
    Connecting,
    /// A server has let the page in.
    Connected {
        /// Its name.
        server: String,
    },
    /// The connection broke and is being made again.
    Reconnecting {
        /// What to say of it.
        words: String,
    },
    /// There will be no connection.
    Closed,
}

impl Status {
    fn name(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected { .. } => "connected",
            Self::Reconnecting { .. } => "reconnecting",
            Self::Closed => "closed",
        }
    }
}

/// Shows a status.
pub(crate) fn show(view: &View, status: &Status) {
    // An attribute can always be set on an element that exists.
    view.connection.set_attribute("data-state", status.name()).ok();
    let words = match status {
        Status::Reconnecting { words } => words,
        other => other.name(),
    };
    view.connection.set_text_content(Some(words));
    if let Status::Connected { server } = status {
        view.server.set_text_content(Some(server));
    }
}

/// Shows what happens to the connection until it is closed.
pub(crate) async fn follow(view: &View, mut events: Events) {
    let mut was_connected = false;
    while let Some(event) = events.next().await {
        match event {
            Event::Connected { server_name, .. } | Event::HandedOver { server_name, .. } => {
                was_connected = true;
                view.problem("");
                show(view, &Status::Connected { server: server_name });
            }
            Event::Connecting { wait, attempt, .. } if was_connected => {
                let seconds = wait.as_secs_f32();
                let words = format!("reconnecting in {seconds:.1} s (try {attempt})");
                show(view, &Status::Reconnecting { words });
            }
            Event::Connecting { .. } => show(view, &Status::Connecting),
            Event::Disconnected { reason, .. } => {
                let words = String::from("reconnecting");
                show(view, &Status::Reconnecting { words });
                view.problem(&format!("Disconnected: {reason}."));
            }
            Event::ConnectFailed { server, reason } => {
                view.problem(&format!("No connection to {server}: {reason}. Trying again."));
            }
            Event::HandoverFailed { reason, .. } => {
                view.problem(&format!("The credential was not renewed: {reason}."));
            }
            Event::SlowConsumer { .. } => {
                view.problem("This tab is too slow for what arrives: some updates were dropped.");
            }
            Event::Closed { reason, .. } => {
                show(view, &Status::Closed);
                view.problem(&format!("Closed: {reason}. Reload the page to connect again."));
            }
            // A denied probe is told by the probe, and the others change nothing to see.
            _ => {}
        }
    }
}
