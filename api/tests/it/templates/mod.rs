//! The templates of roles: each does what it is for, and nobody breaks out of it.
//!
//! What a holder can't do is tried with a credential of its own over a websocket, and told by its
//! effect: by what others are sent, and by what is stored, and not only by what nats-server says.

mod bucket;
mod callout;
mod presence;
mod publish;
mod service;
mod stream;

use std::{fs, path::PathBuf, process::Command};

use nkeys::KeyPair;
use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    callers::{self, new_api_key},
    client::Client,
    insider::Insider,
    issuer::{Issuer, Key, with},
    nats::Nats,
    service::{Api, Options, dev_toml},
    wait::until,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("templates")
}

/// A server and a service whose roles file is one of the templates.
struct Site {
    nats: Nats,
    api: Api,
    insider: Insider,
    people: Key,
    issuer: Issuer,
    /// The API key of the template's back end.
    back_end: String,
}

impl Site {
    /// With a template of this name, and a back end of that one.
    async fn of(template: &str, back_end: &str) -> Self {
        Self::start(Nats::unprovisioned(), template, back_end, Options::default()).await
    }

    async fn start(mut nats: Nats, template: &str, back_end: &str, options: Options) -> Self {
        fs::copy(folder().join(template), nats.roles_file()).unwrap();
        let output = nats.init();
        assert!(output.status.success(), "{output:?}");
        nats.start().await;
        let people = Key::ed25519("1");
        let issuer = Issuer::start(&[&people]).await;
        let (back_end, element) = new_api_key(back_end);
        let known = callers::options(&[issuer.config()], false)
            .edit("api_keys = []", format!("api_keys = [{element}]"));
        let options = Options { edits: [known.edits, options.edits].concat(), ..options };
        let api = Api::start_with(&nats, &options).await;
        api.until_status("/readyz", 200).await;
        let insider = Insider::connect(&nats).await;
        Self { nats, api, insider, people, issuer, back_end }
    }

    /// The token of a person of whom `claim` lists these.
    fn token(&self, name: &str, claim: &str, listed: &[&str]) -> String {
        let claims = with(&self.issuer.claims(), "sub", name);
        self.people.token(&with(&claims, claim, json!(listed)))
    }

    /// Asks for a credential.
    async fn ask(&self, bearer: &str, nkey: &str, channels: &[String]) -> Response {
        let body = json!({ "nkey": nkey, "channels": channels });
        self.api.post_as("/v1/credentials", bearer, &body).await
    }

    async fn holder(&self, bearer: &str, channels: &[String], client: Client) -> Holder {
        let key = KeyPair::new_user();
        let answer = self.ask(bearer, &key.public_key(), channels).await;
        assert_eq!(answer.status(), 200, "{}", self.api.log());
        let credential: Value = answer.json().await.unwrap();
        let mut holder = Holder { client, nkey: key.public_key(), credential, info: Value::Null };
        let jwt = holder.credential["jwt"].as_str().unwrap().to_owned();
        holder.info = holder.client.enter(&jwt, &key).await;
        holder
    }

    /// A person's browser, with these channels of a kind, which the claim of the plural lists.
    async fn person(&self, name: &str, kind: &str, values: &[&str]) -> Holder {
        let token = self.token(name, &format!("{kind}s"), values);
        let channels: Vec<String> = values.iter().map(|value| format!("{kind}:{value}")).collect();
        self.holder(&token, &channels, Client::websocket(&self.nats).await).await
    }

    /// The back end, over TCP.
    async fn back_end(&self) -> Holder {
        self.holder(&self.back_end, &[], Client::tcp(&self.nats).await).await
    }

    /// What a stream is and holds.
    async fn stream(&self, name: &str) -> Value {
        let info = self.insider.ask(&format!("$JS.API.STREAM.INFO.{name}"), &Value::Null).await;
        json!({ "config": info["config"], "state": info["state"] })
    }

