//! The simulated JetStream says what a real one says: both are asked the same, in the raw.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use serde_json::{Value, json};
use web_wasm::platform::LocalBoxFuture;
use web_wasm::{Bytes, Client, ConnectOptions, HeaderMap, Message, StatusCode};

use super::super::sim::simulate;
use super::rig::connected;
use crate::env::{self, NatsServer};
use crate::jetstream::JETSTREAM;

const MILLION: u64 = 1_000_000;

/// How long an answer is waited for that should come at once.
const WAIT: Duration = Duration::from_secs(60);

/// One who asks a JetStream, and writes down what it says.
struct Interview {
    client: Client,
    log: Vec<String>,
    /// Where the messages of the last pull are to be acknowledged.
    replies: Vec<String>,
    sleep: Sleep,
}

/// A timer of the surroundings.
type Sleep = Box<dyn Fn(Duration) -> LocalBoxFuture<'static, ()>>;

impl Interview {
    fn new(client: Client, sleep: Sleep) -> Self {
        Self { client, log: Vec::new(), replies: Vec::new(), sleep }
    }

    /// Asks for one answer.
    async fn ask(&mut self, subject: &str, body: impl Into<Bytes>) {
        self.ask_many(subject, &[], body, 1).await;
    }

    async fn api(&mut self, request: &str, body: Value) {
        self.ask(&format!("$JS.API.{request}"), body.to_string()).await;
    }

    async fn publish(&mut self, subject: &str, headers: &[(&str, &str)], payload: &'static str) {
        self.ask_many(subject, headers, payload, 1).await;
    }

    /// Asks a consumer, which is to say so many things; `usize::MAX` for all up to the end.
    async fn pull(&mut self, consumer: &str, body: Value, answers: usize) {
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.S.{consumer}");
        self.replies.clear();
        self.ask_many(&subject, &[], body.to_string(), answers).await;
    }

    async fn ask_many(
        &mut self,
        subject: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
        answers: usize,
    ) {
        let body = body.into();
        let to = without_time(subject);
        self.log.push(format!("> {to} {headers:?} {}", body.escape_ascii()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name, value).unwrap();
        }
        let map = (!headers.is_empty()).then_some(&map);
        // What a consumer delivers has a subject of its own, by which no request knows its answer.
        let inbox = self.client.new_inbox();
        let mut told = self.client.subscribe(inbox.clone()).await.unwrap();
        self.client.try_publish(subject, Some(&inbox), map, &body).unwrap();
        for _ in 0..answers {
            let Either::Left((Some(answer), _)) = select(told.next(), (self.sleep)(WAIT)).await
            else {
                return self.log.push("< nothing".into());
            };
            self.note(&answer);
            if answers == usize::MAX && answer.status.is_some_and(|status| status.as_u16() >= 400) {
                return;
            }
        }
    }

    /// Where the first two messages of the last pull are to be acknowledged; nowhere where there are
    /// none, which the log shows.
    fn two_replies(&self) -> [String; 2] {
        [0, 1].map(|index| self.replies.get(index).map_or("nowhere".into(), Clone::clone))
    }

    fn note(&mut self, message: &Message) {
        let reply = message.reply.as_deref().unwrap_or_default();
        if !reply.is_empty() {
            self.replies.push(reply.to_owned());
        }
        let headers = message.headers.iter().flat_map(HeaderMap::iter);
        let headers: Vec<String> = headers
            .filter(|(name, _)| *name != "Nats-Time-Stamp")
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let body = match serde_json::from_slice::<Value>(&message.payload) {
            Ok(mut json) => {
                normalise(&mut json);
                json.to_string()
            }
            Err(_) => message.payload.escape_ascii().to_string(),
        };
        let status = message.status.map(StatusCode::as_u16);
        let description = message.description.as_deref();
        let reply = without_time(reply);
        self.log.push(format!("< {reply} {status:?} {description:?} {headers:?} {body}"));
    }
}

/// A reply subject without the date of the message.
fn without_time(reply: &str) -> String {
    let mut tokens: Vec<&str> = reply.split('.').collect();
    if tokens.len() == 9 {
        tokens[7] = "time";
    }
    tokens.join(".")
}

/// Takes out dates, what names the server, and what says no more than its absence would.
fn normalise(json: &mut Value) {
    const PASSING: [&str; 12] = [
        "ts",
        "created",
        "first_ts",
        "last_ts",
        "last_active",
        "time",
        "cluster",
        "metadata",
        "description",
        "limit",
        "total",
        "offset",
    ];
    match json {
        Value::Object(fields) => {
            fields.retain(|name, _| !PASSING.contains(&name.as_str()));
            fields.values_mut().for_each(normalise);
            fields.retain(|_, value| {
                let empty = match value {
                    Value::Null | Value::Bool(false) => true,
                    Value::Number(number) => number.as_u64() == Some(0),
                    Value::Array(entries) => entries.is_empty(),
                    Value::Object(fields) => fields.is_empty(),
                    _ => false,
                };
                !empty
            });
        }
        Value::Array(entries) => entries.iter_mut().for_each(normalise),
        _ => {}
    }
}

