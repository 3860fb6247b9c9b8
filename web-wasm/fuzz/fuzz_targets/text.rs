//! Addresses, errors, subjects and headers are read without panic and written back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nats_proto::fuzzing::read_text;

fuzz_target!(|text: &str| read_text(text));
