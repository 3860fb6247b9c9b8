//! Requests in flight, over one inbox that they share or one of their own.

use alloc::collections::BinaryHeap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::time::Duration;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::RequestId;
use super::in_order::in_order;
use crate::nuid::write_base62;
use crate::subject::Subject;
use crate::time::Instant;

/// How many base-62 digits a token has: enough for a million requests a second for a century.
const TOKEN_LEN: usize = 9;

/// The requests that wait for an answer.
///
/// Each one's reply subject is `<inbox>.<token>`; one subscription to `<inbox>.*` serves all.
#[derive(Debug)]
pub(super) struct Requests {
    inbox: String,
    /// The subscription to the inbox, once there was a first request.
    pub(super) sid: Option<u64>,
    /// The requests with an inbox of their own, by the subscription to that.
    by_sid: HashMap<u64, RequestId, FxBuildHasher>,
    waiting: HashMap<u64, Waiting, FxBuildHasher>,
    /// May name requests that are no longer waiting; those are skipped.
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    last: u64,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) subject: Subject,
    pub(super) timeout: Duration,
    /// Whether it goes on waiting after an answer.
    pub(super) many: bool,
    /// The subscription to its own inbox, if it does not share the one of all.
    pub(super) own_sid: Option<u64>,
}

/// A request that waits no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) request: RequestId,
    pub(super) timeout: Duration,
    /// The subscription to its own inbox, which nobody needs any more.
    pub(super) own_sid: Option<u64>,
}

impl Requests {
    pub(super) fn new(inbox: String) -> Self {
        Self {
            inbox,
            sid: None,
            by_sid: HashMap::default(),
            waiting: HashMap::default(),
            deadlines: BinaryHeap::new(),
            last: 0,
        }
    }

    /// The pattern that selects every answer.
    pub(super) fn pattern(&self) -> Subject {
        Subject::from(format!("{}.*", self.inbox))
    }

    /// The id and reply subject of the next request.
    pub(super) fn prepare(&self) -> (RequestId, String) {
        let id = self.last + 1;
        let mut token = [0u8; TOKEN_LEN];
        write_base62(&mut token, id);
        let mut reply = String::with_capacity(self.inbox.len() + 1 + TOKEN_LEN);
        reply.push_str(&self.inbox);
        reply.push('.');
        reply.extend(token.iter().map(|&digit| char::from(digit)));
        (RequestId(id), reply)
    }

    /// A prepared request was sent.
    pub(super) fn sent(&mut self, id: RequestId, waiting: Waiting, now: Instant) {
        self.last = id.0;
        self.deadlines.push(Reverse((now + waiting.timeout, id.0)));
        if let Some(sid) = waiting.own_sid {
            self.by_sid.insert(sid, id);
        }
        self.waiting.insert(id.0, waiting);
    }

    /// Whether a subscription is an inbox of requests, and nobody else's.
    pub(super) fn is_inbox(&self, sid: u64) -> bool {
        self.sid == Some(sid) || self.by_sid.contains_key(&sid)
    }

    /// The request that a message answers, which came for an inbox. It has [ended](Self::end) if
    /// it wanted one answer, or if the message is the `last`.
    pub(super) fn answered(
        &self,
        sid: u64,
        subject: &str,
        last: bool,
    ) -> Option<(RequestId, bool)> {
        let id = match self.by_sid.get(&sid) {
            Some(id) => *id,
            None => {
                let token = subject.strip_prefix(&*self.inbox)?.strip_prefix('.')?;
                RequestId(read_base62(token)?)
            }
        };
        let waiting = self.waiting.get(&id.0)?;
        Some((id, last || !waiting.many))
    }

    /// A request waits no more.
    pub(super) fn end(&mut self, id: RequestId) -> Option<Ended> {
        let Waiting { timeout, own_sid, .. } = self.waiting.remove(&id.0)?;
        if let Some(sid) = own_sid {
            self.by_sid.remove(&sid);
        }
        // A crowd of ended requests with distant deadlines must not pile up.
        if self.deadlines.len() > 64 && self.deadlines.len() > 2 * self.waiting.len() {
            self.deadlines.retain(|Reverse((_, id))| self.waiting.contains_key(id));
        }
        Some(Ended { request: id, timeout, own_sid })
    }

    /// Takes out every request to `subject`, oldest first.
    pub(super) fn denied(&mut self, subject: &str) -> Vec<Ended> {
        self.take(|waiting| waiting.subject == *subject)
    }

    /// Takes out every request whose answers would come over the subscription `sid`.
    pub(super) fn without_inbox(&mut self, sid: u64) -> Vec<Ended> {
        let own = self.by_sid.contains_key(&sid).then_some(sid);
        self.take(|waiting| waiting.own_sid == own)
    }

    /// Takes out every request, oldest first.
    pub(super) fn take_all(&mut self) -> Vec<Ended> {
        self.take(|_| true)
    }

    fn take(&mut self, which: impl Fn(&Waiting) -> bool) -> Vec<Ended> {
        let taken = self.waiting.iter().filter(|(_, waiting)| which(waiting));
        let taken = in_order(taken.map(|(&id, _)| id));
        taken.into_iter().filter_map(|id| self.end(RequestId(id))).collect()
    }

