//! The protocol core by the clock.

use bench::cases::{self, FRAME, Stream};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

/// The sizes of payloads, in bytes.
const SIZES: [usize; 4] = [16, 128, 1024, 16 * 1024];

fn main() {
    divan::main();
}

fn decode(bencher: Bencher<'_, '_>, stream: &Stream) {
    bencher
        .counter(BytesCount::new(stream.bytes))
        .counter(ItemsCount::new(stream.messages))
        .bench_local(|| cases::decode(stream, stream.messages));
}

/// In frames as nats-server sends them to a browser.
#[divan::bench(args = SIZES)]
fn decode_frames_of_4_kib(bencher: Bencher<'_, '_>, size: usize) {
    decode(bencher, &Stream::new(size, FRAME));
}

/// In frames as a reverse proxy may send them.
#[divan::bench(args = SIZES)]
fn decode_frames_of_64_kib(bencher: Bencher<'_, '_>, size: usize) {
    decode(bencher, &Stream::new(size, 64 * 1024));
}

/// In the smallest pieces: each message spans several.
#[divan::bench(args = SIZES)]
fn decode_pieces_of_16_bytes(bencher: Bencher<'_, '_>, size: usize) {
    decode(bencher, &Stream::new(size, 16));
}

#[divan::bench(args = SIZES)]
fn decode_with_headers(bencher: Bencher<'_, '_>, size: usize) {
    decode(bencher, &Stream::with_headers(size, FRAME));
}

#[divan::bench(args = SIZES)]
fn encode(bencher: Bencher<'_, '_>, size: usize) {
    bencher
        .counter(BytesCount::new(size * 1_000))
        .counter(ItemsCount::new(1_000_usize))
        .bench_local(|| cases::encode_messages(size, 1_000));
}

#[divan::bench]
fn subject_matches(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(4_000_usize)).bench_local(|| cases::match_subjects(1_000));
}

/// From bytes to events.
#[divan::bench(args = SIZES)]
fn connection_receives(bencher: Bencher<'_, '_>, size: usize) {
    let stream = Stream::new(size, FRAME);
    bencher
        .counter(BytesCount::new(stream.bytes))
        .counter(ItemsCount::new(stream.messages))
        .bench_local(|| cases::receive(&stream, stream.messages));
}

#[divan::bench(args = SIZES)]
fn connection_publishes(bencher: Bencher<'_, '_>, size: usize) {
    bencher
        .counter(BytesCount::new(size * 1_000))
        .counter(ItemsCount::new(1_000_usize))
        .bench_local(|| cases::publish(size, 1_000));
}

#[divan::bench]
fn connection_asks(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(1_000_usize)).bench_local(|| cases::request(1_000));
}
