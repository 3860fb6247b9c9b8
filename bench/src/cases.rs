//! What is measured: one thing that the core does, as often as wanted.

use core::hint::black_box;

use bytes::{Bytes, BytesMut};
use nats_proto::codec::{Decoder, Limits, encode};
use nats_proto::connection::{Auth, RequestPlan, Via};
use nats_proto::{Config, Connection, Event, HeaderMap, Instant, Subject, subject};

/// How nats-server cuts what it sends to a browser, in bytes.
pub const FRAME: usize = 4096;

/// One thing that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// Does it so often.
    pub run: fn(usize),
}

/// All that is guarded against becoming slower.
pub const CASES: [Case; 10] = [
    Case { name: "decode-16", run: |count| decode(&Stream::new(16, FRAME), count) },
    Case { name: "decode-128", run: |count| decode(&Stream::new(128, FRAME), count) },
    Case { name: "decode-1024", run: |count| decode(&Stream::new(1024, FRAME), count) },
    Case { name: "decode-headers", run: |count| decode(&Stream::with_headers(128, FRAME), count) },
    Case { name: "encode-128", run: |count| encode_messages(128, count) },
    Case { name: "subject-matches", run: match_subjects },
    Case { name: "connection-receive-16", run: |count| receive(&Stream::new(16, FRAME), count) },
    Case {
        name: "connection-receive-mixed",
        run: |count| receive(&Stream::mixed(16, FRAME), count),
    },
    Case { name: "connection-publish-128", run: |count| publish(128, count) },
    Case { name: "connection-request", run: request },
];

/// How many messages a [`Stream`] has.
const MESSAGES: usize = 1_000;

/// What a server sends for a number of messages, cut into portions.
#[derive(Clone, Debug)]
pub struct Stream {
    portions: Vec<Bytes>,
    /// How many messages are in all portions together.
    pub messages: usize,
    /// How many bytes that is.
    pub bytes: usize,
}

impl Stream {
    /// A thousand messages with payloads of `size` bytes.
    pub fn new(size: usize, portion: usize) -> Self {
        Self::of(message("bench.feed", size, None).repeat(MESSAGES), portion)
    }

    /// A thousand messages with three headers, and payloads of `size` bytes.
    pub fn with_headers(size: usize, portion: usize) -> Self {
        let headers = "NATS/1.0\r\nNats-Msg-Id: 0123456789\r\nNats-Stream: EVENTS\r\nNats-Sequence: 42\r\n\r\n";
        Self::of(message("bench.feed", size, Some(headers)).repeat(MESSAGES), portion)
    }

    /// A thousand messages of which none has the subject of the one before.
    pub fn mixed(size: usize, portion: usize) -> Self {
        let pair = [message("bench.feed", size, None), message("bench.news", size, None)].concat();
        Self::of(pair.repeat(MESSAGES / 2), portion)
    }

    fn of(messages: Vec<u8>, portion: usize) -> Self {
        let all = Bytes::from(messages);
        let bytes = all.len();
        let portions = (0..bytes).step_by(portion);
        let portions = portions.map(|at| all.slice(at..bytes.min(at + portion))).collect();
        Self { portions, messages: MESSAGES, bytes }
    }

    /// The portions, over and over, for at least `count` messages.
    fn repeated(&self, count: usize) -> impl Iterator<Item = &Bytes> {
        let times = count.div_ceil(self.messages);
        (0..times).flat_map(|_| &self.portions)
    }
}

fn message(subject: &str, size: usize, headers: Option<&str>) -> Vec<u8> {
    let mut message = match headers {
        Some(headers) => {
            let total = headers.len() + size;
            format!("HMSG {subject} 1 {} {total}\r\n{headers}", headers.len()).into_bytes()
        }
        None => format!("MSG {subject} 1 {size}\r\n").into_bytes(),
    };
    message.resize(message.len() + size, b'x');
    message.extend_from_slice(b"\r\n");
    message
}

/// Decodes at least `count` messages. Each portion is copied first, as from a browser's memory.
pub fn decode(stream: &Stream, count: usize) {
    let mut decoder = Decoder::new(Limits::default());
    for portion in stream.repeated(count) {
        decoder.feed(Bytes::copy_from_slice(portion));
        while let Ok(Some(op)) = decoder.next_op() {
            black_box(op);
        }
    }
}

/// Encodes messages with payloads of `size` bytes, and lets go of them in frames of 64 KiB.
pub fn encode_messages(size: usize, count: usize) {
    let payload = vec![b'x'; size];
    let mut out = BytesMut::new();
    for _ in 0..count {
        encode::publish(&mut out, black_box("bench.feed"), None, None, black_box(&payload));
        if out.len() >= 64 * 1024 {
            black_box(out.split());
        }
    }
}

