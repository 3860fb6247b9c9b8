//! Services, and those who look for them.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::service::endpoint;
use web_wasm::service::error::Error;
use web_wasm::service::{
    Discovery, Document, Endpoint, EndpointError, NameError, ReplyFilter, RespondError, Schema,
    Selector, SelectorError, Service, ServiceExt, StartError, VersionError,
};
use web_wasm::{
    Client, EndReason, HeaderError, HeaderMap, RequestError, SubjectError, SubscribeError,
};

use super::{client, expect_event, unique};
use crate::env;

/// A service's name that no other test uses.
fn unique_name(client: &Client, name: &str) -> String {
    unique(client, name).replace('.', "-")
}

/// Every answer that comes.
async fn all<T: Document>(found: Discovery<T>) -> Vec<T> {
    env::within(found.map(Result::unwrap).collect()).await
}

/// Gives back what it gets, and an error for what is empty; until the endpoint ends.
async fn echo(mut endpoint: Endpoint) -> Option<EndReason> {
    while let Some(request) = endpoint.next().await {
        let answer = match request.message.payload.clone() {
            payload if payload.is_empty() => Err(Error { code: 400, status: "say it".into() }),
            payload => Ok(payload),
        };
        let mut headers = HeaderMap::new();
        headers.insert("Echo", "yes").unwrap();
        request.respond_with_headers(answer, headers).await.unwrap();
    }
    endpoint.end_reason()
}

/// A service answers, is found, tells what it does, and is gone when it is stopped.
pub(crate) async fn services() {
    let client = client("services").await;
    let caller = super::client("services caller").await;
    let name = unique_name(&client, "echo");
    let start = async |region: &str| {
        let builder = client.service_builder().description("gives it back");
        let builder = builder.metadata([("region", region)]);
        let builder = builder
            .stats_handler(|name, stats| serde_json::json!({ "of": name, "seen": stats.requests }));
        builder.start(&*name, "1.2.3").await.unwrap()
    };
    let (mut service, other) = (start("eu").await, start("us").await);
    let schema = Schema { request: "anything".into(), response: "the same".into() };
    let builder = service.group(&*name).group("v1").endpoint_builder();
    let builder = builder.name("echo").metadata([("cached", "no")]).schema(schema.clone());
    let (done, ended) = futures_channel::oneshot::channel();
    let endpoint = builder.add("echo").await.unwrap();
    env::spawn(async move { done.send(echo(endpoint).await).unwrap() });
    client.flush().await.unwrap();

    let subject = format!("{name}.v1.echo");
    let answer = env::within(caller.request(&*subject, "hello".into())).await.unwrap();
    assert_eq!(&answer.payload[..], b"hello");
    assert_eq!(answer.headers.as_ref().and_then(Error::read), None);
    let refused = env::within(caller.request(&*subject, "".into())).await.unwrap();
    let headers = refused.headers.unwrap();
    let error = Error { code: 400, status: "say it".into() };
    assert_eq!(Error::read(&headers), Some(error.clone()));
    assert_eq!(headers.get("Echo").unwrap(), "yes");

    let finder = caller.service_client();
    let (mine, others) = (service.info().await, other.info().await);
    assert_ne!(mine.id, others.id);
    let mut ids: Vec<String> =
        all(finder.ping(&*name).await.unwrap()).await.into_iter().map(|ping| ping.id).collect();
    ids.sort_unstable();
    let mut expected = [mine.id.clone(), others.id.clone()];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    // Other tests may have services, too.
    let everybody = all(finder.ping(Selector::All).await.unwrap()).await;
    assert_eq!(everybody.iter().filter(|ping| ping.name == name).count(), 2);
    let instance = (&*name, &*mine.id);
    let [ping] = &all(finder.ping(instance).await.unwrap()).await[..] else { panic!() };
    assert_eq!((&*ping.version, &*ping.metadata["region"]), ("1.2.3", "eu"));
    let [info] = &all(finder.info(instance).await.unwrap()).await[..] else { panic!() };
    assert_eq!((info, &*info.description), (&mine, "gives it back"));
    let told = endpoint::Info {
        name: "echo".into(),
        subject,
        queue_group: "q".into(),
        metadata: [("cached".into(), "no".into())].into(),
    };
    assert_eq!(info.endpoints, [told]);
    let [schemas] = &all(finder.schema(instance).await.unwrap()).await[..] else { panic!() };
    assert_eq!(schemas.endpoints[0].schema, Some(schema));
    let [stats] = &all(finder.stats(instance).await.unwrap()).await[..] else { panic!() };
    assert_eq!(*stats, service.stats().await);
    let [endpoint] = &stats.endpoints[..] else { panic!() };
    assert_eq!((endpoint.requests, endpoint.errors), (2, 1));
    assert_eq!(endpoint.last_error, Some(error));
    assert_eq!(endpoint.average_processing_time, endpoint.processing_time / 2);
    assert_eq!(endpoint.data, Some(serde_json::json!({ "of": "echo", "seen": 2 })));

    service.reset().await;
    let reset = service.stats().await;
    assert_eq!(
        (reset.endpoints[0].requests, reset.endpoints[0].processing_time.as_nanos()),
        (0, 0)
    );
    assert!(reset.started >= stats.started);
    let subject = &mine.endpoints[0].subject;
    service.stop().await;
    assert_eq!(env::within(ended).await.unwrap(), Some(EndReason::Drained));
    client.flush().await.unwrap();
    let gone = env::within(caller.request(&**subject, "hello".into())).await;
    assert_eq!(gone, Err(RequestError::NoResponders));
    assert_eq!(all(finder.ping(instance).await.unwrap()).await, [], "nobody is no error");
    assert_eq!(all(finder.ping(&*name).await.unwrap()).await.len(), 1);
    drop(other);
    client.flush().await.unwrap();
    assert_eq!(all(finder.ping(&*name).await.unwrap()).await, [], "nobody holds it");
    client.close().await.unwrap();
    caller.close().await.unwrap();
}

