use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_nats::jetstream::{ContextBuilder, message::PublishMessage};
use e2e::Machine;

use crate::env;
use crate::insider::Insider;

/// How long an attempt waits to be confirmed.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a service rests between two attempts.
const BETWEEN: Duration = Duration::from_millis(20);

/// An order that was published, once.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// What was published.
    pub(crate) order: String,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    /// Its number in the stream, or why it is not known to be there.
    pub(crate) told: Result<u64, String>,
}

/// A service on the machine of a node, which publishes orders there by async-nats, each once.
pub(crate) struct Service {
    name: &'static str,
    attempts: Arc<Mutex<Vec<Attempt>>>,
    stopped: Arc<AtomicBool>,
    has_stopped: Arc<AtomicBool>,
}

impl Service {
    pub(crate) fn start(machine: &Machine, name: &'static str, insider: Insider) -> Self {
        let service = Self {
            name,
            attempts: Arc::default(),
            stopped: Arc::default(),
            has_stopped: Arc::default(),
        };
        let (attempts, stopped) = (Arc::clone(&service.attempts), Arc::clone(&service.stopped));
        let (has_stopped, url) = (Arc::clone(&service.has_stopped), machine.client_url());
        let part = async move || {
            let client = insider.service().connect(url).await.unwrap();
            let context = ContextBuilder::new().timeout(PATIENCE).ack_timeout(PATIENCE);
            let context = context.build(client);
            for number in 0.. {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let order = format!("orders.{name}.{number}");
                let message = PublishMessage::build().payload(order.clone().into());
                let message = message.message_id(&order);
                let began = Instant::now();
                let told = match context.send_publish(order.clone(), message).await {
                    Ok(ack) => ack.await.map(|ack| ack.sequence),
                    Err(error) => Err(error),
                };
                let told = told.map_err(|error| error.to_string());
                let attempt = Attempt { order, began, ended: Instant::now(), told };
                attempts.lock().unwrap().push(attempt);
                tokio::time::sleep(BETWEEN).await;
            }
            has_stopped.store(true, Ordering::SeqCst);
        };
        let running = machine.run(part);
        env::spawn(async move { running.await.unwrap() });
        service
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// What has become of each order so far.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap().clone()
    }

    /// Waits until so many more orders are confirmed.
    pub(crate) async fn confirms(&self, more: usize) {
        self.is_told("confirmed", more, Result::is_ok).await;
    }

    /// Waits until so many more attempts have failed.
    pub(crate) async fn is_refused(&self, more: usize) {
        self.is_told("refused", more, Result::is_err).await;
    }

    async fn is_told(&self, what: &str, more: usize, told: fn(&Result<u64, String>) -> bool) {
        let before = self.attempts().len();
        let count = || {
            let attempts = self.attempts.lock().unwrap();
            attempts[before..].iter().filter(|attempt| told(&attempt.told)).count()
        };
        let waiting = || format!("{} of {more} orders of {} {what}", count(), self.name);
        env::at_last(waiting, || count() >= more).await;
    }

    /// Has it publish no more; waits for the last attempt.
    pub(crate) async fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        let what = || format!("the last attempt of {}", self.name);
        env::eventually(what, || self.has_stopped.load(Ordering::SeqCst)).await;
    }
}