/// A consumer's configuration, as requests have it.
fn consumer(name: &str, more: &Value) -> Value {
    let mut config = json!({
        "name": name, "deliver_policy": "all", "ack_policy": "none", "replay_policy": "instant",
        "inactive_threshold": 300_000 * MILLION,
    });
    for (field, value) in more.as_object().unwrap() {
        config[field] = value.clone();
    }
    json!({ "stream_name": "S", "config": config })
}

/// Everything that clients ask of streams.
async fn streams(ask: &mut Interview) {
    let own = json!({ "name": "S", "subjects": ["s.>"], "allow_direct": true,
        "allow_rollup_hdrs": true, "max_msgs_per_subject": 4 });
    ask.api("STREAM.CREATE.S", own.clone()).await;
    ask.api("STREAM.CREATE.S", own).await;
    ask.api("STREAM.CREATE.S", json!({ "name": "S", "subjects": ["t.>"] })).await;
    ask.api("STREAM.CREATE.T", json!({ "name": "T", "subjects": ["s.x"] })).await;
    ask.api("STREAM.CREATE.T", json!({ "name": "X" })).await;
    ask.api(
        "STREAM.CREATE.D",
        json!({ "name": "D", "storage": "memory", "discard": "new",
        "max_msgs": 1, "max_msg_size": 2, "deny_delete": true, "deny_purge": true }),
    )
    .await;
    for payload in ["1", "1", "111"] {
        ask.publish("D", &[("a", "b")], payload).await;
        ask.publish("D", &[], payload).await;
    }
    ask.publish("D", &[("Nats-Rollup", "sub")], "").await;
    ask.api("STREAM.MSG.DELETE.D", json!({ "seq": 1 })).await;
    for request in [
        "STREAM.PURGE.D",
        "STREAM.INFO.D",
        "STREAM.DELETE.D",
        "STREAM.DELETE.D",
        "STREAM.INFO.D",
        "STREAM.PURGE.D",
        "STREAM.NAMES",
        "DIRECT.GET.D",
    ] {
        ask.ask(&format!("$JS.API.{request}"), "").await;
    }
    ask.api("STREAM.UPDATE.D", json!({ "name": "D" })).await;
    ask.api("STREAM.NAMES", json!({ "subject": "s.*" })).await;
    ask.api("STREAM.NAMES", json!({ "subject": "nobody" })).await;
    ask.publish("nobody", &[], "").await;
}

/// Messages that are stored, or are not, and got.
async fn messages(ask: &mut Interview) {
    const ID: &str = "Nats-Msg-Id";
    for headers in [
        &[(ID, "1")][..],
        &[(ID, "1")],
        &[(ID, "1"), ("Nats-Expected-Last-Sequence", "7")],
        &[(ID, "1"), ("Nats-Expected-Last-Sequence", "0")],
        &[(ID, "1"), ("Nats-Expected-Last-Subject-Sequence", "0")],
        &[(ID, "1"), ("Nats-Expected-Last-Msg-Id", "0")],
        &[(ID, "1"), ("Nats-Expected-Stream", "0")],
        &[("Nats-Expected-Last-Msg-Id", "0")],
        &[("Nats-Expected-Last-Msg-Id", "1")],
        &[("Nats-Expected-Last-Subject-Sequence", "0")],
        &[("Nats-Expected-Last-Subject-Sequence", "2")],
        &[("Nats-Expected-Last-Sequence", "3")],
        &[("Nats-Rollup", "bad")],
        &[("Nats-TTL", "5")],
        &[],
    ] {
        ask.publish("s.a", headers, "x").await;
    }
    ask.publish("s.b", &[("Nats-Expected-Last-Subject-Sequence", "0")], "y").await;
    ask.publish("s.b", &[], "y").await;
    ask.publish("s.b", &[("Nats-Rollup", "sub")], "z").await;
    ask.publish("s.c.d", &[], "").await;
    let details = json!({ "subjects_filter": ">", "deleted_details": true });
    ask.api("STREAM.INFO.S", details.clone()).await;
    for wanted in [
        json!({ "seq": 2 }),
        json!({ "seq": 99 }),
        json!({ "last_by_subj": "s.b" }),
        json!({ "last_by_subj": "s.z" }),
        json!({ "next_by_subj": "s.*", "seq": 3 }),
        json!({ "next_by_subj": "s.z" }),
        json!({}),
    ] {
        ask.api("STREAM.MSG.GET.S", wanted.clone()).await;
        ask.api("DIRECT.GET.S", wanted).await;
    }
    ask.ask("$JS.API.DIRECT.GET.S.s.b", "").await;
    ask.ask("$JS.API.DIRECT.GET.S.s.z", "").await;
    for (wanted, answers) in [
        (json!({ "batch": 2, "seq": 1 }), 3),
        (json!({ "batch": 20, "seq": 4, "next_by_subj": "s.*" }), 4),
        (json!({ "multi_last": ["s.a", "s.b"] }), 3),
        (json!({ "multi_last": ["s.z"] }), 1),
    ] {
        ask.ask_many("$JS.API.DIRECT.GET.S", &[], wanted.to_string(), answers).await;
    }
    for number in [3, 3, 99] {
        ask.api("STREAM.MSG.DELETE.S", json!({ "seq": number })).await;
    }
    ask.api("STREAM.PURGE.S", json!({ "filter": "s.a", "keep": 1 })).await;
    ask.api("STREAM.INFO.S", details.clone()).await;
    ask.api("STREAM.PURGE.S", json!({ "filter": "s.*", "seq": 8 })).await;
    ask.ask("$JS.API.STREAM.PURGE.S", "").await;
    ask.api("STREAM.INFO.S", details).await;
    for subject in ["s.a", "s.b", "s.a", "s.b", "s.a"] {
        ask.publish(subject, &[], "12").await;
    }
}

