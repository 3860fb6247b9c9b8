//! Key-value buckets.

use std::time::Duration;

use futures_util::TryStreamExt;
use web_wasm::jetstream::{Context, ErrorCode, stream::StorageType};
use web_wasm::kv::{
    self, BucketError, ConfigError, CreateError, CreateKeyValueError, EntryError, KeyError,
    KeyValueError, Operation, PutError, Store, UpdateError, UpdateKeyValueError,
};

use super::jetstream::{jetstream, unique_name};
use crate::env;

/// A bucket of the test's own in memory.
pub(super) async fn own_bucket(context: &Context, name: &str, config: kv::Config) -> Store {
    let bucket = unique_name(context, name);
    let config = kv::Config { bucket, storage: StorageType::Memory, ..config };
    context.create_key_value(config).await.unwrap()
}

/// Buckets are made, found, changed, listed and deleted.
pub(crate) async fn managing_buckets() {
    let jetstream = jetstream("managing_buckets").await;
    let config = kv::Config {
        history: 3,
        description: "of a test".into(),
        max_value_size: 1_000,
        max_bytes: 1_000_000,
        max_age: Duration::from_secs(3_600),
        limit_markers: Some(Duration::from_secs(5)),
        ..Default::default()
    };
    let store = own_bucket(&jetstream, "MANAGED", config.clone()).await;
    let bucket = store.bucket().to_string();
    let status = store.status().await.unwrap();
    assert_eq!((&**status.bucket(), status.values(), status.history()), (&*bucket, 0, 3));
    assert_eq!(status.max_age(), Duration::from_secs(3_600));
    assert_eq!((status.storage(), status.is_compressed()), (StorageType::Memory, false));
    let made = status.config();
    let storage = StorageType::Memory;
    let expected = kv::Config { bucket: bucket.clone(), storage, num_replicas: 1, ..config };
    assert_eq!(made, expected, "nothing of the configuration is lost");

    jetstream.create_key_value(made.clone()).await.unwrap();
    let other = kv::Config { history: 4, ..made.clone() };
    let taken = jetstream.create_key_value(other.clone()).await.unwrap_err();
    let CreateKeyValueError::Stream(taken) = taken else { panic!("{taken:?}") };
    assert_eq!(taken.error_code(), Some(ErrorCode::STREAM_NAME_EXIST));
    let changed = jetstream.update_key_value(other.clone()).await.unwrap();
    assert_eq!(changed.config(), other);
    let again = jetstream.create_or_update_key_value(made.clone()).await.unwrap();
    assert_eq!(again.config(), made);
    let found = jetstream.get_key_value(&bucket).await.unwrap();
    assert_eq!(found.config(), made);

    let names: Vec<_> = env::within(jetstream.key_value_names().try_collect()).await.unwrap();
    assert!(names.contains(store.bucket()), "{names:?}");
    let ours = |status: &kv::Status| core::future::ready(**status.bucket() == *bucket);
    let statuses = jetstream.key_values().try_filter(ours).try_collect::<Vec<_>>();
    assert_eq!(env::within(statuses).await.unwrap().len(), 1);

    jetstream.delete_key_value(&bucket).await.unwrap();
    assert_eq!(jetstream.get_key_value(&bucket).await.unwrap_err(), KeyValueError::NotFound);
    assert_eq!(jetstream.delete_key_value(&bucket).await, Err(KeyValueError::NotFound));
    let gone = jetstream.update_key_value(made.clone()).await;
    assert_eq!(gone, Err(UpdateKeyValueError::NotFound));
    let anew = jetstream.create_or_update_key_value(made.clone()).await.unwrap();
    assert_eq!(anew.config(), made);
    jetstream.delete_key_value(&bucket).await.unwrap();
    jetstream.client().close().await.unwrap();
}