    /// When the next request runs out of time.
    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        while let Some(&Reverse((deadline, id))) = self.deadlines.peek() {
            if self.waiting.contains_key(&id) {
                return Some(deadline);
            }
            self.deadlines.pop();
        }
        None
    }

    /// Takes out one request that has run out of time by `now`.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Ended> {
        if self.next_deadline()? > now {
            return None;
        }
        let Reverse((_, id)) = self.deadlines.pop()?;
        self.end(RequestId(id))
    }
}

/// The inverse of [`write_base62`] for exactly [`TOKEN_LEN`] digits.
fn read_base62(token: &str) -> Option<u64> {
    if token.len() != TOKEN_LEN {
        return None;
    }
    token.bytes().try_fold(0u64, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        value.checked_mul(62)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn send(
        requests: &mut Requests,
        subject: &'static str,
        timeout: Duration,
        own_sid: Option<u64>,
    ) -> (RequestId, String) {
        let (id, reply) = requests.prepare();
        let subject = Subject::from_static(subject);
        requests.sent(id, Waiting { subject, timeout, many: false, own_sid }, Instant::ORIGIN);
        (id, reply)
    }

    fn ended(request: RequestId, timeout: Duration) -> Ended {
        Ended { request, timeout, own_sid: None }
    }

    #[test]
    fn an_answer_finds_its_request_once() {
        let mut requests = Requests::new("_INBOX.me".into());
        let (first, first_reply) = send(&mut requests, "a", SECOND, None);
        let (second, second_reply) = send(&mut requests, "a", SECOND, None);
        assert!(requests.pattern().matches(&first_reply));
        assert_ne!(first_reply, second_reply);
        assert_eq!(requests.answered(1, &second_reply, false), Some((second, true)));
        assert_eq!(requests.end(second), Some(ended(second, SECOND)));
        assert_eq!(requests.end(second), None);
        assert_eq!(requests.answered(1, &second_reply, false), None);
        assert_eq!(requests.answered(1, &first_reply, false), Some((first, true)));
        for stranger in ["", "_INBOX.me", "_INBOX.me.", "_INBOX.me.1", "_INBOX.me.zzzzzzzzz", "x.y"]
        {
            assert_eq!(requests.answered(1, stranger, true), None, "{stranger}");
        }
    }

    #[test]
    fn a_request_may_have_an_inbox_of_its_own() {
        let mut requests = Requests::new("i".into());
        let (shared, _) = send(&mut requests, "a", SECOND, None);
        let (own, _) = send(&mut requests, "a", SECOND, Some(7));
        assert!(requests.is_inbox(7) && !requests.is_inbox(8));
        assert_eq!(requests.answered(7, "anything", false), Some((own, true)));
        let gone = requests.without_inbox(7);
        assert_eq!(gone, [Ended { request: own, timeout: SECOND, own_sid: Some(7) }]);
        assert!(!requests.is_inbox(7));
        requests.sid = Some(1);
        assert_eq!(requests.without_inbox(1), [ended(shared, SECOND)]);
    }

    #[test]
    fn requests_run_out_of_time_in_order_of_their_deadlines() {
        let mut requests = Requests::new("i".into());
        let (slow, _) = send(&mut requests, "a", 3 * SECOND, None);
        let (quick, _) = send(&mut requests, "a", SECOND, None);
        let (cancelled, _) = send(&mut requests, "a", 2 * SECOND, None);
        requests.end(cancelled);
        assert_eq!(requests.next_deadline(), Some(Instant::ORIGIN + SECOND));
        assert_eq!(requests.expire(Instant::ORIGIN), None);
        assert_eq!(requests.expire(Instant::ORIGIN + SECOND), Some(ended(quick, SECOND)));
        assert_eq!(requests.next_deadline(), Some(Instant::ORIGIN + 3 * SECOND));
        assert_eq!(requests.expire(Instant::ORIGIN + 9 * SECOND), Some(ended(slow, 3 * SECOND)));
        assert_eq!(requests.next_deadline(), None);
    }

    #[test]
    fn requests_that_ended_leave_nothing_behind() {
        let mut requests = Requests::new("i".into());
        for number in 0..10_000 {
            let (id, _) = send(&mut requests, "a", SECOND, (number % 2 == 0).then_some(number));
            requests.end(id);
        }
        assert!(requests.deadlines.len() <= 65);
        assert!(requests.waiting.is_empty() && requests.by_sid.is_empty());
    }

    #[test]
    fn a_denial_ends_the_requests_to_its_subject() {
        let mut requests = Requests::new("i".into());
        let (a, _) = send(&mut requests, "a", SECOND, None);
        let (b, _) = send(&mut requests, "b", SECOND, None);
        let (again, _) = send(&mut requests, "a", SECOND, None);
        assert_eq!(requests.denied("a"), [ended(a, SECOND), ended(again, SECOND)]);
        assert_eq!(requests.take_all(), [ended(b, SECOND)]);
    }
}
