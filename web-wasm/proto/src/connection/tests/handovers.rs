//! Handovers at any moment, with a server that does many things at once and queues that are late.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

/// One transport with what is on its way in either direction, and what its server has of the client.
#[derive(Default)]
struct Pipe {
    id: u32,
    to_server: VecDeque<String>,
    to_client: VecDeque<String>,
    subscribed: BTreeSet<u64>,
}

/// A server with up to two transports to one client, which are late as they please.
struct World {
    rig: Rig,
    present: Pipe,
    next: Pipe,
    pipes: u32,
    /// A message that is on its way into the pipes.
    delivering: Vec<(u32, u64, String)>,
    published: u32,
    /// Of each subscription the first message that it was in place for.
    since: BTreeMap<u64, u32>,
    received: BTreeMap<u64, Vec<u32>>,
    /// The client's own messages, as the server got them.
    told: Vec<String>,
    handed_over: u32,
    gaps: Vec<Gap>,
}

impl World {
    fn new() -> Self {
        let mut rig = Rig::connected();
        rig.subscribe("a");
        Self {
            rig,
            present: Pipe::default(),
            next: Pipe { id: u32::MAX, ..Pipe::default() },
            pipes: 0,
            delivering: Vec::new(),
            published: 0,
            since: BTreeMap::new(),
            received: BTreeMap::new(),
            told: Vec::new(),
            handed_over: 0,
            gaps: Vec::new(),
        }
    }

    fn pipe(&mut self, via: Via) -> &mut Pipe {
        match via {
            Via::Present => &mut self.present,
            Via::Next => &mut self.next,
        }
    }

    fn act(&mut self, action: u8) {
        let via = if action & 1 == 0 { Via::Present } else { Via::Next };
        match action / 2 % 8 {
            0 => self.publish(),
            1 => self.deliver(usize::from(action)),
            2 => self.serve(via),
            3 | 4 => self.arrive(via),
            5 => self.leave(via),
            6 if action > 200 => self.cut(),
            6 if action > 150 => drop(self.rig.subscribe("a")),
            6 => self.begin(),
            _ => {
                let number = self.rig.connection.statistics().out_messages.to_string();
                self.rig.connection.publish("told", None, None, number.as_bytes()).unwrap();
            }
        }
        self.take_events();
    }

    /// Somebody else publishes: the server finds out who is subscribed.
    fn publish(&mut self) {
        while !self.delivering.is_empty() {
            self.deliver(0);
        }
        for pipe in [&self.present, &self.next] {
            for &sid in &pipe.subscribed {
                let line = format!("MSG a {sid} 8\r\n{:08}\r\n", self.published);
                self.delivering.push((pipe.id, sid, line));
            }
        }
        self.published += 1;
        // One a second: the number of a message tells when it was published.
        self.rig.now = Instant::ORIGIN + SECOND * self.published;
    }

    /// It delivers to one of them, if that is still subscribed by then.
    fn deliver(&mut self, which: usize) {
        if self.delivering.is_empty() {
            return;
        }
        let (id, sid, line) = self.delivering.remove(which % self.delivering.len());
        for pipe in [&mut self.present, &mut self.next] {
            if pipe.id == id && pipe.subscribed.contains(&sid) {
                pipe.to_client.push_back(line.clone());
            }
        }
    }

    /// The client's bytes leave.
    fn leave(&mut self, via: Via) {
        while let Some(bytes) = self.rig.connection.poll_transmit(via, 64) {
            let said = String::from_utf8(bytes.to_vec()).unwrap();
            self.pipe(via).to_server.push_back(said);
        }
    }

