//! An object that is larger than what the API has of memory for it.

use std::fs;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::Body;
use ring::digest::{Context, SHA256};

use crate::objects::Files;

const PART_BYTES: usize = 1 << 20;
const PARTS: usize = 100;
/// What the process may grow by. An object's own share is below 1 MB; the rest is room for an allocator
/// on a busy machine.
const ROOM_BYTES: u64 = 40 << 20;

/// The most memory that the process has had so far.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes << 10
}

fn part(n: usize) -> Bytes {
    let mut random = fastrand::Rng::with_seed(n as u64);
    (0..PART_BYTES / 8).flat_map(|_| random.u64(..).to_le_bytes()).collect()
}

#[tokio::test]
async fn an_object_of_100_mb_comes_and_goes_in_bounded_memory() {
    let files = Files::start().await;
    let path = "files/public/large";
    // All that there is only once: connections, buffers, the code itself.
    assert_eq!(files.put("files/public/small", &files.back_end, part(0)).await.status(), 201);
    files.get("files/public/small", "").await.bytes().await.unwrap();
    let before = peak(files.api.pid());

    let parts = stream::iter((0..PARTS).map(|n| Ok::<_, std::io::Error>(part(n))));
    let put = files.put(path, &files.back_end, Body::wrap_stream(parts)).await;
    assert_eq!(put.status(), 201, "{}", files.api.log());
    let after_put = peak(files.api.pid());

    let mut sent = Context::new(&SHA256);
    (0..PARTS).for_each(|n| sent.update(&part(n)));
    let mut got = Context::new(&SHA256);
    let response = files.get(path, "").await;
    assert_eq!(response.content_length(), Some((PARTS * PART_BYTES) as u64));
    let mut body = response.bytes_stream();
    while let Some(bytes) = body.next().await {
        got.update(&bytes.unwrap());
    }
    assert_eq!(got.finish().as_ref(), sent.finish().as_ref());
    let after_get = peak(files.api.pid());
    println!("grew by {} and {} bytes", after_put - before, after_get - before);
    assert!(after_put - before < ROOM_BYTES, "putting took {}", after_put - before);
    assert!(after_get - before < ROOM_BYTES, "getting took {}", after_get - before);
}
