//! What becomes of messages, requests, flushes and drains when connections come and go.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join;
use futures_util::{FutureExt, StreamExt};
use nats_proto::simulator::{Framing, Script};
use web_wasm::{
    ConnectOptions, DisconnectReason, EndReason, Event, FlushError, Operation, PublishError,
    Request, RequestError, ServerError, State, Subscriber,
};

use super::machine::Machine;
use super::network::{Route, with_world};
use super::rig::Rig;
use super::sim::{Simulation, simulate};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

impl Rig {
    /// A client that is connected, by a line of 10 milliseconds each way.
    async fn connected(sim: Simulation, script: Script) -> Self {
        sim.network(|network| network.latency = 10 * MILLI..=10 * MILLI);
        let options = ConnectOptions::new().retry_on_initial_connect();
        let rig = Self::new(sim, script, options).await;
        rig.sim.until(SECOND, || rig.watch.connects() == 1).await;
        rig
    }

    /// The connection breaks after so many more bytes from the server.
    fn cut_after(&self, bytes: u64) {
        let link = self.link();
        with_world(&self.sim, |world| world.cut_after(link, bytes));
    }

    async fn reconnected(&self, times: usize) {
        self.sim.until(10 * SECOND, || self.watch.connects() == times + 1).await;
    }
}

/// What has arrived, as far as it can be read without waiting.
fn read(subscriber: &mut Subscriber) -> Vec<String> {
    let arrived = core::iter::from_fn(|| subscriber.next().now_or_never().flatten());
    arrived.map(|message| String::from_utf8(message.payload.to_vec()).unwrap()).collect()
}

#[test]
fn a_message_cut_in_two_is_not_delivered_and_those_before_it_are() {
    // "MSG a 1 3\r\nxxx\r\n" has 16 bytes.
    for (cut, arrived) in [(0, 0), (1, 0), (15, 0), (16, 1), (20, 1), (47, 2), (48, 3)] {
        simulate(1, async move |sim| {
            let rig = Rig::connected(sim.clone(), Script::default()).await;
            let mut subscriber = rig.client.subscribe("a").await.unwrap();
            rig.client.flush().await.unwrap();
            rig.cut_after(cut);
            for _ in 0..3 {
                rig.client.publish("a", "xxx".into()).await.unwrap();
            }
            rig.reconnected(1).await;
            assert_eq!(read(&mut subscriber).len(), arrived, "cut after {cut}");
            rig.client.publish("a", "again".into()).await.unwrap();
            assert_eq!(&subscriber.next().await.unwrap().payload[..], b"again");
        });
    }
}

#[test]
fn giant_frames_and_tiny_ones_carry_the_same() {
    for framing in [Framing::Joined, Framing::Operations, Framing::Bytes(1), Framing::Random(9)] {
        simulate(2, async move |sim| {
            let rig = Rig::connected(sim.clone(), Script { framing, ..Script::default() }).await;
            let mut subscriber = rig.client.subscribe("a").await.unwrap();
            rig.change(|script| script.writes = false);
            for size in [0, 1, 100, 5_000] {
                rig.client.publish("a", vec![b'\r'; size].into()).await.unwrap();
            }
            sim.sleep(SECOND).await;
            rig.change(|script| script.connect_urls = vec!["n1:5000".into()]);
            rig.change(|script| script.writes = true);
            sim.sleep(10 * SECOND).await;
            let sizes: Vec<usize> = read(&mut subscriber).iter().map(String::len).collect();
            assert_eq!(sizes, [0, 1, 100, 5_000]);
            assert_eq!(rig.client.server_info().connect_urls, ["n1:5000"]);
        });
    }
}