    /// The server reads a portion.
    fn serve(&mut self, via: Via) {
        let Some(said) = self.pipe(via).to_server.pop_front() else { return };
        let published = self.published;
        let mut lines = said.lines();
        while let Some(line) = lines.next() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["PING"] => self.pipe(via).to_client.push_back("PONG\r\n".into()),
                ["SUB", "a", sid] => {
                    let sid = sid.parse().unwrap();
                    self.since.entry(sid).or_insert(published);
                    self.pipe(via).subscribed.insert(sid);
                }
                ["UNSUB", sid] => drop(self.pipe(via).subscribed.remove(&sid.parse().unwrap())),
                ["PUB", "told", _] => self.told.push(lines.next().unwrap().into()),
                ["CONNECT", _] => {}
                _ => panic!("{line}"),
            }
        }
    }

    /// A portion reaches the client.
    fn arrive(&mut self, via: Via) {
        if let Some(said) = self.pipe(via).to_client.pop_front() {
            self.rig.connection.handle_input(self.rig.now, via, Bytes::from(said));
        }
    }

    fn begin(&mut self) {
        if self.rig.connection.handover(self.rig.now) {
            let hello = format!("{INFO}\r\n");
            self.pipes += 1;
            self.next = Pipe { id: self.pipes, to_client: [hello].into(), ..Pipe::default() };
        }
    }

    /// The present transport breaks, where another is ready to take its place.
    fn cut(&mut self) {
        if self.rig.connection.can_be_rescued(&DisconnectReason::Reconnect) {
            self.rig.close_transport();
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.rig.event() {
            match event {
                Event::Challenge { via, .. } => {
                    self.rig.connection.authenticate(self.rig.now, via, Auth::default());
                }
                Event::Message { sid, message } => {
                    let text = core::str::from_utf8(&message.payload).unwrap();
                    self.received.entry(sid).or_default().push(text.parse().unwrap());
                }
                Event::HandedOver { .. } => {
                    let nothing = Pipe { id: u32::MAX, ..Pipe::default() };
                    self.present = core::mem::replace(&mut self.next, nothing);
                    self.handed_over += 1;
                }
                Event::Gap(gap) => self.gaps.push(gap),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whether a message that a subscription missed is one that it was told it may have missed.
    fn is_told_of(&self, sid: u64, number: u32) -> bool {
        let at = Instant::ORIGIN + SECOND * number;
        self.gaps.iter().any(|gap| {
            let about = gap.subscriptions.iter().any(|interrupted| interrupted.sid == sid);
            about && (gap.from..=gap.to).contains(&at)
        })
    }

    /// Runs the script, and lets everything arrive that is then on its way.
    fn run(actions: &[u8]) -> Self {
        let mut world = Self::new();
        for &action in actions {
            world.act(action);
        }
        let mut quiet = 0;
        while quiet < 20 {
            let before = world.rig.connection.statistics();
            world.deliver(0);
            for via in [Via::Present, Via::Next] {
                world.leave(via);
                world.serve(via);
                world.arrive(via);
                world.take_events();
            }
            let moved = world.rig.connection.statistics() != before;
            quiet = if moved { 0 } else { quiet + 1 };
        }
        world
    }
}

proptest! {
    /// Whatever comes late, each message is delivered, and none twice that is not counted as
    /// possibly so; each of the client's own is sent once and in order.
    #[test]
    fn nothing_is_lost_and_nothing_comes_twice(actions in prop::collection::vec(0u8..200, 0..600)) {
        let world = World::run(&actions);
        let mut repeated = 0;
        for (sid, &since) in &world.since {
            let received = world.received.get(sid).cloned().unwrap_or_default();
            let once: BTreeSet<u32> = received.iter().copied().collect();
            let expected: BTreeSet<u32> = (since..world.published).collect();
            prop_assert_eq!(&once, &expected, "{} after {}", sid, world.handed_over);
            repeated += received.len() - once.len();
        }
        let statistics = world.rig.connection.statistics();
        let told: Vec<String> = (0..statistics.out_messages).map(|n| n.to_string()).collect();
        prop_assert_eq!(&world.told, &told);
        prop_assert_eq!(statistics.unconfirmed, 0);
        prop_assert_eq!(&world.gaps, &[]);
        prop_assert!(repeated as u64 <= statistics.possible_duplicates, "{} repeated", repeated);
    }

    /// Where transports break in the middle nothing comes twice, what is missed is told of, and what was
    /// not sent for certain is counted.
    #[test]
    fn breaks_repeat_nothing(actions in prop::collection::vec(any::<u8>(), 0..600)) {
        let world = World::run(&actions);
        for (&sid, &since) in &world.since {
            let received = world.received.get(&sid).cloned().unwrap_or_default();
            let once: BTreeSet<u32> = received.iter().copied().collect();
            prop_assert_eq!(once.len(), received.len(), "{:?}", received);
            let missed = (since..world.published).find(|number| {
                !once.contains(number) && !world.is_told_of(sid, *number)
            });
            prop_assert_eq!(missed, None, "{} of {}: {:?}", sid, world.published, world.gaps);
        }
        let statistics = world.rig.connection.statistics();
        let told: Vec<u64> = world.told.iter().map(|number| number.parse().unwrap()).collect();
        prop_assert!(told.is_sorted_by(|a, b| a < b), "{:?}", told);
        prop_assert!(told.len() as u64 + statistics.unconfirmed >= statistics.out_messages);
    }
}
