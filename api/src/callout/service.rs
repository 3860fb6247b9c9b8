//! Hears nats-server's questions and answers them.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::{Client, Message};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    Denied, Door, QUESTIONS, Question, Seen,
    door::Admitted,
    question::{AnswerError, XKEY_HEADER},
};
use crate::{
    causes::Causes,
    clock::unix_now,
    keys::CalloutKeys,
    publish::{Connection, ConnectionSettings},
    telemetry::{CalloutOutcome, Metrics},
};

/// All processes of this service share the questions.
const QUEUE: &str = "api";
/// Wait after a subscription that was not taken.
const PAUSE: Duration = Duration::from_millis(500);

/// How it works.
#[derive(Debug)]
pub struct CalloutSettings {
    /// How to connect, but for the user, who is among the keys.
    pub urls: Vec<url::Url>,
    /// The authority that must have signed the servers' certificates.
    pub ca_file: Option<PathBuf>,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// Questions worked on at once.
    pub max_concurrent: u32,
    /// Time for one answer.
    pub deadline: Duration,
}

struct Service {
    keys: CalloutKeys,
    door: Door,
    seen: Seen,
    metrics: Metrics,
    places: Arc<Semaphore>,
    max_concurrent: u32,
    deadline: Duration,
}

/// Starts to answer, over a connection of its own that is kept up until `stop` is cancelled; then
/// what is being worked on is answered, the connection is drained, and the task ends.
#[must_use]
pub fn spawn(
    settings: CalloutSettings,
    keys: CalloutKeys,
    door: Door,
    metrics: Metrics,
    stop: CancellationToken,
) -> JoinHandle<()> {
    // Stopped by this task, not by who stops the task: answers need the connection to the last.
    let disconnect = CancellationToken::new();
    let (connection, connected) = Connection::spawn(
        ConnectionSettings {
            urls: settings.urls,
            ca_file: settings.ca_file,
            credentials: keys.credentials.clone(),
            connect_timeout: settings.connect_timeout,
        },
        disconnect.clone(),
    );
    let service = Arc::new(Service {
        keys,
        door,
        seen: Seen::default(),
        metrics,
        places: Arc::new(Semaphore::new(settings.max_concurrent as usize)),
        max_concurrent: settings.max_concurrent,
        deadline: settings.deadline,
    });
    tokio::spawn(async move {
        service.keep_answering(connection, &stop).await;
        // Whoever has a place is at work.
        let idle = service.places.acquire_many(service.max_concurrent);
        if timeout(service.deadline, idle).await.is_err() {
            warn!("some of nats-server's questions could not be answered in time");
        }
        disconnect.cancel();
        if let Err(error) = connected.await {
            warn!(%error, "the task of the callout's NATS connection ended badly");
        }
    })
}

impl Service {
    async fn keep_answering(
        self: &Arc<Self>,
        mut connection: Connection,
        stop: &CancellationToken,
    ) {
        while !stop.is_cancelled() {
            let client = tokio::select! {
                client = connection.connected() => client,
                () = stop.cancelled() => return,
            };
            let Some(client) = client else { return };
            tokio::select! {
                () = self.answer_all(&client, stop) => {}
                () = connection.lost() => continue,
            }
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Answers over one connection, until it is lost, or all has been answered that came before the
    /// stop.
    async fn answer_all(self: &Arc<Self>, client: &Client, stop: &CancellationToken) {
        let subscribed = client.queue_subscribe(QUESTIONS, QUEUE.to_owned()).await;
        let mut questions = match subscribed {
            Ok(questions) => questions,
            Err(error) => return warn!(%error, "nats-server's questions cannot be heard"),
        };
        info!("answering nats-server about clients");
        let mut is_stopping = false;
        loop {
            let message = tokio::select! {
                message = questions.next() => message,
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    if questions.drain().await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            let Some(message) = message else { return };
            let Some(reply) = message.reply.clone() else { continue };
            let client = client.clone();
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                // Without a word: that is a no to nats-server, and takes no work.
                self.metrics.callout(CalloutOutcome::Overloaded, Duration::ZERO);
                warn!("too many clients at once: one is turned away");
                send(&client, reply, Bytes::new()).await;
                continue;
            };
            let service = Arc::clone(self);
            tokio::spawn(async move {
                if let Some(answer) = service.answer(&message).await {
                    send(&client, reply, answer).await;
                }
                drop(place);
            });
        }
    }

    /// What to answer. Nothing, to what is no question: whoever asks so is no server.
    async fn answer(&self, message: &Message) -> Option<Bytes> {
        let started = Instant::now();
        let now = unix_now();
        let xkey = message.headers.as_ref().and_then(|headers| headers.get(XKEY_HEADER));
        let xkey = xkey.map(async_nats::HeaderValue::as_str);
        let question =
            Question::open(&self.keys, xkey, &message.payload, now).and_then(|question| {
                if self.seen.is_new(&question.asked.user_nkey) {
                    Ok(question)
                } else {
                    Err(super::QuestionError::Replayed)
                }
            });
        let question = match question {
            Ok(question) => question,
            Err(error) => {
                self.metrics.callout(CalloutOutcome::NoQuestion, started.elapsed());
                warn!(error = %Causes(&error), "what came is no question of nats-server's");
                return None;
            }
        };
        let deadline = self.deadline.min(until(question.expires_at, now));
        let decision = timeout(deadline, self.door.decide(&question.asked, now)).await;
        let decision = decision.unwrap_or(Err(Denied::Deadline));
        let answer = self.sign(&question, decision.as_ref().ok(), now);
        self.tell(&question, &decision, answer.as_ref().err(), started.elapsed());
        answer.ok()
    }

    fn sign(
        &self,
        question: &Question,
        admitted: Option<&Admitted>,
        now: i64,
    ) -> Result<Bytes, AnswerError> {
        let user = admitted.map(|admitted| &admitted.minted.jwt);
        question.answer(&self.keys, user, now).map(Bytes::from)
    }

    /// Counts a decision, and writes one line about it.
    fn tell(
        &self,
        question: &Question,
        decision: &Result<Admitted, Denied>,
        unanswered: Option<&AnswerError>,
        took: Duration,
    ) {
        let server = question.asked.server_id.name.as_str();
        let client = question.asked.client_info.id;
        let kind = question.asked.client_info.client_type.as_str();
        if let Some(error) = unanswered {
            self.metrics.callout(CalloutOutcome::Failed, took);
            error!(server, client, kind, error = %Causes(error), "a client is left without answer");
            return;
        }
        match decision {
            Ok(admitted) => {
                self.metrics.callout(CalloutOutcome::Allowed, took);
                let Admitted { identity, role, channels, minted } = admitted;
                self.metrics.minted(role);
                info!(
                    server,
                    client,
                    kind,
                    ?identity,
                    role,
                    channels,
                    jti = minted.jti,
                    name = minted.name,
                    expires_at = minted.expires_at,
                    ?took,
                    "let a client in"
                );
            }
            Err(denied) => {
                self.metrics.callout(CalloutOutcome::Denied(denied.as_str()), took);
                let error = Causes(denied);
                warn!(server, client, kind, reason = denied.as_str(), %error, ?took, "turned a client away");
            }
        }
    }
}

fn until(expires_at: i64, now: i64) -> Duration {
    // The second it ends in still counts.
    Duration::from_secs(u64::try_from(expires_at.saturating_sub(now)).unwrap_or(0).max(1))
}

async fn send(client: &Client, reply: async_nats::Subject, answer: Bytes) {
    if let Err(error) = client.publish(reply, answer).await {
        warn!(%error, "an answer to nats-server could not be sent");
    }
}
