//! What holds for any input.

use proptest::prelude::*;

use super::*;

proptest! {
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
