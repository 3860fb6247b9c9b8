//! Ending connections, through the system account.
//!
//! Which user a connection belongs to is read from the token it logged in with, which the server has
//! verified. The server's own filter by user (`"user"` of CONNZ) would spare the list, but it
//! compares what the client *says* its key is, and a client with a token may say anything.
//!
//! Who came in by auth callout has no token that the server would show. Such a connection has the
//! name that its answer gave it, over anything that the client said, and that name holds its key.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use async_nats::{Client, PublishError, SubscribeError};
use data_encoding::BASE64URL_NOPAD;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::{
    claims::{AccountKey, UserKey},
    publish::Connection,
};

/// Connections that a server lists at once; with their tokens, some hundred kilobytes.
const PAGE: u64 = 256;
/// Times that the list is gone through at most, as long as there is something new on it.
const PASSES: u32 = 16;
/// How many servers there are is not known: silence for so long means that all have answered.
const QUIET: Duration = Duration::from_millis(300);
/// Time for all of it.
const DEADLINE: Duration = Duration::from_secs(5);

/// Connections were not ended, or it is not known whether they were.
#[derive(Debug, thiserror::Error)]
pub enum KickError {
    /// There is no connection to the system account.
    #[error("there is no connection to NATS's system account")]
    NotConnected,
    /// No server answered.
    #[error("no server answered")]
    NoAnswer,
    /// Some server was not done in time.
    #[error("the servers were not done in time")]
    Deadline,
    /// The question could not be asked.
    #[error("the servers could not be asked")]
    Subscribe(#[source] SubscribeError),
    /// The question could not be asked.
    #[error("the servers could not be asked")]
    Publish(#[source] PublishError),
}

/// Ends connections of one account, on every server of the cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Kicker {
    connection: Connection,
    account: AccountKey,
}

/// What servers answer, as far as it matters here.
#[derive(Deserialize)]
struct Answer {
    server: Server,
    #[serde(default)]
    data: Option<List>,
}

#[derive(Deserialize)]
struct Server {
    id: String,
}

#[derive(Deserialize)]
struct List {
    total: u64,
    #[serde(default)]
    connections: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    cid: u64,
    #[serde(default)]
    jwt: String,
    #[serde(default)]
    authorized_user: String,
}

/// A server's word of a new connection.
#[derive(Deserialize)]
struct Connected {
    server: Server,
    client: NewClient,
}

#[derive(Deserialize)]
struct NewClient {
    id: u64,
    #[serde(default)]
    jwt: String,
    #[serde(default)]
    user: String,
}

impl Kicker {
    /// One that works over this connection to the system account.
    #[must_use]
    pub fn new(connection: Connection, account: AccountKey) -> Self {
        Self { connection, account }
    }

    /// The connection to the system account, if it is there.
    pub(super) fn client(&self) -> Option<Client> {
        self.connection.client()
    }

    /// The subject on which servers tell of the account's new connections.
    pub(super) fn connects(&self) -> String {
        format!("$SYS.ACCOUNT.{}.CONNECT", self.account)
    }

