//! The servers' word of ended connections.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use nats_proto::presence::ConnectionId;
use serde::Deserialize;

use crate::{claims::UserKey, revoke::kicker::user_of};

/// Wait before a tab is told to be gone: one that moved to another connection, or comes back at once,
/// says so meanwhile, and what its old connection said last has come.
const GRACE: Duration = Duration::from_millis(500);
/// Ended connections that wait at most. Tabs of those beyond are gone after the ttl.
const MAX_WAITING: usize = 100_000;

/// A connection that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    /// Whose it was, by the token that the server has verified.
    pub(super) user: UserKey,
    /// Which it was.
    pub(super) connection: ConnectionId,
}

#[derive(Deserialize)]
struct Disconnected {
    server: Server,
    client: Client,
}

#[derive(Deserialize)]
struct Server {
    id: String,
}

#[derive(Deserialize)]
struct Client {
    id: u64,
    #[serde(default)]
    jwt: String,
    #[serde(default)]
    user: String,
}

impl Ended {
    /// Reads an event of a server; `None` if it is of nobody with a key. It holds the user's whole
    /// token, so nothing of it is logged.
    pub(super) fn read(event: &[u8]) -> Option<Self> {
        let Disconnected { server, client } = serde_json::from_slice(event).ok()?;
        let user = user_of(&client.jwt, &client.user)?;
        let connection = ConnectionId { server: server.id.into(), client: client.id };
        Some(Self { user, connection })
    }
}

/// Connections that have ended and are not acted on yet, in order.
#[derive(Debug, Default)]
pub(super) struct Waiting(VecDeque<(Instant, Ended)>);

impl Waiting {
    pub(super) fn push(&mut self, now: Instant, ended: Ended) {
        if self.0.len() < MAX_WAITING {
            self.0.push_back((now + GRACE, ended));
        }
    }

    /// When the first is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.front().map(|(due, _)| *due)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Ended> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_front().map(|(_, ended)| ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_and_what_is_none_is_not() {
        let key = crate::claims::UserPair::from_random([7; 32]).unwrap().public().clone();
        let event = |client: &str| format!(r#"{{"server":{{"id":"N1"}},"client":{client}}}"#);
        let named = event(&format!(r#"{{"id":5,"user":"guest-{key}"}}"#));
        let ended = Ended::read(named.as_bytes()).unwrap();
        assert_eq!(ended.user, key);
        assert_eq!(ended.connection, ConnectionId { server: "N1".into(), client: 5 });
        for bad in ["", "{}", r#"{"id":5}"#, r#"{"id":5,"jwt":"a.b.c"}"#, r#"{"id":5,"user":"x"}"#]
        {
            assert_eq!(Ended::read(event(bad).as_bytes()), None, "{bad}");
            assert_eq!(Ended::read(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn what_waits_is_acted_on_in_order_after_a_while() {
        let key = crate::claims::UserPair::from_random([7; 32]).unwrap().public().clone();
        let ended = |client| Ended {
            user: key.clone(),
            connection: ConnectionId { server: "N1".into(), client },
        };
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        waiting.push(now, ended(1));
        waiting.push(now + GRACE / 2, ended(2));
        assert_eq!(waiting.pop_due(now), None);
        assert_eq!(waiting.pop_due(now + GRACE), Some(ended(1)));
        assert_eq!(waiting.pop_due(now + GRACE), None);
        assert_eq!(waiting.next(), Some(now + GRACE / 2 + GRACE));
    }
}