    /// The same, once so many messages have been stored: a stream that confirms nothing does it at
    /// its leisure.
    async fn until_stored(&self, stream: &str, messages: u64) -> Value {
        until("the messages are stored", || async {
            let stream = self.stream(stream).await;
            (stream["state"]["last_seq"] == messages).then_some(stream)
        })
        .await
    }
}

/// Somebody with a credential, connected.
struct Holder {
    client: Client,
    nkey: String,
    credential: Value,
    /// What the server said of itself and the connection.
    info: Value,
}

impl Holder {
    /// Publishes, which goes unanswered if it is allowed.
    async fn publish(&mut self, subject: &str, reply: &str, payload: &str) {
        let message = format!("PUB {subject} {reply} {}\r\n{payload}\r\n", payload.len());
        assert_eq!(self.client.round_trip(&message).await, [] as [String; 0], "{subject}");
    }

    /// Publishes, which nats-server refuses by name; the connection lives on.
    async fn is_refused(&mut self, subject: &str, reply: &str, payload: &str) {
        let message = format!("PUB {subject} {reply} {}\r\n{payload}\r\n", payload.len());
        let refused = format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'");
        assert_eq!(self.client.round_trip(&message).await, [refused]);
    }

    /// `publish`, with headers.
    async fn publish_with(&mut self, subject: &str, headers: &[(&str, &str)], payload: &str) {
        let message = with_headers(subject, "", headers, payload);
        assert_eq!(self.client.round_trip(&message).await, [] as [String; 0], "{subject}");
    }

    async fn subscribe(&mut self, subject: &str, id: u8) {
        self.client.send(&format!("SUB {subject} {id}\r\n")).await;
    }

    /// Subscribes where the API says that a stream is delivered.
    async fn listen(&mut self, stream: &str, id: u8) {
        let listed = self.credential["consumers"].as_array().unwrap();
        let of = listed.iter().find(|listed| listed["stream"] == stream).unwrap();
        let subject = of["deliver_subject"].as_str().unwrap().to_owned();
        self.subscribe(&subject, id).await;
    }

    /// The next message: its subject and what it says.
    async fn next(&mut self) -> (String, String) {
        let message = self.client.next().await.unwrap();
        let (line, said) = message.split_once('\n').unwrap();
        let subject = line.split(' ').nth(1).unwrap().to_owned();
        // Behind the headers, if there are some.
        let said = said.rsplit("\r\n\r\n").next().unwrap();
        (subject, said.to_owned())
    }

    /// Checks that nothing else has come by now.
    async fn hears_nothing(&mut self) {
        assert_eq!(self.client.round_trip("").await, [] as [String; 0]);
    }

    /// Checks that each is refused by name, and that the connection lives on.
    async fn may_not(&mut self, publish: &[String], subscribe: &[String]) {
        for subject in publish {
            self.is_refused(subject, "", "hi").await;
        }
        for subject in subscribe {
            let said = self.client.round_trip(&format!("SUB {subject} 99\r\n")).await;
            let refused = format!("-ERR 'Permissions Violation for Subscription to \"{subject}\"'");
            assert_eq!(said, [refused]);
        }
    }

