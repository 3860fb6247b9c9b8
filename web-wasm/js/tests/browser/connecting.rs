//! A connection from its beginning to its end.

use js_sys::{Function, Symbol};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm_js::wsconnect;

use crate::page::{
    Connection, NONE, call, calling, code, connect, connect_with, get, json, recorder, server,
    settle, unique, with, words,
};

#[wasm_bindgen_test]
async fn a_connection_tells_of_itself() {
    let nc = connect().await;
    assert!(!nc.is_closed());
    let info = get(&nc, "info");
    assert_eq!(get(&info, "server_name"), "test-server");
    assert_eq!(get(&info, "max_payload"), 1 << 20);
    assert!(get(&info, "client_id").as_f64().unwrap() > 0.0);
    assert!(get(&info, "nonce").is_undefined());
    nc.publish(&unique("a"), &"four".into(), &NONE).unwrap();
    let rtt = settle(nc.rtt()).await.unwrap().as_f64().unwrap();
    assert!((0.0..20_000.0).contains(&rtt), "{rtt}");
    let stats = nc.stats();
    assert_eq!(get(&stats, "outMsgs"), 1);
    assert_eq!(get(&stats, "inMsgs"), 0);
    assert_eq!(get(&stats, "connects"), 1);
    assert!(get(&stats, "outBytes").as_f64() > Some(20.0));
    assert_eq!(call(&nc, &"getServer".into(), &[]), server());
    settle(nc.close()).await.unwrap();
    assert!(nc.is_closed());
}

#[wasm_bindgen_test]
async fn closing_is_the_end() {
    let nc = connect().await;
    let closed = nc.closed();
    let (function, calls) = recorder();
    let sub = nc.subscribe(&unique("closing"), &calling(&function)).unwrap();
    settle(nc.close()).await.unwrap();
    assert!(nc.is_closed());
    assert!(settle(closed).await.unwrap().is_undefined());
    assert!(settle(nc.closed()).await.unwrap().is_undefined(), "it can be asked again");
    crate::page::until(|| sub.has_ended()).await;
    assert!(calls.borrow().is_empty(), "closing is no error");
    let subject = unique("late");
    assert_eq!(code(&nc.publish(&subject, &NONE, &NONE).unwrap_err()), "connection_closed");
    let late = nc.subscribe(&subject, &calling(&function)).unwrap_err();
    assert_eq!(code(&late), "connection_closed");
    for promise in [nc.flush(), nc.rtt(), nc.drain(), nc.request(&subject, &NONE, &NONE)] {
        assert_eq!(code(&settle(promise).await.unwrap_err()), "connection_closed");
    }
    settle(nc.close()).await.unwrap();
}

#[wasm_bindgen_test]
async fn freeing_the_last_object_closes() {
    let nc = connect().await;
    let closed = nc.closed();
    let (function, _) = recorder();
    let ended = nc.subscribe(&unique("ended"), &calling(&function)).unwrap();
    ended.unsubscribe(&NONE).unwrap();
    let pending = nc.flush();
    nc.free();
    settle(pending).await.unwrap();
    assert!(settle(closed).await.unwrap().is_undefined());
    assert!(ended.has_ended(), "it is still there, and did not hold the connection");
}

/// The next of a status iterator: its value, and whether it is done.
async fn next(iterator: &JsValue) -> (JsValue, bool) {
    let result = settle(call(iterator, &"next".into(), &[]).unchecked_into()).await.unwrap();
    (get(&result, "value"), get(&result, "done").is_truthy())
}

#[wasm_bindgen_test]
async fn status_tells_what_happens() {
    let nc = connect().await;
    let iterator = call(&nc.status(), &Symbol::async_iterator().into(), &[]);
    // An iterator may be asked again before it has answered.
    let asked: Vec<_> = (0..4).map(|_| call(&iterator, &"next".into(), &[])).collect();
    settle(nc.close()).await.unwrap();
    let mut events = Vec::new();
    for asked in asked {
        events.push(settle(asked.unchecked_into()).await.unwrap());
    }
    let value = |index: usize, name: &str| get(&get(&events[index], "value"), name);
    assert_eq!(value(0, "type"), "disconnect");
    assert_eq!(code(&value(0, "error")), "connection_closed");
    assert_eq!(value(0, "unconfirmed"), 0);
    assert_eq!((value(1, "type"), value(1, "discarded")), ("close".into(), 0.into()));
    assert!(value(1, "error").is_undefined());
    for event in &events[2..] {
        assert!(get(event, "done").is_truthy() && get(event, "value").is_undefined());
    }
}

