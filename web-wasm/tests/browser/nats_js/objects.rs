//! Object stores.

use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm::HeaderMap;
use web_wasm::jetstream::stream::StorageType;
use web_wasm::object_store::{Config, InfoError, ObjectMetadata, ObjectStore, UpdateMetadata};

use super::{both, bytes, finish, hex, unique};
use crate::env;

/// nats.js finds objects of names in ASCII only: elsewhere it can't make the subject that ADR-20 wants.
const NAMES: [&str; 4] = ["plain.txt", "a/> *.b", " ", "a?b=c&d+e/~-_"];

fn config(bucket: &str) -> Config {
    Config { bucket: bucket.into(), storage: StorageType::Memory, ..Default::default() }
}

async fn read(store: &ObjectStore, name: &str) -> Vec<u8> {
    env::within(store.get(name).await.unwrap().bytes()).await.unwrap()
}

/// Any size in any pieces under any name, with all that is told of it, both ways.
#[wasm_bindgen_test]
async fn objects_mean_the_same_to_nats_js() {
    let (ours, theirs) = both("objects").await;
    let bucket = unique(&ours.client(), "objects");
    let store = ours.create_object_store(config(&bucket)).await.unwrap();
    let open = r#"$.store = await new $.obj.Objm($.js).open(args);"#;
    theirs.run(open, json!(bucket)).await;
    let sizes =
        [(0, 1_000), (1, 1_000), (999, 1_000), (1_000, 1_000), (5_001, 1_000), (300_000, 131_072)];
    for (index, (size, chunk_size)) in sizes.into_iter().enumerate() {
        let name = NAMES[index % NAMES.len()];
        let mut headers = HeaderMap::new();
        headers.append("K", "1").unwrap();
        headers.append("K", "é").unwrap();
        let metadata = ObjectMetadata {
            description: Some("d".into()),
            metadata: [("m".into(), "1".into())].into(),
            headers: Some(headers),
            chunk_size: Some(chunk_size),
            ..name.into()
        };
        let put = store.put_bytes(metadata.clone(), bytes(size).into()).await.unwrap();
        // Read, and put again under another name as nats.js does it.
        let copy = r#"
            const blob = await $.store.getBlob(args.name);
            const info = await $.store.info(args.name);
            const headers = $.core.headers();
            headers.append("K", "2");
            const meta = {
                name: args.name + " back",
                description: "b",
                headers,
                metadata: { m: "2" },
                options: { max_chunk_size: args.chunk },
            };
            const back = await $.store.putBlob(meta, blob);
            const { size, chunks, digest, description, metadata, options } = info;
            const same = blob.every((byte, index) => byte === index % 251) && blob.length === args.size;
            return {
                same, size, chunks, digest, description, metadata, headers: info.headers.values("K"),
                chunk: options.max_chunk_size, back: [back.size, back.chunks, back.digest],
            };
        "#;
        let args = json!({ "name": name, "chunk": chunk_size, "size": size });
        let chunks = size.div_ceil(chunk_size);
        assert_eq!((put.size, put.chunks), (size as u64, chunks as u64));
        let told = theirs.run(copy, args).await;
        let expected = json!({
            "same": true, "size": size, "chunks": chunks, "digest": put.digest,
            "description": "d", "metadata": { "m": "1" }, "headers": ["1", "é"],
            "chunk": chunk_size, "back": [size, chunks, put.digest],
        });
        assert_eq!(told, expected, "{name:?}, {size} bytes");
        let back = format!("{name} back");
        assert!(read(&store, &back).await == bytes(size), "{back:?}, {size} bytes");
        let info = store.info(&back).await.unwrap();
        assert_eq!((info.size, info.chunks, &info.digest), (put.size, put.chunks, &put.digest));
        assert_eq!((info.description.as_deref(), &*info.metadata["m"]), (Some("b"), "2"));
        assert_eq!(info.headers.unwrap().get("K").unwrap(), "2");
        assert_eq!(info.options.unwrap().max_chunk_size, Some(chunk_size));
    }
    let other = "ÄÖ/> *.\u{1F980}";
    let put = store.put_bytes(other, "crab".into()).await.unwrap();
    assert_eq!(read(&store, other).await, b"crab");
    let mut listed: Vec<_> = env::within(store.list().await.unwrap().try_collect::<Vec<_>>())
        .await
        .unwrap()
        .into_iter()
        .map(|info| (info.name, info.digest.unwrap()))
        .collect();
    listed.sort_unstable();
    let list = "return (await $.store.list()).map((info) => [info.name, info.digest]);";
    let told = theirs.run(list, json!({})).await;
    let mut told: Vec<(String, String)> = serde_json::from_value(told).unwrap();
    told.sort_unstable();
    assert_eq!((listed.len(), &listed), (2 * NAMES.len() + 1, &told));
    assert!(told.contains(&(other.to_owned(), put.digest.unwrap())), "{told:?}");
    ours.delete_object_store(&bucket).await.unwrap();
    finish(ours, theirs).await;
}

