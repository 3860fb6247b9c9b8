//! Requests in flight, all over one inbox.

use alloc::collections::BinaryHeap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::time::Duration;

use hashbrown::HashMap;

use super::RequestId;
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
    waiting: HashMap<u64, Waiting>,
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
}

impl Requests {
    pub(super) fn new(inbox: String) -> Self {
        Self { inbox, sid: None, waiting: HashMap::new(), deadlines: BinaryHeap::new(), last: 0 }
    }

    /// The pattern that selects every answer.
    pub(super) fn pattern(&self) -> Subject {
        Subject::from(format!("{}.*", self.inbox))
    }

    /// The id and reply subject of the next request.
    pub(super) fn prepare(&self) -> (RequestId, String) {
        let id = self.last + 1;
        let mut token = [0u8; TOKEN_LEN];
        write_base62(&mut token, u128::from(id));
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
        self.waiting.insert(id.0, waiting);
    }

    /// The request that a message on `subject` answers. It waits no more if it wanted one answer,
    /// or if the message is the `last`.
    pub(super) fn answered(&mut self, subject: &str, last: bool) -> Option<RequestId> {
        let token = subject.strip_prefix(&*self.inbox)?.strip_prefix('.')?;
        let id = read_base62(token)?;
        if last || !self.waiting.get(&id)?.many {
            self.waiting.remove(&id)?;
        }
        Some(RequestId(id))
    }

    /// The caller lost interest.
    pub(super) fn cancel(&mut self, id: RequestId) {
        self.waiting.remove(&id.0);
        // A crowd of cancelled requests with distant deadlines must not pile up.
        if self.deadlines.len() > 64 && self.deadlines.len() > 2 * self.waiting.len() {
            self.deadlines.retain(|Reverse((_, id))| self.waiting.contains_key(id));
        }
    }

    /// Takes out every request to `subject`, oldest first.
    pub(super) fn denied(&mut self, subject: &str) -> Vec<RequestId> {
        self.take(|waiting| waiting.subject == *subject)
    }

    /// Takes out every request, oldest first.
    pub(super) fn take_all(&mut self) -> Vec<RequestId> {
        self.take(|_| true)
    }

    fn take(&mut self, which: impl Fn(&Waiting) -> bool) -> Vec<RequestId> {
        let mut taken: Vec<RequestId> = self
            .waiting
            .extract_if(|_, waiting| which(waiting))
            .map(|(id, _)| RequestId(id))
            .collect();
        taken.sort_unstable();
        taken
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
    pub(super) fn expire(&mut self, now: Instant) -> Option<(RequestId, Duration)> {
        if self.next_deadline()? > now {
            return None;
        }
        let Reverse((_, id)) = self.deadlines.pop()?;
        self.waiting.remove(&id).map(|waiting| (RequestId(id), waiting.timeout))
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
    ) -> (RequestId, String) {
        let (id, reply) = requests.prepare();
        let waiting = Waiting { subject: Subject::from_static(subject), timeout, many: false };
        requests.sent(id, waiting, Instant::ORIGIN);
        (id, reply)
    }

    #[test]
    fn an_answer_finds_its_request_once() {
        let mut requests = Requests::new("_INBOX.me".into());
        let (first, first_reply) = send(&mut requests, "a", SECOND);
        let (second, second_reply) = send(&mut requests, "a", SECOND);
        assert!(requests.pattern().matches(&first_reply));
        assert_ne!(first_reply, second_reply);
        assert_eq!(requests.answered(&second_reply, false), Some(second));
        assert_eq!(requests.answered(&second_reply, false), None);
        assert_eq!(requests.answered(&first_reply, false), Some(first));
        for stranger in ["", "_INBOX.me", "_INBOX.me.", "_INBOX.me.1", "_INBOX.me.zzzzzzzzz", "x.y"]
        {
            assert_eq!(requests.answered(stranger, true), None, "{stranger}");
        }
    }

    #[test]
    fn requests_run_out_of_time_in_order_of_their_deadlines() {
        let mut requests = Requests::new("i".into());
        let (slow, _) = send(&mut requests, "a", 3 * SECOND);
        let (quick, _) = send(&mut requests, "a", SECOND);
        let (cancelled, _) = send(&mut requests, "a", 2 * SECOND);
        requests.cancel(cancelled);
        assert_eq!(requests.next_deadline(), Some(Instant::ORIGIN + SECOND));
        assert_eq!(requests.expire(Instant::ORIGIN), None);
        assert_eq!(requests.expire(Instant::ORIGIN + SECOND), Some((quick, SECOND)));
        assert_eq!(requests.next_deadline(), Some(Instant::ORIGIN + 3 * SECOND));
        assert_eq!(requests.expire(Instant::ORIGIN + 9 * SECOND), Some((slow, 3 * SECOND)));
        assert_eq!(requests.next_deadline(), None);
    }

    #[test]
    fn cancelled_requests_leave_nothing_behind() {
        let mut requests = Requests::new("i".into());
        for _ in 0..10_000 {
            let (id, _) = send(&mut requests, "a", SECOND);
            requests.cancel(id);
        }
        assert!(requests.deadlines.len() <= 65);
        assert!(requests.waiting.is_empty());
    }

    #[test]
    fn a_denial_ends_the_requests_to_its_subject() {
        let mut requests = Requests::new("i".into());
        let (a, _) = send(&mut requests, "a", SECOND);
        let (b, _) = send(&mut requests, "b", SECOND);
        let (again, _) = send(&mut requests, "a", SECOND);
        assert_eq!(requests.denied("a"), [a, again]);
        assert_eq!(requests.take_all(), [b]);
    }
}
