//! What holds for any input.

use proptest::prelude::*;

use super::*;
use crate::codec::{Decoder, Limits};

/// What a server may say, a part of it as nobody should.
const WORDS: [&[u8]; 16] = [
    b"MSG a 1 2\r\nhi\r\n",
    b"MSG a 1 2\r\nho\r\n",
    b"MSG a 1 0\r\n\r\n",
    b"MSG a 1 10\r\n0123456789\r\n",
    b"MSG a 1 002\r\nhm\r\n",
    b"MSG a 1 r 2\r\nhi\r\n",
    b"MSG a 1 2 2\r\nhi\r\n",
    b"HMSG a 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
    b"MSG a 10 2\r\nhi\r\n",
    b"MSG a\xff 1 2\r\nhi\r\n",
    b"MSG b 2 2\r\nhi\r\n",
    b"MSG b 2 1\r\nx\r\n",
    b"PING\r\n",
    b"msg a 1 2\r\nhi\r\n",
    b"MSG a 1 2\r\nhij\r\n",
    b"MSG a 1 0000000000000000000000000000000000\r\n\r\n",
];

proptest! {
    /// Messages that are told together are the same, and as much is counted.
    #[test]
    fn messages_that_come_together_are_the_same(
        // Half of them from the first few, which go together; the last ones end the connection.
        words in prop::collection::vec(prop::sample::select(&WORDS[..]).prop_union(
            prop::sample::select(&WORDS[..4])
        ), 0..60),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        payload in prop::sample::select(vec![9usize, 64]),
    ) {
        let bytes = words.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let run = |together: bool| {
            let limits = Limits { control_line: 32, payload, headers: 64 };
            let mut rig = Rig::new();
            rig.subscribe("a");
            rig.subscribe("b");
            rig.connection.unsubscribe(2, Some(5));
            rig.connect();
            rig.connection.link.decoder = Decoder::new(limits);
            let mut events = Vec::new();
            let mut start = 0;
            for &end in &cuts {
                let portion = Bytes::copy_from_slice(&bytes[start..end]);
                rig.connection.handle_input(rig.now, Via::Present, portion);
                while let Some(event) = match together {
                    true => rig.connection.poll_events(),
                    false => rig.connection.poll_event(),
                } {
                    match event {
                        Event::Messages { sid, run } => {
                            assert!(together && run.len() > 1);
                            assert_eq!(run.length(), run.payloads().map(<[u8]>::len).sum::<usize>());
                            events.extend(run.map(|message| Event::Message { sid, message }));
                        }
                        event => events.push(event),
                    }
                }
                start = end;
            }
            let statistics = rig.connection.statistics();
            // What the subscription has been counted to have had shows in when its limit is reached.
            rig.connection.unsubscribe(1, Some(30));
            (events, statistics, rig.sent(), rig.events())
        };
        prop_assert_eq!(run(true), run(false));
    }

    /// Whatever the portions, the same session gives the same events.
    #[test]
    fn a_session_does_not_depend_on_how_it_is_split(
        cuts in prop::collection::vec(0usize..400, 0..12),
    ) {
        const SESSION: &[u8] = b"PONG\r\nMSG a 1 5\r\nhello\r\nPING\r\n\
            HMSG a 1 r 19 21\r\nNATS/1.0\r\nk: vv\r\n\r\nhi\r\n\
            -ERR 'Permissions Violation for Subscription to \"b\"'\r\n+OK\r\n\
            INFO {\"server_id\":\"S1\",\"ldm\":true}\r\nMSG a 1 0\r\n\r\nrubbish\r\n";
        let run = |mut cuts: Vec<usize>| {
            let mut rig = Rig::new();
            rig.subscribe("a");
            rig.subscribe("b");
            rig.connection.dialing(rig.now);
            rig.receive(INFO);
            let mut events = rig.events();
            rig.connection.authenticate(rig.now, Via::Present, Auth::default());
            cuts.sort_unstable();
            let mut start = 0;
            for end in cuts.into_iter().chain([SESSION.len()]) {
                let end = end.clamp(start, SESSION.len());
                rig.connection.handle_input(rig.now, Via::Present, Bytes::copy_from_slice(&SESSION[start..end]));
                events.extend(rig.events());
                start = end;
            }
            (events, rig.sent())
        };
        let (events, sent) = run(cuts);
        prop_assert_eq!(events.len(), 9, "{:?}", &events);
        prop_assert_eq!((events, sent), run(vec![]));
    }

    /// No bytes and no order of calls panic, and a closed connection stays silent.
    #[test]
    fn nothing_panics(script in prop::collection::vec(any::<u8>(), 0..600)) {
        crate::fuzzing::drive_connection(&script);
    }
}