/// After a reconnect a service is the same instance, with its endpoints and what it has counted.
pub(crate) async fn services_over_reconnects() {
    let client = client("services_over_reconnects").await;
    let caller = super::client("services_over_reconnects caller").await;
    let mut events = client.events();
    let name = unique_name(&client, "lasting");
    let service = client.service_builder().start(&*name, "1.0.0").await.unwrap();
    let endpoint = service.endpoint(&*name).await.unwrap();
    env::spawn(async move { drop(echo(endpoint).await) });
    let before = service.info().await;
    for round in 1..=3 {
        client.flush().await.unwrap();
        let answer = env::within(caller.request(&*name, "still".into())).await.unwrap();
        assert_eq!(&answer.payload[..], b"still");
        client.force_reconnect();
        expect_event(&mut events, |event| matches!(event, web_wasm::Event::Connected { .. })).await;
        let finder = caller.service_client();
        let instance = (&*name, &*before.id);
        let [info] = &all(finder.info(instance).await.unwrap()).await[..] else { panic!() };
        assert_eq!(*info, before);
        let [stats] = &all(finder.stats(instance).await.unwrap()).await[..] else { panic!() };
        assert_eq!(stats.endpoints[0].requests, round);
    }
    client.close().await.unwrap();
    caller.close().await.unwrap();
}

/// Of a queue group one gets each request; without one all do.
pub(crate) async fn services_in_queue_groups() {
    let client = client("services_in_queue_groups").await;
    let name = unique_name(&client, "grouped");
    let mut instances: Vec<Service> = Vec::new();
    let mut endpoints: HashMap<&str, Vec<Endpoint>> = HashMap::new();
    for _ in 0..3 {
        let service = client.service_builder().start(&*name, "1.0.0").await.unwrap();
        let one = service.endpoint(format!("{name}.one")).await.unwrap();
        let every = service.group_without_queue_group(&*name).endpoint("every").await.unwrap();
        let own = service.group_with_queue_group(&*name, service.info().await.id);
        let own = own.group("").endpoint("own").await.unwrap();
        let builder = service.group(&*name).endpoint_builder().queue_group("mine");
        let override_ = builder.name("mine").add("override").await.unwrap();
        let none = service.endpoint_builder().no_queue_group();
        let none = none.add(format!("{name}.none")).await.unwrap();
        let all =
            [("one", one), ("every", every), ("own", own), ("override", override_), ("none", none)];
        for (which, endpoint) in all {
            endpoints.entry(which).or_default().push(endpoint);
        }
        instances.push(service);
    }
    let info = instances[0].info().await;
    let groups: Vec<&str> = info.endpoints.iter().map(|info| &*info.queue_group).collect();
    assert_eq!(groups, ["q", "", &*info.id, "mine", ""]);
    let names: Vec<&str> = info.endpoints.iter().map(|info| &*info.name).collect();
    let derived = format!("{name}-one");
    assert_eq!((names[0], names[3]), (&*derived, "mine"));
    for (which, expected) in [("one", 1), ("every", 3), ("own", 3), ("override", 1), ("none", 3)] {
        client.publish(format!("{name}.{which}"), "x".into()).await.unwrap();
        client.flush().await.unwrap();
        let mut got = 0;
        for endpoint in endpoints.get_mut(which).unwrap() {
            endpoint.stop().await;
            let requests = env::within(endpoint.collect::<Vec<_>>()).await;
            for request in &requests {
                assert_eq!(request.respond(Ok("y".into())).await, Err(RespondError::NoReply));
            }
            got += requests.len();
        }
        assert_eq!(got, expected, "{which}");
    }
    drop(endpoints);
    assert_eq!(instances[0].info().await.endpoints, [], "what is dropped is not told of");
    client.close().await.unwrap();
}

