//! The task that keeps a roster, and says that this tab is there.

use core::convert::Infallible;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::StreamExt;
use nats_proto::connection::EndReason;
use nats_proto::presence::{Channel, Snapshot, next_signal};
use nats_proto::{Instant, Message};

use super::state::State;
use super::{Snapshots, SnapshotsError};
use crate::event::{Event, Events};
use crate::platform::LocalBoxFuture;
use crate::subscriber::Subscriber;

/// Bounds of the ttl that a snapshot may tell.
const SHORTEST_TTL: Duration = Duration::from_secs(1);
const LONGEST_TTL: Duration = Duration::from_secs(3_600);

/// Ends when the presence is dropped, the subscription is refused, or the client is closed.
pub(super) struct Keeper {
    state: Rc<State>,
    messages: Subscriber,
    events: Events,
    snapshots: Option<Rc<dyn Snapshots>>,
    stopped: oneshot::Receiver<Infallible>,
    asking: Option<LocalBoxFuture<'static, Result<Snapshot, SnapshotsError>>>,
    /// When this tab is to say again that it is there.
    say_at: Instant,
    /// When a snapshot is to be asked for; never, or not before something happens.
    ask_at: Option<Instant>,
}

/// What there is to do.
enum Input {
    Message(Message),
    Connected,
    Snapshot(Result<Snapshot, SnapshotsError>),
    Woken,
    Time,
    Ended,
    Stopped,
}

impl Keeper {
    pub(super) fn new(
        state: Rc<State>,
        messages: Subscriber,
        events: Events,
        snapshots: Option<Rc<dyn Snapshots>>,
        stopped: oneshot::Receiver<Infallible>,
    ) -> Self {
        let now = state.now();
        let ask_at = snapshots.is_some().then_some(now);
        Self { state, messages, events, snapshots, stopped, asking: None, say_at: now, ask_at }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.catch_up();
            match self.next_input().await {
                Input::Message(message) => {
                    let now = self.state.now();
                    // Whoever may be on the channel may send anything there.
                    let _ = self.state.roster.borrow_mut().handle_message(
                        now,
                        &message.subject,
                        &message.payload,
                    );
                }
                Input::Connected => {
                    self.say_at = self.state.now();
                    self.ask_at = self.snapshots.is_some().then_some(self.say_at);
                    self.asking = None;
                }
                Input::Woken => self.say_at = self.state.now(),
                Input::Snapshot(answer) => self.take(answer),
                Input::Time => {}
                Input::Ended => {
                    let reason = self.messages.end_reason().unwrap_or(EndReason::Closed);
                    return self.state.finish(reason);
                }
                Input::Stopped => return,
            }
        }
    }

    /// Does what is due, and tells what happened.
    fn catch_up(&mut self) {
        let now = self.state.now();
        if self.state.is_own() && self.say_at <= now {
            self.state.say_here();
            let platform = &self.state.client.shared().runtime.platform;
            let chance = platform.entropy().map_or(0, |entropy| entropy[0]);
            self.say_at = now + next_signal(self.state.roster.borrow().ttl(), chance);
        }
        if let Some(snapshots) = &self.snapshots
            && self.ask_at.is_some_and(|at| at <= now)
        {
            self.ask_at = None;
            let mut roster = self.state.roster.borrow_mut();
            roster.expect_snapshot(now);
            self.asking = Some(ask(Rc::clone(snapshots), roster.channel().clone()));
        }
        self.state.roster.borrow_mut().handle_timeout(now);
        self.state.tell();
    }

    fn take(&mut self, answer: Result<Snapshot, SnapshotsError>) {
        self.asking = None;
        let now = self.state.now();
        let mut roster = self.state.roster.borrow_mut();
        let taken = answer.and_then(|snapshot| {
            let ttl = Duration::from_millis(snapshot.ttl_ms).clamp(SHORTEST_TTL, LONGEST_TTL);
            if ttl != roster.ttl() {
                roster.set_ttl(ttl);
                self.say_at = self.say_at.min(now + next_signal(ttl, 0));
            }
            let complete = snapshot.complete;
            let taken = roster.handle_snapshot(now, &snapshot);
            taken.map(|()| complete).map_err(|_| SnapshotsError::Overrun)
        });
        // What an API that has just begun did not know yet has said so itself by then.
        let again = now + roster.ttl() / 3;
        self.ask_at = taken.is_err().then_some(again);
        self.state.snapshot_error.replace(taken.err());
    }

    async fn next_input(&mut self) -> Input {
        let expiry = self.state.roster.borrow().poll_timeout();
        let say_at = self.state.is_own().then_some(self.say_at);
        let next = [expiry, say_at, self.ask_at].into_iter().flatten().min();
        let platform = &self.state.client.shared().runtime.platform;
        let mut timer = next.map(|at| platform.sleep(at - platform.now()));
        poll_fn(|cx| {
            if Pin::new(&mut self.stopped).poll(cx).is_ready() {
                return Poll::Ready(Input::Stopped);
            }
            if let Poll::Ready(message) = self.messages.poll_next_unpin(cx) {
                return Poll::Ready(message.map_or(Input::Ended, Input::Message));
            }
            while let Poll::Ready(event) = self.events.poll_next_unpin(cx) {
                match event {
                    Some(Event::Connected { .. } | Event::HandedOver { .. }) => {
                        return Poll::Ready(Input::Connected);
                    }
                    Some(_) => {}
                    None => return Poll::Ready(Input::Ended),
                }
            }
            if self.state.poll_woken(cx).is_ready() {
                return Poll::Ready(Input::Woken);
            }
            if let Some(asking) = &mut self.asking
                && let Poll::Ready(answer) = asking.as_mut().poll(cx)
            {
                return Poll::Ready(Input::Snapshot(answer));
            }
            match &mut timer {
                Some(timer) => timer.as_mut().poll(cx).map(|()| Input::Time),
                None => Poll::Pending,
            }
        })
        .await
    }
}

fn ask(
    snapshots: Rc<dyn Snapshots>,
    channel: Channel,
) -> LocalBoxFuture<'static, Result<Snapshot, SnapshotsError>> {
    Box::pin(async move { snapshots.snapshot(&channel).await })
}