    /// Ends every connection of these users, and says how many there were.
    ///
    /// # Errors
    /// One variant of [`KickError`] for each step that can fail. Connections may have been ended all
    /// the same.
    ///
    /// # Cancel safety
    /// Cancelling leaves it open which connections have been ended.
    pub async fn kick(&self, nkeys: &BTreeSet<UserKey>) -> Result<u64, KickError> {
        if nkeys.is_empty() {
            return Ok(0);
        }
        let client = self.client().ok_or(KickError::NotConnected)?;
        let inbox = client.new_inbox();
        let mut answers =
            client.subscribe(format!("{inbox}.*")).await.map_err(KickError::Subscribe)?;
        let deadline = Instant::now() + DEADLINE;
        let mut listed = PAGE;
        self.list(&client, &inbox, 0).await?;
        let (mut answered, mut waiting, mut passes) = (false, 0_u64, 1);
        let (mut found, mut found_before) = (HashSet::new(), 0);
        loop {
            let until = if waiting > 0 || !answered { deadline } else { Instant::now() + QUIET };
            let Ok(message) = timeout_at(until.min(deadline), answers.next()).await else {
                if !answered {
                    return Err(KickError::NoAnswer);
                }
                if waiting > 0 || Instant::now() >= deadline {
                    return Err(KickError::Deadline);
                }
                // What has ended is no longer on the list, and others have moved up in it.
                if found.len() == found_before || passes == PASSES {
                    return Ok(found.len() as u64);
                }
                (listed, found_before) = (PAGE, found.len());
                passes += 1;
                self.list(&client, &inbox, 0).await?;
                continue;
            };
            let message = message.ok_or(KickError::NotConnected)?;
            let Ok(answer) = serde_json::from_slice::<Answer>(&message.payload) else {
                // "No responders" has no payload.
                return Err(KickError::NoAnswer);
            };
            answered = true;
            if message.subject.ends_with(".kick") {
                // If it says that there is no such connection, that has gone by itself.
                waiting = waiting.saturating_sub(1);
                continue;
            }
            let Some(list) = answer.data else { continue };
            while listed < list.total {
                self.list(&client, &inbox, listed).await?;
                listed += PAGE;
            }
            for connection in list.connections {
                let mut is_new = || found.insert((answer.server.id.clone(), connection.cid));
                if is_of(&connection.jwt, &connection.authorized_user, nkeys) && is_new() {
                    let reply = format!("{inbox}.kick");
                    client
                        .publish_with_reply(
                            kick_subject(&answer.server),
                            reply,
                            cid(connection.cid),
                        )
                        .await
                        .map_err(KickError::Publish)?;
                    waiting += 1;
                }
            }
        }
    }

    /// Ends a connection that a server tells of, if it is of one of these users. Whether it did.
    pub(super) async fn kick_new(
        &self,
        client: &Client,
        event: &[u8],
        nkeys: &BTreeSet<UserKey>,
    ) -> Result<bool, KickError> {
        let Ok(event) = serde_json::from_slice::<Connected>(event) else { return Ok(false) };
        if !is_of(&event.client.jwt, &event.client.user, nkeys) {
            return Ok(false);
        }
        // nats-server ignores a KICK that nobody wants to hear the result of.
        let reply = client.new_inbox();
        client
            .publish_with_reply(kick_subject(&event.server), reply, cid(event.client.id))
            .await
            .map_err(KickError::Publish)?;
        Ok(true)
    }

    async fn list(&self, client: &Client, inbox: &str, offset: u64) -> Result<(), KickError> {
        let question = json!({ "auth": true, "offset": offset, "limit": PAGE }).to_string();
        let subject = format!("$SYS.REQ.ACCOUNT.{}.CONNZ", self.account);
        client
            .publish_with_reply(subject, format!("{inbox}.list"), question.into())
            .await
            .map_err(KickError::Publish)
    }
}

fn kick_subject(server: &Server) -> String {
    format!("$SYS.REQ.SERVER.{}.KICK", server.id)
}

fn cid(id: u64) -> bytes::Bytes {
    json!({ "cid": id }).to_string().into()
}

/// Whether a connection is of one of these users.
fn is_of(jwt: &str, name: &str, nkeys: &BTreeSet<UserKey>) -> bool {
    user_of(jwt, name).is_some_and(|key| nkeys.contains(&key))
}

/// Whose a connection is, by its token or, where it has none, by its name. The server has verified the
/// token; here it is only read.
pub(crate) fn user_of(jwt: &str, name: &str) -> Option<UserKey> {
    #[derive(Deserialize)]
    struct Subject {
        sub: UserKey,
    }
    if jwt.is_empty() {
        return UserKey::parse(name.rsplit('-').next()?).ok();
    }
    let json = BASE64URL_NOPAD.decode(jwt.split('.').nth(1)?.as_bytes()).ok()?;
    serde_json::from_slice::<Subject>(&json).ok().map(|subject| subject.sub)
}
