//! What befalls a client, its server and its JetStream.

use std::time::Duration;

use nats_proto::simulator::{Faults, JetStream, ServerId};

use super::super::network::with_world;
use super::super::sim::Simulation;
use super::rig::{act_on, cut_after, refuse};

/// One thing that goes wrong, and is over within [`Trouble::LONGEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Connections break after so many bytes of what the server says.
    Cut(u64),
    /// Connections go on in silence, until they are broken.
    Silence,
    /// The server is away for a while.
    Away(Duration),
    /// The server begins again at once.
    Restart,
    /// Another server leads, and says so.
    NewLeader,
    /// The leader is gone, and with it the consumers that were its own.
    LostLeader,
    /// Consumers deliver nothing for a while, and send no heartbeats.
    Stall(Duration),
    /// Nobody listens for a while.
    Absent(Duration),
    /// What is asked is not answered for a while, though somebody listens.
    Deaf(Duration),
    /// Some of all that is said is lost for a while.
    Losses(Duration),
    /// Consumers without a durable name are deleted.
    ConsumersGone,
}

impl Trouble {
    pub(super) const LONGEST: Duration = Duration::from_secs(25);

    /// One of each kind.
    pub(super) const ALL: [Self; 13] = [
        Self::Cut(0),
        Self::Cut(700),
        Self::Silence,
        Self::Away(Duration::from_secs(1)),
        Self::Away(Self::LONGEST),
        Self::Restart,
        Self::NewLeader,
        Self::LostLeader,
        Self::Stall(Duration::from_secs(20)),
        Self::Absent(Duration::from_secs(3)),
        Self::Deaf(Duration::from_secs(20)),
        Self::Losses(Duration::from_secs(10)),
        Self::ConsumersGone,
    ];

    pub(super) fn any(rng: &mut fastrand::Rng) -> Self {
        let long = Duration::from_millis(rng.u64(10..20_000));
        match rng.u32(0..11) {
            0 => Self::Cut(rng.u64(0..3_000)),
            1 => Self::Silence,
            2 => Self::Away(long),
            3 => Self::Restart,
            4 => Self::NewLeader,
            5 => Self::LostLeader,
            6 => Self::Stall(long),
            7 => Self::Absent(long / 4),
            8 => Self::Deaf(long),
            9 => Self::Losses(long),
            _ => Self::ConsumersGone,
        }
    }

    /// It happens now.
    pub(super) fn befall(self, sim: &Simulation, server: ServerId) {
        let act = |act: fn(&mut JetStream)| act_on(sim, act);
        match self {
            Self::Cut(bytes) => cut_after(sim, server, bytes),
            Self::Silence => {
                with_world(sim, |world| {
                    for link in world.links(server) {
                        world.fall_silent(link);
                    }
                });
            }
            Self::Away(duration) => {
                refuse(sim, server, true);
                cut_after(sim, server, 0);
                later(sim, duration, move |sim| refuse(sim, server, false));
            }
            Self::Restart => {
                act(JetStream::restart);
                cut_after(sim, server, 0);
            }
            Self::NewLeader => act(JetStream::change_leader),
            Self::LostLeader => act(JetStream::lose_leader),
            Self::Stall(duration) => {
                fail(sim, duration, Faults { stalls: true, ..Faults::default() });
            }
            Self::Absent(duration) => {
                fail(sim, duration, Faults { absent: true, ..Faults::default() });
            }
            Self::Deaf(duration) => {
                fail(sim, duration, Faults { deaf: true, ..Faults::default() });
            }
            Self::Losses(duration) => {
                let faults = Faults {
                    loses_messages: 200,
                    loses_confirmations: 200,
                    loses_answers: 200,
                    loses_acknowledgements: 200,
                    ..Faults::default()
                };
                fail(sim, duration, faults);
            }
            Self::ConsumersGone => act(|jetstream| jetstream.delete_ephemerals("S")),
        }
    }
}

fn fail(sim: &Simulation, duration: Duration, faults: Faults) {
    act_on(sim, |jetstream| *jetstream.faults() = faults);
    later(sim, duration, |sim| act_on(sim, |jetstream| *jetstream.faults() = Faults::default()));
}

fn later(sim: &Simulation, delay: Duration, happening: impl FnOnce(&Simulation) + 'static) {
    sim.at(sim.now() + delay, happening);
}

/// All is well again.
pub(super) fn restore(sim: &Simulation, server: ServerId) {
    refuse(sim, server, false);
    act_on(sim, |jetstream| *jetstream.faults() = Faults::default());
}