/// Values are put, created, updated by revision, deleted and purged.
pub(crate) async fn reading_and_writing_values() {
    let jetstream = jetstream("reading_and_writing_values").await;
    let config = kv::Config { history: 5, ..Default::default() };
    let store = own_bucket(&jetstream, "VALUES", config).await;
    assert_eq!(store.get("a.b").await.unwrap(), None);
    assert_eq!(store.entry("a.b").await.unwrap(), None);
    assert_eq!(store.put("a.b", "1".into()).await.unwrap(), 1);
    assert_eq!(store.put("other", "x".into()).await.unwrap(), 2);
    assert_eq!(store.update("a.b", "2".into(), 1).await.unwrap(), 3);
    let stale = store.update("a.b", "?".into(), 1).await.unwrap_err();
    assert_eq!(stale.error_code(), Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE));
    assert!(matches!(stale, UpdateError::WrongLastRevision(_)), "{stale:?}");

    let entry = store.entry("a.b").await.unwrap().unwrap();
    assert_eq!((&*entry.bucket, &*entry.key), (store.bucket().as_str(), "a.b"));
    assert_eq!((&entry.value[..], entry.revision), (&b"2"[..], 3));
    assert_eq!((entry.operation, entry.delta), (Operation::Put, 0));
    let first = store.entry_for_revision("a.b", 1).await.unwrap().unwrap();
    assert_eq!((&first.value[..], first.revision), (&b"1"[..], 1));
    assert!(first.created < entry.created);
    assert_eq!(store.entry_for_revision("a.b", 2).await.unwrap(), None, "of another key");
    assert_eq!(store.entry_for_revision("a.b", 99).await.unwrap(), None);

    let exists = store.create("a.b", "?".into()).await;
    assert_eq!(exists, Err(CreateError::AlreadyExists));
    let stale = store.delete_expect_revision("a.b", Some(1)).await.unwrap_err();
    assert!(matches!(stale, UpdateError::WrongLastRevision(_)), "{stale:?}");
    store.delete_expect_revision("a.b", Some(3)).await.unwrap();
    assert_eq!(store.get("a.b").await.unwrap(), None);
    let deleted = store.entry("a.b").await.unwrap().unwrap();
    assert_eq!((deleted.operation, deleted.revision), (Operation::Delete, 4));
    assert_eq!(store.create("a.b", "3".into()).await.unwrap(), 5, "over a marker");
    assert_eq!(store.create("new", "4".into()).await.unwrap(), 6);

    store.delete("a.b").await.unwrap();
    let stale = store.purge_expect_revision("a.b", Some(5)).await.unwrap_err();
    assert!(matches!(stale, UpdateError::WrongLastRevision(_)), "{stale:?}");
    assert_eq!(store.status().await.unwrap().values(), 7);
    store.purge_expect_revision("a.b", Some(7)).await.unwrap();
    assert_eq!(store.entry_for_revision("a.b", 1).await.unwrap(), None);
    let purged = store.entry("a.b").await.unwrap().unwrap();
    assert_eq!(purged.operation, Operation::Purge);
    assert_eq!(store.status().await.unwrap().values(), 3);
    store.purge("new").await.unwrap();
    assert_eq!(store.create("new", "5".into()).await.unwrap(), 10, "over a marker");
    let tooyoung = store.create_with_ttl("ttl", "x".into(), Duration::from_secs(9)).await;
    assert!(matches!(tooyoung, Err(CreateError::Publish(_))), "the bucket has no limit markers");
    jetstream.delete_key_value(store.bucket().as_str()).await.unwrap();
    jetstream.client().close().await.unwrap();
}

/// What a bucket does not let be got directly is got from its leader.
pub(crate) async fn reading_values_from_the_leader() {
    let jetstream = jetstream("reading_values_from_the_leader").await;
    let store = own_bucket(&jetstream, "LED", kv::Config::default()).await;
    let mut config = store.stream.cached_info().config.clone();
    config.allow_direct = false;
    jetstream.update_stream(config).await.unwrap();
    let store = jetstream.get_key_value(store.bucket().as_str()).await.unwrap();
    assert_eq!(store.put("a", "1".into()).await.unwrap(), 1);
    assert_eq!(store.get("a").await.unwrap().unwrap(), "1");
    assert_eq!(store.entry_for_revision("a", 1).await.unwrap().unwrap().value, "1");
    assert_eq!(store.entry_for_revision("a", 2).await.unwrap(), None);
    assert_eq!(store.get("b").await.unwrap(), None);
    let changed = kv::Config { history: 2, ..store.config() };
    let changed = jetstream.update_key_value(changed).await.unwrap();
    assert!(!changed.info.config.allow_direct, "what is not the bucket's stays");
    jetstream.delete_key_value(store.bucket().as_str()).await.unwrap();
    jetstream.client().close().await.unwrap();
}

