//! Streams: how they are managed, published to and read without consumers.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use web_wasm::jetstream::{
    self, Context, ErrorCode, NameError, PublishError, PublishMessage, RequestError, consumer,
    stream::{self, ConsumerAction, Stream},
};
use web_wasm::{Client, ConnectOptions, HeaderError, SubjectError};

use crate::env;

/// A JetStream over a client of the test's own.
pub(super) async fn jetstream(name: &str) -> Context {
    jetstream::new(client(name).await)
}

pub(super) async fn client(name: &str) -> Client {
    env::connect_jetstream(ConnectOptions::new().name(name)).await.unwrap()
}

/// A name that no other test uses.
pub(super) fn unique_name(context: &Context, name: &str) -> String {
    context.client().new_inbox().replace("_INBOX.", &[name, "_"].concat())
}

/// A stream of the test's own in memory, which stores all below its name.
pub(super) async fn own_stream(context: &Context, name: &str) -> Stream {
    let name = unique_name(context, name);
    let config = stream::Config {
        subjects: vec![format!("{name}.>")],
        storage: stream::StorageType::Memory,
        allow_direct: true,
        ..name.as_str().into()
    };
    context.create_stream(config).await.unwrap()
}

async fn publish(context: &Context, subject: String, payload: &'static str) -> u64 {
    context.publish(subject, payload.into()).await.unwrap().await.unwrap().sequence
}

/// Streams are made, found, changed, listed and deleted, and errors are told by their codes.
pub(crate) async fn managing_streams() {
    let jetstream = jetstream("managing_streams").await;
    let account = jetstream.query_account().await.unwrap();
    assert!(account.requests.level >= 1, "{account:?}");

    let mut stream = own_stream(&jetstream, "MANAGED").await;
    let name = stream.name().to_string();
    assert!(stream.cached_info().did_create);
    let again = jetstream.create_stream(stream.cached_info().config.clone()).await.unwrap();
    assert_eq!(again.cached_info().config, stream.cached_info().config, "the same again is fine");
    let other = stream::Config { subjects: vec![format!("{name}.other")], ..(&*name).into() };
    let taken = jetstream.create_stream(other.clone()).await.unwrap_err();
    assert_eq!(taken.error_code(), Some(ErrorCode::STREAM_NAME_EXIST));
    assert!(matches!(taken, stream::CreateStreamError::AlreadyExists(_)), "{taken:?}");
    let got = jetstream.get_or_create_stream(other).await.unwrap();
    assert_eq!(got.cached_info().config, stream.cached_info().config);

    let config = stream::Config {
        description: Some("changed".into()),
        max_age: Duration::from_secs(3_600),
        metadata: [("kept".to_owned(), "yes".to_owned())].into(),
        ..stream.cached_info().config.clone()
    };
    let changed = jetstream.update_stream(&config).await.unwrap();
    assert_eq!(changed.config.max_age, config.max_age);
    assert_eq!(changed.config.metadata["kept"], "yes");
    assert_eq!(stream.info().await.unwrap().config, changed.config);
    let kept = jetstream.create_or_update_stream(changed.config.clone()).await.unwrap();
    assert_eq!(kept.config, changed.config, "what was read can be sent back");

    let subject = format!("{name}.a.b");
    assert_eq!(jetstream.stream_by_subject(subject).await.unwrap(), name);
    let nobody = jetstream.stream_by_subject(unique_name(&jetstream, "nobody")).await;
    assert_eq!(nobody, Err(stream::GetStreamByNameError::NotFound));
    let names: Vec<String> = env::within(jetstream.stream_names().try_collect()).await.unwrap();
    assert!(names.contains(&name), "{names:?}");
    let listed =
        jetstream.streams().try_filter(|info| core::future::ready(info.config.name == name));
    assert_eq!(env::within(listed.count()).await, 1);

    jetstream.delete_stream(&name).await.unwrap();
    let gone = jetstream.get_stream(&name).await.unwrap_err();
    assert_eq!(gone.error_code(), Some(ErrorCode::STREAM_NOT_FOUND));
    let gone = jetstream.delete_stream(&name).await.unwrap_err();
    assert!(matches!(gone, stream::DeleteStreamError::NotFound(_)), "{gone:?}");
    let gone = jetstream.update_stream(&config).await.unwrap_err();
    assert!(matches!(gone, stream::UpdateStreamError::NotFound(_)), "{gone:?}");
    jetstream.client().close().await.unwrap();
}

