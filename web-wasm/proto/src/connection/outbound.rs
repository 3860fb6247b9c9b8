//! Bytes on their way to the server.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::BytesMut;

use super::RequestId;
use super::error::PublishError;
use super::segments::Segments;
use crate::codec::encode;
use crate::header::HeaderMap;

/// How many bytes of small messages are put together before another run is begun. A transport
/// sends runs whole, so this bounds its frames where messages are smaller.
const RUN: usize = 32 * 1024;

/// What the line of a message takes at most beside its subjects.
const LINE: usize = 64;

/// The outbound buffer: whole operations in order, of which messages outlive a connection.
///
/// It keeps account of which stretch of bytes is what, so that a broken connection can give up
/// the control operations, which the next one makes anew, and the requests that were for it alone,
/// and keep the other messages.
#[derive(Debug)]
pub(super) struct Outbound {
    bytes: Segments,
    /// None of them is in two segments.
    runs: VecDeque<Run>,
    limit: usize,
    /// Messages accepted, handed to the transport, and known to have reached the server.
    queued: u64,
    transmitted: u64,
    confirmed: u64,
}

/// A stretch of the bytes.
#[derive(Clone, Copy, Debug)]
struct Run {
    len: usize,
    /// How many messages it holds; zero for control operations.
    messages: u64,
    /// The request that it is, if that is for the present connection alone.
    now_or_never: Option<RequestId>,
}

