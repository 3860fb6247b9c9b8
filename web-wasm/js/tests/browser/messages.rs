//! Messages on their ways.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{
    Msg, NONE, Subscription, call, callback, calling, code, connect, connect_with, get, json,
    messages, recorder, settle, texts, unique, until, with,
};

#[wasm_bindgen_test]
async fn messages_arrive_whole() {
    let nc = connect().await;
    let subject = unique("whole");
    let (function, calls) = recorder();
    let sub = nc.subscribe(&subject, &calling(&function)).unwrap();
    assert_eq!(JsValue::from(sub.subject()), subject);

    let bytes = Uint8Array::from(&[0, 255, 13, 10][..]);
    nc.publish(&subject, &"{\"grüße\":[1]}".into(), &NONE).unwrap();
    nc.publish(&subject, &bytes, &JsValue::NULL).unwrap();
    nc.publish(&subject, &NONE, &NONE).unwrap();
    let options = json(r#"{"reply":"re.ply","headers":{"A":["1","é"],"b":"2","C":[]}}"#);
    nc.publish(&subject, &"x".into(), &options).unwrap();
    settle(nc.flush()).await.unwrap();
    until(|| calls.borrow().len() == 4).await;

    let all = messages(&calls);
    assert_eq!(get(&all[0], "subject"), subject);
    assert_eq!(all[0].string(), "{\"grüße\":[1]}");
    assert_eq!(get(&get(&all[0].json().unwrap(), "grüße"), "0"), 1);
    let data: Uint8Array = get(&all[1], "data").dyn_into().unwrap();
    assert_eq!(data.to_vec(), [0, 255, 13, 10]);
    assert!(js_sys::Object::is(&data, &get(&all[1], "data")), "it is copied once");
    assert_eq!(all[1].string(), "\0\u{fffd}\r\n");
    assert_eq!(code(&all[1].json().unwrap_err()), "invalid_json");
    let data: Uint8Array = get(&all[2], "data").dyn_into().unwrap();
    assert_eq!(data.length(), 0);
    assert!(get(&all[2], "reply").is_undefined() && get(&all[2], "headers").is_undefined());
    assert_eq!(all[2].respond(&"nobody asked".into(), &NONE).unwrap(), false);

    assert_eq!(get(&all[3], "reply"), "re.ply");
    let headers = get(&all[3], "headers");
    let of = |method: &str, name: &str| call(&headers, &method.into(), &[name.into()]);
    assert_eq!(of("get", "A"), "1");
    assert_eq!(texts(&of("values", "A")), ["1", "é"]);
    assert_eq!((of("has", "b"), of("has", "B")), (true.into(), false.into()));
    assert!(of("get", "C") == "" && texts(&of("values", "C")).is_empty());
    assert_eq!(texts(&call(&headers, &"keys".into(), &[])), ["A", "b"]);
    settle(nc.close()).await.unwrap();
}

#[wasm_bindgen_test]
async fn requests_are_answered() {
    let nc = connect().await;
    let subject = unique("service");
    let respond = callback(|error, message| {
        assert!(error.is_null());
        let message: Msg = message.unchecked_into();
        if message.string() != "silence" {
            let options = json(r#"{"headers":{"Served":"yes"}}"#);
            assert_eq!(message.respond(&message.string().into(), &options).unwrap(), true);
        }
    });
    nc.subscribe(&subject, &calling(&respond)).unwrap();
    let answers: Vec<_> =
        (0..20).map(|n| nc.request(&subject, &n.to_string().into(), &NONE)).collect();
    for (number, answer) in answers.into_iter().enumerate() {
        let answer: Msg = settle(answer).await.unwrap().unchecked_into();
        assert_eq!(answer.string(), number.to_string());
        let headers = get(&answer, "headers");
        assert_eq!(call(&headers, &"get".into(), &["Served".into()]), "yes");
    }
    let silence = nc.request(&subject, &"silence".into(), &json(r#"{"timeout":50}"#));
    assert_eq!(code(&settle(silence).await.unwrap_err()), "timeout");
    let nobody = nc.request(&unique("nobody"), &NONE, &NONE);
    assert_eq!(code(&settle(nobody).await.unwrap_err()), "no_responders");
    settle(nc.close()).await.unwrap();
}

#[wasm_bindgen_test]
async fn calls_take_effect_in_their_order() {
    let nc = connect().await;
    let subject = unique("order");
    let (function, calls) = recorder();
    nc.subscribe(&subject, &calling(&function)).unwrap();
    let asked = nc.request(&subject, &"first".into(), &json(r#"{"timeout":1}"#));
    nc.publish(&subject, &"second".into(), &NONE).unwrap();
    assert_eq!(code(&settle(asked).await.unwrap_err()), "timeout");
    until(|| calls.borrow().len() == 2).await;
    assert_eq!(messages(&calls)[0].string(), "first");
    settle(nc.close()).await.unwrap();
}

#[wasm_bindgen_test]
async fn subscriptions_end_when_they_should() {
    let nc = connect().await;
    let subject = unique("ending");
    let ((by_max, max_calls), (by_hand, hand_calls), (drained, drain_calls)) =
        (recorder(), recorder(), recorder());
    let options = with(calling(&by_max), "max", &2.into());
    let by_max = nc.subscribe(&subject, &options).unwrap();
    let later = recorder();
    let max_later = nc.subscribe(&subject, &calling(&later.0)).unwrap();
    let by_hand = nc.subscribe(&subject, &calling(&by_hand)).unwrap();
    let drained = nc.subscribe(&subject, &calling(&drained)).unwrap();
    max_later.unsubscribe(&1.into()).unwrap();
    for _ in 0..3 {
        nc.publish(&subject, &"x".into(), &NONE).unwrap();
    }
    drained.drain_subscription();
    assert!(!drained.has_ended());
    by_hand.unsubscribe(&NONE).unwrap();
    assert!(by_hand.has_ended());
    until(|| by_max.has_ended() && max_later.has_ended() && drained.has_ended()).await;
    assert_eq!(messages(&max_calls).len(), 2);
    assert_eq!(messages(&later.1).len(), 1);
    assert_eq!(messages(&drain_calls).len(), 3);
    assert!(hand_calls.borrow().is_empty(), "the callback is not called after unsubscribe");
    assert_eq!(by_max.dropped(), 0.0);
    by_max.unsubscribe(&NONE).unwrap();
    settle(nc.close()).await.unwrap();
}

#[wasm_bindgen_test]
async fn a_callback_may_end_its_own_subscription() {
    let nc = connect().await;
    let subject = unique("once");
    let own: Rc<RefCell<Option<Subscription>>> = Rc::default();
    let count = Rc::new(Cell::new(0));
    let function = callback({
        let (own, count) = (Rc::clone(&own), Rc::clone(&count));
        move |_, _| {
            count.set(count.get() + 1);
            own.borrow().as_ref().unwrap().unsubscribe(&NONE).unwrap();
        }
    });
    own.replace(Some(nc.subscribe(&subject, &calling(&function)).unwrap()));
    for _ in 0..3 {
        nc.publish(&subject, &NONE, &NONE).unwrap();
    }
    // What it did not want to have is not waited for.
    settle(nc.drain()).await.unwrap();
    assert_eq!(count.get(), 1);
}

#[wasm_bindgen_test]
async fn only_one_of_a_queue_group_is_called() {
    let nc = connect().await;
    let subject = unique("work");
    let (function, calls) = recorder();
    for _ in 0..3 {
        let options = with(calling(&function), "queue", &"workers".into());
        nc.subscribe(&subject, &options).unwrap();
    }
    for _ in 0..10 {
        nc.publish(&subject, &NONE, &NONE).unwrap();
    }
    settle(nc.drain()).await.unwrap();
    assert_eq!(calls.borrow().len(), 10);
}

#[wasm_bindgen_test]
async fn a_callback_is_held_as_long_as_its_subscription() {
    let nc = connect().await;
    let subject = unique("held");
    let (function, calls) = recorder();
    let options = calling(&function);
    let held = || wasm_bindgen::externref_heap_live_count();
    let before = held();
    let subs: Vec<_> = (0..50).map(|_| nc.subscribe(&subject, &options).unwrap()).collect();
    nc.publish(&subject, &NONE, &NONE).unwrap();
    until(|| calls.borrow().len() == 50).await;
    calls.borrow_mut().clear();
    // Each of the fifty is held once by its object here, and its callback by the client.
    assert!(held() >= before + 100, "{before} and {}", held());
    for (number, sub) in subs.into_iter().enumerate() {
        match number % 2 {
            0 => sub.unsubscribe(&NONE).unwrap(),
            _ => sub.drain_subscription(),
        }
    }
    until(|| held() < before + 10).await;
    nc.publish(&subject, &NONE, &NONE).unwrap();
    settle(nc.close()).await.unwrap();
    assert!(calls.borrow().is_empty());
}

#[wasm_bindgen_test]
async fn what_a_callback_throws_is_reported_and_the_subscription_goes_on() {
    let nc = connect().await;
    let subject = unique("throwing");
    let (seen, errors) = recorder();
    let listener = callback(move |event, _| {
        call(&event, &"preventDefault".into(), &[]);
        seen.call2(&NONE, &JsValue::NULL, &get(&get(&event, "error"), "message")).unwrap();
    });
    call(&js_sys::global(), &"addEventListener".into(), &["error".into(), listener.clone().into()]);
    let throwing = js_sys::Function::new_with_args("err, msg", "throw new Error(msg.string())");
    nc.subscribe(&subject, &calling(&throwing)).unwrap();
    for words in ["one", "two"] {
        nc.publish(&subject, &words.into(), &NONE).unwrap();
    }
    until(|| errors.borrow().len() == 2).await;
    assert_eq!(errors.borrow()[1].1, "two");
    call(&js_sys::global(), &"removeEventListener".into(), &["error".into(), listener.into()]);
    settle(nc.close()).await.unwrap();
}

#[wasm_bindgen_test]
async fn no_echo_is_heeded() {
    let nc = connect_with(json(r#"{"noEcho":true}"#)).await.unwrap();
    let witness = connect().await;
    let subject = unique("echo");
    let ((function, calls), (witnessing, witnessed)) = (recorder(), recorder());
    nc.subscribe(&subject, &calling(&function)).unwrap();
    witness.subscribe(&subject, &calling(&witnessing)).unwrap();
    settle(witness.flush()).await.unwrap();
    nc.publish(&subject, &"to others".into(), &NONE).unwrap();
    until(|| witnessed.borrow().len() == 1).await;
    witness.publish(&subject, &"to all".into(), &NONE).unwrap();
    until(|| calls.borrow().len() == 1).await;
    assert_eq!(messages(&calls)[0].string(), "to all");
    settle(nc.close()).await.unwrap();
    settle(witness.close()).await.unwrap();
}
