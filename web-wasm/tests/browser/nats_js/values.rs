//! Key-value buckets.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm::jetstream::stream::StorageType;
use web_wasm::kv::{self, CreateError, Operation, UpdateError};

use super::{both, bytes, finish, hex, unique};
use crate::env;

/// As nats.js names them.
fn name_of(operation: Operation) -> &'static str {
    match operation {
        Operation::Put => "PUT",
        Operation::Delete => "DEL",
        Operation::Purge => "PURGE",
        operation => panic!("{operation:?}"),
    }
}

#[wasm_bindgen_test]
async fn buckets_mean_the_same_to_nats_js() {
    let (ours, theirs) = both("buckets").await;
    let bucket = unique(&ours.client(), "buckets");
    let config = kv::Config {
        bucket: bucket.clone(),
        description: "d".into(),
        history: 5,
        max_value_size: 1_000,
        max_bytes: 1_000_000,
        max_age: Duration::from_secs(3_600),
        limit_markers: Some(Duration::from_secs(60)),
        storage: StorageType::Memory,
        compression: true,
        ..Default::default()
    };
    let made = ours.create_key_value(config).await.unwrap();
    let create = r#"
        const kvm = new $.kv.Kvm($.js);
        const status = await (await kvm.open(args.bucket)).status();
        const options = {
            description: "d",
            history: 5,
            maxValueSize: 1_000,
            max_bytes: 1_000_000,
            ttl: 3_600_000,
            markerTTL: 60_000,
            storage: $.jetstream.StorageType.Memory,
            compression: true,
        };
        const told = {};
        for (const name of Object.keys(options)) told[name] = status[name];
        await kvm.create(args.bucket + "-theirs", { ...options });
        return [told, options];
    "#;
    let told = theirs.run(create, json!({ "bucket": bucket })).await;
    assert_eq!(told[0], told[1], "what nats.js reads is what it would write");
    let found = ours.get_key_value(format!("{bucket}-theirs")).await.unwrap();
    assert_eq!(found.config(), kv::Config { bucket: format!("{bucket}-theirs"), ..made.config() });
    // Where they differ, in who may delete messages of the stream, the bucket's own stays.
    let changed = ours.create_or_update_key_value(found.config()).await.unwrap();
    assert_eq!(changed.config(), found.config());
    let names: Vec<_> = env::within(ours.key_value_names().try_collect()).await.unwrap();
    assert!(names.contains(found.bucket()) && names.contains(made.bucket()));
    for bucket in [&bucket, &format!("{bucket}-theirs")] {
        ours.delete_key_value(bucket).await.unwrap();
    }
    finish(ours, theirs).await;
}

#[wasm_bindgen_test]
async fn values_mean_the_same_to_nats_js() {
    let (ours, theirs) = both("values").await;
    let bucket = unique(&ours.client(), "values");
    let config = kv::Config {
        bucket: bucket.clone(),
        history: 10,
        storage: StorageType::Memory,
        ..Default::default()
    };
    let store = ours.create_key_value(config).await.unwrap();
    // Read all along: of what a purge takes away nobody is told later.
    let mut watch = store.watch_all().await.unwrap();
    let (seen, watched) = futures_channel::mpsc::unbounded();
    env::spawn(async move {
        while let Some(Ok(entry)) = watch.next().await {
            let operation = name_of(entry.operation);
            let told = (entry.key, entry.revision, operation, entry.value.len());
            if seen.unbounded_send(told).is_err() {
                break;
            }
        }
    });
    let open = r#"
        $.bucket = await new $.kv.Kvm($.js).open(args.bucket);
        $.watched = [];
        const watch = await $.bucket.watch({ include: $.kv.KvWatchInclude.UpdatesOnly });
        (async () => {
            for await (const entry of watch) {
                $.watched.push([entry.key, entry.revision, entry.operation, entry.length]);
            }
        })();
    "#;
    theirs.run(open, json!({ "bucket": bucket })).await;

    // One after the other writes, by the revision that the other one made.
    let key = "a/b=c.D_e-f";
    let payload = bytes(300);
    assert_eq!(store.create(key, payload.clone().into()).await.unwrap(), 1);
    let update = r#"
        const taken = await $.bucket.create(args.key, "?").catch((error) => error.name);
        const stale = await $.bucket.update(args.key, "?", 7).catch((error) => error.code);
        const entry = await $.bucket.get(args.key);
        const revision = await $.bucket.update(args.key, "2", entry.revision);
        return [taken, stale, $.hex(entry.value), entry.operation, entry.created, revision];
    "#;
    let created = store.entry(key).await.unwrap().unwrap().created.to_string();
    let told = theirs.run(update, json!({ "key": key })).await;
    assert_eq!(told[0], "JetStreamApiError");
    assert_eq!(told[1], 10_071);
    assert_eq!(told[2], hex(&payload));
    assert_eq!((&told[3], &told[5]), (&json!("PUT"), &json!(2)));
    let millis = |date: &str| date[..23].to_owned();
    assert_eq!(millis(told[4].as_str().unwrap()), millis(&created));
    assert_eq!(store.create(key, "?".into()).await, Err(CreateError::AlreadyExists));
    let stale = store.update(key, "?".into(), 1).await;
    assert!(matches!(stale, Err(UpdateError::WrongLastRevision(_))), "{stale:?}");
    assert_eq!(store.update(key, "3".into(), 2).await.unwrap(), 3);

    let remove = r#"
        await $.bucket.delete(args.key);
        const gone = await $.bucket.get(args.key);
        return [gone.operation, await $.bucket.create(args.key, "5")];
    "#;
    assert_eq!(theirs.run(remove, json!({ "key": key })).await, json!(["DEL", 5]));
    store.delete(key).await.unwrap();
    assert_eq!(store.create(key, "".into()).await.unwrap(), 7);
    store.put("other", "x".into()).await.unwrap();
    let purge = r#"
        const history = await $.bucket.history({ key: args.key });
        const told = [];
        for await (const entry of history) {
            told.push([entry.revision, entry.operation, entry.length]);
        }
        const first = await $.bucket.get(args.key, { revision: 1 });
        await $.bucket.purge(args.key, { previousSeq: 7 });
        const keys = [];
        for await (const key of await $.bucket.keys()) keys.push(key);
        return { told, first: $.hex(first.value), keys };
    "#;
    let history: Vec<kv::Entry> =
        env::within(store.history(key).await.unwrap().try_collect()).await.unwrap();
    let history: Vec<_> = history
        .iter()
        .map(|entry| (entry.revision, name_of(entry.operation), entry.value.len()))
        .collect();
    let sequence = [(1, "PUT", 300), (2, "PUT", 1), (3, "PUT", 1), (4, "DEL", 0)];
    let sequence = [&sequence[..], &[(5, "PUT", 1), (6, "DEL", 0), (7, "PUT", 0)]].concat();
    assert_eq!(history, sequence);
    let told = theirs.run(purge, json!({ "key": key })).await;
    assert_eq!(told, json!({ "told": sequence, "first": hex(&payload), "keys": ["other"] }));
    let purged = store.entry(key).await.unwrap().unwrap();
    assert_eq!((purged.operation, purged.revision), (Operation::Purge, 9));
    let left: Vec<kv::Entry> =
        env::within(store.history(key).await.unwrap().try_collect()).await.unwrap();
    let left: Vec<_> = left.iter().map(|entry| (entry.revision, entry.operation)).collect();
    assert_eq!(left, [(9, Operation::Purge)]);
    store.purge("other").await.unwrap();
    let keys: Vec<String> = env::within(store.keys().await.unwrap().try_collect()).await.unwrap();
    assert!(keys.is_empty(), "{keys:?}");

    // Both were told the same.
    let watched: Vec<_> = env::within(watched.take(10).collect()).await;
    assert!(watched.iter().map(|(_, revision, ..)| *revision).eq(1..=10), "{watched:?}");
    let told = r#"
        while ($.watched.length < 10) await new Promise((resolve) => setTimeout(resolve, 10));
        return $.watched;
    "#;
    assert_eq!(theirs.run(told, json!({})).await, json!(watched));
    let mut again = store.watch_from_revision(key, 9).await.unwrap();
    assert_eq!(env::within(again.next()).await.unwrap().unwrap().revision, 9);
    ours.delete_key_value(&bucket).await.unwrap();
    finish(ours, theirs).await;
}

