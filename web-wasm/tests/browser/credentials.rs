//! The browser's keys, and credentials from the API.

use std::rc::Rc;

use futures_util::StreamExt;
use nkeys::KeyPair;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm::platform::LocalBoxFuture;
use web_wasm::{
    AuthError, Challenge, ConnectOptions, Custody, EndReason, Event, HttpCredentials,
    HttpCredentialsError, PageKey, Signer, UserKey,
};

use crate::common::expect_event;
use crate::env;

fn api(path: &str) -> String {
    let api = option_env!("WEB_WASM_TEST_API");
    [api.expect("run `just test-browser`"), path].concat()
}

/// A request that a page would make, and the status of its answer.
async fn post(path: &str) -> u16 {
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    let global = js_sys::global();
    let fetch = js_sys::Reflect::get(&global, &"fetch".into()).unwrap();
    let fetch: js_sys::Function = wasm_bindgen::JsCast::unchecked_into(fetch);
    let answer = fetch.call2(&global, &api(path).into(), &init).unwrap();
    let answer = JsFuture::from(js_sys::Promise::resolve(&answer)).await.unwrap();
    js_sys::Reflect::get(&answer, &"status".into()).unwrap().as_f64().unwrap() as u16
}

#[wasm_bindgen_test]
async fn keys_come_from_the_browsers_randomness() {
    let (first, second) = (UserKey::generate().unwrap(), UserKey::generate().unwrap());
    assert_ne!(first.public_key(), second.public_key());
    assert_eq!(first.public_key().len(), 56);
    let challenge = Challenge { nonce: Some("abc".into()), auth_required: true };
    assert_eq!(first.answer(&challenge, None).await.unwrap().signature.unwrap().len(), 86);
}

/// The browser keeps a key, signs with it, and shows it to nobody.
#[wasm_bindgen_test]
async fn the_browser_keeps_a_key_by_its_name() {
    assert!(PageKey::forget("kept").await);
    let key = PageKey::open("kept").await.unwrap();
    assert_eq!(key.custody(), Custody::Kept);
    let signature = key.sign(b"nonce").await.unwrap();
    let public = KeyPair::from_public_key(&key.public_key()).unwrap();
    public.verify(b"nonce", &signature).unwrap();
    assert!(public.verify(b"other", &signature).is_err());

    let again = PageKey::open("kept").await.unwrap();
    assert_eq!(again.public_key(), key.public_key(), "another visit");
    public.verify(b"again", &again.sign(b"again").await.unwrap()).unwrap();
    let other = PageKey::open("other").await.unwrap();
    assert_ne!(other.public_key(), key.public_key());
    assert!(PageKey::forget("kept").await);
    let new = PageKey::open("kept").await.unwrap();
    assert_ne!(new.public_key(), key.public_key(), "forgotten");
    public.verify(b"nonce", &key.sign(b"nonce").await.unwrap()).unwrap();
}

/// Two tabs that open a key at the same moment get the same one.
#[wasm_bindgen_test]
async fn tabs_that_race_for_a_key_share_it() {
    assert!(PageKey::forget("raced").await);
    let tabs = futures_util::future::join_all((0..8).map(|_| PageKey::open("raced"))).await;
    let keys: Vec<String> = tabs.into_iter().map(|key| key.unwrap().public_key()).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

/// What the browser keeps of a key is not to be had by script.
#[wasm_bindgen_test]
async fn a_kept_key_can_not_be_read() {
    PageKey::open("unreadable").await.unwrap();
    let source = r#"return (async () => {
        const database = await new Promise((resolve, reject) => {
            const request = indexedDB.open("web-wasm");
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
        });
        const pair = await new Promise((resolve, reject) => {
            const request =
                database.transaction("keys").objectStore("keys").get("unreadable");
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
        });
        database.close();
        if (pair.privateKey.extractable) return "extractable";
        for (const format of ["jwk", "pkcs8", "raw"]) {
            try {
                await crypto.subtle.exportKey(format, pair.privateKey);
                return format;
            } catch {}
        }
        return "unreadable";
    })()"#;
    let read = js_sys::Function::new_no_args(source).call0(&JsValue::UNDEFINED).unwrap();
    let read = JsFuture::from(js_sys::Promise::resolve(&read)).await.unwrap();
    assert_eq!(read, "unreadable");
}

#[wasm_bindgen_test]
async fn an_api_that_is_not_there_is_named_and_left_alone() {
    let key = Rc::new(UserKey::generate().unwrap());
    let credentials = HttpCredentials::new("http://127.0.0.1:9/v1/credentials", Rc::clone(&key));
    let error = env::within(credentials.grant()).await.unwrap_err();
    assert!(matches!(error, HttpCredentialsError::Unreachable(_)), "{error:?}");
    // The second question is answered by the first one's failure.
    assert_eq!(credentials.grant().await.unwrap_err(), error);
    credentials.set_bearer("s3cret");
    assert!(!format!("{credentials:?}").contains("s3cret"));
}