#[test]
fn a_limit_on_messages_counts_over_all_connections() {
    simulate(3, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        let mut subscriber = rig.client.subscribe("a").await.unwrap();
        subscriber.unsubscribe_after(5);
        for round in 1..=3 {
            rig.client.publish("a", "x".into()).await.unwrap();
            rig.client.publish("a", "x".into()).await.unwrap();
            rig.client.flush().await.ok();
            if round < 3 {
                rig.cut_after(0);
                rig.reconnected(round).await;
            }
        }
        assert_eq!(read(&mut subscriber).len(), 5);
        assert_eq!(subscriber.end_reason(), Some(EndReason::MaxDelivered { max: 5 }));
        let link = rig.link();
        let left = sim.network(|network| network.world.subscriptions(link).count());
        assert_eq!(left, 0, "the server knows it too");
    });
}

#[test]
fn what_was_published_while_away_arrives_once_and_in_order() {
    simulate(4, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        let mut subscriber = rig.client.subscribe("a").await.unwrap();
        rig.client.flush().await.unwrap();
        rig.change(|script| script.refuses = true);
        rig.cut_after(0);
        sim.until(SECOND, || rig.client.connection_state() == State::Disconnected).await;
        for number in 0..100 {
            rig.client.publish("a", number.to_string().into()).await.unwrap();
        }
        let (flushed, ()) = join(rig.client.flush(), async {
            sim.sleep(5 * SECOND).await;
            rig.change(|script| script.refuses = false);
        })
        .await;
        assert!(flushed.is_ok(), "a flush waits for the next connection: {flushed:?}");
        let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        assert_eq!(read(&mut subscriber), expected);
    });
}

#[test]
fn each_request_ends_at_its_own_deadline_wherever_the_connection_is() {
    simulate(5, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        let _silent = rig.client.subscribe("q").await.unwrap();
        rig.client.flush().await.unwrap();
        let ended = Rc::new(RefCell::new(Vec::new()));
        for tenths in [1, 5, 17, 30, 31, 95] {
            let (client, ended, sim) = (rig.client.clone(), Rc::clone(&ended), sim.clone());
            sim.clone().spawn(async move {
                let (start, timeout) = (sim.elapsed(), 100 * MILLI * tenths);
                let request = Request::new().timeout(timeout);
                let result = client.send_request("q", request).await;
                assert_eq!(result, Err(RequestError::TimedOut { timeout }));
                assert_eq!(sim.elapsed() - start, timeout);
                ended.borrow_mut().push(tenths);
            });
        }
        sim.sleep(SECOND).await;
        rig.change(|script| script.refuses = true);
        rig.cut_after(0);
        sim.sleep(20 * SECOND).await;
        assert_eq!(*ended.borrow(), [1, 5, 17, 30, 31, 95]);
        // One that is made while nobody is there is sent when somebody is.
        rig.change(|script| script.refuses = false);
        let nobody = rig.client.request("nobody", "x".into()).await;
        assert_eq!(nobody, Err(RequestError::NoResponders));
    });
}

#[test]
fn an_answer_finds_its_request_over_a_change_of_servers() {
    simulate(6, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        let other = sim.network(|network| network.add("n2", Script::default()));
        let service = Machine::new(&sim).connect(ConnectOptions::new(), &["n2"]).await.unwrap();
        let mut requests = service.subscribe("q").await.unwrap();
        service.flush().await.unwrap();
        let (answer, ()) = join(rig.client.request("q", "?".into()), async {
            let request = requests.next().await.unwrap();
            // The one who asked is gone and comes back before the answer is there.
            rig.cut_after(0);
            rig.reconnected(1).await;
            service.publish(request.reply.unwrap(), "!".into()).await.unwrap();
        })
        .await;
        assert_eq!(&answer.unwrap().payload[..], b"!");
        assert_eq!(sim.network(|network| network.links(other).len()), 1);
    });
}

