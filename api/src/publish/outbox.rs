//! Messages that go out together and are confirmed together.

use std::{future::pending, sync::Arc, time::Duration};

use async_nats::{
    Client, Request,
    client::{PublishErrorKind, RequestErrorKind},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    pin, select,
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    task::yield_now,
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tracing::debug;

use super::{
    Connection, Message, PublishError,
    publisher::{Unconfirmed, overdue},
};

/// A subject that nobody answers on. The server says so at once ("no responders"), and since it
/// works through a connection in order, that answer proves that it has all that was sent before.
const CONFIRM_SUBJECT: &str = "com.scaling-ws.api.confirm";

/// Messages that wait to be taken. More wait for room, until their deadlines.
const CAPACITY: usize = 1024;

/// How long messages wait for a confirmation of others that is on its way, at most: one that never
/// comes must not hold them up.
const PATIENCE: Duration = Duration::from_millis(5);

/// A message, and who waits for what becomes of it.
struct Outgoing {
    message: Message,
    sender: Sender,
}

/// Who waits for what becomes of a message, and until when.
struct Sender {
    deadline: Instant,
    answer: oneshot::Sender<Result<(), PublishError>>,
}

impl Sender {
    /// Whoever has gone away meanwhile hears nothing.
    fn tell(self, result: Result<(), PublishError>) {
        let _ = self.answer.send(result);
    }
}

/// Sends messages and has them confirmed, with one question to nats-server for all that are there
/// at a time. Cheap to clone; clones share it.
///
/// While a question is on its way, what comes meanwhile waits for its answer, and then goes out
/// together with the next question. So the more there is to do, the less each message costs, and a
/// message that comes alone is asked for at once.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    queue: mpsc::Sender<Outgoing>,
    deadline: Duration,
}

impl Outbox {
    /// Starts the task that sends. It ends when the last clone is gone and everybody has been
    /// answered. `deadline` is how long each message may take.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(super) fn spawn(connection: Connection, deadline: Duration) -> Self {
        let (queue, waiting) = mpsc::channel(CAPACITY);
        tokio::spawn(work_through(waiting, connection, deadline));
        Self { queue, deadline }
    }

    /// Sends a message and waits until the server has it: until it has answered a question that was
    /// written after the message, to the same connection.
    ///
    /// # Errors
    /// * [`PublishError::NotConnected`], [`PublishError::Busy`], [`PublishError::Refused`]: the
    ///   message was not sent and never will be.
    /// * [`PublishError::Unconfirmed`]: nobody can tell.
    ///
    /// # Cancel safety
    /// Not cancel safe: a cancelled call may or may not send the message. Nobody else is affected.
    pub(super) async fn send(&self, message: Message) -> Result<(), PublishError> {
        let deadline = Instant::now() + self.deadline;
        let (answer, result) = oneshot::channel();
        let outgoing = Outgoing { message, sender: Sender { deadline, answer } };
        match self.queue.try_send(outgoing) {
            Ok(()) => {}
            Err(TrySendError::Full(outgoing)) => {
                timeout_at(deadline, self.queue.send(outgoing))
                    .await
                    .map_err(|_| PublishError::Busy)?
                    .map_err(|_| PublishError::NotConnected)?;
            }
            Err(TrySendError::Closed(_)) => return Err(PublishError::NotConnected),
        }
        result.await.unwrap_or(Err(PublishError::Unconfirmed(Unconfirmed::Abandoned)))
    }
}

/// Takes what waits, again and again, until nobody can send any more.
async fn work_through(
    mut queue: mpsc::Receiver<Outgoing>,
    connection: Connection,
    deadline: Duration,
) {
    let mut on_their_way = FuturesUnordered::new();
    loop {
        let mut batch = Vec::new();
        if on_their_way.is_empty() {
            if queue.recv_many(&mut batch, CAPACITY).await == 0 {
                return;
            }
            // Whoever is about to send as well goes along.
            yield_now().await;
        } else {
            let patience = sleep(PATIENCE);
            select! {
                biased;
                _ = on_their_way.next() => {}
                () = patience => select! {
                    biased;
                    _ = on_their_way.next() => {}
                    taken = queue.recv_many(&mut batch, CAPACITY) => if taken == 0 {
                        while on_their_way.next().await.is_some() {}
                        return;
                    }
                },
            }
        }
        while batch.len() < CAPACITY
            && let Ok(outgoing) = queue.try_recv()
        {
            batch.push(outgoing);
        }
        if batch.is_empty() {
            continue;
        }
        // Each client is one connection: what goes through the same goes the same way, in order.
        let Some(client) = connection.client() else {
            for Outgoing { sender, .. } in batch {
                sender.tell(Err(PublishError::NotConnected));
            }
            continue;
        };
        let handing_over = hand_over(client, batch, deadline);
        pin!(handing_over);
        let (client, senders) = loop {
            select! {
                biased;
                handed_over = &mut handing_over => break handed_over,
                Some(()) = on_their_way.next() => {}
            }
        };
        if !senders.is_empty() {
            on_their_way.push(confirm(client, senders, deadline));
        }
    }
}

/// Gives messages to the connection. Those who wait for a confirmation are returned; the others have
/// been told.
async fn hand_over(
    client: Client,
    batch: Vec<Outgoing>,
    deadline: Duration,
) -> (Client, Vec<Sender>) {
    let mut senders = Vec::with_capacity(batch.len());
    for Outgoing { message, sender } in batch {
        let published = select! {
            biased;
            published = timeout_at(sender.deadline, publish(&client, message)) => published,
            never = async {
                expire(&mut senders, deadline).await;
                pending().await
            } => never,
        };
        match published {
            Ok(Ok(())) => senders.push(sender),
            Ok(Err(error)) => sender.tell(Err(error)),
            Err(_) => sender.tell(Err(PublishError::Busy)),
        }
    }
    (client, senders)
}

async fn publish(client: &Client, message: Message) -> Result<(), PublishError> {
    let (subject, headers, payload) = message.into_parts();
    let published = match headers {
        Some(headers) => client.publish_with_headers(subject, headers, payload).await,
        None => client.publish(subject, payload).await,
    };
    published.map_err(|error| match error.kind() {
        // The client has just died; the message did not get into it.
        PublishErrorKind::Send => PublishError::NotConnected,
        _ => PublishError::Refused(error.into()),
    })
}

/// Asks whether all has arrived that was handed over before, and tells everybody.
async fn confirm(client: Client, mut senders: Vec<Sender>, deadline: Duration) {
    let messages = senders.len();
    let question = client.send_request(CONFIRM_SUBJECT, Request::new().timeout(None));
    let answer = select! {
        biased;
        answer = question => answer,
        () = expire(&mut senders, deadline) => return,
    };
    let lost = match answer {
        Ok(_) => None,
        Err(error) if error.kind() == RequestErrorKind::NoResponders => None,
        Err(error) => Some(Arc::new(error)),
    };
    debug!(messages, lost = lost.is_some(), "asked whether messages have arrived");
    for sender in senders {
        sender.tell(match &lost {
            None => Ok(()),
            Some(error) => Err(PublishError::Unconfirmed(Unconfirmed::Lost(Arc::clone(error)))),
        });
    }
}

/// Tells those whose time is up, each in turn, until nobody is left.
async fn expire(senders: &mut Vec<Sender>, deadline: Duration) {
    while let Some(first) = senders.iter().map(|sender| sender.deadline).min() {
        sleep_until(first).await;
        for late in senders.extract_if(.., |sender| sender.deadline <= first) {
            late.tell(Err(overdue(deadline)));
        }
    }
}
