//! Object stores: what is put into them, got back, linked, watched and lost.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use web_wasm::jetstream::{ErrorCode, stream::StorageType};
use web_wasm::object_store::{
    AddLinkError, AssemblyError, Config, DeleteError, GetError, InfoError, NameError, ObjectInfo,
    ObjectMetadata, ObjectStore, PutError, ReadError, UpdateMetadata, UpdateMetadataError,
};
use web_wasm::{Bytes, HeaderMap};

use super::jetstream::{jetstream, unique_name};
use crate::env;

/// A store of the test's own in memory.
async fn own_store(name: &str) -> ObjectStore {
    let jetstream = jetstream(name).await;
    let bucket = unique_name(&jetstream, name).replace('.', "-");
    let config = Config { bucket, storage: StorageType::Memory, ..Default::default() };
    jetstream.create_object_store(config).await.unwrap()
}

/// Bytes that are not all the same.
fn bytes(len: usize) -> Bytes {
    (0..len).map(|index| (index % 251) as u8).collect::<Vec<_>>().into()
}

fn in_chunks(name: &str, chunk_size: usize) -> ObjectMetadata {
    ObjectMetadata { chunk_size: Some(chunk_size), ..name.into() }
}

async fn read(store: &ObjectStore, name: &str) -> Vec<u8> {
    env::within(store.get(name).await.unwrap().bytes()).await.unwrap()
}

/// How many messages the store's stream has once it has as many as it should.
async fn settles_at(store: &ObjectStore, messages: u64) {
    env::within(async {
        while store.status().await.unwrap().stream_info().state.messages != messages {
            env::pause(10).await;
        }
    })
    .await;
}

/// Stores are made, found, described, sealed and deleted.
pub(crate) async fn object_stores() {
    let jetstream = jetstream("object_stores").await;
    let bucket = unique_name(&jetstream, "stores").replace('.', "-");
    let config = Config {
        bucket: bucket.clone(),
        description: Some("a test".into()),
        max_age: Duration::from_secs(3_600),
        storage: StorageType::Memory,
        metadata: [("owner".into(), "me".into())].into(),
        ..Default::default()
    };
    jetstream.create_object_store(config).await.unwrap();
    let mut store = jetstream.get_object_store(&bucket).await.unwrap();
    assert_eq!(store.bucket().as_str(), bucket);
    store.put_bytes("a", "x".into()).await.unwrap();
    let status = store.status().await.unwrap();
    assert_eq!((status.description(), status.replicas()), (Some("a test"), 1));
    assert_eq!((status.ttl(), status.storage()), (Duration::from_secs(3_600), StorageType::Memory));
    assert_eq!(status.metadata().get("owner").map(String::as_str), Some("me"));
    assert!(status.size() > 0 && !status.is_sealed() && !status.is_compressed());
    store.seal().await.unwrap();
    assert!(store.status().await.unwrap().is_sealed());
    let sealed = store.put_bytes("b", "x".into()).await.unwrap_err();
    let PutError::Chunk(error) = &sealed else { panic!("{sealed:?}") };
    assert_eq!(error.error_code(), Some(ErrorCode::STREAM_SEALED));
    assert_eq!(read(&store, "a").await, b"x");
    jetstream.delete_object_store(&bucket).await.unwrap();
    assert!(jetstream.get_object_store(&bucket).await.is_err());
    assert!(jetstream.get_object_store("a.b").await.is_err());
    jetstream.client().close().await.unwrap();
}

/// Objects of any name and size come back as they were put, and leave nothing behind.
pub(crate) async fn objects() {
    let store = own_store("objects").await;
    for len in [0, 1, 9, 10, 11, 100, 1_234] {
        let progress = Rc::new(RefCell::new(Vec::new()));
        let told = Rc::clone(&progress);
        let data = stream::iter(bytes(len).chunks(7).map(Vec::from).collect::<Vec<_>>());
        let put = store.put(in_chunks("sized", 10), data.map(Ok::<_, core::convert::Infallible>));
        let info = put.on_progress(move |bytes| told.borrow_mut().push(bytes)).await.unwrap();
        assert_eq!((info.size, info.chunks), (len as u64, len.div_ceil(10) as u64));
        assert_eq!(progress.borrow().len() as u64, info.chunks);
        assert_eq!(progress.borrow().last().copied().unwrap_or_default(), info.size);
        assert_eq!(read(&store, "sized").await, bytes(len));
        settles_at(&store, info.chunks + 1).await;
    }
    let mut headers = HeaderMap::new();
    headers.append("k", "1").unwrap();
    headers.append("k", "2").unwrap();
    let metadata = ObjectMetadata {
        description: Some("rich".into()),
        metadata: [("a".into(), "b".into())].into(),
        headers: Some(headers),
        ..ObjectMetadata::from("ÄÖ/> *.\u{1F980} \n")
    };
    let put = store.put_bytes(metadata, bytes(300_000)).await.unwrap();
    let mut info = store.info("ÄÖ/> *.\u{1F980} \n").await.unwrap();
    assert!(info.modified.take().is_some());
    assert_eq!(info, put);
    assert_eq!((info.chunks, info.size), (3, 300_000));
    assert_eq!(read(&store, &info.name).await, bytes(300_000));

    assert_eq!(store.info("").await, Err(InfoError::InvalidName(NameError::Empty)));
    assert_eq!(store.info("none").await, Err(InfoError::NotFound));
    store.delete("sized").await.unwrap();
    assert_eq!(store.info("sized").await, Err(InfoError::NotFound));
    assert_eq!(store.get("sized").await.err(), Some(GetError::Info(InfoError::NotFound)));
    let again = store.delete("sized").await;
    assert_eq!(again, Err(DeleteError::Info(InfoError::NotFound)));
    settles_at(&store, 1 + 4).await;
    store.put_bytes("sized", "back".into()).await.unwrap();
    assert_eq!(read(&store, "sized").await, b"back");
    store.context().client().close().await.unwrap();
}

