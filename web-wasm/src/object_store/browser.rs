//! What a browser has bytes in.

use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream;
use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use nats_proto::object_store::DEFAULT_CHUNK_SIZE;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ReadableStream, ReadableStreamDefaultReader};

/// The browser could not read bytes: a file has changed, say, or a stream failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsReadError(String);

impl From<JsValue> for JsReadError {
    fn from(error: JsValue) -> Self {
        let text = error.dyn_ref::<js_sys::Error>().map(js_sys::Error::message);
        Self(text.map_or_else(|| format!("{error:?}"), String::from))
    }
}

/// The bytes of a `Blob`, a `File` among them, read as they are needed.
///
/// ```no_run
/// # async fn example(store: web_wasm::object_store::ObjectStore, file: web_sys::File)
/// # -> Result<(), Box<dyn core::error::Error>> {
/// use web_wasm::object_store::blob_stream;
///
/// let put = store.put(file.name(), blob_stream(&file));
/// put.on_progress(|bytes| web_sys::console::log_1(&(bytes as f64).into())).await?;
/// # Ok(())
/// # }
/// ```
pub fn blob_stream(blob: &Blob) -> impl Stream<Item = Result<Bytes, JsReadError>> + use<> {
    let blob = blob.clone();
    stream::try_unfold(0.0, move |start| {
        let blob = blob.clone();
        async move {
            if start >= blob.size() {
                return Ok(None);
            }
            let end = (start + DEFAULT_CHUNK_SIZE as f64).min(blob.size());
            let part = blob.slice_with_f64_and_f64(start, end)?;
            let buffer = JsFuture::from(part.array_buffer()).await?;
            let bytes = Uint8Array::new(&buffer.unchecked_into::<ArrayBuffer>()).to_vec();
            Ok(Some((Bytes::from(bytes), end)))
        }
    })
}

/// The bytes of a `ReadableStream` of `Uint8Array`s, such as the body of a response, read as they are
/// needed. Dropping it cancels the stream.
///
/// # Errors
/// [`JsReadError`], if somebody else reads the stream.
pub fn readable_stream(
    stream: &ReadableStream,
) -> Result<impl Stream<Item = Result<Bytes, JsReadError>> + use<>, JsReadError> {
    if stream.locked() {
        return Err(JsReadError("the stream is read by somebody else".into()));
    }
    let reader = Reader(stream.get_reader().unchecked_into());
    Ok(stream::try_unfold(reader, async |reader| {
        let result = JsFuture::from(reader.0.read()).await?;
        if Reflect::get(&result, &"done".into())?.is_truthy() {
            return Ok(None);
        }
        let value = Reflect::get(&result, &"value".into())?;
        let Some(bytes) = value.dyn_ref::<Uint8Array>() else {
            return Err(JsReadError("the stream has something else than bytes".into()));
        };
        Ok(Some((Bytes::from(bytes.to_vec()), reader)))
    }))
}

struct Reader(ReadableStreamDefaultReader);

impl Drop for Reader {
    fn drop(&mut self) {
        // A stream that has ended takes no notice; the promise may be refused, which concerns nobody.
        let _ = self.0.cancel();
    }
}