/// Links, changes, deletions and seals.
#[wasm_bindgen_test]
async fn what_becomes_of_objects_means_the_same_to_nats_js() {
    let (ours, theirs) = both("becomes").await;
    let bucket = unique(&ours.client(), "becomes");
    let elsewhere = format!("{bucket}-else");
    let mut store = ours.create_object_store(config(&bucket)).await.unwrap();
    let other = ours.create_object_store(config(&elsewhere)).await.unwrap();
    let mut watch = store.watch().await.unwrap();
    store.put_bytes("ours", "ours".into()).await.unwrap();
    let far = other.put_bytes("far", "far".into()).await.unwrap();
    store.add_link("to far", &far).await.unwrap();
    store.add_bucket_link("to other", &elsewhere).await.unwrap();
    let link = r#"
        const objm = new $.obj.Objm($.js);
        $.store = await objm.open(args.bucket);
        const other = await objm.open(args.elsewhere);
        const read = async (name) => new TextDecoder().decode(await $.store.getBlob(name));
        await $.store.link("to ours", await $.store.info("ours"));
        await $.store.link("to far of theirs", await other.info("far"));
        await $.store.linkStore("to other of theirs", other);
        return {
            far: await read("to far"),
            ours: await read("to ours"),
            bucket: (await $.store.info("to other")).options.link,
        };
    "#;
    let told = theirs.run(link, json!({ "bucket": bucket, "elsewhere": elsewhere })).await;
    let expected = json!({ "far": "far", "ours": "ours", "bucket": { "bucket": elsewhere } });
    assert_eq!(told, expected);
    assert_eq!(read(&store, "to ours").await, b"ours");
    assert_eq!(read(&store, "to far of theirs").await, b"far");
    let info = store.info("to other of theirs").await.unwrap();
    let link = info.link().unwrap();
    assert_eq!((&link.bucket, &link.name), (&elsewhere, &None));

    let update = UpdateMetadata {
        name: "renamed".into(),
        description: Some("changed".into()),
        ..store.info("ours").await.unwrap().into()
    };
    store.update_metadata("ours", update).await.unwrap();
    let change = r#"
        const seen = await $.store.info("renamed");
        const text = new TextDecoder().decode(await $.store.getBlob("renamed"));
        const old = await $.store.info("ours");
        const meta = { name: "renamed again", description: "again", metadata: { by: "them" } };
        await $.store.update("renamed", meta);
        await $.store.putBlob({ name: "theirs" }, $.bytes(10));
        await $.store.delete("theirs");
        return [seen.description, text, old?.deleted ?? true];
    "#;
    assert_eq!(theirs.run(change, json!({})).await, json!(["changed", "ours", true]));
    let again = store.info("renamed again").await.unwrap();
    assert_eq!((&*again.metadata["by"], again.description.as_deref()), ("them", Some("again")));
    assert_eq!(read(&store, "renamed again").await, b"ours");
    assert_eq!(store.info("theirs").await, Err(InfoError::NotFound));
    store.delete("renamed again").await.unwrap();
    let look = r#"
        const gone = await $.store.info("renamed again");
        return [gone?.deleted ?? true, await $.store.getBlob("renamed again")];
    "#;
    assert_eq!(theirs.run(look, json!({})).await, json!([true, null]));
    // The watch has told of what nats.js did, to the last.
    let mut told = Vec::new();
    while told.last() != Some(&("renamed again".to_owned(), true)) {
        let info = env::within(watch.next()).await.unwrap().unwrap();
        told.push((info.name, info.deleted));
    }
    for seen in [("to ours", false), ("theirs", true)] {
        assert!(told.contains(&(seen.0.to_owned(), seen.1)), "{seen:?} of {told:?}");
    }

    store.seal().await.unwrap();
    let put = r#"
        const status = await $.store.status();
        const put = $.store.putBlob({ name: "late" }, $.bytes(1));
        return [status.sealed, await put.then(() => "put", (error) => error.code)];
    "#;
    let sealed = web_wasm::jetstream::ErrorCode::STREAM_SEALED.0;
    assert_eq!(theirs.run(put, json!({})).await, json!([true, sealed]));
    theirs.run("await (await new $.obj.Objm($.js).open(args)).seal();", json!(elsewhere)).await;
    assert!(other.status().await.unwrap().is_sealed());
    assert_eq!(hex(&read(&other, "far").await), hex(b"far"));
    ours.delete_object_store(&bucket).await.unwrap();
    ours.delete_object_store(&elsewhere).await.unwrap();
    finish(ours, theirs).await;
}
