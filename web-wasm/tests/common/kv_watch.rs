//! Watching key-value buckets, and listing what they have.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use web_wasm::jetstream::stream::ConsumerError;
use web_wasm::kv::{
    self, Entry, KeyError, Operation, Store, Watch, WatchError, WatchFrom, WatchOptions,
    WatcherError,
};

use super::jetstream::jetstream;
use super::kv::own_bucket;
use crate::env;

/// The next entry, which has to come soon: its key, revision, operation and value.
async fn told(watch: &mut Watch) -> (String, u64, Operation, String) {
    let entry = env::within(watch.next()).await.expect("the watch goes on").unwrap();
    said(entry)
}

fn said(entry: Entry) -> (String, u64, Operation, String) {
    let value = String::from_utf8(entry.value.to_vec()).unwrap();
    (entry.key, entry.revision, entry.operation, value)
}

fn put(key: &str, revision: u64, value: &str) -> (String, u64, Operation, String) {
    (key.into(), revision, Operation::Put, value.into())
}

async fn list(store: &Store, filters: &[&str]) -> Vec<String> {
    let keys = store.keys_with_filters(filters.iter().copied()).await.unwrap();
    let mut keys: Vec<String> = env::within(keys.try_collect()).await.unwrap();
    keys.sort_unstable();
    keys
}

/// A watcher is told what happens, from where it wants to be.
pub(crate) async fn watching_keys() {
    let jetstream = jetstream("watching_keys").await;
    let store =
        own_bucket(&jetstream, "WATCHED", kv::Config { history: 5, ..Default::default() }).await;
    store.put("a.1", "x".into()).await.unwrap();
    store.put("a.1", "y".into()).await.unwrap();
    store.put("a.2", "z".into()).await.unwrap();
    store.put("b", "w".into()).await.unwrap();
    store.delete("a.2").await.unwrap();

    let mut now = store.watch("a.*").await.unwrap();
    assert!(now.seen_current(), "there is nothing to be seen first");
    let mut all = store.watch_all().await.unwrap();
    let mut last = store.watch_with_history("a.>").await.unwrap();
    assert!(!last.seen_current());
    assert_eq!(told(&mut last).await, put("a.1", 2, "y"));
    assert!(!last.seen_current());
    assert_eq!(told(&mut last).await, ("a.2".into(), 5, Operation::Delete, String::new()));
    assert!(last.seen_current());
    let mut many = store.watch_many_with_history(["a.1", "b"]).await.unwrap();
    assert_eq!(told(&mut many).await, put("a.1", 2, "y"));
    assert_eq!(told(&mut many).await, put("b", 4, "w"));
    let mut from = store.watch_from_revision("a.*", 2).await.unwrap();
    assert_eq!(told(&mut from).await, put("a.1", 2, "y"));
    assert_eq!(told(&mut from).await, put("a.2", 3, "z"));
    assert_eq!(told(&mut from).await, ("a.2".into(), 5, Operation::Delete, String::new()));
    let mut all_from = store.watch_all_from_revision(4).await.unwrap();
    assert_eq!(told(&mut all_from).await, put("b", 4, "w"));
    let options = WatchOptions { from: WatchFrom::History, ignore_deletes: true, meta_only: true };
    let mut meta = store.watch_with_options([">"], options).await.unwrap();
    for (key, revision) in [("a.1", 1), ("a.1", 2), ("a.2", 3), ("b", 4)] {
        assert_eq!(told(&mut meta).await, put(key, revision, ""));
    }

    store.put("a.1", "new".into()).await.unwrap();
    store.purge("a.1").await.unwrap();
    store.put("b", "newer".into()).await.unwrap();
    let purged = ("a.1".to_owned(), 7, Operation::Purge, String::new());
    for watch in [&mut now, &mut last, &mut from] {
        assert_eq!(told(watch).await.0, "a.1");
    }
    // The purge may have deleted the value before it was told.
    for watch in [&mut all, &mut many] {
        let mut next = told(watch).await;
        if next == put("a.1", 6, "new") {
            next = told(watch).await;
        }
        assert_eq!(next, purged);
        assert_eq!(told(watch).await, put("b", 8, "newer"));
    }
    let mut next = told(&mut meta).await;
    if next.0 == "a.1" {
        next = told(&mut meta).await;
    }
    assert_eq!(next, put("b", 8, ""));
    assert_eq!(store.watch_many::<&str>([]).await.unwrap_err(), WatchError::NoKeys);
    let problem = KeyError::ForbiddenCharacter { at: 1 };
    assert_eq!(store.watch("a b").await.unwrap_err(), WatchError::InvalidKey(problem));
    jetstream.delete_key_value(store.bucket().as_str()).await.unwrap();
    let end =
        env::within(all.by_ref().filter_map(|entry| core::future::ready(entry.err())).collect());
    let end: Vec<WatcherError> = end.await;
    assert!(end.last().is_some_and(WatcherError::is_fatal), "{end:?}");
    jetstream.client().close().await.unwrap();
}

