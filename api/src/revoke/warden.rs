//! Keeps those out who were banned and still have a token.
//!
//! A connection that was ended comes back as long as its token lives, unless the account's JWT names
//! its key. So while there may be such tokens, the servers' word of each new connection is listened
//! to. Such an event holds the whole token of whoever connects, so nothing of it is logged, and it is
//! listened to only for as long as it is needed.

use std::time::Duration;

use async_nats::{Client, connection::State};
use futures_util::StreamExt;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{BanList, Kicker};
use crate::{causes::Causes, clock::unix_now};

/// How often it is looked whether there is a connection, and whether bans have ended.
const CHECK: Duration = Duration::from_millis(500);

/// Works until `stop` is cancelled.
pub async fn keep_out(bans: BanList, kicker: Kicker, stop: CancellationToken) {
    let work = async {
        loop {
            while bans.kept_out(unix_now()).is_empty() {
                bans.changed().await;
            }
            if let Some(client) = kicker.client() {
                watch(&bans, &kicker, &client).await;
            }
            sleep(CHECK).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

/// Watches over one connection, until it is lost or nobody is to be kept out.
async fn watch(bans: &BanList, kicker: &Kicker, client: &Client) {
    let mut events = match client.subscribe(kicker.connects()).await {
        Ok(events) => events,
        Err(error) => return warn!(%error, "who comes back from a ban cannot be watched"),
    };
    // Those who came while nobody watched; after the subscription, so that there is no gap.
    match kicker.kick(&bans.kept_out(unix_now())).await {
        Ok(0) => {}
        Ok(kicked) => info!(kicked, "ended connections of banned users"),
        Err(error) => {
            return warn!(error = %Causes(&error), "connections of banned users could not be ended");
        }
    }
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = sleep(CHECK) => {
                let is_lost = client.connection_state() != State::Connected;
                if is_lost || bans.kept_out(unix_now()).is_empty() {
                    return;
                }
                continue;
            }
        };
        let Some(event) = event else { return };
        match kicker.kick_new(client, &event.payload, &bans.kept_out(unix_now())).await {
            Ok(true) => info!("a banned user came back and was put out"),
            Ok(false) => {}
            Err(error) => return warn!(error = %Causes(&error), "a banned user came back"),
        }
    }
}