/// A list that is longer than a page comes whole.
pub(crate) async fn listing_many_streams() {
    const STREAMS: usize = 300;
    let jetstream = jetstream("listing_many_streams").await;
    let prefix = unique_name(&jetstream, "MANY");
    let names: Vec<String> = (0..STREAMS).map(|number| format!("{prefix}_{number}")).collect();
    let make = names.iter().map(|name| {
        let storage = stream::StorageType::Memory;
        jetstream.create_stream(stream::Config { storage, ..name.as_str().into() })
    });
    env::within(futures_util::future::try_join_all(make)).await.unwrap();
    let ours = |name: &String| core::future::ready(name.starts_with(&prefix));
    let listed = jetstream.stream_names().try_filter(ours).try_collect::<Vec<_>>();
    let mut listed = env::within(listed).await.unwrap();
    listed.sort_unstable();
    let mut expected = names.clone();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    let delete = names.iter().map(|name| jetstream.delete_stream(name));
    env::within(futures_util::future::try_join_all(delete)).await.unwrap();
    jetstream.client().close().await.unwrap();
}

/// A stream confirms what it stores, stores an id once, and refuses what is not as expected.
pub(crate) async fn publishing_with_confirmation() {
    let jetstream = jetstream("publishing_with_confirmation").await;
    let stream = own_stream(&jetstream, "CONFIRMED").await;
    let name = stream.name().to_string();
    let subject = format!("{name}.a");
    let send = async |message: PublishMessage| {
        jetstream.send_publish(&*subject, message).await.unwrap().await
    };

    let message = || PublishMessage::build().payload("x".into());
    let first = send(message().message_id("one")).await.unwrap();
    assert_eq!((&*first.stream, first.sequence, first.duplicate), (&*name, 1, false));
    let again = send(message().message_id("one")).await.unwrap();
    assert_eq!((again.sequence, again.duplicate), (1, true));
    let expecting = message()
        .expected_stream(&name)
        .expected_last_sequence(1)
        .expected_last_subject_sequence(1)
        .expected_last_message_id("one");
    assert_eq!(send(expecting).await.unwrap().sequence, 2);

    let wrong = send(message().expected_last_sequence(1)).await.unwrap_err();
    assert_eq!(wrong.error_code(), Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE));
    assert!(matches!(wrong, PublishError::WrongLastSequence(_)), "{wrong:?}");
    let wrong = send(message().expected_last_subject_sequence(0)).await.unwrap_err();
    assert!(matches!(wrong, PublishError::WrongLastSequence(_)), "{wrong:?}");
    let wrong = send(message().expected_last_message_id("two")).await.unwrap_err();
    assert!(matches!(wrong, PublishError::WrongLastMessageId(_)), "{wrong:?}");
    let wrong = send(message().expected_stream("other")).await.unwrap_err();
    assert_eq!(wrong.error_code(), Some(ErrorCode::STREAM_NOT_MATCH));
    let wrong = send(message().ttl(Duration::from_secs(60))).await.unwrap_err();
    assert_eq!(wrong.error_code(), Some(ErrorCode::MESSAGE_TTL_DISABLED));

    let forged = jetstream.send_publish(&*subject, message().message_id("x\r\nNats-Rollup: all"));
    let problem = PublishError::InvalidHeader(HeaderError::ValueCharacter { at: 1 });
    assert_eq!(forged.await.unwrap_err(), problem);
    let nowhere = jetstream.publish(unique_name(&jetstream, "nowhere"), "x".into()).await.unwrap();
    assert_eq!(env::within(nowhere).await, Err(PublishError::StreamNotFound));

    assert_eq!(stream.get_info().await.unwrap().state.messages, 2);
    jetstream.delete_stream(&name).await.unwrap();
    jetstream.client().close().await.unwrap();
}

