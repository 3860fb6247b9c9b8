//! PINGs.

use super::*;

#[test]
fn pings_are_answered_at_any_time() {
    let mut rig = Rig::new();
    rig.connection.dialing(rig.now);
    rig.receive("PING");
    rig.events();
    assert_eq!(rig.sent(), "PONG\r\n");
    let mut rig = Rig::connected();
    rig.receive("PING");
    rig.events();
    assert_eq!(rig.sent(), "PONG\r\n");
}

#[test]
fn a_silent_server_is_given_up() {
    let interval = Config::default().ping_interval;
    let mut rig = Rig::connected();
    rig.pass(interval);
    assert_eq!(rig.sent(), "PING\r\n");
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    rig.pass(2 * interval);
    assert_eq!(rig.sent(), "PING\r\nPING\r\n");
    assert_eq!(rig.events(), []);
    rig.pass(interval);
    let reason = DisconnectReason::Stale { unanswered: 2 };
    assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }]);
}

#[test]
fn a_doubted_server_has_seconds_to_answer() {
    let mut rig = Rig::connected();
    rig.connection.doubt(rig.now);
    rig.connection.doubt(rig.now);
    assert_eq!(rig.sent(), "PING\r\n");
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    rig.pass(4 * SECOND);
    rig.sent();
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    rig.connection.doubt(rig.now);
    rig.pass(4 * SECOND);
    let reason = DisconnectReason::Stale { unanswered: 1 };
    assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }]);
    rig.connection.doubt(rig.now);
    assert_eq!(rig.sent(), "");
}