#[test]
fn what_is_denied_is_told_to_whom_it_concerns_and_the_rest_goes_on() {
    simulate(7, async |sim| {
        let script = Script {
            denies_publish: vec!["secret.>".into()],
            denies_subscribe: vec!["secret.a".into()],
            ..Script::default()
        };
        let rig = Rig::connected(sim.clone(), script).await;
        let open = rig.client.subscribe("open").await.unwrap();
        let plain = rig.client.subscribe("secret.a").await.unwrap();
        let queued = rig.client.queue_subscribe("secret.a", "q").await.unwrap();
        rig.client.flush().await.unwrap();
        let violation = |operation, subject: &'static str, queue: Option<&'static str>| {
            ServerError::PermissionsViolation {
                operation,
                subject: subject.into(),
                queue_group: queue.map(Into::into),
            }
        };
        let refused = violation(Operation::Subscribe, "secret.a", None);
        assert_eq!(plain.end_reason(), Some(EndReason::Refused(refused.clone())));
        let refused_in_group = violation(Operation::Subscribe, "secret.a", Some("q"));
        assert_eq!(queued.end_reason(), Some(EndReason::Refused(refused_in_group.clone())));
        let denied = violation(Operation::Publish, "secret.b", None);
        let answer = rig.client.request("secret.b", "x".into()).await;
        assert_eq!(answer, Err(RequestError::Denied(denied.clone())));
        assert_eq!(open.end_reason(), None);
        sim.sleep(MILLI).await;
        let told = [refused, refused_in_group, denied].map(Event::ServerError);
        assert_eq!(rig.watch.events()[1..], told);
        // What was refused is not asked for again.
        rig.cut_after(0);
        rig.reconnected(1).await;
        let link = rig.link();
        let known: Vec<u64> =
            sim.network(|network| network.world.subscriptions(link).map(|(sid, _)| sid).collect());
        assert_eq!(known, [1, 4], "the open one and the inbox");
    });
}

#[test]
fn a_message_that_the_next_server_finds_too_large_is_told_and_not_tried_for_ever() {
    simulate(8, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        rig.change(|script| script.refuses = true);
        rig.cut_after(0);
        sim.until(SECOND, || rig.client.connection_state() == State::Disconnected).await;
        rig.client.publish("a", vec![0; 5_000].into()).await.unwrap();
        rig.client.publish("a", "small".into()).await.unwrap();
        rig.change(|script| (script.refuses, script.max_payload) = (false, 1_000));
        rig.reconnected(2).await;
        let violation = Some(ServerError::MaximumPayloadViolation);
        let disconnected = |event: &Event| matches!(event, Event::Disconnected { .. });
        let (_, event) = rig.watch.last(disconnected).unwrap();
        let Event::Disconnected { reason, unconfirmed: 2 } = event else { panic!("{event:?}") };
        assert_eq!(reason.server_error().cloned(), violation);
        // Now it knows.
        let refused = rig.client.publish("a", vec![0; 5_000].into()).await;
        assert_eq!(refused, Err(PublishError::MaxPayloadExceeded { size: 5_000, limit: 1_000 }));
        rig.change(|script| script.max_payload = 10_000);
        sim.sleep(SECOND).await;
        rig.client.publish("a", vec![0; 5_000].into()).await.unwrap();
        rig.client.flush().await.unwrap();
    });
}

#[test]
fn a_flush_is_undone_by_a_break_and_says_so() {
    simulate(9, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        rig.cut_after(0);
        let start = sim.elapsed();
        rig.client.publish("a", "x".into()).await.unwrap();
        assert_eq!(rig.client.flush().await, Err(FlushError::Disconnected));
        assert!(sim.elapsed() - start <= 30 * MILLI);
        // And one that nobody answers ends in time.
        rig.reconnected(1).await;
        rig.change(|script| script.answers_pings = false);
        let start = sim.elapsed();
        let timeout = 10 * SECOND;
        assert_eq!(rig.client.flush().await, Err(FlushError::TimedOut { timeout }));
        assert_eq!(sim.elapsed() - start, timeout);
    });
}

