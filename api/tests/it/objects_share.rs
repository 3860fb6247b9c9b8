//! How much one caller may have of what all share.

use std::time::Duration;

use futures_util::{StreamExt, future::join_all};
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::sleep,
};

use crate::{
    metrics::{scrape, with_metrics},
    objects::{Files, bytes, put_in_part_by},
    service::{Options, problem},
    wait::until,
};

/// A quarter of the uploads, and of the downloads, that there is room for.
const UPLOADS: usize = 16;
const DOWNLOADS: usize = 64;

#[tokio::test]
async fn one_caller_cannot_take_the_places_of_all() {
    // A piece may take long to come: what is begun here is to last.
    let options =
        Options::default().edit("request_timeout_ms = 10000", "request_timeout_ms = 60000");
    let files = Files::start_with(&[], options).await;
    let (ann, bob) = (files.token("ann", &[]), files.token("bob", &[]));
    let (anns, bobs) = (files.owner(&ann).await, files.owner(&bob).await);
    let path = |owner: &str, name: &str| format!("files/people/{owner}/{name}");
    let begun = join_all((0..UPLOADS).map(async |n| {
        let path = path(&anns, &n.to_string());
        put_in_part_by(&ann, &files, &path, "Content-Length: 1000000", &bytes(100_000)).await
    }))
    .await;
    // Each has one of its pieces stored.
    files.until_messages(UPLOADS as u64).await;

    let more = files.put(&path(&anns, "more"), &ann, "x").await;
    assert_eq!(more.headers()["retry-after"], "1");
    problem(more, 429, "too_many_own_transfers").await;
    // Of what is not on its way anything may be done, and others are not concerned.
    assert_eq!(files.get("files/public/none", &ann).await.status(), 404);
    assert_eq!(files.put(&path(&bobs, "his"), &bob, "x").await.status(), 201);
    assert_eq!(files.put("files/public/a", &files.back_end, "x").await.status(), 201);

    drop(begun);
    until("there is room again", || async {
        let put = files.call(Method::PUT, &path(&anns, "more"), &ann).body("x").send().await;
        (put.unwrap().status() == 201).then_some(())
    })
    .await;
}

/// Is given an object and takes no more of it than fits into what waits on the way, which is little.
async fn get_and_wait(files: &Files, path: &str, bearer: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(files.api.address).await.unwrap();
    let head = format!(
        "GET /v1/objects/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {bearer}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn who_reads_in_drops_has_no_place_for_long() {
    let (options, port) = with_metrics();
    let options = options.edit("request_timeout_ms = 10000", "request_timeout_ms = 1000");
    let files = Files::start_with(&[], options).await;
    let ann = files.token("ann", &[]);
    let path = "files/public/large";
    let large = bytes(8_000_000);
    assert_eq!(files.put(path, &files.back_end, large.clone()).await.status(), 201);

    let slow = join_all((0..DOWNLOADS).map(async |_| get_and_wait(&files, path, &ann).await)).await;
    until("there is room again, while all of them are connected", || async {
        let mut got = files.get(path, &ann).await;
        if got.status() == 429 {
            return None;
        }
        assert_eq!(got.status(), 200);
        let mut taken = Vec::new();
        // A busy machine may be one that reads in drops.
        while let Some(part) = got.chunk().await.ok()? {
            taken.extend_from_slice(&part);
        }
        assert!(taken == large, "{} bytes", taken.len());
        Some(())
    })
    .await;

    // None of them has had the whole of it.
    drop(slow);
    until("all are counted", || async {
        let text = scrape(&files.api, port).await;
        let how_many = |result: &str| {
            let labels = format!("{{bucket=\"files\",direction=\"out\",result=\"{result}\"}} ");
            let line = text.lines().find_map(|line| line.split_once(&labels));
            line.map_or(0, |(_, number)| number.parse().unwrap())
        };
        (how_many("cut_short") >= DOWNLOADS && how_many("whole") == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_goes_on_after_a_long_pause_is_told_that_it_is_not_whole() {
    let options =
        Options::default().edit("request_timeout_ms = 10000", "request_timeout_ms = 1000");
    let files = Files::start_with(&[], options).await;
    let path = "files/public/large";
    assert_eq!(files.put(path, &files.back_end, bytes(64_000_000)).await.status(), 201);
    let response = files.get(path, "").await;
    let announced = response.content_length().unwrap();
    let mut body = response.bytes_stream();
    let mut taken = body.next().await.unwrap().unwrap().len() as u64;
    // As many times what a piece may take to be taken as a busy machine needs.
    sleep(Duration::from_secs(5)).await;
    let broken = loop {
        match body.next().await {
            Some(Ok(part)) => taken += part.len() as u64,
            end => break end,
        }
    };
    assert!(taken < announced, "all of it came");
    assert!(matches!(broken, Some(Err(_))), "it ended as if it were whole");
}