#[wasm_bindgen_test]
async fn leaving_the_loop_ends_the_iteration() {
    let nc = connect().await;
    let source =
        "for await (const event of status) { if (event.type === 'draining') return event; }";
    let constructor = Function::new_no_args("return (async () => {}).constructor");
    let constructor: Function = constructor.call0(&NONE).unwrap().unchecked_into();
    let run = constructor.call2(&NONE, &"status".into(), &source.into()).unwrap();
    let status = nc.status();
    let left = run.unchecked_into::<Function>().call1(&NONE, &status).unwrap();
    settle(nc.drain()).await.unwrap();
    let event = settle(left.unchecked_into()).await.unwrap();
    assert_eq!(get(&event, "type"), "draining");
    assert_eq!(next(&status).await, (NONE, true));
}

#[wasm_bindgen_test]
async fn where_there_is_no_server_connecting_says_so() {
    let nowhere = json(r#"{"servers":"ws://127.0.0.1:9"}"#);
    let error = settle(wsconnect(&nowhere)).await.unwrap_err();
    assert_eq!(code(&error), "transport_closed");
    for options in [r#"{"servers":[]}"#, "{}"] {
        assert_eq!(code(&settle(wsconnect(&json(options))).await.unwrap_err()), "no_servers");
    }
    let nowhere = |option: &str| {
        json(&format!(
            r#"{{"servers":"ws://127.0.0.1:9","{option}":true,"maxReconnectAttempts":2}}"#
        ))
    };
    let waited = settle(wsconnect(&nowhere("waitOnFirstConnect"))).await.unwrap_err();
    assert_eq!(code(&waited), "transport_closed");
    let patient = nowhere("retryOnInitialConnect");
    let nc = settle(wsconnect(&patient)).await.unwrap().unchecked_into::<Connection>();
    let status = nc.status();
    assert!(get(&nc, "info").is_undefined());
    nc.publish(&"a".into(), &"waits".into(), &NONE).unwrap();
    assert_eq!(code(&settle(nc.closed()).await.unwrap()), "transport_closed");
    let mut types = Vec::new();
    while let (event, false) = next(&status).await {
        types.push(get(&event, "type").as_string().unwrap());
        if let Some("close") = types.last().map(String::as_str) {
            assert_eq!(get(&event, "discarded"), 1);
        }
    }
    let expected = ["connectFailed", "connecting", "connectFailed", "close"];
    assert_eq!(types[types.len() - 4..], expected, "{types:?}");
}

#[wasm_bindgen_test]
async fn servers_come_one_or_many() {
    let several = with(json("{}"), "servers", &js_sys::Array::of1(&server().into()));
    let nc: Connection = settle(wsconnect(&several)).await.unwrap().unchecked_into();
    settle(nc.close()).await.unwrap();
    let secret = json(r#"{"servers":"ws://me:s3cret@localhost"}"#);
    let error = settle(wsconnect(&secret)).await.unwrap_err();
    assert_eq!(code(&error), "invalid_server_address");
    assert!(!words(&error).contains("s3cret"));
}

/// What connecting with an authenticator of this JavaScript comes to.
async fn authenticated(source: &str) -> Result<Connection, JsValue> {
    let function = Function::new_with_args("nonce", source);
    connect_with(with(json("{}"), "authenticator", &function)).await
}

#[wasm_bindgen_test]
async fn an_authenticator_is_asked() {
    for source in [
        "return Promise.resolve({ user: 'me', pass: String(nonce) })",
        "return { jwt: 'x', sig: 'y', nkey: null }",
        "return undefined",
    ] {
        let nc = authenticated(source).await.unwrap();
        settle(nc.close()).await.unwrap();
    }
    for (source, expected) in [
        ("throw new Error('no key')", "no key"),
        ("return Promise.reject('not today')", "not today"),
        ("return Promise.reject(5)", "something without words"),
        ("return { seed: 'SU' }", "\"seed\""),
        ("return { jwt: 5 }", "jwt"),
        ("return 'a string'", "an object"),
    ] {
        let error = authenticated(source).await.unwrap_err();
        assert_eq!(code(&error), "no_credentials", "{source}");
        assert!(words(&error).contains(expected), "{source}: {}", words(&error));
    }
}