impl Outbound {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Segments::default(),
            runs: VecDeque::new(),
            limit,
            queued: 0,
            transmitted: 0,
            confirmed: 0,
        }
    }

    /// Bytes not yet handed to the transport.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Messages not yet handed to the transport.
    pub(super) fn messages(&self) -> u64 {
        self.queued - self.transmitted
    }

    /// Messages accepted so far: what a PING that is written now will cover.
    pub(super) fn queued(&self) -> u64 {
        self.queued
    }

    /// Takes everything out, for the transport that it was meant for. What is accepted from now on
    /// comes after it.
    pub(super) fn split(&mut self) -> Self {
        let next = Self {
            queued: self.queued,
            transmitted: self.queued,
            confirmed: self.queued,
            ..Self::new(self.limit)
        };
        core::mem::replace(self, next)
    }

    /// Puts control operations in front of everything.
    pub(super) fn control_first(&mut self, control: BytesMut) {
        if !control.is_empty() {
            self.runs.push_front(Run { len: control.len(), messages: 0, now_or_never: None });
            let rest = core::mem::replace(&mut self.bytes, Segments::from(control));
            self.bytes.extend(rest);
        }
    }

    /// Puts back in front what was taken out.
    pub(super) fn unsplit(&mut self, mut earlier: Self) {
        earlier.bytes.extend(core::mem::take(&mut self.bytes));
        earlier.runs.append(&mut self.runs);
        earlier.queued = self.queued;
        *self = earlier;
    }

    /// Appends control operations. They are few and short and not bounded by the limit.
    pub(super) fn control(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let len = self.bytes.append(LINE, write);
        self.account(len, 0, None);
    }

    /// Appends a message and returns its size on the wire. One that is a request for the present
    /// connection alone is told by its id.
    pub(super) fn publish(
        &mut self,
        subject: &str,
        reply: Option<&str>,
        headers: Option<&HeaderMap>,
        payload: &[u8],
        now_or_never: Option<RequestId>,
    ) -> Result<usize, PublishError> {
        // A single message may exceed the limit: else one that the server would take could
        // never be sent.
        if self.bytes.len() >= self.limit {
            return Err(PublishError::BufferFull { limit: self.limit });
        }
        let names = subject.len() + reply.map_or(0, str::len);
        let headers_len = headers.map_or(0, HeaderMap::wire_len);
        let about = LINE + names + headers_len + payload.len();
        let len = self.bytes.append(about, |end| {
            encode::publish(end, subject, reply, headers, payload);
        });
        self.account(len, 1, now_or_never);
        self.queued += 1;
        Ok(len)
    }

    fn account(&mut self, len: usize, messages: u64, now_or_never: Option<RequestId>) {
        let alike = |run: &Run| {
            (run.messages > 0) == (messages > 0) && run.now_or_never.or(now_or_never).is_none()
        };
        let joined = self.bytes.last_len() > len;
        match self.runs.back_mut() {
            Some(run) if joined && run.len < RUN && alike(run) => {
                run.len += len;
                run.messages += messages;
            }
            _ => self.runs.push_back(Run { len, messages, now_or_never }),
        }
    }

    /// Takes bytes to send: whole operations, at most `max` bytes unless the first run alone
    /// has more.
    pub(super) fn transmit(&mut self, max: usize) -> Option<BytesMut> {
        let max = max.min(self.bytes.first_len());
        let mut len = 0;
        while let Some(&run) = self.runs.front() {
            if len > 0 && len + run.len > max {
                break;
            }
            len += run.len;
            self.transmitted += run.messages;
            self.runs.pop_front();
        }
        (len > 0).then(|| self.bytes.take(len))
    }

    /// The server has the first `covered` messages.
    pub(super) fn confirm(&mut self, covered: u64) {
        self.confirmed = self.confirmed.max(covered);
    }

    /// The connection is over: control operations are void, messages wait for the next one.
    /// Returns how many messages were handed over and not confirmed.
    pub(super) fn reset(&mut self) -> u64 {
        self.keep(|run| run.messages > 0);
        let unconfirmed = self.transmitted.saturating_sub(self.confirmed);
        self.confirmed = self.transmitted;
        unconfirmed
    }

    /// The connection is over, and so are the requests that were for it alone and were not handed over:
    /// takes them out and returns which they were.
    pub(super) fn give_up_requests(&mut self) -> Vec<RequestId> {
        let given_up: Vec<_> = self.runs.iter().filter_map(|run| run.now_or_never).collect();
        self.keep(|run| run.now_or_never.is_none());
        // As if they were through, since what is queued later has the numbers after theirs.
        let messages = given_up.len() as u64;
        self.transmitted += messages;
        self.confirmed += messages;
        given_up
    }

    fn keep(&mut self, which: fn(&Run) -> bool) {
        if self.runs.iter().all(which) {
            return;
        }
        let mut kept = Segments::default();
        for run in &self.runs {
            let bytes = self.bytes.take(run.len);
            if which(run) {
                kept.append(bytes.len(), |end| end.extend_from_slice(&bytes));
            }
        }
        self.bytes = kept;
        self.runs.retain(which);
    }

    /// Gives up every message that waits and returns how many there were.
    pub(super) fn discard(&mut self) -> u64 {
        let discarded = self.messages();
        self.bytes = Segments::default();
        self.runs.clear();
        self.queued = self.transmitted;
        discarded
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec;

    use super::*;

    fn publish(outbound: &mut Outbound, payload: &[u8]) -> Result<usize, PublishError> {
        outbound.publish("s", None, None, payload, None)
    }

    #[test]
    fn operations_keep_their_order_and_stay_whole() {
        let mut outbound = Outbound::new(1 << 20);
        outbound.control(|out| encode::subscribe(out, "s", None, 1));
        publish(&mut outbound, b"1").unwrap();
        outbound.control(encode::ping);
        let first = outbound.transmit(1).unwrap();
        assert_eq!(&first[..], b"SUB s 1\r\n");
        let rest = outbound.transmit(1 << 20).unwrap();
        assert_eq!(&rest[..], b"PUB s 1\r\n1\r\nPING\r\n");
        assert_eq!(outbound.transmit(1 << 20), None);
    }

    #[test]
    fn many_small_messages_are_cut_into_frames_between_messages() {
        let mut outbound = Outbound::new(1 << 20);
        for _ in 0..1_000 {
            publish(&mut outbound, &[b'x'; 100]).unwrap();
        }
        let mut total = 0;
        while let Some(bytes) = outbound.transmit(64 * 1024) {
            assert!(bytes.len() <= 64 * 1024 + 200);
            assert!(bytes.starts_with(b"PUB s 100\r\n") && bytes.ends_with(b"x\r\n"));
            total += bytes.len();
        }
        assert_eq!(total, 1_000 * (11 + 100 + 2));
    }

    #[test]
    fn megabytes_come_out_in_order_whole_and_few_at_a_time() {
        let mut outbound = Outbound::new(usize::MAX);
        let mut expected = Vec::new();
        for number in 0..3_000_usize {
            let payload = vec![b'a' + (number % 26) as u8; number % 5_000];
            publish(&mut outbound, &payload).unwrap();
            expected.extend_from_slice(format!("PUB s {}\r\n", payload.len()).as_bytes());
            expected.extend_from_slice(&payload);
            expected.extend_from_slice(b"\r\n");
            if number % 500 == 0 {
                outbound.control(encode::ping);
                expected.extend_from_slice(b"PING\r\n");
            }
            if number == 1_500 {
                assert_eq!(outbound.reset(), 0);
                expected = String::from_utf8_lossy(&expected).replace("PING\r\n", "").into_bytes();
            }
        }
        assert_eq!(outbound.len(), expected.len());
        let frames: Vec<_> = core::iter::from_fn(|| outbound.transmit(256 * 1024)).collect();
        assert!(frames.iter().all(|frame| frame.len() <= 256 * 1024));
        assert!(frames.len() <= expected.len() / (200 * 1024), "{} frames", frames.len());
        assert!(frames.iter().all(|frame| frame.starts_with(b"P") && frame.ends_with(b"\r\n")));
        assert_eq!(frames.concat(), expected);
        assert_eq!((outbound.len(), outbound.messages(), outbound.reset()), (0, 0, 3_000));
    }

    #[test]
    fn a_broken_connection_keeps_messages_and_drops_control() {
        let mut outbound = Outbound::new(1 << 20);
        publish(&mut outbound, b"sent").unwrap();
        outbound.transmit(1 << 20).unwrap();
        publish(&mut outbound, b"kept").unwrap();
        outbound.control(encode::ping);
        publish(&mut outbound, b"too").unwrap();
        assert_eq!(outbound.reset(), 1);
        assert_eq!(outbound.reset(), 0, "told once");
        assert_eq!(outbound.messages(), 2);
        let bytes = outbound.transmit(1 << 20).unwrap();
        assert_eq!(&bytes[..], b"PUB s 4\r\nkept\r\nPUB s 3\r\ntoo\r\n");
    }

    #[test]
    fn confirmed_messages_are_not_told_as_lost() {
        let mut outbound = Outbound::new(1 << 20);
        publish(&mut outbound, b"a").unwrap();
        let covered = outbound.queued();
        publish(&mut outbound, b"b").unwrap();
        outbound.transmit(1 << 20).unwrap();
        outbound.confirm(covered);
        assert_eq!(outbound.reset(), 1);
    }

    #[test]
    fn what_was_taken_out_goes_back_in_front() {
        let mut outbound = Outbound::new(1 << 20);
        publish(&mut outbound, b"1").unwrap();
        outbound.transmit(1).unwrap();
        publish(&mut outbound, b"2").unwrap();
        outbound.control(encode::ping);
        let mut earlier = outbound.split();
        earlier.control_first(BytesMut::from(&b"PONG\r\n"[..]));
        assert_eq!((outbound.len(), outbound.messages(), earlier.messages()), (0, 0, 1));
        publish(&mut outbound, b"3").unwrap();
        assert_eq!(earlier.reset(), 1);
        outbound.unsplit(earlier);
        assert_eq!((outbound.messages(), outbound.queued()), (2, 3));
        let bytes: Vec<u8> = core::iter::from_fn(|| outbound.transmit(1 << 20)).flatten().collect();
        assert_eq!(&bytes[..], b"PUB s 1\r\n2\r\nPUB s 1\r\n3\r\n");
        assert_eq!(outbound.reset(), 2);
    }

    #[test]
    fn requests_for_one_connection_are_given_up_with_it_and_the_rest_stays_in_order() {
        let mut outbound = Outbound::new(1 << 20);
        let ask = |outbound: &mut Outbound, id| {
            outbound.publish("s", None, None, b"?", Some(RequestId(id))).unwrap()
        };
        ask(&mut outbound, 1);
        outbound.transmit(1).unwrap();
        publish(&mut outbound, b"1").unwrap();
        ask(&mut outbound, 2);
        ask(&mut outbound, 3);
        publish(&mut outbound, b"2").unwrap();
        outbound.control(encode::ping);
        assert_eq!(outbound.give_up_requests(), [RequestId(2), RequestId(3)]);
        assert_eq!(outbound.give_up_requests(), []);
        assert_eq!((outbound.messages(), outbound.reset()), (2, 1), "the first was handed over");
        let bytes = outbound.transmit(1 << 20).unwrap();
        assert_eq!(&bytes[..], b"PUB s 1\r\n1\r\nPUB s 1\r\n2\r\n");
        assert_eq!((outbound.messages(), outbound.reset()), (0, 2));
    }

    #[test]
    fn the_limit_refuses_and_discarding_counts() {
        let mut outbound = Outbound::new(20);
        publish(&mut outbound, b"0123456789").unwrap();
        assert_eq!(publish(&mut outbound, b"x"), Err(PublishError::BufferFull { limit: 20 }));
        outbound.control(encode::ping);
        assert_eq!(outbound.discard(), 1);
        assert_eq!((outbound.len(), outbound.messages()), (0, 0));
        publish(&mut outbound, b"x").unwrap();
    }
}