#[test]
fn a_drain_delivers_what_was_on_its_way() {
    simulate(10, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        let mut subscriber = rig.client.subscribe("a").await.unwrap();
        rig.client.flush().await.unwrap();
        let link = rig.link();
        let publish = |number: u32| {
            with_world(&sim, |world| {
                let payload = format!("PUB a 1\r\n{number}\r\n");
                world.receive(link, payload.as_bytes());
            });
        };
        publish(1);
        subscriber.drain();
        publish(2);
        sim.sleep(15 * MILLI).await;
        publish(3);
        assert_eq!(subscriber.next().await.unwrap().payload[..], *b"1");
        assert_eq!(subscriber.next().await.unwrap().payload[..], *b"2");
        assert_eq!(subscriber.next().await, None);
        assert_eq!(subscriber.end_reason(), Some(EndReason::Drained));
    });
}

#[test]
fn a_drain_is_over_when_all_is_read_though_nobody_waits_for_more() {
    simulate(11, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        // One that was never read, and one that is read up to its last message and no further.
        let _idle = rig.client.subscribe("nothing").await.unwrap();
        let mut read = rig.client.subscribe("a").await.unwrap();
        rig.client.publish("a", "x".into()).await.unwrap();
        rig.client.flush().await.unwrap();
        let start = sim.elapsed();
        let (drained, ()) = join(rig.client.drain(), async {
            sim.sleep(SECOND).await;
            read.next().await.unwrap();
        })
        .await;
        assert_eq!(drained, Ok(()));
        assert!(sim.elapsed() - start < 2 * SECOND, "{:?}", sim.elapsed() - start);
    });
}

#[test]
fn two_may_drain_at_once() {
    simulate(12, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        let mut subscriber = rig.client.subscribe("a").await.unwrap();
        rig.client.publish("a", "x".into()).await.unwrap();
        rig.client.flush().await.unwrap();
        let start = sim.elapsed();
        let results = Rc::new(RefCell::new(Vec::new()));
        for _ in 0..2 {
            let (client, results) = (rig.client.clone(), Rc::clone(&results));
            sim.spawn(async move {
                let result = client.drain().await;
                results.borrow_mut().push(result);
            });
        }
        sim.sleep(SECOND).await;
        while subscriber.next().await.is_some() {}
        sim.until(SECOND, || results.borrow().len() == 2).await;
        assert!(results.borrow().contains(&Ok(())), "{results:?}");
        assert!(sim.elapsed() - start < 2 * SECOND, "{:?}", sim.elapsed() - start);
        assert!(rig.watch.is_closed());
        rig.watch.assert_well_formed(false);
    });
}

#[test]
fn a_subscription_that_nobody_reads_holds_a_drain_up_to_its_deadline() {
    simulate(13, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        let unread = rig.client.subscribe("a").await.unwrap();
        rig.client.publish("a", "x".into()).await.unwrap();
        rig.client.flush().await.unwrap();
        let start = sim.elapsed();
        let timeout = 30 * SECOND;
        assert_eq!(rig.client.drain().await, Err(FlushError::TimedOut { timeout }));
        assert!(sim.elapsed() - start <= timeout + SECOND);
        assert_eq!(unread.pending(), 1, "it can still be read");
    });
}

#[test]
fn a_life_is_told_in_order() {
    simulate(14, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        rig.change(|script| script.refuses = true);
        rig.cut_after(0);
        sim.until(SECOND, || rig.watch.events().len() >= 5).await;
        rig.change(|script| script.refuses = false);
        rig.reconnected(1).await;
        rig.client.drain().await.unwrap();
        sim.sleep(SECOND).await;
        let events = rig.watch.events();
        let kinds: Vec<String> = events
            .iter()
            .map(|event| match event {
                Event::Connecting { attempt, .. } => format!("Connecting {attempt}"),
                event => format!("{event:?}").split([' ', '{']).next().unwrap().to_owned(),
            })
            .collect();
        let expected = [
            "Connected",
            "Disconnected",
            "Connecting 1",
            "ConnectFailed",
            "Connecting 2",
            "Connected",
            "Draining",
            "Disconnected",
            "Closed",
        ];
        assert_eq!(kinds, expected);
        let reason = DisconnectReason::ClosedByCaller;
        assert_eq!(events[8], Event::Closed { reason, discarded: 0 });
        rig.watch.assert_well_formed(false);
    });
}

