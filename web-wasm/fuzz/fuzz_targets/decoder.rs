//! However a stream of bytes is cut, it is decoded to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nats_proto::fuzzing::assert_splits_agree;

fuzz_target!(|data: &[u8]| {
    // Each of the first four bytes puts a cut at so many parts of 256 of the rest.
    let (cuts, stream) = data.split_at(data.len().min(4));
    let cuts = cuts.iter().map(|&part| usize::from(part) * stream.len() / 256);
    assert_splits_agree(stream, cuts.collect());
});
