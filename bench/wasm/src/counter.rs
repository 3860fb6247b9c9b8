//! What consumers do with messages: count them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::clock;

/// Counts messages up to a number; the clock runs from the first one.
#[wasm_bindgen]
#[derive(Clone, Debug, Default)]
pub struct Counter {
    counted: Rc<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    left: Cell<u64>,
    bytes: Cell<u64>,
    first: Cell<Option<f64>>,
    finish: RefCell<Option<oneshot::Sender<f64>>>,
    finished: RefCell<Option<oneshot::Receiver<f64>>>,
}

impl Counter {
    /// A message of so many bytes has come.
    pub(crate) fn take(&self, length: usize) {
        let counted = &*self.counted;
        if counted.first.get().is_none() {
            counted.first.set(Some(clock::now()));
        }
        counted.bytes.set(counted.bytes.get() + length as u64);
        let left = counted.left.get().saturating_sub(1);
        counted.left.set(left);
        if left == 0
            && let Some(finish) = counted.finish.take()
        {
            finish.send(clock::now()).ok();
        }
    }
}

#[wasm_bindgen]
impl Counter {
    /// Begins to count.
    pub fn arm(&self, count: f64) {
        let (finish, finished) = oneshot::channel();
        self.counted.left.set(count as u64);
        self.counted.bytes.set(0);
        self.counted.first.set(None);
        self.counted.finish.replace(Some(finish));
        self.counted.finished.replace(Some(finished));
    }

    /// Waits for all of them: `{ bytes, elapsed }`.
    ///
    /// # Errors
    /// A text if nothing was counted.
    pub async fn done(&self) -> Result<JsValue, JsValue> {
        let finished = self.counted.finished.take().ok_or("not armed")?;
        let last = finished.await.map_err(|_| "armed again")?;
        let elapsed = last - self.counted.first.get().unwrap_or(last);
        let done = Object::new();
        Reflect::set(&done, &"bytes".into(), &(self.counted.bytes.get() as f64).into())?;
        Reflect::set(&done, &"elapsed".into(), &elapsed.into())?;
        Ok(done.into())
    }
}
