//! The client in Chromium, in a window and in a worker, against a real nats-server.
//!
//! `tools/test-browser.sh` starts the server and names it in `WEB_WASM_TEST_SERVER`.

#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod common;
#[path = "browser/env.rs"]
mod env;

use std::rc::Rc;

use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm::{Challenge, HttpCredentials, HttpCredentialsError, UserKey};

scenarios!(wasm_bindgen_test, env::here);

#[wasm_bindgen_test]
fn keys_come_from_the_browsers_randomness() {
    let (first, second) = (UserKey::generate().unwrap(), UserKey::generate().unwrap());
    assert_ne!(first.public_key(), second.public_key());
    assert_eq!(first.public_key().len(), 56);
    let challenge = Challenge { nonce: Some("abc".into()), auth_required: true };
    assert_eq!(first.answer(&challenge, None).unwrap().signature.unwrap().len(), 86);
}

#[wasm_bindgen_test]
async fn an_api_that_is_not_there_is_named() {
    let key = Rc::new(UserKey::generate().unwrap());
    let credentials = HttpCredentials::new("http://127.0.0.1:9/v1/credentials", Rc::clone(&key));
    let error = env::within(credentials.grant()).await.unwrap_err();
    assert!(matches!(error, HttpCredentialsError::Unreachable(_)), "{error:?}");
}
