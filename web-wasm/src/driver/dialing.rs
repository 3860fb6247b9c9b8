//! Which server to dial, when, and what comes of it.

use core::time::Duration;
use std::rc::Rc;

use nats_proto::connection::{DisconnectReason, Via};
use nats_proto::{Dial, Instant, ServerAddr, ServerError};

use super::Driver;
use super::lane::Lane;
use crate::client::State;
use crate::event::Event;
use crate::options::ReconnectToServer;

/// How soon a handover that failed is tried again, at the latest.
const RETRY_HANDOVER: Duration = Duration::from_secs(5);

/// How soon one that could not begin is, since the one before was not quite over.
const RETRY_BEGINNING: Duration = Duration::from_millis(100);

impl Driver {
    pub(super) fn discover(&self, connect_urls: &[String]) {
        let Some(via) = &self.server else { return };
        let heed = !self.shared.options.ignore_discovered_servers;
        if heed && self.shared.pool.borrow_mut().discovered(via, connect_urls) {
            self.shared.emit(&Event::ServersChanged);
        }
    }

    pub(super) fn handle_connected(&mut self) {
        let Some(server) = self.server.clone() else { return };
        self.refused.clear();
        let now = self.now();
        {
            let mut pool = self.shared.pool.borrow_mut();
            pool.connected(&server, now);
            pool.set_max_attempts(self.shared.options.max_reconnects);
        }
        self.shared.state.set(State::Connected);
        self.shared.server.replace(Some(server.clone()));
        self.schedule_renewal();
        self.shared.emit(&Event::Connected { server, server_name: self.server_name() });
        if let Some(connected) = self.connected.take() {
            connected.send(Ok(())).ok();
        }
    }

    fn server_name(&self) -> String {
        self.shared.inner.borrow().connection.server_info().server_name.clone()
    }

    pub(super) fn handle_disconnected(&mut self, reason: DisconnectReason, unconfirmed: u64) {
        let offered = self.present.take().map(|lane| {
            let offered = lane.offered.clone();
            lane.close();
            offered
        });
        self.shared.server.replace(None);
        self.move_at = None;
        let now = self.now();
        let Some(server) = self.server.clone() else { return };
        if self.shared.state.get() == State::Connected {
            self.shared.state.set(State::Disconnected);
            self.shared.connection_lost();
            self.shared.pool.borrow_mut().disconnected(&server, now);
            self.shared.emit(&Event::Disconnected { reason: reason.clone(), unconfirmed });
        } else {
            self.shared.pool.borrow_mut().failed(&server, now);
            if reason.server_error().is_some_and(ServerError::is_authentication) {
                // A server that refuses the same credential twice will do so for ever.
                // Credentials that are replaced in between are another matter.
                let mut pool = self.shared.pool.borrow_mut();
                let is_known =
                    |addr: &ServerAddr| pool.servers().iter().any(|server| server.addr == *addr);
                if self.refused.add(&server, offered.unwrap_or_default(), is_known) {
                    self.hopeless |= !pool.forget(&server);
                }
            }
            self.shared.emit(&Event::ConnectFailed { server, reason: reason.clone() });
        }
        if reason != DisconnectReason::ClosedByCaller {
            self.schedule_dial(reason);
        }
    }

    /// Chooses the next server, or gives up for the reason why the last one was left.
    pub(super) fn schedule_dial(&mut self, reason: DisconnectReason) {
        let now = self.now();
        match self.choose_server(now).filter(|_| !self.hopeless) {
            Some(Dial { addr, wait, attempt }) => {
                self.server = Some(addr.clone());
                self.dial_at = Some(now + wait);
                self.shared.emit(&Event::Connecting { server: addr, wait, attempt });
            }
            None => {
                self.dial_at = None;
                self.gave_up = Some(reason);
                self.shared.inner.borrow_mut().connection.close(now);
            }
        }
    }