/// Of many messages at a time only so many wait for their confirmation, and each gets its own.
pub(crate) async fn publishing_many_at_a_time() {
    const MESSAGES: u64 = 1_000;
    let client = client("publishing_many_at_a_time").await;
    let bounded = jetstream::ContextBuilder::new().max_ack_inflight(10);
    let jetstream = bounded.clone().build(client.clone());
    let stream = own_stream(&jetstream, "BOUNDED").await;
    let subject = format!("{}.x", stream.name());
    let numbers = futures_util::stream::iter(0..MESSAGES);
    let sequences: Vec<u64> = env::within(
        numbers
            .then(|number| jetstream.publish(&*subject, number.to_string().into()))
            .map_err(|error| panic!("{error}"))
            .try_buffered(8)
            .map_ok(|ack| ack.sequence)
            .try_collect(),
    )
    .await
    .unwrap();
    assert!(sequences.into_iter().eq(1..=MESSAGES), "confirmations come in order");

    let impatient = bounded.backpressure_on_inflight(false).build(client.clone());
    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.push(impatient.publish(&*subject, "x".into()).await.unwrap());
    }
    let refused = impatient.publish(&*subject, "x".into()).await.unwrap_err();
    assert_eq!(refused, PublishError::MaxAckInFlight);
    drop(waiting.pop());
    waiting.push(impatient.publish(&*subject, "x".into()).await.unwrap());
    let all = futures_util::future::try_join_all(waiting);
    let (all, ()) = env::within(futures_util::future::join(all, impatient.wait_for_acks())).await;
    all.unwrap();
    jetstream.delete_stream(stream.name()).await.unwrap();
    client.close().await.unwrap();
}

/// Messages are got by number and subject, from the leader or directly, and deleted.
pub(crate) async fn reading_stored_messages() {
    let jetstream = jetstream("reading_stored_messages").await;
    let stream = own_stream(&jetstream, "STORED").await;
    let name = stream.name().to_string();
    let subject = |last: &str| format!("{name}.{last}");
    let mut headers = web_wasm::HeaderMap::new();
    headers.append("A", "b").unwrap();
    let sent = jetstream.publish_with_headers(subject("a"), headers.clone(), "1".into()).await;
    sent.unwrap().await.unwrap();
    publish(&jetstream, subject("b"), "2").await;
    publish(&jetstream, subject("a"), "3").await;
    publish(&jetstream, subject("c"), "").await;

    let first = stream.get_raw_message(1).await.unwrap();
    assert_eq!((&*first.subject, &first.payload[..]), (&*subject("a"), &b"1"[..]));
    assert_eq!(first.headers, headers);
    let last = stream.get_last_raw_message_by_subject(subject("a")).await.unwrap();
    assert_eq!((last.sequence, &last.payload[..]), (3, &b"3"[..]));
    let next = stream.get_next_raw_message_by_subject(subject("*"), 2).await.unwrap();
    assert_eq!(next.sequence, 2);
    let next = stream.get_first_raw_message_by_subject(subject("c")).await.unwrap();
    assert!(next.payload.is_empty());
    let none = stream.get_raw_message(99).await.unwrap_err();
    assert_eq!(none.error_code(), Some(ErrorCode::NO_MESSAGE_FOUND));

    let direct = stream.direct_get(1).await.unwrap();
    assert_eq!((direct.sequence, &direct.subject, direct.time), (1, &first.subject, first.time));
    assert_eq!(direct.headers.get("A").unwrap(), "b");
    let direct = stream.direct_get_last_for_subject(subject("a")).await.unwrap();
    assert_eq!((direct.sequence, &direct.payload[..]), (3, &b"3"[..]));
    let direct = stream.direct_get_next_for_subject(subject("a"), Some(2)).await.unwrap();
    assert_eq!(direct.sequence, 3);
    let direct = stream.direct_get_first_for_subject(subject("c")).await.unwrap();
    assert_eq!((direct.sequence, direct.payload.len()), (4, 0));
    let none = stream.direct_get_last_for_subject(subject("none")).await;
    assert_eq!(none, Err(stream::DirectGetError::NotFound));

    let batch = stream::GetRequest { sequence: 2, batch: 2, ..Default::default() };
    let mut batch = stream.direct_get_many(batch).await.unwrap();
    let got: Vec<u64> =
        env::within(batch.by_ref().map_ok(|m| m.sequence).try_collect()).await.unwrap();
    assert_eq!((got, batch.pending()), (vec![2, 3], Some(1)));
    let mut lasts = stream.direct_get_last_for_subjects([subject("*")]).await.unwrap();
    let got: Vec<u64> =
        env::within(lasts.by_ref().map_ok(|m| m.sequence).try_collect()).await.unwrap();
    assert_eq!((got, lasts.pending()), (vec![2, 3, 4], Some(0)));
    let mut none = stream.direct_get_last_for_subjects([subject("none")]).await.unwrap();
    assert!(env::within(none.next()).await.is_none());

    stream.delete_message(2).await.unwrap();
    stream.delete_message_no_erase(4).await.unwrap();
    let none = stream.delete_message(2).await.unwrap_err();
    assert!(matches!(none, stream::DeleteMessageError::NotFound(_)), "{none:?}");
    let info = stream.info_builder().with_deleted(true).subjects(">").fetch().await.unwrap();
    assert_eq!(info.state.deleted, [2, 4]);
    assert_eq!((info.state.subjects.len(), info.state.subjects[&subject("a")]), (1, 2));
    assert_eq!(stream.purge().filter(subject("a")).keep(1).await.unwrap().purged, 1);
    assert_eq!(stream.purge().sequence(3).await.unwrap().purged, 0);
    assert_eq!(stream.purge().await.unwrap().purged, 1);
    assert_eq!(stream.get_info().await.unwrap().state.messages, 0);
    jetstream.delete_stream(&name).await.unwrap();
    let gone = stream.direct_get(1).await;
    let nobody = stream::DirectGetError::Request(RequestError::NoResponders);
    assert_eq!(gone, Err(nobody.clone()));
    let mut gone = stream.direct_get_last_for_subjects([subject("*")]).await.unwrap();
    assert_eq!(env::within(gone.next()).await, Some(Err(nobody)));
    assert_eq!(env::within(gone.next()).await, None);
    jetstream.client().close().await.unwrap();
}