/// Objects that were tampered with are not handed out.
pub(crate) async fn objects_that_are_not_whole() {
    let store = own_store("not_whole").await;
    let context = store.context();
    let stream = context.get_stream(format!("OBJ_{}", store.bucket())).await.unwrap();
    let put = async || store.put(in_chunks("it", 10), once(bytes(100))).await.unwrap();
    let failure = async || env::within(store.get("it").await.unwrap().bytes()).await.unwrap_err();
    let chunks = |info: &ObjectInfo| format!("$O.{}.C.{}", store.bucket(), info.nuid);

    let info = put().await;
    let fifth = stream.get_first_raw_message_by_subject(chunks(&info)).await.unwrap().sequence + 4;
    stream.delete_message(fifth).await.unwrap();
    let incomplete = AssemblyError::Incomplete { had: 9, chunks: 10 };
    assert_eq!(failure().await, ReadError::Assembly(incomplete));

    context.publish(chunks(&info), bytes(10)).await.unwrap().await.unwrap();
    let error = failure().await;
    assert!(matches!(error, ReadError::Assembly(AssemblyError::WrongDigest { .. })), "{error:?}");

    let info = put().await;
    let mut object = store.get("it").await.unwrap();
    env::within(object.next()).await.unwrap().unwrap();
    stream.purge().filter(chunks(&info)).await.unwrap();
    let mut messages = 1;
    let end = env::within(async {
        loop {
            match object.next().await {
                Some(Ok(_)) => messages += 1,
                end => break end,
            }
        }
    });
    // What had been asked for may all have come before.
    match end.await {
        Some(Err(error)) => assert!(matches!(error, ReadError::Assembly(_) | ReadError::Replaced)),
        _ => assert_eq!(messages, 10),
    }
    context.client().close().await.unwrap();
}

/// A source of bytes that has them all at once.
fn once(
    bytes: Bytes,
) -> impl futures_util::Stream<Item = Result<Bytes, core::convert::Infallible>> {
    stream::iter([Ok(bytes)])
}

/// What could not be put to its end leaves nothing behind, and what goes on while the connection is
/// replaced is whole.
pub(crate) async fn puts_that_fail() {
    let store = own_store("failing").await;
    store.put_bytes("kept", "as it was".into()).await.unwrap();
    let failing = stream::iter([Ok(bytes(5_000)), Err("the disk is gone"), Ok(bytes(1))]);
    let failed = store.put(in_chunks("kept", 100), failing).await;
    assert_eq!(failed, Err(PutError::Read("the disk is gone")));
    settles_at(&store, 2).await;

    let endless = stream::iter(0..100).map(|_| Ok::<_, &str>(bytes(1_000)));
    let endless = endless.chain(stream::pending());
    let dropped = store.put(in_chunks("kept", 100), endless);
    let dropped = futures_util::future::select(
        Box::pin(dropped.into_future()),
        Box::pin(async {
            while store.status().await.unwrap().stream_info().state.messages < 500 {}
        }),
    );
    drop(env::within(dropped).await);
    settles_at(&store, 2).await;
    assert_eq!(read(&store, "kept").await, b"as it was");
    let refused = store.put_bytes("", "x".into()).await;
    assert_eq!(refused, Err(PutError::InvalidName(NameError::Empty)));

    let client = store.context().client();
    let count = Rc::new(Cell::new(0));
    let reconnecting = client.clone();
    let parts = stream::iter(0..200).map(move |index: u32| {
        if index % 50 == 25 {
            reconnecting.force_reconnect();
        }
        count.set(count.get() + 1);
        Ok::<_, &str>(bytes(1_000))
    });
    let info = env::within(store.put(in_chunks("moved", 500), parts).into_future()).await.unwrap();
    assert_eq!((info.size, info.chunks), (200_000, 400));
    let mut object = store.get("moved").await.unwrap();
    let mut read = Vec::new();
    while let Some(part) = env::within(object.try_next()).await.unwrap() {
        if read.len() % 50_000 == 20_000 {
            client.force_reconnect();
        }
        read.extend_from_slice(&part);
    }
    assert_eq!(read, bytes(1_000).repeat(200));
    client.close().await.unwrap();
}