#[test]
fn events_that_are_asked_for_after_the_end_are_over_at_once() {
    simulate(15, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        rig.client.close().await.unwrap();
        let before: Vec<Event> = rig.client.events().collect().await;
        assert!(before.len() <= 2 && matches!(before.last(), Some(Event::Closed { .. })));
        sim.sleep(SECOND).await;
        assert_eq!(rig.client.events().next().now_or_never(), Some(None));
    });
}

#[test]
fn a_client_that_is_dropped_leaves_nothing_behind() {
    simulate(16, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        let mut subscriber = rig.client.subscribe("a").await.unwrap();
        let Rig { machine, client, server, watch, .. } = rig;
        client.publish("a", "x".into()).await.unwrap();
        drop(client);
        // Who reads keeps it open.
        assert_eq!(&subscriber.next().await.unwrap().payload[..], b"x");
        assert_eq!(sim.network(|network| network.links(server).len()), 1);
        drop(subscriber);
        sim.sleep(SECOND).await;
        assert!(watch.is_closed());
        assert_eq!(machine.listeners(), 0);
        assert!(sim.network(|network| network.links(server)).is_empty());
        assert_eq!(sim.tasks(), 1, "only this one is left");
    });
}

#[test]
fn connecting_can_be_given_up() {
    simulate(17, async |sim| {
        let server = sim.network(|network| network.add("n1", Script::default()));
        sim.network(|network| network.route("n1", Route::BlackHole));
        let machine = Machine::new(&sim);
        let names = ["n1"];
        let mut connecting = Box::pin(machine.connect(ConnectOptions::new(), &names));
        assert!(connecting.as_mut().now_or_never().is_none());
        sim.sleep(SECOND).await;
        drop(connecting);
        sim.sleep(SECOND).await;
        sim.network(|network| network.route("n1", Route::To(server)));
        assert_eq!((sim.tasks(), machine.listeners()), (1, 0));
        assert_eq!(sim.network(|network| network.dials().count()), 1);
    });
}

#[test]
fn a_request_that_is_dropped_is_forgotten() {
    simulate(18, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        let mut requests = rig.client.subscribe("q").await.unwrap();
        let mut request = Box::pin(rig.client.request("q", "?".into()));
        assert!(request.as_mut().now_or_never().is_none());
        let asked = requests.next().await.unwrap();
        drop(request);
        rig.client.publish(asked.reply.unwrap(), "!".into()).await.unwrap();
        rig.client.flush().await.unwrap();
        assert_eq!(rig.client.statistics().orphaned, 1);
        assert_eq!(rig.client.statistics().in_messages, 2);
    });
}

#[test]
fn a_server_that_lets_in_and_cuts_is_not_stormed() {
    simulate(19, async |sim| {
        let rig = Rig::connected(sim.clone(), Script::default()).await;
        sim.sleep(60 * SECOND).await;
        let start = sim.elapsed();
        while sim.elapsed() - start < 120 * SECOND {
            if rig.client.connection_state() == State::Connected {
                rig.cut_after(0);
            }
            sim.sleep(10 * MILLI).await;
        }
        let cut = rig.watch.connects();
        assert!((10..40).contains(&cut), "{cut} in two minutes");
        // One that holds is not held against it.
        sim.sleep(60 * SECOND).await;
        let broken = sim.elapsed();
        rig.cut_after(0);
        sim.until(SECOND, || rig.watch.connects() == cut + 2).await;
        assert!(sim.elapsed() - broken < SECOND);
    });
}