/// Consumers are made, changed, paused, reset, listed and deleted.
pub(crate) async fn managing_consumers() {
    let jetstream = jetstream("managing_consumers").await;
    let stream = own_stream(&jetstream, "CONSUMED").await;
    publish(&jetstream, format!("{}.a", stream.name()), "x").await;
    let config = consumer::Config {
        durable_name: Some("worker".into()),
        filter_subject: format!("{}.a", stream.name()),
        ack_wait: Duration::from_secs(7),
        backoff: vec![Duration::from_secs(7), Duration::from_secs(8)],
        max_deliver: 5,
        metadata: [("kept".to_owned(), "yes".to_owned())].into(),
        ..Default::default()
    };
    let missing = stream.add_consumer(config.clone(), ConsumerAction::Update).await.unwrap_err();
    assert!(matches!(missing, stream::ConsumerCreateError::DoesNotExist(_)), "{missing:?}");
    let info = stream.add_consumer(config.clone(), ConsumerAction::Create).await.unwrap();
    assert_eq!((&*info.name, info.num_pending), ("worker", 1));
    assert_eq!(info.config.backoff, config.backoff);
    let again = info.config.clone();
    stream.add_consumer(again.clone(), ConsumerAction::Create).await.unwrap();
    let changed = consumer::Config { description: Some("changed".into()), ..again };
    let taken = stream.add_consumer(changed.clone(), ConsumerAction::Create).await.unwrap_err();
    assert!(matches!(taken, stream::ConsumerCreateError::AlreadyExists(_)), "{taken:?}");
    let info = stream.add_consumer(changed, ConsumerAction::Update).await.unwrap();
    assert_eq!(info.config.description.as_deref(), Some("changed"));
    assert_eq!(info.config.metadata["kept"], "yes");

    let later = info.timestamp.unwrap().saturating_add(Duration::from_secs(3_600));
    let paused = stream.pause_consumer("worker", later).await.unwrap();
    assert!(paused.paused && paused.pause_until == Some(later), "{paused:?}");
    assert!(stream.consumer_info("worker").await.unwrap().paused);
    assert!(!stream.resume_consumer("worker").await.unwrap().paused);
    assert_eq!(stream.reset_consumer("worker", None).await.unwrap().reset_sequence, 1);

    let groups = consumer::Config {
        priority_policy: consumer::PriorityPolicy::PinnedClient,
        priority_groups: vec!["A".into()],
        priority_timeout: Duration::from_secs(60),
        ..Default::default()
    };
    let nameless = stream.add_consumer(groups, ConsumerAction::CreateOrUpdate).await.unwrap();
    assert_eq!(nameless.config.priority_groups, ["A"]);
    stream.unpin_consumer(&nameless.name, "A").await.unwrap();
    let wrong = stream.unpin_consumer(&nameless.name, "B").await.unwrap_err();
    assert!(wrong.error_code().is_some(), "{wrong:?}");

    let mut names: Vec<String> = stream.consumer_names().try_collect().await.unwrap();
    names.sort_unstable();
    let mut expected = [nameless.name.clone(), "worker".to_owned()];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(stream.consumers().try_collect::<Vec<_>>().await.unwrap().len(), 2);
    stream.delete_consumer("worker").await.unwrap();
    let gone = stream.consumer_info("worker").await.unwrap_err();
    assert_eq!(gone.error_code(), Some(ErrorCode::CONSUMER_NOT_FOUND));
    jetstream.delete_stream(stream.name()).await.unwrap();
    jetstream.client().close().await.unwrap();
}