/// Matches a subject against patterns, four at a time.
pub fn match_subjects(count: usize) {
    let patterns = ["rooms.*.chat", "rooms.7.>", "rooms.8.chat", "*.*.*"];
    for _ in 0..count {
        for pattern in patterns {
            black_box(subject::matches(black_box(pattern), black_box("rooms.7.chat")));
        }
    }
}

/// A connection that a server has let in, with one subscription.
fn connected() -> Connection {
    let now = Instant::ORIGIN;
    let mut connection = Connection::new(Config::default(), [7; 32]);
    // Before there is a server nothing is refused but malformed names.
    let subscribed = connection.subscribe(&Subject::from_static("bench.feed"), None);
    debug_assert_eq!(subscribed, Ok(1));
    connection.dialing(now);
    let info = Bytes::from_static(
        b"INFO {\"server_id\":\"S\",\"max_payload\":1048576,\"headers\":true}\r\n",
    );
    connection.handle_input(now, Via::Present, info);
    while connection.poll_event().is_some() {}
    connection.authenticate(now, Via::Present, Auth::default());
    while connection.poll_transmit(Via::Present, FRAME).is_some() {}
    connection.handle_input(now, Via::Present, Bytes::from_static(b"PONG\r\n"));
    while connection.poll_event().is_some() {}
    connection
}

/// Receives at least `count` messages, from bytes to events.
pub fn receive(stream: &Stream, count: usize) {
    let mut connection = connected();
    for portion in stream.repeated(count) {
        let portion = Bytes::copy_from_slice(portion);
        connection.handle_input(Instant::ORIGIN, Via::Present, portion);
        while let Some(event) = connection.poll_events() {
            if let Event::Messages { run, .. } = event {
                run.for_each(|message| drop(black_box(message)));
            } else {
                black_box(event);
            }
        }
    }
}

/// Publishes messages with payloads of `size` bytes, and hands them to a transport in bursts.
pub fn publish(size: usize, count: usize) {
    let payload = vec![b'x'; size];
    let mut connection = connected();
    for sent in 0..count {
        let published = connection.publish(black_box("bench.feed"), None, None, &payload);
        black_box(published.is_ok());
        if sent % 100 == 99 {
            while let Some(bytes) = connection.poll_transmit(Via::Present, 64 * 1024) {
                black_box(bytes);
            }
        }
    }
}

/// Asks and is answered, one question at a time.
pub fn request(count: usize) {
    let mut connection = connected();
    let subject = Subject::from_static("bench.echo");
    let plan = RequestPlan::one(core::time::Duration::from_secs(1));
    for _ in 0..count {
        let headers: Option<&HeaderMap> = None;
        let asked = connection.request(Instant::ORIGIN, &subject, headers, b"question", plan);
        black_box(asked.is_ok());
        let mut said = BytesMut::new();
        while let Some(bytes) = connection.poll_transmit(Via::Present, FRAME) {
            said.extend_from_slice(&bytes);
        }
        connection.handle_input(Instant::ORIGIN, Via::Present, answer(&said));
        while let Some(event) = connection.poll_events() {
            debug_assert!(matches!(event, Event::Response { result: Ok(_), .. }));
            black_box(event);
        }
    }
}

/// What a server says to `PUB bench.echo <inbox> 8`.
fn answer(said: &[u8]) -> Bytes {
    let line = said.rsplit(|&byte| byte == b'\n').nth(2).unwrap_or_default();
    let inbox = line.split(|&byte| byte == b' ').nth(2).unwrap_or_default();
    Bytes::from([b"MSG ", inbox, b" 2 6\r\nanswer\r\n"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_holds_the_messages_that_it_says() {
        for stream in
            [Stream::new(16, FRAME), Stream::mixed(16, FRAME), Stream::with_headers(128, 100)]
        {
            let mut connection = connected();
            let mut messages = 0;
            for portion in stream.repeated(1) {
                connection.handle_input(Instant::ORIGIN, Via::Present, portion.clone());
                while let Some(event) = connection.poll_events() {
                    messages += match event {
                        Event::Message { sid: 1, .. } => 1,
                        Event::Messages { sid: 1, run } => run.len(),
                        other => panic!("{other:?}"),
                    };
                }
            }
            assert_eq!(messages, stream.messages);
        }
    }

    #[test]
    fn every_case_runs() {
        for case in CASES {
            (case.run)(10);
        }
    }
}
