//! Arguments of every kind.

use js_sys::{BigInt, Function, Object, Proxy, Symbol, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm_js::wsconnect;

use crate::page::{
    NONE, call, calling, code, connect, connect_with, get, json, recorder, settle, unique, with,
    words,
};

#[wasm_bindgen_test]
async fn unknown_options_are_named() {
    let nc = connect().await;
    let (function, _) = recorder();
    let unknown = json(r#"{"replyTo":"x"}"#);
    let subject = JsValue::from("a");
    for error in [
        nc.publish(&subject, &NONE, &unknown).unwrap_err(),
        nc.subscribe(&subject, &with(calling(&function), "replyTo", &NONE)).unwrap_err(),
        settle(nc.request(&subject, &NONE, &unknown)).await.unwrap_err(),
        connect_with(json(r#"{"replyTo":true}"#)).await.unwrap_err(),
    ] {
        assert_eq!(code(&error), "unknown_option");
        assert!(words(&error).contains("\"replyTo\""), "{}", words(&error));
    }
    settle(nc.close()).await.unwrap();
}

#[wasm_bindgen_test]
async fn options_of_the_wrong_kind_are_named() {
    for (options, named) in [
        (r#"{"name":5}"#, "name"),
        (r#"{"noEcho":"yes"}"#, "noEcho"),
        (r#"{"timeout":0}"#, "timeout"),
        (r#"{"timeout":"5s"}"#, "timeout"),
        (r#"{"pingInterval":-1}"#, "pingInterval"),
        (r#"{"maxPingOut":0}"#, "maxPingOut"),
        (r#"{"maxReconnectAttempts":1.5}"#, "maxReconnectAttempts"),
        (r#"{"reconnect":"no"}"#, "reconnect"),
        (r#"{"authenticator":{}}"#, "authenticator"),
        (r#"{"user":"me"}"#, "pass"),
        (r#"{"user":"me","pass":"x","token":"t"}"#, "token"),
    ] {
        let error = connect_with(json(options)).await.unwrap_err();
        assert_eq!(code(&error), "invalid_option", "{options}");
        assert!(words(&error).contains(named), "{options}: {}", words(&error));
    }
    for servers in ["5", "[5]", "{}"] {
        let options = with(json("{}"), "servers", &json(servers));
        assert_eq!(code(&settle(wsconnect(&options)).await.unwrap_err()), "invalid_option");
    }
    let prefix = connect_with(json(r#"{"inboxPrefix":"a.>"}"#)).await.unwrap_err();
    assert_eq!(code(&prefix), "invalid_inbox_prefix");
    let absent = r#"{"name":null,"user":null,"noEcho":null,"timeout":null}"#;
    settle(connect_with(json(absent)).await.unwrap().close()).await.unwrap();
}

#[wasm_bindgen_test]
async fn every_refusal_has_its_code() {
    let nc = connect().await;
    let (function, _) = recorder();
    let publish = |subject: &str, payload: &JsValue, options: &str| {
        code(&nc.publish(&subject.into(), payload, &json(options)).unwrap_err())
    };
    assert_eq!(publish("a b", &NONE, "{}"), "invalid_subject");
    assert_eq!(publish("a.*", &NONE, "{}"), "invalid_subject");
    assert_eq!(publish("", &NONE, "{}"), "invalid_subject");
    assert_eq!(publish("a", &NONE, r#"{"reply":"r\r\nPUB evil 0"}"#), "invalid_reply_subject");
    assert_eq!(publish("a", &NONE, r#"{"headers":{"a b":"x"}}"#), "invalid_header");
    assert_eq!(publish("a", &NONE, r#"{"headers":{"a":["x","y\r\nz"]}}"#), "invalid_header");
    assert_eq!(publish("a", &NONE, r#"{"headers":{"a":5}}"#), "invalid_argument");
    assert_eq!(publish("a", &NONE, r#"{"headers":"a: b"}"#), "invalid_argument");
    assert_eq!(publish("a", &5.into(), "{}"), "invalid_argument");
    let large = Uint8Array::new_with_length((1 << 20) + 1);
    assert_eq!(publish("a", &large, "{}"), "max_payload_exceeded");

    let subscribe = |subject: &str, options: &JsValue| {
        code(&nc.subscribe(&subject.into(), options).unwrap_err())
    };
    assert_eq!(subscribe("a..b", &calling(&function)), "invalid_subject");
    assert_eq!(subscribe("a", &NONE), "invalid_option");
    assert_eq!(subscribe("a", &json("{}")), "invalid_option");
    let queue = with(calling(&function), "queue", &"q q".into());
    assert_eq!(subscribe("a", &queue), "invalid_queue_group");
    for max in [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY, 1e17] {
        assert_eq!(subscribe("a", &with(calling(&function), "max", &max.into())), "invalid_option");
    }
    let sub = nc.subscribe(&unique("a"), &calling(&function)).unwrap();
    assert_eq!(code(&sub.unsubscribe(&"two".into()).unwrap_err()), "invalid_argument");
    let asked = nc.request(&"a".into(), &NONE, &json(r#"{"timeout":-5}"#));
    assert_eq!(code(&settle(asked).await.unwrap_err()), "invalid_option");
    settle(nc.close()).await.unwrap();
}

/// Values that are nothing in particular.
fn oddities() -> Vec<JsValue> {
    let handler = json("{}");
    let revocable = Proxy::revocable(&Object::new(), handler.unchecked_ref());
    call(&revocable, &"revoke".into(), &[]);
    let throw = Function::new_no_args("throw new Error('a trap')");
    let trap = with(json("{}"), "get", &throw);
    let trapped = Proxy::new(&json(r#"{"reply":1,"servers":1}"#), trap.unchecked_ref());
    vec![
        JsValue::UNDEFINED,
        JsValue::NULL,
        JsValue::TRUE,
        f64::NAN.into(),
        (-1).into(),
        "".into(),
        Function::new_no_args("return '\\ud800'").call0(&NONE).unwrap(),
        BigInt::from(5).into(),
        Symbol::for_("odd").into(),
        Function::new_no_args("").into(),
        Object::new().into(),
        js_sys::Array::of1(&1.into()).into(),
        Function::new_no_args("return Object.create(null)").call0(&NONE).unwrap(),
        get(&revocable, "proxy"),
        trapped.into(),
        Function::new_no_args("return Object.create(Uint8Array.prototype)").call0(&NONE).unwrap(),
        Uint8Array::new_with_length(0).into(),
    ]
}

#[wasm_bindgen_test]
async fn no_value_does_harm() {
    let nc = connect().await;
    let (function, _) = recorder();
    let subject = unique("odd");
    let sub = nc.subscribe(&subject, &calling(&function)).unwrap();
    let mut thrown = Vec::new();
    for odd in oddities() {
        let promises = [
            wsconnect(&odd),
            wsconnect(&with(json("{}"), "servers", &odd)),
            nc.request(&odd, &NONE, &NONE),
            nc.request(&unique("nobody"), &NONE, &with(json("{}"), "headers", &odd)),
        ];
        for promise in promises {
            thrown.extend(settle(promise).await.err());
        }
        for option in ["reply", "headers", "queue", "max", "callback", "timeout"] {
            let options = with(json("{}"), option, &odd);
            thrown.extend(nc.publish(&subject, &NONE, &options).err());
            thrown.extend(nc.subscribe(&subject, &options).err());
        }
        thrown.extend(nc.publish(&odd, &NONE, &NONE).err());
        thrown.extend(nc.publish(&subject, &NONE, &odd).err());
        thrown.extend(nc.subscribe(&odd, &calling(&function)).err());
        thrown.extend(nc.subscribe(&subject, &odd).err());
    }
    assert!(thrown.len() > 200, "{}", thrown.len());
    for error in &thrown {
        code(error);
    }
    sub.unsubscribe(&NONE).unwrap();
    settle(nc.flush()).await.unwrap();
    settle(nc.close()).await.unwrap();
}
