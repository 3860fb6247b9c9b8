//! What the API stored async-nats reads, and the other way round.

use async_nats::jetstream::{
    self,
    object_store::{ObjectMetadata, ObjectStore},
};
use futures_util::StreamExt;
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::{
    objects::{Files, bytes, names},
    service::problem,
};

impl Files {
    /// The same bucket, by async-nats.
    pub(crate) async fn store(&self) -> ObjectStore {
        jetstream::new(self.insider.0.clone()).get_object_store("files").await.unwrap()
    }
}

async fn read(store: &ObjectStore, name: &str) -> Vec<u8> {
    let mut content = Vec::new();
    store.get(name).await.unwrap().read_to_end(&mut content).await.unwrap();
    content
}

#[tokio::test]
async fn async_nats_reads_lists_and_deletes_what_the_api_stored() {
    let files = Files::start().await;
    let store = files.store().await;
    for len in [0, 1, 61_440, 300_000] {
        let name = format!("public/{len}");
        let put = files.put(&format!("files/{name}"), &files.back_end, bytes(len)).await;
        assert_eq!(put.status(), 201);
        assert!(read(&store, &name).await == bytes(len), "{len}");
        assert_eq!(store.info(&name).await.unwrap().size, len);
    }
    let listed: Vec<String> =
        store.list().await.unwrap().map(|info| info.unwrap().name).collect().await;
    assert_eq!(listed.len(), 4);
    assert!(store.info("public/0").await.unwrap().headers.is_none());

    let mut watch = store.watch().await.unwrap();
    assert_eq!(files.delete("files/public/1", &files.back_end).await.status(), 204);
    let gone = watch.next().await.unwrap().unwrap();
    assert_eq!((gone.name.as_str(), gone.deleted), ("public/1", true));
    store.delete("public/0").await.unwrap();
    problem(files.get("files/public/0", "").await, 404, "object_not_found").await;
}

#[tokio::test]
async fn the_api_reads_lists_and_replaces_what_async_nats_stored() {
    let files = Files::start().await;
    let store = files.store().await;
    for len in [0, 1, 300_000] {
        let meta = ObjectMetadata {
            name: format!("public/{len}"),
            chunk_size: Some(50_000),
            ..Default::default()
        };
        store.put(meta, &mut &bytes(len)[..]).await.unwrap();
        let got = files.get(&format!("files/public/{len}"), "").await;
        assert_eq!(got.headers()["content-type"], "application/octet-stream");
        assert!(got.bytes().await.unwrap() == bytes(len), "{len}");
    }
    // Such a name nobody can ask for.
    store.put("public/a b", &mut &b"x"[..]).await.unwrap();
    assert_eq!(names(&files.list("", "").await), ["public/0", "public/1", "public/300000"]);

    let put = files.put("files/public/300000", &files.back_end, "new").await;
    assert_eq!(put.status(), 200);
    assert_eq!(read(&store, "public/300000").await, b"new");
}

#[tokio::test]
async fn a_link_leads_nowhere() {
    let files = Files::start().await;
    let store = files.store().await;
    let secret = files.put("files/people/somebody/x", &files.back_end, "secret").await;
    assert_eq!(secret.status(), 201);
    let info = store.info("people/somebody/x").await.unwrap();
    store.add_link("public/link", &info).await.unwrap();
    store.add_bucket_link("public/all", "files").await.unwrap();
    for name in ["link", "all"] {
        let path = format!("files/public/{name}");
        problem(files.get(&path, "").await, 404, "object_not_found").await;
    }
    assert_eq!(files.list("", "").await["objects"], json!([]));
}
