//! What async-nats writes this client reads, and the other way round.

use async_nats::jetstream::{consumer as their_consumer, object_store as theirs};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::io::AsyncReadExt;
use web_wasm::jetstream::{self, consumer::pull};
use web_wasm::{Bytes, ConnectOptions, HeaderMap, object_store};

use crate::env::{self, NatsServer};

const JETSTREAM: &str = include_str!("../common/jetstream.conf");

/// Both clients at one server.
async fn both(server: &NatsServer) -> (jetstream::Context, async_nats::jetstream::Context) {
    let ours = env::connect_to(ConnectOptions::new(), &server.url()).await.unwrap();
    let theirs = async_nats::connect(server.tcp_url()).await.unwrap();
    (jetstream::new(ours), async_nats::jetstream::new(theirs))
}

#[tokio::test]
async fn a_consumer_is_shared_by_both_clients() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let (ours, theirs) = both(&server).await;
        let config = jetstream::stream::Config { subjects: vec!["n.>".into()], ..("N".into()) };
        let stream = ours.create_stream(config).await.unwrap();
        for number in 0..100u32 {
            let theirs = theirs.publish("n.them", number.to_string().into()).await.unwrap();
            theirs.await.unwrap();
            ours.publish("n.us", number.to_string().into()).await.unwrap().await.unwrap();
        }
        let config = pull::Config { durable_name: Some("shared".into()), ..Default::default() };
        let ours = stream.create_consumer(config).await.unwrap();
        let their_stream = theirs.get_stream("N").await.unwrap();
        let their_shared: their_consumer::Consumer<their_consumer::pull::Config> =
            their_stream.get_consumer("shared").await.unwrap();
        let mut got = Vec::new();
        for _ in 0..10 {
            let mut batch = ours.fetch().max_messages(10).messages().await.unwrap();
            while let Some(message) = env::within(batch.try_next()).await.unwrap() {
                got.push(message.info().unwrap().stream_sequence);
                message.double_ack().await.unwrap();
            }
            let mut batch = their_shared.fetch().max_messages(10).messages().await.unwrap();
            while let Some(message) = env::within(batch.next()).await {
                let message = message.unwrap();
                got.push(message.info().unwrap().stream_sequence);
                message.double_ack().await.unwrap();
            }
        }
        assert!(got.into_iter().eq(1..=200));
        assert_eq!(ours.get_info().await.unwrap().ack_floor.stream_sequence, 200);

        let ordered = pull::OrderedConfig { filter_subject: "n.them".into(), ..Default::default() };
        let ordered = stream.create_consumer(ordered).await.unwrap().messages().await.unwrap();
        let numbers: Vec<_> = env::within(ordered.take(100).try_collect()).await.unwrap();
        let numbers = numbers.iter().map(|message| message.payload.clone());
        assert!(numbers.eq((0..100u32).map(|number| number.to_string())));
        stream.context().client().close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn objects_go_both_ways_digests_included() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let (ours, their_context) = both(&server).await;
        let config =
            object_store::Config { bucket: "ours".into(), compression: true, ..Default::default() };
        let our_store = ours.create_object_store(config).await.unwrap();
        let config = theirs::Config { bucket: "theirs".into(), ..Default::default() };
        their_context.create_object_store(config).await.unwrap();
        let names = ["plain", "ÄÖ/> *.\u{1F980}", "a.b"];
        for (bucket, len) in [("ours", 300_000), ("theirs", 131_072), ("ours", 0)] {
            let our_store = ours.get_object_store(bucket).await.unwrap();
            let their_store = their_context.get_object_store(bucket).await.unwrap();
            let bytes: Bytes = (0..len).map(|index: u32| (index % 253) as u8).collect();
            for name in names {
                let mut headers = HeaderMap::new();
                headers.append("k", "1").unwrap();
                let metadata = object_store::ObjectMetadata {
                    description: Some("d".into()),
                    metadata: [("m".into(), "1".into())].into(),
                    headers: Some(headers),
                    ..name.into()
                };
                let put = our_store.put_bytes(metadata, bytes.clone()).await.unwrap();
                let mut object = their_store.get(name).await.unwrap();
                assert_eq!(object.info.digest, put.digest);
                assert_eq!(
                    (object.info.size as u64, object.info.chunks as u64),
                    (put.size, put.chunks)
                );
                assert_eq!(object.info.description.as_deref(), Some("d"));
                assert_eq!(object.info.headers.as_ref().unwrap().get("k").unwrap().as_str(), "1");
                let mut read = Vec::new();
                object.read_to_end(&mut read).await.unwrap();
                assert_eq!(read, bytes);

                let name = format!("{name} back");
                let put = their_store.put(&*name, &mut &bytes[..]).await.unwrap();
                let object = our_store.get(&name).await.unwrap();
                assert_eq!(object.info().digest, put.digest);
                assert_eq!(object.bytes().await.unwrap(), bytes);
                let info = our_store.info(&name).await.unwrap();
                let update =
                    object_store::UpdateMetadata { name: format!("{name} renamed"), ..info.into() };
                our_store.update_metadata(&name, update).await.unwrap();
                let mut object = their_store.get(format!("{name} renamed")).await.unwrap();
                let mut read = Vec::new();
                object.read_to_end(&mut read).await.unwrap();
                assert_eq!(read, bytes);
                their_store.delete(format!("{name} renamed")).await.unwrap();
            }
            let listed: Vec<_> = our_store.list().await.unwrap().try_collect().await.unwrap();
            let their_list: Vec<_> = their_store.list().await.unwrap().try_collect().await.unwrap();
            assert_eq!(listed.len(), names.len());
            assert_eq!(their_list.len(), names.len());
        }
        let info = our_store.info("plain").await.unwrap();
        our_store.add_link("link", &info).await.unwrap();
        let their_store = their_context.get_object_store("ours").await.unwrap();
        assert_eq!(their_store.get("link").await.unwrap().info.nuid, info.nuid);
        let their_info = their_store.info("plain").await.unwrap();
        their_store.add_link("their link", &their_info).await.unwrap();
        assert_eq!(our_store.get("their link").await.unwrap().info().nuid, info.nuid);
        ours.client().close().await.unwrap();
    })
    .await;
}