/// A value may have an age of its own, and leaves a marker.
pub(crate) async fn values_of_an_age() {
    let jetstream = jetstream("values_of_an_age").await;
    let config = kv::Config { limit_markers: Some(Duration::from_secs(60)), ..Default::default() };
    let store = own_bucket(&jetstream, "AGED", config).await;
    let short = Duration::from_secs(1);
    store.create_with_ttl("short", "x".into(), short).await.unwrap();
    store.put("purged", "x".into()).await.unwrap();
    store.purge_with_ttl("purged", short).await.unwrap();
    assert!(store.get("short").await.unwrap().is_some());
    env::within(async {
        while store.get("short").await.unwrap().is_some() {
            env::pause(50).await;
        }
        while store.entry("purged").await.unwrap().is_some() {
            env::pause(50).await;
        }
    })
    .await;
    let marker = store.entry("short").await.unwrap().unwrap();
    assert_eq!((marker.operation, marker.value.len()), (Operation::Purge, 0));
    store.create("short", "again".into()).await.unwrap();
    jetstream.delete_key_value(store.bucket().as_str()).await.unwrap();
    jetstream.client().close().await.unwrap();
}

/// What is no bucket or key is refused before anything is sent.
pub(crate) async fn names_of_keys_are_checked() {
    let jetstream = jetstream("names_of_keys_are_checked").await;
    let store = own_bucket(&jetstream, "CHECKED", kv::Config::default()).await;
    let client = jetstream.client();
    client.flush().await.unwrap();
    let sent = client.statistics().out_messages;
    for (bad, problem) in [
        ("", KeyError::Empty),
        (".a", KeyError::EmptyToken { at: 0 }),
        ("a..b", KeyError::EmptyToken { at: 2 }),
        ("a.*", KeyError::ForbiddenCharacter { at: 2 }),
        (">", KeyError::ForbiddenCharacter { at: 0 }),
        ("a b", KeyError::ForbiddenCharacter { at: 1 }),
        ("a\r\nPUB x", KeyError::ForbiddenCharacter { at: 1 }),
        ("a\0", KeyError::ForbiddenCharacter { at: 1 }),
    ] {
        assert_eq!(store.get(bad).await, Err(EntryError::InvalidKey(problem)), "{bad:?}");
        let put = store.put(bad, "x".into()).await;
        assert_eq!(put, Err(PutError::InvalidKey(problem)), "{bad:?}");
        assert_eq!(store.delete(bad).await, Err(UpdateError::InvalidKey(problem)), "{bad:?}");
        assert_eq!(store.purge(bad).await, Err(UpdateError::InvalidKey(problem)), "{bad:?}");
        let created = store.create(bad, "x".into()).await;
        assert_eq!(created, Err(CreateError::InvalidKey(problem)), "{bad:?}");
    }
    for bad in ["a.b", "*", "a b", "a\0", "é"] {
        let at = bad.find(|c: char| !c.is_ascii_alphanumeric()).unwrap();
        let problem = BucketError::ForbiddenCharacter { at };
        let refused = jetstream.get_key_value(bad).await.unwrap_err();
        assert_eq!(refused, KeyValueError::InvalidBucket(problem), "{bad:?}");
        let refused = jetstream.delete_key_value(bad).await.unwrap_err();
        assert_eq!(refused, KeyValueError::InvalidBucket(problem), "{bad:?}");
        let config = kv::Config { bucket: bad.into(), ..Default::default() };
        let refused = jetstream.create_key_value(config).await.unwrap_err();
        let problem = ConfigError::InvalidBucket(problem);
        assert_eq!(refused, CreateKeyValueError::InvalidConfig(problem), "{bad:?}");
    }
    assert_eq!(client.statistics().out_messages, sent);
    jetstream.delete_key_value(store.bucket().as_str()).await.unwrap();
    client.close().await.unwrap();
}