/// Keys and histories are listed and end, though what there was is deleted meanwhile.
pub(crate) async fn listing_keys() {
    let jetstream = jetstream("listing_keys").await;
    let store =
        own_bucket(&jetstream, "LISTED", kv::Config { history: 3, ..Default::default() }).await;
    assert!(list(&store, &[">"]).await.is_empty());
    for key in ["a.1", "a.2", "b", "c.d.e", "gone", "a.1"] {
        store.put(key, "x".into()).await.unwrap();
    }
    store.delete("gone").await.unwrap();
    let keys: Vec<String> = env::within(store.keys().await.unwrap().try_collect()).await.unwrap();
    assert_eq!(keys.len(), 4);
    assert_eq!(list(&store, &[">"]).await, ["a.1", "a.2", "b", "c.d.e"]);
    assert_eq!(list(&store, &["a.*", "c.>"]).await, ["a.1", "a.2", "c.d.e"]);
    assert!(list(&store, &["none"]).await.is_empty());

    let history = store.history("a.1").await.unwrap();
    let history: Vec<Entry> = env::within(history.try_collect()).await.unwrap();
    let revisions: Vec<u64> = history.iter().map(|entry| entry.revision).collect();
    assert_eq!(revisions, [1, 6]);
    let history = store.history("gone").await.unwrap();
    let history: Vec<Entry> = env::within(history.try_collect()).await.unwrap();
    assert_eq!(history.last().unwrap().operation, Operation::Delete);
    let none: Vec<Entry> = store.history("none").await.unwrap().try_collect().await.unwrap();
    assert!(none.is_empty());
    let problem = KeyError::ForbiddenCharacter { at: 2 };
    assert_eq!(store.history("a.*").await.unwrap_err(), WatchError::InvalidKey(problem));

    // Nothing was asked for yet when what there was is deleted.
    let unread = store.keys_with_filters(["a.*"]).await.unwrap();
    store.stream.purge().await.unwrap();
    let unread: Vec<String> = env::within(unread.try_collect()).await.unwrap();
    assert!(unread.is_empty());
    jetstream.delete_key_value(store.bucket().as_str()).await.unwrap();
    jetstream.client().close().await.unwrap();
}

/// What deleted keys leave is cleared away, and nothing else.
pub(crate) async fn purging_deletes() {
    let jetstream = jetstream("purging_deletes").await;
    let store =
        own_bucket(&jetstream, "CLEARED", kv::Config { history: 5, ..Default::default() }).await;
    for key in ["kept", "gone", "gone", "purged"] {
        store.put(key, "x".into()).await.unwrap();
    }
    store.delete("gone").await.unwrap();
    store.purge("purged").await.unwrap();
    let hour = Duration::from_secs(3_600);
    assert_eq!(store.purge_deletes(hour).await.unwrap(), 2, "history goes, markers stay");
    assert_eq!(store.status().await.unwrap().values(), 3);
    assert_eq!(store.purge_deletes(Duration::ZERO).await.unwrap(), 2);
    assert_eq!(store.entry("gone").await.unwrap(), None);
    assert_eq!(store.get("kept").await.unwrap().unwrap(), "x");
    assert_eq!(store.status().await.unwrap().values(), 1);
    jetstream.delete_key_value(store.bucket().as_str()).await.unwrap();
    jetstream.client().close().await.unwrap();
}

/// A watch outlives its consumer and its connection, and is told each change once and in order.
pub(crate) async fn watching_through_losses() {
    const CHANGES: u64 = 200;
    let jetstream = jetstream("watching_through_losses").await;
    let client = jetstream.client();
    let store =
        own_bucket(&jetstream, "LOST", kv::Config { history: 64, ..Default::default() }).await;
    let mut watch = store.watch_all().await.unwrap();
    let changing = async {
        for number in 0..CHANGES {
            store.put(format!("k.{}", number % 50), number.to_string().into()).await.unwrap();
            if number % 40 == 10 {
                let consumers = store.stream.consumer_names();
                let names: Vec<String> = consumers.try_collect().await.unwrap();
                for name in names {
                    // It may be gone by itself.
                    let deleted = store.stream.delete_consumer(name).await;
                    assert!(
                        matches!(deleted, Ok(()) | Err(ConsumerError::NotFound(_))),
                        "{deleted:?}"
                    );
                }
            }
            if number % 40 == 30 {
                client.force_reconnect();
            }
        }
    };
    let watching = async {
        for number in 0..CHANGES {
            let expected = put(&format!("k.{}", number % 50), number + 1, &number.to_string());
            loop {
                match env::within(watch.next()).await.expect("the watch goes on") {
                    Ok(entry) => break assert_eq!(said(entry), expected),
                    Err(error) => assert!(!error.is_fatal(), "{error}"),
                }
            }
        }
    };
    futures_util::future::join(changing, watching).await;
    drop(watch);
    env::within(async {
        while store.stream.get_info().await.unwrap().state.consumer_count > 0 {
            env::pause(20).await;
        }
    })
    .await;
    jetstream.delete_key_value(store.bucket().as_str()).await.unwrap();
    client.close().await.unwrap();
}