/// Consumers that are made, changed and deleted.
async fn consumers(ask: &mut Interview) {
    let make = |more: Value| {
        let mut request = consumer("worker", &more);
        request["config"]["durable_name"] = json!("worker");
        request["config"]["ack_policy"] = json!("explicit");
        request
    };
    let mut create = make(json!({}));
    create["action"] = json!("create");
    let mut update = make(json!({}));
    update["action"] = json!("update");
    ask.api("CONSUMER.CREATE.S.worker", update).await;
    ask.api("CONSUMER.CREATE.S.worker", create.clone()).await;
    ask.api("CONSUMER.CREATE.S.worker", create.clone()).await;
    create["config"]["ack_wait"] = json!(MILLION);
    ask.api("CONSUMER.CREATE.S.worker", create).await;
    ask.api("CONSUMER.CREATE.S.worker", make(json!({ "deliver_policy": "new" }))).await;
    ask.api("CONSUMER.CREATE.S.worker", make(json!({ "max_ack_pending": 2 }))).await;
    for (name, more) in [
        ("all", json!({})),
        ("new", json!({ "deliver_policy": "new" })),
        ("last", json!({ "deliver_policy": "last" })),
        ("far", json!({ "deliver_policy": "by_start_sequence", "opt_start_seq": 99 })),
        ("early", json!({ "deliver_policy": "by_start_sequence", "opt_start_seq": 1 })),
        (
            "each",
            json!({ "deliver_policy": "last_per_subject", "filter_subject": ">",
            "headers_only": true }),
        ),
        ("none", json!({ "deliver_policy": "last_per_subject", "filter_subject": "zz" })),
        ("odd", json!({ "deliver_policy": "last_per_subject" })),
        ("two", json!({ "filter_subjects": ["s.b", "s.c.>"] })),
        ("bytes", json!({})),
    ] {
        ask.api(&format!("CONSUMER.CREATE.S.{name}"), consumer(name, &more)).await;
    }
    let filtered = consumer("some", &json!({ "filter_subject": "s.b" }));
    ask.api("CONSUMER.CREATE.S.some.s.b", filtered.clone()).await;
    ask.api("CONSUMER.CREATE.S.some.s.a", filtered.clone()).await;
    ask.api("CONSUMER.CREATE.NONE.some.s.b", filtered).await;
    for request in [
        "INFO.S.each",
        "INFO.S.nobody",
        "INFO.NONE.nobody",
        "NAMES.S",
        "NAMES.NONE",
        "DELETE.S.nobody",
        "DELETE.S.none",
        "NAMES.S",
    ] {
        ask.ask(&format!("$JS.API.CONSUMER.{request}"), "").await;
    }
}

