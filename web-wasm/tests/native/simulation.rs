//! The whole client in a simulated world: scripted servers, a network with latencies, and a clock
//! that moves only when everything waits. Hours pass in milliseconds, and the same seed gives the
//! same run to the byte.

#[path = "simulation/actor.rs"]
mod actor;
#[path = "simulation/ledger.rs"]
mod ledger;
#[path = "simulation/machine.rs"]
mod machine;
#[path = "simulation/network.rs"]
mod network;
#[path = "simulation/rig.rs"]
mod rig;
#[path = "simulation/sim.rs"]
mod sim;
#[path = "simulation/watch.rs"]
mod watch;

#[path = "simulation/basics.rs"]
mod basics;
#[path = "simulation/delivering.rs"]
mod delivering;
#[path = "simulation/gaps.rs"]
mod gaps;
#[path = "simulation/jetstream/mod.rs"]
mod jetstream;
#[path = "simulation/keeping.rs"]
mod keeping;
#[path = "simulation/present.rs"]
mod present;
#[path = "simulation/random.rs"]
mod random;
#[path = "simulation/reconnecting.rs"]
mod reconnecting;
#[path = "simulation/refusals.rs"]
mod refusals;
#[path = "simulation/services.rs"]
mod services;
#[path = "simulation/together.rs"]
mod together;
