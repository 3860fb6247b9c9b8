//! The same traffic through async-nats over TCP and through this client over a websocket: both
//! must receive the same.

use futures_util::{Stream, StreamExt};
use web_wasm::{Bytes, Client, ConnectOptions, HeaderMap};

use crate::env::{self, NatsServer};

const ROUNDS: usize = 20;
const MESSAGES: usize = 200;

/// A message as far as the wire carries it, the same for both clients.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Received {
    subject: String,
    reply: Option<String>,
    headers: Vec<(String, String)>,
    payload: Bytes,
}

impl From<web_wasm::Message> for Received {
    fn from(message: web_wasm::Message) -> Self {
        let headers = message.headers.iter().flat_map(HeaderMap::iter);
        Self {
            subject: message.subject.to_string(),
            reply: message.reply.map(|reply| reply.to_string()),
            headers: sorted(headers.map(|(name, value)| (name.to_string(), value.to_string()))),
            payload: message.payload,
        }
    }
}

impl From<async_nats::Message> for Received {
    fn from(message: async_nats::Message) -> Self {
        let headers = message.headers.iter().flat_map(async_nats::HeaderMap::iter);
        let headers = headers.flat_map(|(name, values)| {
            values.iter().map(move |value| (name.to_string(), value.as_str().to_owned()))
        });
        Self {
            subject: message.subject.to_string(),
            reply: message.reply.map(|reply| reply.to_string()),
            headers: sorted(headers),
            payload: message.payload,
        }
    }
}

/// async-nats keeps the order of a name's values, but not that of the names.
fn sorted(headers: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut headers: Vec<_> = headers.collect();
    headers.sort_by(|(a, _), (b, _)| a.cmp(b));
    headers
}

/// A subject or pattern below `root`, which keeps traffic and replies apart: the server answers
/// on a reply subject where nobody listens.
fn subject(rng: &mut fastrand::Rng, root: &'static str, tokens: &[&'static str]) -> String {
    let mut parts = vec![root];
    parts.extend((0..=rng.usize(0..3)).filter_map(|_| rng.choice(tokens)));
    parts.join(".")
}

fn message(rng: &mut fastrand::Rng) -> Received {
    let names = ["A", "a", "Nats-Msg-Id", "X-Trace"];
    let values = ["", "1", "two words", "é: colon", "a,b;c"];
    let headers = (0..rng.usize(0..4)).filter_map(|_| {
        let name = (*rng.choice(&names)?).to_owned();
        Some((name, (*rng.choice(&values)?).to_owned()))
    });
    let headers = sorted(headers.collect::<Vec<_>>().into_iter());
    let size = if rng.u8(0..10) == 0 { rng.usize(0..20_000) } else { rng.usize(0..64) };
    Received {
        subject: subject(rng, "traffic", &["x", "y", "é"]),
        reply: rng.bool().then(|| subject(rng, "reply", &["x", "y"])),
        headers,
        payload: (0..size).map(|_| rng.u8(..)).collect(),
    }
}

async fn publish_ours(client: &Client, message: Received) {
    let mut headers = HeaderMap::new();
    for (name, value) in &message.headers {
        headers.append(name, value).unwrap();
    }
    client
        .try_publish(&message.subject, message.reply.as_deref(), Some(&headers), &message.payload)
        .unwrap();
}

async fn publish_theirs(client: &async_nats::Client, message: Received) {
    let mut headers = async_nats::HeaderMap::new();
    for (name, value) in &message.headers {
        headers.append(name.as_str(), value.as_str());
    }
    let Received { subject, reply, payload, .. } = message;
    let published = match (reply, headers.is_empty()) {
        (None, true) => client.publish(subject, payload).await,
        (None, false) => client.publish_with_headers(subject, headers, payload).await,
        (Some(reply), true) => client.publish_with_reply(subject, reply, payload).await,
        (Some(reply), false) => {
            client.publish_with_reply_and_headers(subject, reply, headers, payload).await
        }
    };
    published.unwrap();
}

async fn collect<M: Into<Received>>(
    messages: impl Stream<Item = M>,
    count: usize,
) -> Vec<Received> {
    env::within(messages.take(count).map(Into::into).collect()).await
}

/// Waits until the server has all that both have said.
async fn settle(ours: &Client, theirs: &async_nats::Client) {
    ours.flush().await.unwrap();
    // A flush of theirs ends at the socket; a round trip does not.
    theirs.request("nobody.listens", Bytes::new()).await.unwrap_err();
}

/// As `assert_eq`, but shows the first difference only.
fn assert_same(have: &[Received], expected: &[Received], context: &str) {
    assert_eq!(have.len(), expected.len(), "{context}");
    for (index, (have, expected)) in have.iter().zip(expected).enumerate() {
        assert_eq!(have, expected, "message {index}, {context}");
    }
}

#[tokio::test]
async fn both_clients_receive_the_same() {
    env::local(async {
        let server = NatsServer::start(include_str!("../common/server.conf"));
        let ours = env::connect_to(ConnectOptions::new(), &server.url()).await.unwrap();
        let theirs = async_nats::connect(server.tcp_url()).await.unwrap();
        let seed = fastrand::u64(..);
        let mut rng = fastrand::Rng::with_seed(seed);
        for round in 0..ROUNDS {
            let mut pattern = subject(&mut rng, "traffic", &["x", "y", "é", "*"]);
            if rng.bool() {
                pattern.push_str(".>");
            }
            let context = format!("seed {seed}, round {round}, pattern {pattern}");
            let mut our_subscriber = ours.subscribe(&*pattern).await.unwrap();
            let mut their_subscriber = theirs.subscribe(pattern.clone()).await.unwrap();
            settle(&ours, &theirs).await;

            let messages: Vec<Received> = (0..MESSAGES).map(|_| message(&mut rng)).collect();
            let by_us = rng.bool();
            for message in messages.iter().cloned() {
                match by_us {
                    true => publish_ours(&ours, message).await,
                    false => publish_theirs(&theirs, message).await,
                }
            }
            // What this pattern does not match must not reach the next.
            settle(&ours, &theirs).await;
            let expected: Vec<Received> = messages
                .into_iter()
                .filter(|message| web_wasm::subject::matches(&pattern, &message.subject))
                .collect();
            let our_messages = collect(&mut our_subscriber, expected.len()).await;
            assert_same(
                &our_messages,
                &expected,
                &format!("ours: {context}, published by us: {by_us}"),
            );
            let their_messages = collect(&mut their_subscriber, expected.len()).await;
            assert_same(&their_messages, &expected, &format!("theirs: {context}"));
            our_subscriber.unsubscribe();
            assert_eq!(our_subscriber.next().await, None, "nothing beyond: {context}");
        }
        ours.close().await.unwrap();
    })
    .await;
}
