//! What a client tells of itself, and when.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::StreamExt;
use nats_proto::Instant;
use web_wasm::{Client, Event};

use super::sim::Simulation;

/// The events of a client since it is watched.
#[derive(Clone, Default)]
pub(crate) struct Watch(Rc<RefCell<Vec<(Instant, Event)>>>);

impl Watch {
    pub(crate) fn new(sim: &Simulation, client: &Client) -> Self {
        let watch = Self::default();
        let (sim, mut events, log) = (sim.clone(), client.events(), Rc::clone(&watch.0));
        sim.clone().spawn(async move {
            while let Some(event) = events.next().await {
                log.borrow_mut().push((sim.now(), event));
            }
            assert_eq!(events.dropped(), 0, "each is read at once");
        });
        watch
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.borrow().iter().map(|(_, event)| event.clone()).collect()
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.0.borrow().iter().filter(|(_, event)| wanted(event)).count()
    }

    /// When the last event of a kind came.
    pub(crate) fn last(&self, wanted: impl Fn(&Event) -> bool) -> Option<(Instant, Event)> {
        self.0.borrow().iter().rfind(|(_, event)| wanted(event)).cloned()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.count(|event| matches!(event, Event::Closed { .. })) > 0
    }

    /// How often the client was let in.
    pub(crate) fn connects(&self) -> usize {
        self.count(|event| matches!(event, Event::Connected { .. }))
    }

    /// Asserts that what was told makes sense: connections begin and end in turns, attempts
    /// fail only between them, and the end is the end.
    pub(crate) fn assert_well_formed(&self, connected: bool) {
        let events = self.0.borrow();
        let mut connected = connected;
        for (index, (_, event)) in events.iter().enumerate() {
            match event {
                Event::Connected { .. } => assert!(!connected, "{index}: {events:?}"),
                Event::Disconnected { .. } | Event::HandedOver { .. } => {
                    assert!(connected, "{index}: {events:?}");
                }
                Event::ConnectFailed { .. } | Event::Connecting { .. } => {
                    assert!(!connected, "{index}: {events:?}");
                }
                Event::Closed { .. } => {
                    assert!(!connected, "{index}: {events:?}");
                    assert_eq!(index + 1, events.len(), "{events:?}");
                }
                _ => {}
            }
            match event {
                Event::Connected { .. } => connected = true,
                Event::Disconnected { .. } => connected = false,
                _ => {}
            }
        }
    }
}
