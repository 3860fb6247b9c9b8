//! Whatever is called in whatever order, a connection keeps its promises.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nats_proto::fuzzing::drive_connection;

fuzz_target!(|script: &[u8]| drive_connection(script));
