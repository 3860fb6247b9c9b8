//! The scripted servers themselves, and a connection against them over any split of the bytes.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::connection::{
    Auth, Config, Connection, DisconnectReason, EndReason, Event, RequestError, RequestPlan,
    TransportClosed, Via,
};
use crate::server_error::ServerError;
use crate::subject::Subject;
use crate::time::Instant;

const NOW: Instant = Instant::ORIGIN;

/// A world of one server with one client, of which a test writes each word.
struct Rig {
    world: World,
    server: ServerId,
    link: LinkId,
}

impl Rig {
    fn new(script: Script) -> Self {
        let mut world = World::new(1);
        let server = world.add("n1", Script { framing: Framing::Joined, ..script });
        let link = world.accept(server).unwrap();
        Self { world, server, link }
    }

    /// One whose client was let in.
    fn connected(script: Script) -> Self {
        let mut rig = Self::new(script);
        let said = rig.say("CONNECT {\"headers\":true,\"no_responders\":true}\r\nPING\r\n");
        assert!(said.ends_with("PONG\r\n"), "{said}");
        rig
    }

    /// Says something, and returns what the server says then.
    fn say(&mut self, text: &str) -> String {
        self.world.receive(self.link, text.as_bytes());
        self.said()
    }

    fn said(&mut self) -> String {
        let mut said = String::new();
        while let Some(output) = self.world.poll_output(self.link) {
            match output {
                ServerOutput::Frame(frame) => said += core::str::from_utf8(&frame).unwrap(),
                ServerOutput::Closed(closed) => {
                    said += &format!("<{} {}>", closed.code, closed.reason);
                    break;
                }
            }
        }
        said
    }
}

#[test]
fn messages_go_to_who_subscribed() {
    let mut rig = Rig::connected(Script::default());
    let both = rig.say("SUB a.* 1\r\nSUB a.b q 2\r\nSUB b 3\r\nPUB a.b 2\r\nhi\r\n");
    assert_eq!(both, "MSG a.b 1 2\r\nhi\r\nMSG a.b 2 2\r\nhi\r\n");
    assert_eq!(rig.say("UNSUB 2\r\nPUB a.b r 2\r\nhi\r\n"), "MSG a.b 1 r 2\r\nhi\r\n");
    let with_headers = "HPUB b 18 19\r\nNATS/1.0\r\nk: v\r\n\r\nx\r\n";
    assert_eq!(rig.say(with_headers), "HMSG b 3 18 19\r\nNATS/1.0\r\nk: v\r\n\r\nx\r\n");
    assert_eq!(rig.world.taken().len(), 3);
    assert_eq!(rig.world.deliveries().len(), 4);
    assert_eq!(rig.world.subscriptions(rig.link).count(), 2);
    assert!(rig.world.faults().is_empty());
}

#[test]
fn limits_echo_and_absence_are_heeded() {
    let mut rig = Rig::connected(Script::default());
    assert_eq!(rig.say("SUB a 1\r\nUNSUB 1 2\r\nPUB a 0\r\n\r\n"), "MSG a 1 0\r\n\r\n");
    assert_eq!(rig.say("PUB a 0\r\n\r\nPUB a 0\r\n\r\n"), "MSG a 1 0\r\n\r\n");
    let nobody = rig.say("SUB i.* 2\r\nPUB a i.1 0\r\n\r\n");
    assert_eq!(nobody, "HMSG i.1 2 33 33\r\nNATS/1.0 503\r\nNats-Subject: a\r\n\r\n\r\n");
    let other = rig.world.accept(rig.server).unwrap();
    rig.world.receive(other, b"CONNECT {\"echo\":false}\r\nSUB a 1\r\nPUB a 0\r\n\r\n");
    assert_eq!(rig.world.deliveries().len(), 2, "no echo");
    rig.say("PUB a 0\r\n\r\n");
    assert_eq!(rig.world.deliveries().len(), 3);
    rig.world.closed(other);
    rig.say("PUB a 0\r\n\r\n");
    assert_eq!(rig.world.deliveries().len(), 3);
}

#[test]
fn a_queue_group_spans_the_cluster() {
    let mut world = World::new(7);
    let servers = ["n1", "n2"].map(|name| world.add(name, Script::default()));
    let links = [0, 1, 1].map(|index| world.accept(servers[index]).unwrap());
    for link in links {
        world.receive(link, b"CONNECT {}\r\nSUB work q 1\r\n");
    }
    for _ in 0..300 {
        world.receive(links[0], b"PUB work 0\r\n\r\n");
    }
    assert_eq!(world.deliveries().len(), 300);
    for link in links {
        let share = world.deliveries().iter().filter(|delivery| delivery.link == link).count();
        assert!((60..140).contains(&share), "{share}");
    }
}