/// A key that is none.
struct Nonsense;

impl Signer for Nonsense {
    fn public_key(&self) -> String {
        "nonsense".into()
    }

    fn sign<'a>(&'a self, _: &'a [u8]) -> LocalBoxFuture<'a, Result<Vec<u8>, AuthError>> {
        Box::pin(async { Err(AuthError::fatal("never")) })
    }
}

#[wasm_bindgen_test]
async fn what_the_api_makes_of_a_question_is_named() {
    let credentials = HttpCredentials::new(api("/v1/credentials"), Rc::new(Nonsense));
    let error = env::within(credentials.grant()).await.unwrap_err();
    let HttpCredentialsError::Failed { status: 400, code, .. } = error else { panic!("{error:?}") };
    assert_eq!(code, "invalid_nkey");
    let no_api_of_credentials = HttpCredentials::new(api("/ping"), Rc::new(Nonsense));
    let error = env::within(no_api_of_credentials.grant()).await.unwrap_err();
    assert!(matches!(error, HttpCredentialsError::Malformed(_)), "{error:?}");
}

/// Whoever asks while a question is on its way shares its answer.
#[wasm_bindgen_test]
async fn questions_at_the_same_moment_are_one() {
    let key = Rc::new(PageKey::open("shared").await.unwrap());
    let credentials = HttpCredentials::new(api("/v1/credentials"), key);
    let grants = (0..20).map(|_| credentials.grant());
    let grants = env::within(futures_util::future::join_all(grants)).await;
    let first = grants[0].clone().unwrap();
    assert_eq!(first.ttl, 4);
    assert!(grants.into_iter().all(|grant| grant.unwrap() == first), "the very same token");
    assert_eq!(credentials.grant().await.unwrap(), first, "it is kept while it is fresh");
}

/// What is asked for can change, and what may not be had is told.
#[wasm_bindgen_test]
async fn roles_and_channels_are_asked_for() {
    let key = Rc::new(PageKey::open("channels").await.unwrap());
    let credentials = HttpCredentials::new(api("/v1/credentials"), key);
    let first = env::within(credentials.grant()).await.unwrap();
    credentials.set_channels(["room:7"]);
    let error = env::within(credentials.grant()).await.unwrap_err();
    let HttpCredentialsError::Refused { status: 403, code, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(code, "channel_not_allowed");
    credentials.set_channels(Vec::<String>::new());
    credentials.set_role("backend");
    let error = env::within(credentials.grant()).await.unwrap_err();
    let HttpCredentialsError::Refused { status: 403, code, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(code, "role_not_allowed");
    credentials.set_role("guest");
    assert_ne!(env::within(credentials.grant()).await.unwrap(), first, "another one");
}

/// A page as it is meant to be: its key is the browser's, its credential is the API's and renewed
/// before it expires, and no update is lost or doubled meanwhile.
#[wasm_bindgen_test]
async fn a_page_stays_beyond_the_life_of_its_credential() {
    let key = Rc::new(PageKey::open("visitor").await.unwrap());
    let credentials = Rc::new(HttpCredentials::new(api("/v1/credentials"), Rc::clone(&key)));
    let grant = env::within(credentials.grant()).await.unwrap();
    assert_eq!(grant.inbox_prefix, format!("_INBOX.{}", key.public_key()));
    let options = ConnectOptions::new().custom_inbox_prefix(&grant.inbox_prefix);
    let client = options.credentials(credentials).connect(grant.servers).await.unwrap();
    let mut events = client.events();
    let mut updates = client.subscribe("com.scaling-ws.updates").await.unwrap();
    let denied = client.subscribe("somebody.elses").await.unwrap();
    client.flush().await.unwrap();
    assert!(matches!(denied.end_reason(), Some(EndReason::Refused(_))));
    let refused = expect_event(&mut events, |_| true).await;
    assert!(matches!(refused, Event::ServerError(_)), "{refused:?}");

    let began = env::unix_time();
    let (mut pings, mut handovers) = (0, 0);
    // For longer than the first credential lasts.
    while handovers < 2 || env::unix_time() <= began + grant.ttl {
        assert_eq!(env::within(post("/ping")).await, 200);
        pings += 1;
        env::within(updates.next()).await.expect("each ping is an update");
        while let Some(Some(event)) = futures_util::FutureExt::now_or_never(events.next()) {
            assert!(matches!(event, Event::HandedOver { broke: None, .. }), "{event:?}");
            handovers += 1;
        }
        env::pause(20).await;
    }
    client.flush().await.unwrap();
    let possible = client.statistics().possible_duplicates;
    assert!(updates.pending() as u64 <= possible, "of {pings} some came twice");
    client.close().await.unwrap();
}
