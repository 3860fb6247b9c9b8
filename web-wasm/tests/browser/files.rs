//! What a page has bytes in, on its way into an object store.

use futures_util::TryStreamExt;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Blob, ReadableStream};
use web_wasm::ConnectOptions;
use web_wasm::jetstream::{self, stream::StorageType};
use web_wasm::object_store::{Config, ObjectStore, blob_stream, readable_stream};

use crate::env;

async fn store(bucket: &str) -> ObjectStore {
    let client = env::connect_jetstream(ConnectOptions::new()).await.unwrap();
    let bucket = format!("{bucket}-{}", client.new_inbox().replace('.', "-"));
    let config = Config { bucket, storage: StorageType::Memory, ..Default::default() };
    jetstream::new(client).create_object_store(config).await.unwrap()
}

fn blob(bytes: &[u8]) -> Blob {
    let parts = Array::of1(&Uint8Array::from(bytes));
    Blob::new_with_u8_array_sequence(&parts).unwrap()
}

/// A blob, and a stream of its bytes, arrive whole.
#[wasm_bindgen_test]
async fn blobs_and_streams_are_objects() {
    let store = store("blobs").await;
    for len in [0, 1, 131_072, 400_000] {
        let bytes: Vec<u8> = (0..len).map(|index: u32| (index % 241) as u8).collect();
        let blob = blob(&bytes);
        let info = env::within(store.put("blob", blob_stream(&blob)).into_future()).await.unwrap();
        assert_eq!(info.size, u64::from(len));
        let stream = readable_stream(&blob.stream()).unwrap();
        let same = env::within(store.put("stream", stream).into_future()).await.unwrap();
        assert_eq!((same.digest, same.chunks), (info.digest, info.chunks));
        for name in ["blob", "stream"] {
            let read = env::within(store.get(name).await.unwrap().bytes()).await.unwrap();
            assert_eq!(read, bytes);
        }
    }
    store.context().client().close().await.unwrap();
}

/// A stream that fails, has something else than bytes, or is read by somebody else, is an error.
#[wasm_bindgen_test]
async fn streams_that_can_not_be_read_are_told() {
    let stream = blob(b"x").stream();
    let _reader = stream.get_reader();
    assert!(readable_stream(&stream).is_err());
    for (script, words) in [
        ("c => c.error(new Error('the disk is gone'))", "the disk is gone"),
        ("c => c.enqueue('text')", "something else than bytes"),
    ] {
        let start = js_sys::eval(&format!("({script})")).unwrap();
        let source = js_sys::Object::new();
        js_sys::Reflect::set(&source, &JsValue::from("start"), &start).unwrap();
        let stream = ReadableStream::new_with_underlying_source(&source).unwrap();
        let parts = readable_stream(&stream).unwrap();
        let parts = env::within(parts.try_collect::<Vec<_>>()).await;
        assert!(parts.unwrap_err().to_string().contains(words));
    }
}