#[test]
fn what_is_denied_is_told_and_stays_open() {
    let mut rig = Rig::connected(Script {
        denies_publish: vec!["secret.>".into()],
        denies_subscribe: vec!["secret.>".into()],
        max_subscriptions: 1,
        ..Script::default()
    });
    for (said, answer) in [
        ("PUB secret.x 0\r\n\r\n", "-ERR 'Permissions Violation for Publish to \"secret.x\"'\r\n"),
        ("SUB secret.> 1\r\n", "-ERR 'Permissions Violation for Subscription to \"secret.>\"'\r\n"),
        (
            "SUB secret.> q 1\r\n",
            "-ERR 'Permissions Violation for Subscription to \"secret.>\" using queue \"q\"'\r\n",
        ),
        ("SUB a 1\r\nSUB b 2\r\n", "-ERR 'maximum subscriptions exceeded'\r\n"),
        ("PING\r\n", "PONG\r\n"),
    ] {
        assert_eq!(rig.say(said), answer);
    }
}

#[test]
fn what_no_client_should_say_ends_the_connection() {
    for (said, answer) in [
        ("SUB a 1\r\n", "-ERR 'Authorization Violation'\r\n<1008 Authentication Failure>"),
        ("HELLO\r\n", "-ERR 'Unknown Protocol Operation'\r\n<1002 Protocol Violation>"),
        ("PUB a..b 0\r\n\r\n", "-ERR 'Unknown Protocol Operation'\r\n<1002 Protocol Violation>"),
        ("PUB a 2\r\nxyz\r\n", "-ERR 'Unknown Protocol Operation'\r\n<1002 Protocol Violation>"),
        (
            "PUB a 9999\r\n",
            "-ERR 'Maximum Payload Violation'\r\n<1009 Maximum Message Payload Exceeded>",
        ),
        (
            &["PUB ", &*"a".repeat(5_000)].concat(),
            "-ERR 'maximum control line exceeded'\r\n<1008 Maximum Control Line Exceeded>",
        ),
    ] {
        let mut rig = Rig::new(Script { max_payload: 1_000, ..Script::default() });
        rig.said();
        if said.starts_with("PUB") {
            rig.say("CONNECT {}\r\n");
        }
        assert_eq!(rig.say(said), answer);
        assert_eq!(rig.world.faults().len(), 1);
    }
}

#[test]
fn who_is_let_in_is_a_matter_of_the_script() {
    let script =
        Script { admits: Some(vec!["good".into()]), nonce: Some("n".into()), ..Script::default() };
    for (connect, admitted) in [
        ("{}", false),
        ("{\"auth_token\":\"bad\"}", false),
        ("{\"auth_token\":\"good\"}", true),
        ("{\"jwt\":\"good\"}", false),
        ("{\"jwt\":\"good\",\"sig\":\"s\"}", true),
        ("{\"user\":\"good\",\"pass\":\"p\"}", true),
    ] {
        let mut rig = Rig::new(script.clone());
        assert!(rig.said().contains("\"nonce\":\"n\""));
        let said = rig.say(&format!("CONNECT {connect}\r\nPING\r\n"));
        assert_eq!(said.ends_with("PONG\r\n"), admitted, "{connect}: {said}");
        assert_eq!(rig.world.client(rig.link).is_some(), admitted);
        assert!(!said.contains("nonce"));
    }
}

#[test]
fn a_script_can_misbehave() {
    let mut rig = Rig::connected(Script::default());
    rig.world.change(rig.server, |script| script.answers_pings = false);
    assert_eq!(rig.say("PING\r\nPING\r\n"), "");
    rig.world.change(rig.server, |script| script.answers_pings = true);
    assert_eq!(rig.said(), "PONG\r\nPONG\r\n");
    rig.world.change(rig.server, |script| script.reads = false);
    assert_eq!(rig.say("SUB a 1\r\nPUB a 1\r\nx\r\n"), "");
    assert_eq!(rig.world.unread(rig.link), 21);
    rig.world.change(rig.server, |script| (script.reads, script.writes) = (true, false));
    assert_eq!(rig.said(), "");
    rig.world.change(rig.server, |script| {
        script.writes = true;
        script.connect_urls = vec!["n2:5000".into()];
    });
    let said = rig.said();
    assert!(said.starts_with("MSG a 1 1\r\nx\r\nINFO {"), "{said}");
    assert!(said.contains("\"connect_urls\":[\"n2:5000\"]"), "{said}");
    rig.world.cut_after(rig.link, 12);
    assert_eq!(rig.say("PUB a 1\r\nx\r\n"), "MSG a 1 1\r\nx<1006 >");
    assert!(rig.world.links(rig.server).is_empty());

    let mut rig = Rig::connected(Script::default());
    rig.say("SUB a 1\r\n");
    rig.world.ping(rig.link);
    assert_eq!(rig.said(), "PING\r\n");
    rig.say("PONG\r\n");
    assert_eq!(rig.world.pongs(rig.link), 1);
    rig.world.fall_silent(rig.link);
    assert_eq!(rig.say("PUB a 0\r\n\r\nPING\r\n"), "");
    rig.world.change(rig.server, |script| script.lame_duck = true);
    assert!(rig.world.accept(rig.server).is_err());
}

/// A connection that an open server has let in.
fn connected(world: &mut World, server: ServerId) -> (Connection, LinkId) {
    let mut connection = Connection::new(Config::default(), [1; 32]);
    connection.dialing(NOW);
    let link = world.accept(server).unwrap();
    exchange(&mut connection, world, link);
    assert!(connection.is_connected());
    (connection, link)
}