/// A service does not lend its rights: what it would answer elsewhere than it may it does not handle.
pub(crate) async fn services_and_where_they_answer() {
    let client = client("services_and_where_they_answer").await;
    let name = unique_name(&client, "careful");
    let root = name.clone();
    let start = async |filter: ReplyFilter| {
        let builder = client.service_builder().reply_filter(filter);
        builder.start(&*name, "1.0.0").await.unwrap()
    };
    // Callers ask on `<name>.<who>.ask`, and are answered below `<name>.inbox.<who>`.
    let own = start(ReplyFilter::judged_by(move |subject, reply| {
        let who = subject.split('.').nth(1).unwrap_or_default();
        let inbox = format!("{root}.inbox.{who}.");
        reply.starts_with(&inbox)
    }))
    .await;
    let mut endpoint =
        own.endpoint_builder().name("ask").add(format!("{name}.*.ask")).await.unwrap();
    let order = format!("{name}.order");
    let mut orders = client.subscribe(&*order).await.unwrap();
    let ask = |who: &str| format!("{name}.{who}.ask");
    let inbox = |who: &str| format!("{name}.inbox.{who}.1");
    for (who, reply) in
        [("mallory", &order), ("mallory", &inbox("alice")), ("alice", &inbox("alice"))]
    {
        client.publish_with_reply(ask(who), reply.as_str(), who.to_string().into()).await.unwrap();
    }
    let request = env::within(endpoint.next()).await.unwrap();
    assert_eq!(&request.message.payload[..], b"alice", "the others were not handed out");
    let forged = Error { code: 500, status: "x\r\nForged: yes".into() };
    let error = RespondError::Header(HeaderError::ValueCharacter { at: 1 });
    assert_eq!(request.respond(Err(forged)).await, Err(error));
    request.respond(Ok("welcome".into())).await.unwrap();
    let stats = own.stats().await.endpoints.remove(0);
    let refusal = Error { code: 403, status: "the reply subject is not allowed".into() };
    assert_eq!((stats.requests, stats.errors, stats.last_error), (3, 2, Some(refusal)));

    // So it is with what it says of itself.
    let closed = start(ReplyFilter::under([&*inbox("alice")]).unwrap()).await;
    let id = closed.info().await.id;
    let finder = client.service_client().max_wait(Duration::from_millis(200));
    assert_eq!(all(finder.ping((&*name, &*id)).await.unwrap()).await, []);
    client.publish_with_reply(format!("$SRV.PING.{name}.{id}"), &*order, "".into()).await.unwrap();
    client.flush().await.unwrap();
    orders.unsubscribe();
    assert_eq!(env::within(orders.next()).await, None, "nobody ordered anything");
    client.close().await.unwrap();
}

/// Names, versions, prefixes and subjects are checked before anything is done.
pub(crate) async fn services_are_checked() {
    let client = client("services_are_checked").await;
    let start =
        async |name: &str, version: &str| client.service_builder().start(name, version).await.err();
    for (name, error) in [("", NameError::Empty), ("a.b", NameError::Character { at: 1 })] {
        let error = StartError::InvalidName(SelectorError::InvalidName(error));
        assert_eq!(start(name, "1.0.0").await, Some(error));
    }
    let version = StartError::InvalidVersion(VersionError);
    assert_eq!(start("a", "1.0").await, Some(version));
    let prefix = client.service_builder().api_prefix("a.*").start("a", "1.0.0").await.err();
    let wildcard = SelectorError::InvalidPrefix(SubjectError::Wildcard { at: 2 });
    assert_eq!(prefix, Some(StartError::InvalidName(wildcard)));

    let service = client.service_builder().start("checked", "1.0.0").await.unwrap();
    let group = service.group("a.>");
    let error = SubscribeError::InvalidSubject(SubjectError::Wildcard { at: 2 });
    assert_eq!(group.endpoint("b").await.err(), Some(EndpointError::Subscribe(error)));
    let named = service.endpoint_builder().name("a b").add("b").await.err();
    assert_eq!(named, Some(EndpointError::InvalidName(NameError::Character { at: 1 })));
    let grouped = service.endpoint_builder().queue_group("").add("b").await.err();
    let error = SubscribeError::InvalidQueueGroup(SubjectError::Empty);
    assert_eq!(grouped, Some(EndpointError::Subscribe(error)));
    assert_eq!(service.info().await.endpoints, []);
    let group = service.group("a");
    service.stop().await;
    assert_eq!(group.endpoint("b").await.err(), Some(EndpointError::Stopped));
    client.close().await.unwrap();
}
