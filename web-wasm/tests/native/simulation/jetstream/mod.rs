//! Clients of a simulated JetStream that loses things, changes its mind and goes away.

mod buckets;
mod consuming;
mod differential;
mod objects;
mod outboxes;
mod publishing;
mod random;
mod reading;
mod rig;
mod tabs;
mod trouble;