/// Carries bytes to and fro until neither side has more, and returns what that meant.
fn exchange(connection: &mut Connection, world: &mut World, link: LinkId) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        while let Some(event) = connection.poll_event() {
            if let Event::Challenge { .. } = event {
                connection.authenticate(NOW, Via::Present, Auth::default());
            }
            events.push(event);
        }
        let sent = connection.poll_transmit(Via::Present, 1 << 16);
        if let Some(bytes) = &sent {
            world.receive(link, bytes);
        }
        match world.poll_output(link) {
            Some(ServerOutput::Frame(frame)) => connection.handle_input(NOW, Via::Present, frame),
            Some(ServerOutput::Closed(closed)) => {
                connection.handle_closed(NOW, Via::Present, closed);
            }
            None if sent.is_none() => return events,
            None => {}
        }
    }
}

#[test]
fn every_way_out_is_told_with_its_reason() {
    for expulsion in Expulsion::ALL {
        let mut world = World::new(1);
        let server = world.add("n1", Script::default());
        let (mut connection, link) = connected(&mut world, server);
        world.expel(link, expulsion);
        let events = exchange(&mut connection, &mut world, link);
        let Some(Event::Disconnected { reason, .. }) = events.last() else { panic!("{events:?}") };
        let error = reason.server_error().cloned();
        let expected = expulsion.text().map(|text| ServerError::parse(&text.into()));
        assert_eq!(error, expected);
        assert!(!matches!(error, Some(ServerError::Other(_))), "{expulsion:?} has a name");
        let closed = expulsion.closed();
        let reason = reason.clone();
        assert_eq!(reason, DisconnectReason::TransportClosed { closed, error });
    }
}

#[test]
fn denials_end_what_they_are_about() {
    let mut world = World::new(1);
    let script = Script {
        denies_publish: vec!["secret".into()],
        denies_subscribe: vec!["secret".into()],
        ..Script::default()
    };
    let server = world.add("n1", script);
    let (mut connection, link) = connected(&mut world, server);
    let secret = Subject::from_static("secret");
    let sid = connection.subscribe(&secret, None).unwrap();
    let second = Duration::from_secs(1);
    let request = connection.request(NOW, &secret, None, b"", RequestPlan::one(second)).unwrap();
    let events = exchange(&mut connection, &mut world, link);
    let ended = events.iter().find_map(|event| match event {
        Event::SubscriptionEnded { sid: ended, reason: EndReason::Refused(_) } => Some(*ended),
        _ => None,
    });
    assert_eq!(ended, Some(sid));
    assert!(events.iter().any(|event| matches!(event,
        Event::Response { request: id, result: Err(RequestError::Denied(_)) } if *id == request)));
    assert!(connection.is_connected());
}

proptest! {
    /// However the bytes are cut on both ways, the client gets what was published, in order.
    #[test]
    fn any_split_delivers_the_same(
        seed: u64,
        sizes in prop::collection::vec(0usize..200, 1..40),
        framing in 1usize..64,
        portion in 1usize..64,
    ) {
        let mut world = World::new(seed);
        let script = Script { framing: Framing::Random(framing), ..Script::default() };
        let server = world.add("n1", script);
        let (mut connection, link) = connected(&mut world, server);
        let sid = connection.subscribe(&Subject::from_static("a.>"), None).unwrap();
        for (number, size) in sizes.iter().enumerate() {
            let payload = vec![b'\n'; *size];
            connection.publish(&format!("a.{number}"), None, None, &payload).unwrap();
        }
        while let Some(bytes) = connection.poll_transmit(Via::Present, 1 << 16) {
            for part in bytes.chunks(portion) {
                world.receive(link, part);
            }
        }
        let events = exchange(&mut connection, &mut world, link);
        let received: Vec<(u64, String, Bytes)> = events
            .into_iter()
            .map(|event| match event {
                Event::Message { sid, message } => {
                    (sid, message.subject.to_string(), message.payload)
                }
                event => panic!("{event:?}"),
            })
            .collect();
        let expected: Vec<_> = sizes
            .iter()
            .enumerate()
            .map(|(number, &size)| (sid, format!("a.{number}"), Bytes::from(vec![b'\n'; size])))
            .collect();
        prop_assert_eq!(received, expected);
        prop_assert!(world.faults().is_empty());
    }

    /// Rubbish on the wire, cut anywhere, ends the connection or is nothing; it never panics.
    #[test]
    fn rubbish_is_survived(rubbish: Vec<u8>, cut in 0u64..64) {
        let mut world = World::new(1);
        let server = world.add("n1", Script::default());
        let (mut connection, link) = connected(&mut world, server);
        world.say(link, rubbish);
        world.cut_after(link, cut);
        exchange(&mut connection, &mut world, link);
        let closed = TransportClosed { code: 1006, reason: "".into() };
        connection.handle_closed(NOW, Via::Present, closed);
        prop_assert!(!connection.is_connected());
    }
}