/// What a value's own age and a marker's leave behind.
#[wasm_bindgen_test]
async fn ages_and_markers_mean_the_same_to_nats_js() {
    let (ours, theirs) = both("ages").await;
    let bucket = unique(&ours.client(), "ages");
    let config = kv::Config {
        bucket: bucket.clone(),
        limit_markers: Some(Duration::from_secs(60)),
        storage: StorageType::Memory,
        ..Default::default()
    };
    let store = ours.create_key_value(config).await.unwrap();
    let mut watch = store.watch_all().await.unwrap();
    let second = Duration::from_secs(1);
    let create = r#"
        $.bucket = await new $.kv.Kvm($.js).open(args.bucket);
        const watch = await $.bucket.watch({ include: $.kv.KvWatchInclude.UpdatesOnly });
        $.purges = [];
        (async () => {
            for await (const entry of watch) {
                if (entry.operation === "PURGE") $.purges.push(entry.key);
            }
        })();
        await $.bucket.create("theirs", "x", "1s");
        await $.bucket.put("purged-by-them", "x");
        await $.bucket.purge("purged-by-them", { ttl: "1s" });
    "#;
    theirs.run(create, json!({ "bucket": bucket })).await;
    store.create_with_ttl("ours", "x".into(), second).await.unwrap();
    store.put("purged-by-us", "x".into()).await.unwrap();
    store.purge_with_ttl("purged-by-us", second).await.unwrap();

    // Ends of values and purges; the markers of the purges go without a word.
    let mut purges = Vec::new();
    while purges.len() < 4 {
        let entry = env::within(watch.next()).await.unwrap().unwrap();
        if entry.operation == Operation::Purge {
            purges.push(entry.key);
        }
    }
    purges.sort_unstable();
    assert_eq!(purges, ["ours", "purged-by-them", "purged-by-us", "theirs"]);
    let look = r#"
        while ($.purges.length < 4) await new Promise((resolve) => setTimeout(resolve, 10));
        for (const key of ["purged-by-them", "purged-by-us"]) {
            while (await $.bucket.get(key)) await new Promise((resolve) => setTimeout(resolve, 50));
        }
        const left = ["ours", "theirs"].map(async (key) => (await $.bucket.get(key)).operation);
        return [$.purges.sort(), await Promise.all(left), await $.bucket.create("ours", "again")];
    "#;
    let told = theirs.run(look, json!({})).await;
    assert_eq!((&told[0], &told[1]), (&json!(purges), &json!(["PURGE", "PURGE"])));
    assert_eq!(store.get("ours").await.unwrap().unwrap(), "again");
    store.create("theirs", "again".into()).await.unwrap();
    for gone in ["purged-by-them", "purged-by-us"] {
        assert_eq!(store.entry(gone).await.unwrap(), None);
    }
    ours.delete_key_value(&bucket).await.unwrap();
    finish(ours, theirs).await;
}
