//! Objects: whole or not there, whatever happens while they are stored and read.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use web_wasm::object_store::{self, ObjectMetadata, ObjectStore};

use super::super::sim::simulate;
use super::rig::{Rig, SECOND};
use super::trouble::Trouble;

/// Bytes of a piece, and pieces of an object: more than are on their way at a time.
const PIECE: usize = 100;
const PIECES: usize = 60;

/// What an object has in its nth version.
fn content(version: u8) -> Bytes {
    (0..PIECE * PIECES).map(|at| version ^ u8::try_from(at / PIECE).unwrap()).collect()
}

async fn store(rig: &Rig) -> ObjectStore {
    let config = object_store::Config { bucket: "B".into(), ..Default::default() };
    rig.jetstream.create_object_store(config).await.unwrap()
}

/// What is stored, as the stream has it: pieces and infos.
fn messages(rig: &Rig) -> usize {
    rig.act(|jetstream| jetstream.messages("OBJ_B").count())
}

fn named(name: &str) -> ObjectMetadata {
    ObjectMetadata { name: name.into(), chunk_size: Some(PIECE), ..Default::default() }
}

#[test]
fn an_object_is_stored_whole_or_not_at_all() {
    let mut stored = 0;
    for (seed, trouble) in (0..3).flat_map(|seed| Trouble::ALL.map(|trouble| (seed, trouble))) {
        stored += simulate(seed, async move |sim| {
            let rig = Rig::new(&sim).await;
            let store = store(&rig).await;
            store.put_bytes(named("a"), content(1)).await.unwrap();

            // Trouble comes while the second version is half on its way.
            let (half, server) = (Rc::new(Cell::new(false)), rig.server);
            let data = stream::iter([Ok::<_, std::io::Error>(content(2))]);
            let world = sim.clone();
            let put = store.put(named("a"), data).on_progress(move |bytes| {
                if bytes >= content(2).len() as u64 / 2 && !half.replace(true) {
                    trouble.befall(&world, server);
                }
            });
            let put = put.await;
            sim.sleep(100 * SECOND).await;
            let object = Bytes::from(store.get("a").await.unwrap().bytes().await.unwrap());
            match &put {
                Ok(info) => {
                    assert_eq!((info.size, info.chunks), (object.len() as u64, PIECES as u64));
                    assert_eq!(object, content(2), "{trouble:?}");
                }
                Err(_) => assert!([content(1), content(2)].contains(&object), "{trouble:?}"),
            }
            u32::from(put.is_ok())
        });
    }
    // Most troubles pass within the patience of who stores.
    assert!(stored >= 20, "{stored}");
}

#[test]
fn an_object_that_is_read_is_what_was_stored_or_an_error() {
    let mut read = 0;
    for (seed, trouble) in (0..3).flat_map(|seed| Trouble::ALL.map(|trouble| (seed, trouble))) {
        read += simulate(seed, async move |sim| {
            let rig = Rig::new(&sim).await;
            let store = store(&rig).await;
            store.put_bytes(named("a"), content(1)).await.unwrap();
            let mut object = store.get("a").await.unwrap();
            let mut got = Vec::new();
            while let Some(piece) = object.next().await {
                let Ok(piece) = piece else { return 0 };
                if got.is_empty() {
                    trouble.befall(&sim, rig.server);
                }
                got.extend_from_slice(&piece);
            }
            assert_eq!(got, content(1), "{trouble:?}");
            1
        });
    }
    assert!(read >= 20, "{read}");
}

/// What is replaced, deleted or given up leaves no pieces behind.
#[test]
fn nothing_is_left_of_what_is_gone() {
    simulate(1, async |sim| {
        let rig = Rig::new(&sim).await;
        let store = store(&rig).await;
        for version in 1..4 {
            store.put_bytes(named("a"), content(version)).await.unwrap();
            assert_eq!(messages(&rig), PIECES + 1, "the pieces, and what tells of them");
        }
        let broken =
            stream::iter([Ok(content(4)), Err(std::io::Error::other("the file was taken away"))]);
        store.put(named("a"), broken).await.unwrap_err();
        sim.until(10 * SECOND, || messages(&rig) == PIECES + 1).await;
        assert_eq!(store.get("a").await.unwrap().bytes().await.unwrap(), content(3));
        store.delete("a").await.unwrap();
        assert_eq!(messages(&rig), 1, "that there was one");
    });
}
