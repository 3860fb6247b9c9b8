//! What passes with time, and what goes wrong. What is answered a real server is the judge of: see
//! `tests/native/simulation/jetstream/differential.rs` of the client.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Faults;
use crate::simulator::{Framing, LinkId, Script, ServerOutput, World};
use crate::time::Instant;

/// A world of one server with a JetStream, and a client of which a test writes each word.
struct Rig {
    world: World,
    link: LinkId,
}

impl Rig {
    fn new() -> Self {
        let mut world = World::new(1);
        let server = world.add("n1", Script { framing: Framing::Joined, ..Script::default() });
        world.enable_jetstream(Duration::from_secs(1_000_000_000));
        let link = world.accept(server).unwrap();
        let mut rig = Self { world, link };
        rig.say("CONNECT {\"headers\":true,\"no_responders\":true}\r\nSUB i.> 1\r\n");
        rig
    }

    /// One with the stream `S` of everything below `s`.
    fn with_stream(more: &str) -> Self {
        let mut rig = Self::new();
        let config = format!("{{\"name\":\"S\",\"subjects\":[\"s.>\"]{more}}}");
        let made = rig.ask("$JS.API.STREAM.CREATE.S", &config);
        assert!(made.contains("did_create"), "{made}");
        rig
    }

    fn say(&mut self, text: &str) -> String {
        self.world.receive(self.link, text.as_bytes());
        self.said()
    }

    fn said(&mut self) -> String {
        let mut said = String::new();
        while let Some(ServerOutput::Frame(frame)) = self.world.poll_output(self.link) {
            said += core::str::from_utf8(&frame).unwrap();
        }
        said
    }

    fn ask(&mut self, subject: &str, body: &str) -> String {
        self.say(&format!("PUB {subject} i.a {}\r\n{body}\r\n", body.len()))
    }

    fn publish(&mut self, id: &str) -> String {
        let block = format!("NATS/1.0\r\nNats-Msg-Id: {id}\r\n\r\n");
        let len = block.len();
        self.say(&format!("HPUB s.a i.a {len} {}\r\n{block}x\r\n", len + 1))
    }

    fn consumer(&mut self, config: &str) {
        let body = format!(
            "{{\"stream_name\":\"S\",\"config\":{{\"deliver_policy\":\"all\",\"ack_policy\":\
             \"explicit\",\"replay_policy\":\"instant\",{config}}}}}"
        );
        let made = self.ask("$JS.API.CONSUMER.CREATE.S.C", &body);
        assert!(made.contains("\"num_pending\""), "{made}");
    }

    fn pull(&mut self, body: &str) -> String {
        self.ask("$JS.API.CONSUMER.MSG.NEXT.S.C", body)
    }

    /// What is said by the time that so many milliseconds have passed since the beginning, and what
    /// was to happen on the way did.
    fn at(&mut self, millis: u64) -> String {
        let now = Instant::from_origin(Duration::from_millis(millis));
        while let Some(due) = self.world.next_timeout().filter(|due| *due <= now) {
            self.world.advance(due);
            assert!(self.world.next_timeout().is_none_or(|next| next > due), "it is done at once");
        }
        self.world.advance(now);
        self.said()
    }

    fn stored(&mut self) -> usize {
        self.world.jetstream(|jetstream| jetstream.messages("S").count())
    }
}

#[test]
fn an_id_is_known_for_as_long_as_the_window_is() {
    let mut rig = Rig::with_stream(",\"duplicate_window\":2000000000");
    assert!(rig.publish("1").contains("\"seq\":1"));
    rig.at(1_999);
    assert!(rig.publish("1").contains("\"duplicate\":true"));
    rig.at(2_000);
    assert!(rig.publish("1").contains("\"seq\":2"));
}

#[test]
fn messages_go_when_they_are_old() {
    let mut rig = Rig::with_stream(",\"max_age\":1000000000");
    rig.publish("1");
    rig.at(500);
    rig.publish("2");
    rig.at(1_000);
    assert_eq!(rig.stored(), 1);
    let info = rig.ask("$JS.API.STREAM.INFO.S", "");
    assert!(info.contains("\"first_seq\":2"), "{info}");
}

#[test]
fn what_is_not_acknowledged_comes_again_in_time() {
    let mut rig = Rig::with_stream("");
    rig.consumer("\"durable_name\":\"C\",\"ack_wait\":1000000000,\"max_deliver\":3");
    rig.publish("1");
    let first = rig.pull("{\"batch\":9,\"expires\":60000000000}");
    assert!(first.contains(" $JS.ACK.S.C.1.1.1."), "{first}");
    assert_eq!(rig.at(999), "");
    assert!(rig.at(1_000).contains(" $JS.ACK.S.C.2.1.2."));
    assert!(rig.at(2_000).contains(" $JS.ACK.S.C.3.1.3."));
    assert_eq!(rig.at(9_000), "", "three times is enough");
    assert!(rig.at(60_000).contains("408 Request Timeout"));
}

