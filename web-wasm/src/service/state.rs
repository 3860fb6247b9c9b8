//! What a service's handles and its monitor share.

use core::convert::Infallible;
use core::time::Duration;
use std::cell::RefCell;

use futures_channel::oneshot;
use nats_proto::jetstream::DateTime;
use nats_proto::service::error::Error;
use nats_proto::service::{
    Document, EndpointId, Info, Registry, ReplyFilter, Schema, Stats, Verb, endpoint,
};
use nats_proto::{Instant, Message};

use super::builder::StatsHandler;
use crate::client::Client;

/// A service that runs, or did.
///
/// No borrow of a cell lasts while foreign code runs: the filter and the handler of statistics.
pub(super) struct State {
    client: Client,
    registry: RefCell<Registry>,
    replies: ReplyFilter,
    stats_handler: RefCell<Option<StatsHandler>>,
    /// The subscriptions of the endpoints.
    sids: RefCell<Vec<u64>>,
    /// As long as it is there the service runs.
    running: RefCell<Option<oneshot::Sender<Infallible>>>,
}

impl State {
    /// A service that runs, and what resolves when it does no more.
    pub(super) fn new(
        client: Client,
        registry: Registry,
        replies: ReplyFilter,
        stats_handler: Option<StatsHandler>,
    ) -> (Self, oneshot::Receiver<Infallible>) {
        let (running, stopped) = oneshot::channel();
        let state = Self {
            client,
            registry: RefCell::new(registry),
            replies,
            stats_handler: RefCell::new(stats_handler),
            sids: RefCell::default(),
            running: RefCell::new(Some(running)),
        };
        (state, stopped)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn now(&self) -> Instant {
        self.client.shared().runtime.platform.now()
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.borrow().is_some()
    }

    pub(super) fn stop(&self) {
        self.running.take();
        for sid in self.sids.take() {
            self.client.handle.drain(sid);
        }
    }

    pub(super) fn reset(&self) {
        let unix_time = self.client.shared().runtime.platform.unix_time();
        self.registry.borrow_mut().reset(DateTime::from_unix_time(unix_time));
    }

    pub(super) fn info(&self) -> Info {
        self.registry.borrow().info()
    }

    pub(super) fn stats(&self) -> Stats {
        let mut stats = self.registry.borrow().stats();
        let handler = self.stats_handler.take();
        if let Some(mut handler) = handler {
            for endpoint in &mut stats.endpoints {
                endpoint.data = Some(handler.0(endpoint.name.clone(), endpoint.clone()));
            }
            self.stats_handler.replace(Some(handler));
        }
        stats
    }

    /// Answers what the service is asked about itself.
    pub(super) fn answer(&self, verb: Verb, message: &Message) {
        let Some(reply) = &message.reply else { return };
        if !self.replies.admits(&message.subject, reply) {
            return;
        }
        let document = match verb {
            Verb::Ping => self.registry.borrow().ping().write(),
            Verb::Info => self.info().write(),
            Verb::Stats => self.stats().write(),
            Verb::Schema => self.registry.borrow().schema().write(),
        };
        // Whoever gets no answer asks again.
        self.client.try_publish(reply, None, None, &document).ok();
    }

    pub(super) fn add(&self, sid: u64, info: endpoint::Info, schema: Option<Schema>) -> EndpointId {
        self.sids.borrow_mut().push(sid);
        self.registry.borrow_mut().add(info, schema)
    }

    pub(super) fn remove(&self, sid: u64, id: EndpointId) {
        self.sids.borrow_mut().retain(|&known| known != sid);
        self.registry.borrow_mut().remove(id);
    }

    /// An endpoint got a request. Says whether it may be handed out.
    pub(super) fn requested(&self, id: EndpointId, message: &Message) -> bool {
        let admitted =
            message.reply.as_ref().is_none_or(|reply| self.replies.admits(&message.subject, reply));
        self.registry.borrow_mut().requested(id);
        if !admitted {
            let status = "the reply subject is not allowed".into();
            self.failed(id, Error { code: 403, status });
        }
        admitted
    }

    pub(super) fn took(&self, id: EndpointId, time: Duration) {
        self.registry.borrow_mut().took(id, time);
    }

    pub(super) fn failed(&self, id: EndpointId, error: Error) {
        self.registry.borrow_mut().failed(id, error);
    }
}

impl core::fmt::Debug for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("State")
            .field("registry", &self.registry)
            .field("replies", &self.replies)
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}
