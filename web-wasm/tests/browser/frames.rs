//! Frames as the browser has them.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::StreamExt;
use js_sys::Uint8Array;
use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm::transport::BrowserFrame;
use web_wasm::{ConnectOptions, Pace};

use crate::env;

/// A handler finds what it is called with where the browser has it, but for what came in two frames.
#[wasm_bindgen_test]
async fn payloads_are_found_in_the_browsers_memory() {
    const MESSAGES: usize = 500;
    let client = env::connect(ConnectOptions::new()).await.unwrap();
    let subject = client.new_inbox();
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    let found = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&found);
    subscriber.handle_with(move |messages| {
        for message in messages {
            let frame = BrowserFrame::of(&message.payload);
            let place = frame.as_ref().and_then(|frame| frame.range_of(&message.payload));
            let of_browser = frame.zip(place).map(|(frame, place)| {
                let (start, len) = (place.start as u32, place.len() as u32);
                let view = Uint8Array::new_with_byte_offset_and_length(&frame.buffer(), start, len);
                view.to_vec()
            });
            told.borrow_mut().push((message.payload, of_browser));
        }
        Pace::Continue
    });
    subscriber.unsubscribe_after(MESSAGES as u64);
    for number in 0..MESSAGES {
        let payload = format!("{number} {}", "x".repeat(number % 90));
        client.publish(&*subject, payload.into()).await.unwrap();
    }
    assert!(env::within(subscriber.next()).await.is_none(), "a handler has taken all");

    let found = found.take();
    assert_eq!(found.len(), MESSAGES);
    for (number, (payload, of_browser)) in found.iter().enumerate() {
        assert!(payload.starts_with(format!("{number} ").as_bytes()));
        assert!(of_browser.as_ref().is_none_or(|bytes| bytes == payload));
    }
    // A server's frame has four kilobytes: a few of these came in two.
    let elsewhere = found.iter().filter(|(_, of_browser)| of_browser.is_none()).count();
    assert!(elsewhere < MESSAGES / 10, "{elsewhere} of {MESSAGES}");
    assert!(BrowserFrame::of(&found[0].0).is_none(), "other frames were read since");
    client.close().await.unwrap();
}