    fn choose_server(&self, now: Instant) -> Option<Dial> {
        let options = &self.shared.options;
        let delayed = |dial: Dial| match &options.reconnect_delay {
            Some(delay) => Dial { wait: delay(dial.attempt), ..dial },
            None => dial,
        };
        if let Some(choose) = &options.reconnect_to_server {
            let servers = self.shared.pool.borrow().servers().to_vec();
            let info = self.shared.inner.borrow().connection.server_info().clone();
            if let Some(ReconnectToServer { addr, delay }) = choose(&servers, &info) {
                let dial = self.shared.pool.borrow_mut().next_at(&addr, now);
                if let Some(dial) = dial {
                    return Some(match delay {
                        Some(wait) => Dial { wait, ..dial },
                        None => delayed(dial),
                    });
                }
            }
        }
        let dial = self.shared.pool.borrow_mut().next(now);
        dial.map(delayed)
    }

    /// Says whether it dialled: then there is a transport to listen to, or another to choose.
    pub(super) fn dial_if_due(&mut self, now: Instant) -> bool {
        if self.dial_at.is_none_or(|at| at > now) {
            return false;
        }
        let Some(server) = self.server.clone() else { return false };
        self.dial_at = None;
        self.shared.inner.borrow_mut().connection.dialing(now);
        self.dial(Via::Present, server, now);
        true
    }

    fn dial(&mut self, via: Via, server: ServerAddr, now: Instant) {
        match self.shared.runtime.dialer.dial(&server, &self.shared.options.subprotocols) {
            Ok(mut transport) => {
                transport.on_event(Rc::clone(&self.heed));
                let lane = Some(Lane::new(server, transport));
                match via {
                    Via::Present => self.present = lane,
                    Via::Next => self.next = lane,
                }
            }
            Err(closed) => self.transport_closed(now, via, closed),
        }
    }

    /// Sets when the credentials want to be renewed.
    pub(super) fn schedule_renewal(&mut self) {
        let renew_after = self.shared.options.credentials.renew_after();
        self.move_at = renew_after.map(|after| self.now() + after);
    }

    /// Begins to move to another transport when it is time; says whether it dialled.
    pub(super) fn move_if_due(&mut self, now: Instant) -> bool {
        if self.move_at.is_none_or(|at| at > now) {
            return false;
        }
        let Some(target) = self.target_of_move(now) else {
            self.schedule_renewal();
            return false;
        };
        if !self.shared.inner.borrow_mut().connection.handover(now) {
            self.move_at = Some(now + RETRY_BEGINNING);
            return false;
        }
        self.move_at = Some(now + self.shared.pool.borrow_mut().jittered(RETRY_HANDOVER));
        self.dial(Via::Next, target, now);
        true
    }

    /// The same server, unless it is about to stop: then another, if one is known.
    fn target_of_move(&self, now: Instant) -> Option<ServerAddr> {
        let here = self.server.clone()?;
        let lame = self.shared.inner.borrow().connection.server_info().lame_duck_mode;
        if lame { self.shared.pool.borrow_mut().other(&here, now) } else { Some(here) }
    }

    pub(super) fn handle_handed_over(&mut self, broke: Option<DisconnectReason>, unconfirmed: u64) {
        if let Some(lane) = core::mem::replace(&mut self.present, self.next.take()) {
            lane.close();
        }
        let Some(server) = self.present.as_ref().map(|lane| lane.server.clone()) else { return };
        self.server = Some(server.clone());
        self.shared.server.replace(Some(server.clone()));
        self.shared.pool.borrow_mut().connected(&server, self.now());
        self.schedule_renewal();
        if broke.is_some() {
            self.shared.connection_lost();
        }
        let server_name = self.server_name();
        self.shared.emit(&Event::HandedOver { server, server_name, broke, unconfirmed });
    }

    pub(super) fn handle_handover_failed(&mut self, reason: DisconnectReason) {
        let Some(lane) = self.next.take() else { return };
        let server = lane.server.clone();
        lane.close();
        let now = self.now();
        if Some(&server) != self.server.as_ref() {
            self.shared.pool.borrow_mut().failed(&server, now);
        }
        self.shared.emit(&Event::HandoverFailed { server, reason });
    }
}
