//! The time after a handover.

use core::time::Duration;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::Connection;
use super::copies::{Copies, Verdict};
use super::link::Via;
use crate::codec::encode;
use crate::message::Message;
use crate::time::Instant;

/// How late a server may be with a message, or with one of two copies of it, after what it has to say
/// since.
pub(super) const LATENESS: Duration = Duration::from_secs(1);

/// The time after a handover in which the new transport may still bring copies.
#[derive(Debug)]
pub(super) struct Settling {
    /// After whose answer only late copies come.
    pub(super) question: u32,
    /// When no more of those are expected, once it is answered.
    pub(super) until: Option<Instant>,
    pub(super) copies: Copies,
    /// Whether the old transport broke off.
    pub(super) broke: bool,
    pub(super) shared: u64,
    pub(super) brought: HashMap<u64, u64, FxBuildHasher>,
}

impl Settling {
    /// The last question was answered: only late copies come any more.
    pub(super) fn answered(&mut self, now: Instant) {
        self.until = Some(now + LATENESS);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.until
    }
}

impl Connection {
    /// Whether a message is to be delivered, for all that is known of copies.
    pub(super) fn admit_settling(&mut self, sid: u64, grouped: bool, message: &Message) -> bool {
        let Some(settling) = &mut self.settling else { return true };
        *settling.brought.entry(sid).or_default() += 1;
        if grouped || sid > settling.shared {
            return true;
        }
        let verdict = match settling.broke {
            true => settling.copies.judge_all(sid, message),
            false => settling.copies.judge(sid, message),
        };
        match verdict {
            Verdict::Copy => self.statistics.duplicates += 1,
            Verdict::InDoubt => self.statistics.possible_duplicates += 1,
            Verdict::News => {}
        }
        verdict != Verdict::Copy
    }

    /// No more copies can come: the server learns how many messages subscriptions are still to get.
    pub(super) fn settle(&mut self) {
        let Some(settling) = self.settling.take() else { return };
        for sid in self.subscriptions.sids() {
            let brought = settling.brought.get(&sid).copied().unwrap_or_default();
            if let Some(remaining) = self.subscriptions.recount(sid, brought) {
                self.control(Via::Present, |out| encode::unsubscribe(out, sid, Some(remaining)));
            }
        }
    }
}
