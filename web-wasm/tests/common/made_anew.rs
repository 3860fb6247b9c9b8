//! Streams and buckets that are deleted and made anew while they are read.

use futures_util::StreamExt;
use web_wasm::jetstream::consumer::pull::{
    Ordered, OrderedConfig, OrderedError, OrderedMessagesError,
};
use web_wasm::jetstream::stream::Stream;
use web_wasm::kv;

use super::consumers::publish_numbers;
use super::jetstream::{jetstream, own_stream};
use super::kv::own_bucket;
use crate::env;

/// Reads numbers, which have to be these.
async fn expect(messages: &mut Ordered, numbers: core::ops::Range<u32>) {
    for number in numbers {
        let message = env::within(messages.next()).await.unwrap().unwrap();
        assert_eq!(message.payload[..], *number.to_string().as_bytes());
    }
}

/// The next item, which has to say that the stream begins anew.
async fn expect_reset(messages: &mut Ordered) {
    let error = env::within(messages.next()).await.unwrap().unwrap_err();
    assert_eq!(error, OrderedError::StreamReset.into());
    assert!(!error.is_fatal());
}

async fn make_anew(stream: &Stream) {
    let context = stream.context();
    let config = stream.cached_info().config.clone();
    context.delete_stream(stream.name()).await.unwrap();
    context.create_stream(config).await.unwrap();
}

/// An ordered consumer reads a stream that was made anew from its beginning, and says so, be it shorter
/// than the one before or longer.
pub(crate) async fn streams_made_anew() {
    let jetstream = jetstream("streams_made_anew").await;
    let stream = own_stream(&jetstream, "ANEW").await;
    publish_numbers(&stream, 0..9).await;
    let consumer = stream.create_consumer(OrderedConfig::default()).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    expect(&mut messages, 0..9).await;
    make_anew(&stream).await;
    publish_numbers(&stream, 20..23).await;
    expect_reset(&mut messages).await;
    expect(&mut messages, 20..23).await;
    // When it was made is known now.
    make_anew(&stream).await;
    publish_numbers(&stream, 30..80).await;
    expect_reset(&mut messages).await;
    expect(&mut messages, 30..80).await;
    jetstream.client().force_reconnect();
    publish_numbers(&stream, 80..90).await;
    expect(&mut messages, 80..90).await;
    jetstream.delete_stream(stream.name()).await.unwrap();
    jetstream.client().close().await.unwrap();
}

/// A watch tells of a bucket that was made anew, and goes on with what that has.
pub(crate) async fn buckets_made_anew() {
    let jetstream = jetstream("buckets_made_anew").await;
    let store = own_bucket(&jetstream, "ANEW", kv::Config::default()).await;
    let mut watch = store.watch_all().await.unwrap();
    let mut next = async || env::within(watch.next()).await.unwrap();
    for value in ["1", "2", "3"] {
        store.put("key", value.into()).await.unwrap();
        assert_eq!(next().await.unwrap().value, value);
    }
    make_anew(&store.stream).await;
    store.put("key", "anew".into()).await.unwrap();
    let reset: OrderedMessagesError = next().await.unwrap_err();
    assert_eq!(reset, OrderedError::StreamReset.into());
    let entry = next().await.unwrap();
    assert_eq!((&entry.value[..], entry.revision), (&b"anew"[..], 1));
    jetstream.delete_key_value(store.bucket().as_str()).await.unwrap();
    jetstream.client().close().await.unwrap();
}
