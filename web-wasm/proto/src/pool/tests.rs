mod crowd;

use super::*;

fn addr(text: &str) -> ServerAddr {
    text.parse().unwrap()
}

fn at(millis: u64) -> Instant {
    Instant::from_origin(Duration::from_millis(millis))
}

fn pool(names: &[&str]) -> ServerPool {
    let servers = names.iter().map(|name| addr(name));
    ServerPool::new(servers, true, Backoff::default(), None, 1)
}

fn addrs(pool: &ServerPool) -> Vec<ServerAddr> {
    pool.servers().iter().map(|server| server.addr.clone()).collect()
}

#[test]
fn servers_take_turns_and_attempts_are_counted() {
    let mut pool = pool(&["ws://a", "ws://b", "ws://a"]);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let dial = pool.next(at(0)).unwrap();
        assert_eq!(dial.wait, Duration::ZERO);
        pool.failed(&dial.addr, at(0));
        seen.push((dial.addr, dial.attempt));
    }
    assert_eq!(seen, [(addr("ws://a"), 1), (addr("ws://b"), 2)]);
    let third = pool.next(at(0)).unwrap();
    assert!(third.wait >= Duration::from_millis(125), "{third:?}");
    assert_eq!(third.attempt, 3);
    pool.connected(&third.addr, at(0));
    pool.disconnected(&third.addr, at(0));
    assert_eq!(pool.next(at(0)).unwrap().attempt, 1);
}

#[test]
fn a_failing_server_rests_longer_each_time_up_to_the_limit() {
    let mut pool = pool(&["ws://a"]);
    let mut now = at(0);
    let mut longest = Duration::ZERO;
    for failures in 1..=12u32 {
        now = now + pool.next(now).unwrap().wait;
        pool.failed(&addr("ws://a"), now);
        let full = Duration::from_millis(250 << (failures - 1).min(5));
        let mut probe = pool.next(now).unwrap();
        pool.attempts -= 1;
        assert!(probe.wait >= full / 2 && probe.wait <= full, "{failures}: {probe:?}");
        longest = longest.max(core::mem::take(&mut probe.wait));
    }
    assert!(longest >= Duration::from_secs(4) && longest <= Duration::from_secs(8));
    pool.wake();
    assert_eq!(pool.next(now).unwrap().wait, Duration::ZERO);
}

#[test]
fn after_a_break_another_server_comes_first_and_soon() {
    let mut pool = pool(&["ws://a", "ws://b"]);
    let first = pool.next(at(0)).unwrap().addr;
    pool.connected(&first, at(0));
    pool.disconnected(&first, at(5_000));
    let dial = pool.next(at(5_000)).unwrap();
    assert_eq!(dial.addr, addr("ws://b"));
    assert!(dial.wait <= Duration::from_millis(125));
}

#[test]
fn a_server_that_lets_in_and_cuts_rests_as_one_that_fails() {
    let (mut pool, here) = (pool(&["ws://a"]), addr("ws://a"));
    let mut now = at(0);
    for failures in 1..=8u32 {
        now = now + pool.next(now).unwrap().wait;
        pool.connected(&here, now);
        pool.disconnected(&here, now + Duration::from_secs(7));
        let full = Duration::from_millis(250 << (failures - 1).min(5));
        let rest = pool.servers[0].ready_at - (now + Duration::from_secs(7));
        assert!(rest >= full / 2 && rest <= full, "{failures}: {rest:?}");
        now = now + Duration::from_secs(7);
    }
    now = now + pool.next(now).unwrap().wait;
    pool.connected(&here, now);
    pool.disconnected(&here, now + Duration::from_secs(8));
    let rest = pool.servers[0].ready_at - (now + Duration::from_secs(8));
    assert!(rest <= Duration::from_millis(250), "it is trusted again: {rest:?}");
}

#[test]
fn attempts_end_where_the_caller_says() {
    let mut pool = ServerPool::new([addr("ws://a")], true, Backoff::default(), Some(2), 1);
    for _ in 0..2 {
        assert!(pool.next(at(0)).is_some());
        pool.failed(&addr("ws://a"), at(0));
    }
    assert_eq!(pool.next(at(60_000)), None);
    assert_eq!(ServerPool::new([], true, Backoff::default(), None, 1).next(at(0)), None);
}

#[test]
fn a_server_that_is_forgotten_is_not_dialled_again() {
    let mut pool = pool(&["ws://a", "ws://b"]);
    assert_eq!(pool.next(at(0)).unwrap().addr, addr("ws://a"));
    assert!(pool.forget(&addr("ws://a")));
    assert_eq!(pool.next(at(0)).unwrap().addr, addr("ws://b"));
    assert!(!pool.forget(&addr("ws://b")));
    assert_eq!(pool.next(at(0)), None);
}