/// What consumers deliver, and say besides.
async fn pulling(ask: &mut Interview) {
    ask.pull("each", json!({ "batch": 2 }), 2).await;
    ask.pull("each", json!({ "batch": 5, "no_wait": true }), 1).await;
    ask.pull("some", json!({ "batch": 5, "no_wait": true }), 3).await;
    ask.ask("$JS.API.CONSUMER.INFO.S.some", "").await;
    ask.pull("two", json!({ "batch": 5, "no_wait": true, "expires": 20_000 * MILLION }), 3).await;
    ask.pull("last", json!({ "batch": 2, "expires": 1_000 * MILLION }), 2).await;
    ask.pull("early", json!(2), 2).await;
    ask.pull("far", json!({ "batch": 1, "expires": 100 * MILLION }), 1).await;
    // How many heartbeats there are in the time is a matter of how busy the machine is.
    let beating = json!({ "batch": 1, "max_bytes": 100, "expires": 2_500 * MILLION,
        "idle_heartbeat": 1_000 * MILLION });
    ask.pull("far", beating, usize::MAX).await;
    ask.log.dedup();
    let greedy = json!({ "batch": 1, "expires": 300 * MILLION, "idle_heartbeat": 200 * MILLION });
    ask.pull("far", greedy, 1).await;
    ask.pull("nobody", json!({ "batch": 1 }), 1).await;
    ask.pull("bytes", json!({ "batch": 10, "max_bytes": 110, "expires": 9_000 * MILLION }), 3)
        .await;
    ask.pull("bytes", json!({ "batch": 1, "max_bytes": 1_000, "expires": 9_000 * MILLION }), 2)
        .await;
    ask.pull("bytes", json!({ "batch": 1, "max_bytes": 10, "expires": 9_000 * MILLION }), 1).await;
    ask.ask("$JS.API.CONSUMER.INFO.S.bytes", "").await;
    // One that waits is told when its consumer goes.
    let client = ask.client.clone();
    let waiting = ask.pull("new", json!({ "batch": 3, "expires": 20_000 * MILLION }), 1);
    let asked = async |request: &str| {
        let answer =
            client.request(format!("$JS.API.CONSUMER.{request}.S.new"), Bytes::new()).await;
        serde_json::from_slice::<Value>(&answer.unwrap().payload).unwrap()
    };
    let deleting = async {
        // A server hands what is asked of consumers to them, and may delete one before it has that.
        for _ in 0..1_000 {
            if asked("INFO").await["num_waiting"] == 1 {
                break;
            }
        }
        asked("DELETE").await;
    };
    futures_util::future::join(waiting, deleting).await;
}

/// What is acknowledged, and what comes again.
async fn acknowledging(ask: &mut Interview) {
    let info = "$JS.API.CONSUMER.INFO.S.worker";
    ask.pull("worker", json!({ "batch": 5, "expires": 1_000 * MILLION }), 3).await;
    let [first, second] = ask.two_replies();
    ask.ask(info, "").await;
    for (reply, says) in [(&first, "+ACK"), (&first, "+ACK"), (&second, "+WPI"), (&second, "-NAK")]
    {
        ask.ask(reply, says).await;
        ask.ask(info, "").await;
    }
    ask.pull("worker", json!({ "batch": 2, "expires": 9_000 * MILLION }), 2).await;
    let [first, second] = ask.two_replies();
    ask.ask(info, "").await;
    ask.ask(&second, "+TERM").await;
    ask.ask(info, "").await;
    ask.ask(&first, "+NXT").await;
    ask.ask(info, "").await;
    ask.ask("$JS.ACK.S.all.1.1.1.1.1", "+ACK").await;
    ask.ask("$JS.ACK.S.nobody.1.1.1.1.1", "+ACK").await;
    // A message that was purged is not delivered again.
    ask.ask("$JS.API.STREAM.PURGE.S", "").await;
    ask.ask(info, "").await;
    ask.ask("$JS.API.STREAM.DELETE.S", "").await;
}

async fn interview(client: Client, sleep: Sleep) -> Vec<String> {
    let mut ask = Interview::new(client, sleep);
    streams(&mut ask).await;
    messages(&mut ask).await;
    consumers(&mut ask).await;
    pulling(&mut ask).await;
    acknowledging(&mut ask).await;
    ask.client.close().await.unwrap();
    ask.log
}

#[tokio::test]
async fn the_simulated_jetstream_says_what_a_real_one_says() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let client = env::connect_to(ConnectOptions::new(), &server.url()).await.unwrap();
        let real = interview(client, Box::new(|time| Box::pin(tokio::time::sleep(time)))).await;
        let simulated = simulate(1, async |sim| {
            let (_, client) = connected(&sim).await;
            interview(client, Box::new(move |time| Box::pin(sim.sleep(time)))).await
        });
        let mut question = "";
        let mut differences = Vec::new();
        for (real, simulated) in real.iter().zip(&simulated) {
            if real.starts_with('>') {
                question = real;
            }
            if real != simulated {
                differences.push(format!("{question}\n  real {real}\n  sim  {simulated}"));
            }
        }
        assert!(differences.is_empty(), "\n{}", differences.join("\n"));
        assert_eq!(real.len(), simulated.len());
        assert!(real.len() > 200, "{}", real.len());
    })
    .await;
}