    /// Tries what no template gives: another's inbox and consumer, the system, and whatever JetStream
    /// could be asked, a consumer that delivers elsewhere among it. The streams stay what they are.
    async fn breaks_out_nowhere(&mut self, site: &Site, other: &Holder, streams: &[&str]) {
        let mut before = Vec::new();
        for stream in streams {
            before.push(site.stream(stream).await);
        }
        let (own, theirs) = (self.nkey.clone(), &other.nkey);
        let mut publish = [
            ">",
            "elsewhere",
            "com.scaling-ws.updates",
            "$SYS.REQ.SERVER.PING",
            "$SYS.REQ.USER.INFO",
            "$JS.API.INFO",
            "$JS.API.STREAM.NAMES",
            "$JS.API.STREAM.CREATE.NEW",
            "$JS.EVENT.ADVISORY.x",
            "$SRV.PING",
            "$KV.other.x",
            "$O.other.M.x",
        ]
        .map(str::to_owned)
        .to_vec();
        publish.extend([format!("_INBOX.{theirs}.x"), format!("_INBOX.{theirs}.stream.X")]);
        for stream in streams {
            for what in [
                "STREAM.INFO",
                "STREAM.UPDATE",
                "STREAM.PURGE",
                "STREAM.DELETE",
                "STREAM.MSG.GET",
                "STREAM.MSG.DELETE",
                "DIRECT.GET",
                "CONSUMER.NAMES",
            ] {
                publish.push(format!("$JS.API.{what}.{stream}"));
            }
            for key in [&own, theirs] {
                for what in ["INFO", "DELETE", "MSG.NEXT", "PAUSE", "DURABLE.CREATE", "CREATE"] {
                    publish.push(format!("$JS.API.CONSUMER.{what}.{stream}.{key}"));
                }
                publish.push(format!("$JS.ACK.{stream}.{key}.1.1.1.1.0"));
                publish.push(format!("$JS.FC.{stream}.{key}.x"));
            }
            // All of it, to an inbox that is somebody else's.
            let steal = json!({
                "stream_name": stream,
                "config": {
                    "durable_name": "thief", "deliver_subject": format!("_INBOX.{own}.x"),
                    "ack_policy": "none", "filter_subject": ">",
                },
            });
            for subject in [
                format!("$JS.API.CONSUMER.CREATE.{stream}"),
                format!("$JS.API.CONSUMER.CREATE.{stream}.thief"),
                format!("$JS.API.CONSUMER.CREATE.{stream}.thief.>"),
                format!("$JS.API.CONSUMER.DURABLE.CREATE.{stream}.thief"),
            ] {
                self.is_refused(&subject, &format!("_INBOX.{own}.y"), &steal.to_string()).await;
            }
        }
        let mut subscribe = [
            ">",
            "*",
            "*.>",
            "_INBOX.>",
            "_INBOX.*.>",
            "$SYS.>",
            "$JS.>",
            "$JS.API.>",
            "$KV.>",
            "$O.>",
            "$SRV.>",
            "$SRV.PING",
            "elsewhere",
        ]
        .map(str::to_owned)
        .to_vec();
        subscribe.extend([format!("_INBOX.{theirs}.>"), format!("_INBOX.{own}")]);
        for stream in streams {
            subscribe.push(format!("_INBOX.{theirs}.stream.{stream}"));
        }
        self.may_not(&publish, &subscribe).await;
        for (stream, before) in streams.iter().zip(before) {
            assert_eq!(site.stream(stream).await, before, "{stream}");
        }
    }
}

fn with_headers(subject: &str, reply: &str, headers: &[(&str, &str)], payload: &str) -> String {
    let lines: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = format!("NATS/1.0\r\n{lines}\r\n");
    let (head, all) = (headers.len(), headers.len() + payload.len());
    format!("HPUB {subject} {reply} {head} {all}\r\n{headers}{payload}\r\n")
}

/// Headers by which a message could be more than one on its own subject. A stream that browsers write
/// to stores no message with one of them.
const REFUSED: [&[(&str, &str)]; 7] = [
    &[("Nats-Rollup", "all")],
    &[("Nats-Rollup", "sub")],
    &[("Nats-Schedule", "@every 1s"), ("Nats-Schedule-Target", "elsewhere")],
    &[("Nats-Schedule-Next", "purge"), ("Nats-Scheduler", "elsewhere")],
    &[("Nats-Incr", "+1")],
    &[("Nats-Batch-Id", "x"), ("Nats-Batch-Sequence", "1"), ("Nats-Batch-Commit", "1")],
    &[("Nats-TTL", "never")],
];

#[test]
fn each_template_can_be_used_as_it_is() {
    let mut templates = 0;
    for template in fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()) {
        let output = Command::new(env!("CARGO_BIN_EXE_api"))
            .args(["check-config", "--config"])
            .arg(dev_toml())
            .env("API_ROLES", &template)
            .output()
            .unwrap();
        assert!(output.status.success(), "{template:?}: {output:?}");
        // Not even a warning.
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{template:?}");
        templates += 1;
    }
    assert!(templates >= 5, "{templates}");
}