#[test]
fn a_new_list_keeps_what_is_known_of_those_that_stay() {
    let mut pool = pool(&["ws://a", "ws://b"]);
    pool.failed(&addr("ws://a"), at(0));
    pool.connected(&addr("ws://b"), at(0));
    pool.set_servers([addr("ws://c"), addr("ws://a"), addr("ws://c")]);
    assert_eq!(addrs(&pool), [addr("ws://c"), addr("ws://a")]);
    assert_eq!(pool.servers()[1].failed_attempts, 1);
    // The end of a connection to a server that is no longer in the pool is nobody's fault.
    pool.disconnected(&addr("ws://b"), at(0));
    pool.failed(&addr("ws://b"), at(0));
    assert!(pool.servers().iter().all(|server| server.failed_attempts <= 1));
    let dial = pool.next(at(9_000)).unwrap();
    assert_eq!((dial.addr, dial.attempt), (addr("ws://c"), 1));
    pool.connected(&addr("ws://c"), at(0));
    assert!(pool.servers().iter().any(|server| server.did_connect));
}

#[test]
fn a_server_can_be_picked() {
    let mut pool = ServerPool::new(
        ["ws://a", "ws://b", "ws://c"].map(addr),
        true,
        Backoff::default(),
        Some(2),
        1,
    );
    let dial = pool.next_at(&addr("ws://c"), at(0)).unwrap();
    assert_eq!((dial.addr, dial.attempt), (addr("ws://c"), 1));
    pool.failed(&addr("ws://c"), at(0));
    assert_eq!(pool.next_at(&addr("ws://stranger"), at(0)), None);
    let again = pool.next_at(&addr("ws://c"), at(0)).unwrap();
    assert!(again.wait >= Duration::from_millis(125), "{again:?}");
    assert_eq!(pool.next_at(&addr("ws://a"), at(0)), None, "attempts are bounded");
}

#[test]
fn another_server_is_found_for_a_move() {
    let mut pool = pool(&["ws://a", "ws://b", "ws://c"]);
    let here = pool.next(at(0)).unwrap().addr;
    pool.connected(&here, at(0));
    assert_eq!(pool.other(&here, at(0)), Some(addr("ws://b")));
    pool.failed(&addr("ws://b"), at(0));
    assert_eq!(pool.other(&here, at(0)), Some(addr("ws://c")));
    pool.failed(&addr("ws://c"), at(0));
    assert_eq!(pool.next(at(60_000)).unwrap().attempt, 1, "a move is no attempt");
    assert!(pool.forget(&addr("ws://b")) && pool.forget(&addr("ws://c")));
    assert_eq!(pool.other(&here, at(60_000)), None);
}

#[test]
fn gossip_adds_and_forgets_but_keeps_what_was_named() {
    let mut pool = pool(&["ws://a:1/x", "ws://b:1/x"]);
    let via = pool.next(at(0)).unwrap().addr;
    pool.connected(&via, at(0));
    let urls = |list: &[&str]| list.iter().map(|url| String::from(*url)).collect::<Vec<_>>();
    assert!(pool.discovered(&via, &urls(&["a:1", "c:1", "not an address"])));
    assert!(!pool.discovered(&via, &urls(&["a:1", "c:1"])));
    assert_eq!(addrs(&pool), [addr("ws://b:1/x"), addr("ws://c:1/x"), addr("ws://a:1/x")]);
    let discovered = pool.servers().iter().map(|server| server.is_discovered);
    assert_eq!(discovered.collect::<Vec<_>>(), [false, true, false]);
    assert!(pool.discovered(&via, &urls(&["a:1"])));
    assert_eq!(pool.servers().len(), 2);
}

#[test]
fn gossip_tells_of_servers_that_were_named_too() {
    let mut pool = pool(&["ws://a:1", "ws://b:1"]);
    let via = addr("ws://a:1");
    let mut hear = |list: &[&str]| {
        let urls: Vec<_> = list.iter().map(|url| String::from(*url)).collect();
        pool.discovered(&via, &urls)
    };
    assert!(!hear(&["a:1", "b:1"]), "they were named");
    assert!(!hear(&["b:1", "a:1"]), "the order says nothing");
    assert!(hear(&["a:1"]), "one has gone");
    assert!(hear(&["a:1", "b:1"]), "and is back");
    assert_eq!(pool.servers().len(), 2);
}

#[test]
fn order_is_random_unless_it_is_to_be_kept() {
    let names: Vec<_> = (1..10).map(|n| addr(&alloc::format!("ws://h:{n}"))).collect();
    let order =
        |seed| addrs(&ServerPool::new(names.clone(), false, Backoff::default(), None, seed));
    assert_ne!(order(1), order(2));
    assert_eq!(order(3), order(3));
}
