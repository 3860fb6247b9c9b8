//! Messages, their headers, and requests.

use futures_util::StreamExt;
use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm::{HeaderMap, Message, RequestError, RequestMany};

use super::{both, bytes, finish, hex, unique};
use crate::env;

/// What is hard to write into headers: more than one value, none, colons, other scripts, names that
/// differ in case only.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Several", &["first", "second", "", "first"]),
    ("colons", &["a: b:c", ":", "::"]),
    ("Text", &["é – \u{1F980}", "\u{7f}\u{1}", "a\tb", "a  b"]),
    ("Case", &["upper"]),
    ("case", &["lower"]),
];

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in HEADERS {
        for value in values {
            headers.append(name, value).unwrap();
        }
    }
    headers
}

/// As nats.js lists them.
fn listed() -> Value {
    json!(HEADERS.map(|(name, values)| json!([name, values])))
}

fn assert_headers(message: &Message) {
    let received = message.headers.as_ref().unwrap();
    for (name, values) in HEADERS {
        let same =
            received.get_all(name).map(web_wasm::HeaderValue::as_str).eq(values.iter().copied());
        assert!(same, "{name}: {received:?}");
    }
    assert_eq!(received.len(), headers().len());
}

#[wasm_bindgen_test]
async fn messages_mean_the_same_to_nats_js() {
    let (ours, theirs) = both("messages").await;
    let client = ours.client();
    let subject = unique(&client, "messages");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    client.flush().await.unwrap();
    let args = json!({ "subject": subject, "headers": listed() });
    let publish = r#"
        $.sub = $.nc.subscribe(args.subject, { max: 4 });
        const headers = $.core.headers();
        for (const [name, values] of args.headers) {
            for (const value of values) headers.append(name, value);
        }
        $.nc.publish(args.subject, $.bytes(256), { headers, reply: "re.ply" });
        $.nc.publish(args.subject);
        await $.nc.flush();
    "#;
    theirs.run(publish, args).await;
    let rich = env::within(subscriber.next()).await.unwrap();
    assert_headers(&rich);
    assert!(rich.payload == bytes(256) && rich.reply.as_deref() == Some("re.ply"), "{rich:?}");
    let empty = env::within(subscriber.next()).await.unwrap();
    assert!(empty.payload.is_empty() && empty.headers.is_none() && empty.reply.is_none());

    let payload = bytes(256);
    client
        .publish_with_reply_and_headers(&*subject, "re.ply", headers(), payload.clone().into())
        .await
        .unwrap();
    client.publish(&*subject, "".into()).await.unwrap();
    client.flush().await.unwrap();
    let read = r#"
        return (await $.take($.sub, 4)).map((message) => ({
            headers: message.headers ? Array.from(message.headers) : null,
            reply: message.reply,
            payload: $.hex(message.data),
        }));
    "#;
    let rich = json!({ "headers": listed(), "reply": "re.ply", "payload": hex(&payload) });
    let empty = json!({ "headers": null, "reply": "", "payload": "" });
    assert_eq!(theirs.run(read, json!({})).await, json!([rich, empty, rich, empty]));
    finish(ours, theirs).await;
}

#[wasm_bindgen_test]
async fn requests_are_answered_by_nats_js_and_the_other_way_round() {
    let (ours, theirs) = both("requests").await;
    let client = ours.client();
    let subject = unique(&client, "requests");
    let respond = r#"
        $.nc.subscribe(args.subject + ".theirs", { callback: (_, message) => {
            const headers = $.core.headers();
            headers.append("Asked-By", message.headers?.get("By") ?? "nobody");
            message.respond(message.data, { headers });
        } });
        $.nc.subscribe(args.subject + ".many", { callback: (_, message) => {
            for (let number = 0; number < 20; number += 1) message.respond(`${number}`);
            message.respond();
        } });
        await $.nc.flush();
    "#;
    theirs.run(respond, json!({ "subject": subject })).await;
    let theirs_subject = format!("{subject}.theirs");
    let mut by = HeaderMap::new();
    by.insert("By", "us").unwrap();
    for length in [0, 1, 100_000] {
        let question = bytes(length);
        let request =
            client.request_with_headers(&*theirs_subject, by.clone(), question.clone().into());
        let answer = env::within(request).await.unwrap();
        assert_eq!(answer.payload, question);
        assert_eq!(answer.headers.unwrap().get("Asked-By").unwrap(), "us");
    }
    let many = RequestMany::new().sentinel(|message| message.payload.is_empty());
    let answers = client.request_many(format!("{subject}.many"), many).await.unwrap();
    let answers: Vec<_> = env::within(answers.collect()).await;
    let numbers = answers.into_iter().take(20).map(|answer| answer.unwrap().payload);
    assert!(numbers.eq((0..20).map(|number| number.to_string())), "all, in order");
    let nobody = env::within(client.request(format!("{subject}.nobody"), "".into())).await;
    assert_eq!(nobody, Err(RequestError::NoResponders));

    let mut requests = client.subscribe(format!("{subject}.ours")).await.unwrap();
    let responder = client.clone();
    env::spawn(async move {
        while let Some(request) = requests.next().await {
            for _ in 0..2 {
                let reply = request.reply.clone().unwrap();
                responder
                    .publish_with_headers(reply, headers(), request.payload.clone())
                    .await
                    .unwrap();
            }
        }
    });
    client.flush().await.unwrap();
    let ask = r#"
        const answers = [];
        for (const length of [0, 1, 100_000]) {
            const answer = await $.nc.request(args.subject + ".ours", $.bytes(length));
            answers.push([answer.data.length, Array.from(answer.headers)]);
        }
        const opts = { strategy: "count", maxMessages: 2, maxWait: 15_000 };
        const both = await $.nc.requestMany(args.subject + ".ours", "twice", opts);
        answers.push((await $.take(both, 2)).map((answer) => answer.string()));
        await $.nc.request(args.subject + ".nobody")
            .catch((error) => answers.push(error.message.split(":")[0]));
        return answers;
    "#;
    let answers = theirs.run(ask, json!({ "subject": subject })).await;
    let lengths = [0, 1, 100_000].map(|length| json!([length, listed()]));
    let [none, one, long] = lengths;
    assert_eq!(answers, json!([none, one, long, ["twice", "twice"], "no responders"]));
    finish(ours, theirs).await;
}
