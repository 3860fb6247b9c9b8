//! What the end-to-end tests stand on: a [`Stack`] is a real nats-server on this project's
//! `nats-conf`, with fresh keys, and the real API, a [`Cluster`] three of them, and a [`SpreadCluster`] three on machines of their own, with links that
//! can be cut; a [`Browser`] is a real Chromium, and a [`Tab`]
//! one of its tabs with the page in it. Nothing is simulated, each stack has ports and a folder of
//! its own, and all of it ends with the value that stands for it.
//!
//! Tests wait for conditions ([`eventually`]) and never for a time to pass.

mod api;
mod browser;
mod cluster;
mod demo;
mod error;
mod leaf;
mod log;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod machine_room;
mod nats_server;
mod ports;
mod process;
mod proxy;
mod setup;
mod site;
#[cfg(target_os = "linux")]
mod spread_cluster;
mod stack;
mod tab;
mod tree;
mod wait;
mod wire_cutter;

pub use api::{Api, Ran};
pub use browser::Browser;
pub use cluster::Cluster;
pub use demo::Demo;
pub use error::Error;
pub use leaf::{Leaf, LeafOfCluster};
pub use log::Log;
#[cfg(target_os = "linux")]
pub use machine::Machine;
#[cfg(target_os = "linux")]
pub use machine_room::MachineRoom;
pub use nats_server::NatsServer;
pub use process::Process;
pub use proxy::Proxy;
pub use setup::Setup;
pub use site::Site;
#[cfg(target_os = "linux")]
pub use spread_cluster::SpreadCluster;
pub use stack::{Stack, UPDATES};
pub use tab::{State, Tab, Verdict};
pub use wait::eventually;
pub use wire_cutter::WireCutter;