#[test]
fn a_consumer_that_nobody_uses_lapses() {
    let mut rig = Rig::with_stream("");
    rig.consumer("\"name\":\"C\",\"inactive_threshold\":1000000000");
    rig.at(900);
    rig.pull("{\"batch\":1,\"expires\":3000000000}");
    assert!(rig.at(3_900).contains("408 Request Timeout"));
    rig.at(4_899);
    assert_eq!(rig.world.jetstream(|jetstream| jetstream.consumers("S")), ["C"]);
    rig.at(4_900);
    assert!(rig.pull("").contains("NATS/1.0 503"));
    assert!(rig.world.jetstream(|jetstream| jetstream.consumers("S")).is_empty());
}

#[test]
fn who_does_not_listen_gets_nothing_that_another_could_have() {
    let mut rig = Rig::with_stream("");
    rig.consumer("\"durable_name\":\"C\"");
    rig.say("PUB $JS.API.CONSUMER.MSG.NEXT.S.C elsewhere 1\r\n1\r\n");
    assert_eq!(rig.pull("1"), "");
    assert!(rig.publish("1").contains("MSG s.a 1 $JS.ACK.S.C.1.1.1."));
}

#[test]
fn faults_lose_what_they_say() {
    let mut rig = Rig::with_stream("");
    let fail = |rig: &mut Rig, faults| rig.world.jetstream(|js| *js.faults() = faults);
    fail(&mut rig, Faults { loses_confirmations: 1_000, ..Faults::default() });
    assert_eq!(rig.publish("1"), "");
    assert_eq!(rig.stored(), 1);
    fail(&mut rig, Faults { loses_messages: 1_000, ..Faults::default() });
    assert_eq!(rig.publish("2"), "");
    fail(&mut rig, Faults { deaf: true, ..Faults::default() });
    assert_eq!(rig.publish("2"), "");
    fail(&mut rig, Faults { absent: true, ..Faults::default() });
    assert!(rig.publish("2").contains("NATS/1.0 503"));
    assert!(rig.ask("$JS.API.INFO", "").contains("NATS/1.0 503"));
    assert_eq!(rig.stored(), 1);
    fail(&mut rig, Faults { stalls: true, ..Faults::default() });
    rig.consumer("\"durable_name\":\"C\"");
    assert_eq!(rig.pull("{\"batch\":2,\"expires\":1000000000}"), "");
    assert_eq!(rig.at(5_000), "");
    fail(&mut rig, Faults::default());
    assert!(rig.said().contains("408 Request Timeout"));
}

#[test]
fn leaders_and_servers_come_and_go() {
    let mut rig = Rig::with_stream(",\"storage\":\"memory\"");
    rig.publish("1");
    rig.consumer("\"name\":\"C\"");
    rig.pull("{\"batch\":2,\"expires\":9000000000}");
    rig.world.jetstream(super::JetStream::change_leader);
    assert!(rig.said().contains("409 Leadership Change"));
    rig.world.jetstream(super::JetStream::lose_leader);
    assert_eq!(rig.said(), "");
    assert!(rig.pull("").contains("NATS/1.0 503"), "nobody kept it");
    assert_eq!(rig.stored(), 1);
    rig.world.jetstream(super::JetStream::restart);
    assert_eq!(rig.stored(), 0, "memory is forgotten");
}

#[test]
fn what_is_not_simulated_is_refused() {
    let mut rig = Rig::with_stream("");
    for (subject, body) in [
        ("STREAM.CREATE.T", "{\"name\":\"T\",\"mirror\":{\"name\":\"S\"}}"),
        ("STREAM.CREATE.T", "{\"name\":\"T\",\"retention\":\"workqueue\"}"),
        ("CONSUMER.PAUSE.S.C", "{}"),
        ("STREAM.SNAPSHOT.S", "{}"),
    ] {
        let answer = rig.ask(&["$JS.API.", subject].concat(), body);
        assert!(answer.contains("\"code\":501"), "{answer}");
    }
}

#[test]
fn patterns_overlap_where_some_subject_matches_both() {
    let overlapping: Vec<bool> = [
        ("a.b", "a.b"),
        ("a.*", "*.b"),
        ("a.>", "a.b.c"),
        (">", "a"),
        ("a.>", "a"),
        ("a.b", "a.c"),
        ("a.*", "a.b.c"),
    ]
    .into_iter()
    .map(|(one, other)| super::api::overlap(one, other))
    .collect();
    assert_eq!(overlapping, [true, true, true, true, false, false, false]);
}
