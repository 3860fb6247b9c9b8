//! Key-value buckets: who watches one knows in the end what it has.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::{StreamExt, TryStreamExt};
use web_wasm::kv::{self, Operation, Store};

use super::super::sim::{Simulation, simulate};
use super::rig::{MILLI, Rig, SECOND};
use super::trouble::Trouble;

/// The values of a bucket, as a watcher knows them.
pub(super) type Known = Rc<RefCell<BTreeMap<String, String>>>;

pub(super) async fn bucket(rig: &Rig) -> Store {
    let config = kv::Config { bucket: "B".into(), history: 3, ..Default::default() };
    rig.jetstream.create_key_value(config).await.unwrap()
}

/// Watches a bucket, and sees to it that revisions only grow.
pub(super) async fn watch(sim: &Simulation, store: &Store) -> Known {
    let known = Known::default();
    let mut watch = store.watch_all_from_revision(1).await.unwrap();
    let into = Rc::clone(&known);
    sim.spawn(async move {
        let mut last = 0;
        while let Some(entry) = watch.next().await {
            let Ok(entry) = entry else { continue };
            assert!(entry.revision > last, "{} after {last}", entry.revision);
            last = entry.revision;
            let value = String::from_utf8(entry.value.to_vec()).unwrap();
            match entry.operation {
                Operation::Put => into.borrow_mut().insert(entry.key, value),
                _ => into.borrow_mut().remove(&entry.key),
            };
        }
    });
    known
}

/// Changes a bucket in some way. That it fails is no matter here: whether it was done the bucket
/// tells.
pub(super) async fn change(sim: &Simulation, store: &Store, number: u32) {
    let key = sim.rng(|rng| format!("key.{}", rng.u32(0..5)));
    match sim.rng(|rng| rng.u32(0..6)) {
        0 => drop(store.delete(&key).await),
        1 => drop(store.purge(&key).await),
        2 => drop(store.create(&key, number.to_string().into()).await),
        _ => drop(store.put(&key, number.to_string().into()).await),
    }
}

/// What a bucket has, as its keys and their values tell.
pub(super) async fn contents(store: &Store) -> BTreeMap<String, String> {
    let keys: Vec<String> = store.keys().await.unwrap().try_collect().await.unwrap();
    let mut contents = BTreeMap::new();
    for key in keys {
        let value = store.get(&key).await.unwrap().unwrap();
        contents.insert(key, String::from_utf8(value.to_vec()).unwrap());
    }
    contents
}

#[test]
fn a_watcher_knows_in_the_end_what_the_bucket_has() {
    for (seed, trouble) in (0..3).flat_map(|seed| Trouble::ALL.map(|trouble| (seed, trouble))) {
        simulate(seed, async move |sim| {
            let rig = Rig::new(&sim).await;
            let store = bucket(&rig).await;
            let known = watch(&sim, &store).await;
            for number in 0..40 {
                if number == 10 {
                    trouble.befall(&sim, rig.server);
                }
                change(&sim, &store, number).await;
                sim.sleep(50 * MILLI).await;
            }
            sim.sleep(100 * SECOND).await;
            let contents = contents(&store).await;
            assert!(!contents.is_empty());
            assert_eq!(*known.borrow(), contents, "{trouble:?}");
        });
    }
}

#[test]
fn a_history_is_whole_though_the_connection_breaks_at_any_byte() {
    for cut in (0..3_000).step_by(30) {
        simulate(cut, async move |sim| {
            let rig = Rig::new(&sim).await;
            let store = bucket(&rig).await;
            for number in 0..5 {
                store.put("a", number.to_string().into()).await.unwrap();
            }
            rig.cut_after(cut);
            let Ok(history) = store.history("a").await else { return };
            let told: Result<Vec<_>, _> = history.try_collect().await;
            let values: Vec<_> = told.unwrap().into_iter().map(|entry| entry.value).collect();
            assert_eq!(values, ["2", "3", "4"]);
        });
    }
}

#[test]
fn an_update_is_never_refused_for_what_it_did_itself() {
    for trouble in Trouble::ALL {
        simulate(1, async move |sim| {
            let rig = Rig::new(&sim).await;
            let store = bucket(&rig).await;
            let revision = store.put("a", "0".into()).await.unwrap();
            trouble.befall(&sim, rig.server);
            let updated = store.update("a", "1".into(), revision).await;
            sim.sleep(100 * SECOND).await;
            let entry = store.entry("a").await.unwrap().unwrap();
            match updated {
                Ok(revision) => assert_eq!((&*entry.value, entry.revision), (&b"1"[..], revision)),
                // Nobody else changes it, so that no other revision can be in the way.
                Err(error) => {
                    let wrong = matches!(error, kv::UpdateError::WrongLastRevision(_));
                    assert!(!wrong, "{trouble:?}: {error}");
                }
            }
        });
    }
}