/// What is no name or subject is refused before anything is sent.
pub(crate) async fn names_of_streams_are_checked() {
    let jetstream = jetstream("names_of_streams_are_checked").await;
    let client = jetstream.client();
    let stream = jetstream.get_stream_no_info("S").unwrap();
    client.flush().await.unwrap();
    let sent = client.statistics().out_messages;
    for (bad, problem) in [
        ("", NameError::Empty),
        ("a.b", NameError::ForbiddenCharacter { at: 1 }),
        ("*", NameError::ForbiddenCharacter { at: 0 }),
        ("a b", NameError::ForbiddenCharacter { at: 1 }),
        ("a\r\nPUB x", NameError::ForbiddenCharacter { at: 1 }),
    ] {
        let refused = jetstream.create_stream(bad).await.unwrap_err();
        assert_eq!(refused, stream::CreateStreamError::InvalidName(problem), "{bad:?}");
        let refused = jetstream.get_stream(bad).await.unwrap_err();
        assert_eq!(refused, stream::GetStreamError::InvalidName(problem), "{bad:?}");
        let refused = jetstream.delete_stream(bad).await.unwrap_err();
        assert_eq!(refused, stream::GetStreamError::InvalidName(problem), "{bad:?}");
        assert_eq!(jetstream.get_stream_no_info(bad).unwrap_err(), problem, "{bad:?}");
        let refused = stream.consumer_info(bad).await.unwrap_err();
        assert_eq!(refused, stream::ConsumerError::InvalidName(problem), "{bad:?}");
        assert!(jetstream::with_domain(client.clone(), bad).is_err(), "{bad:?}");
    }
    let config = consumer::Config { filter_subject: "a b".into(), ..Default::default() };
    let refused = stream.add_consumer(config, ConsumerAction::Create).await.unwrap_err();
    let problem = SubjectError::ForbiddenCharacter { at: 1 };
    assert_eq!(refused, stream::ConsumerCreateError::InvalidFilter(problem));
    let refused = stream.direct_get_last_for_subject("a.>").await;
    let problem = SubjectError::Wildcard { at: 2 };
    assert_eq!(refused, Err(stream::DirectGetError::InvalidSubject(problem)));
    assert!(jetstream::with_prefix(client.clone(), "a.>").is_err());
    assert_eq!(client.statistics().out_messages, sent);

    let elsewhere = jetstream::with_domain(client.clone(), "nowhere").unwrap();
    assert_eq!(elsewhere.query_account().await, Err(RequestError::NoResponders));
    let own = jetstream::with_prefix(client.clone(), "$JS.API").unwrap();
    own.query_account().await.unwrap();
    client.close().await.unwrap();
}