/// A hundred megabytes go in and come out, and never more than a few pieces are held: what was read
/// from the source and is not confirmed, and what has arrived and is not read.
#[tokio::test]
async fn a_hundred_megabytes_take_bounded_memory() {
    use std::cell::Cell;
    use std::rc::Rc;

    const SIZE: usize = 100 << 20;
    const PIECE: usize = 128 << 10;
    const HELD: usize = 18 * PIECE;

    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let (ours, _) = both(&server).await;
        let config = object_store::Config { bucket: "large".into(), ..Default::default() };
        let store = ours.create_object_store(config).await.unwrap();
        let part: Bytes = (0..100_000u32).map(|index| (index % 239) as u8).collect();
        let (taken, stored, most) =
            (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (reading, confirmed, held) = (Rc::clone(&taken), Rc::clone(&stored), Rc::clone(&most));
        let source = stream::unfold(SIZE, move |left| {
            let part = part.slice(..part.len().min(left));
            reading.set(reading.get() + part.len());
            held.set(held.get().max(reading.get() - confirmed.get()));
            let left = left - part.len();
            core::future::ready((!part.is_empty()).then_some((Ok::<_, &str>(part), left)))
        });
        let info = store.put("large", source).on_progress({
            let stored = Rc::clone(&stored);
            move |bytes| stored.set(usize::try_from(bytes).unwrap())
        });
        let info = info.await.unwrap();
        assert_eq!((info.size, info.chunks), (SIZE as u64, 800));
        assert_eq!((taken.get(), stored.get()), (SIZE, SIZE));
        assert!(most.get() <= HELD, "{} bytes were held", most.get());

        let client = ours.client();
        let before = client.statistics().in_bytes;
        let mut object = store.get("large").await.unwrap();
        let mut read = 0;
        while let Some(part) = env::within(object.try_next()).await.unwrap() {
            read += part.len();
            // A reader that pauses now and then.
            if read % (8 << 20) < PIECE {
                client.flush().await.unwrap();
            }
            let arrived = usize::try_from(client.statistics().in_bytes - before).unwrap();
            assert!(arrived <= read + HELD + read / 100, "{arrived} bytes for {read}");
        }
        assert_eq!(read, SIZE);
        client.close().await.unwrap();
    })
    .await;
}