/// Links stand for objects and stores; names and what else is known can be changed.
pub(crate) async fn links_and_names() {
    let store = own_store("links").await;
    let other = own_store("others").await;
    let info = store.put_bytes("it", "here".into()).await.unwrap();
    let far = other.put_bytes("far", "there".into()).await.unwrap();
    let link = store.add_link("to it", &info).await.unwrap();
    store.add_link("away", &far).await.unwrap();
    store.add_bucket_link("all", &**other.bucket()).await.unwrap();
    assert_eq!(read(&store, "to it").await, b"here");
    assert_eq!(read(&store, "away").await, b"there");
    let bucket = other.bucket().to_string();
    assert_eq!(store.get("all").await.err(), Some(GetError::BucketLink { bucket }));
    assert_eq!(store.info("to it").await.unwrap().link(), link.link());
    assert_eq!(store.add_link("x", &link).await, Err(AddLinkError::LinkToLink));
    assert_eq!(store.add_link("it", &far).await, Err(AddLinkError::AlreadyExists));
    assert_eq!(store.add_link("", &far).await, Err(AddLinkError::InvalidName(NameError::Empty)));
    store.add_link("to it", &far).await.unwrap();
    assert_eq!(read(&store, "to it").await, b"there");
    other.delete("far").await.unwrap();
    assert_eq!(store.get("away").await.err(), Some(GetError::Info(InfoError::NotFound)));

    let update = UpdateMetadata {
        name: "renamed".into(),
        description: Some("new".into()),
        ..info.clone().into()
    };
    let changed = store.update_metadata("it", update).await.unwrap();
    assert_eq!((changed.description.as_deref(), &changed.nuid), (Some("new"), &info.nuid));
    assert_eq!(read(&store, "renamed").await, b"here");
    assert_eq!(store.info("it").await, Err(InfoError::NotFound));
    store.put_bytes("it", "another".into()).await.unwrap();
    let taken = UpdateMetadata { name: "it".into(), ..Default::default() };
    let taken = store.update_metadata("renamed", taken).await;
    assert_eq!(taken, Err(UpdateMetadataError::NameAlreadyInUse));
    let mut gone = far;
    gone.deleted = true;
    assert_eq!(store.add_link("y", &gone).await, Err(AddLinkError::Deleted));
    store.context().client().close().await.unwrap();
    other.context().client().close().await.unwrap();
}

/// What is there is listed, what changes is told, whatever happens to the connection.
pub(crate) async fn watching_object_stores() {
    let store = own_store("watched").await;
    let list = async || {
        let names = store.list().await.unwrap().map_ok(|info| info.name);
        let mut names: Vec<String> = env::within(names.try_collect()).await.unwrap();
        names.sort_unstable();
        names
    };
    assert_eq!(list().await, [""; 0]);
    let mut changes = store.watch().await.unwrap();
    for name in ["a", "b", "c"] {
        store.put_bytes(name, name.into()).await.unwrap();
    }
    store.delete("b").await.unwrap();
    assert_eq!(list().await, ["a", "c"]);
    store.delete("c").await.unwrap();
    assert_eq!(list().await, ["a"]);
    let mut next = async || {
        let info = env::within(changes.next()).await.unwrap().unwrap();
        assert!(info.modified.is_some());
        (info.name, info.deleted)
    };
    // A subject's last info takes the place of those before, which may be told or not.
    let mut told = Vec::new();
    while told.last() != Some(&("c".to_owned(), true)) {
        told.push(next().await);
    }
    assert!(told.contains(&("a".to_owned(), false)) && told.contains(&("b".to_owned(), true)));
    store.context().client().force_reconnect();
    store.put_bytes("d", "d".into()).await.unwrap();
    assert_eq!(next().await, ("d".to_owned(), false));
    let all = store.watch_with_history().await.unwrap().take(4);
    let all: Vec<ObjectInfo> = env::within(all.try_collect()).await.unwrap();
    assert_eq!(all.iter().filter(|info| info.deleted).count(), 2);
    store.context().client().close().await.unwrap();
}
