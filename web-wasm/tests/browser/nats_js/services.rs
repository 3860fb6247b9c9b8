//! Services.

use futures_util::StreamExt;
use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm::HeaderMap;
use web_wasm::service::error::Error;
use web_wasm::service::{Discovery, Document, Schema, ServiceExt};

use super::{NatsJs, connect, unique};
use crate::env;

async fn all<T: Document>(found: Discovery<T>) -> Vec<T> {
    env::within(found.map(Result::unwrap).collect()).await
}

/// What a client of nats.js for services is told by all instances of a service.
const ASK: &str = r#"
    const client = new $.services.Svcm($.nc).client({ strategy: "stall", maxWait: 2_000 });
    return await $.take(await client[args.verb](args.name), 1);
"#;

#[wasm_bindgen_test]
async fn our_services_are_found_and_called_by_nats_js() {
    let (client, theirs) = (connect("our services").await, NatsJs::connect().await);
    let name = unique(&client, "ours");
    let builder = client.service_builder().description("gives it back");
    let builder = builder.metadata([("region", "eu")]);
    let service = builder
        .stats_handler(|_, stats| json!({ "seen": stats.requests }))
        .start(&*name, "1.2.3")
        .await
        .unwrap();
    let schema = Schema { request: "anything".into(), response: "the same".into() };
    let group = service.group(&*name);
    let endpoint = group.endpoint_builder().name("echo").metadata([("cached", "no")]);
    let mut endpoint = endpoint.schema(schema).add("v1.echo").await.unwrap();
    env::spawn(async move {
        while let Some(request) = endpoint.next().await {
            let answer = match request.message.payload.clone() {
                payload if payload.is_empty() => {
                    Err(Error { code: 400, status: "say – it".into() })
                }
                payload => Ok(payload),
            };
            let mut headers = HeaderMap::new();
            headers.insert("Echo", "yes").unwrap();
            request.respond_with_headers(answer, headers).await.unwrap();
        }
    });
    client.flush().await.unwrap();
    let call = r#"
        const answer = await $.nc.request(args.subject, $.bytes(300));
        const refused = await $.nc.request(args.subject);
        const error = $.services.ServiceError.toServiceError(refused);
        return {
            answer: [answer.data.length, answer.headers.get("Echo")],
            fine: $.services.ServiceError.isServiceError(answer),
            error: [error.code, error.message, refused.headers.get("Echo")],
        };
    "#;
    let subject = format!("{name}.v1.echo");
    let told = theirs.run(call, json!({ "subject": subject })).await;
    let error = json!([400, "say – it", "yes"]);
    assert_eq!(told, json!({ "answer": [300, "yes"], "fine": false, "error": error }));

    let ask = async |verb: &str| {
        let told = theirs.run(ASK, json!({ "verb": verb, "name": name })).await;
        let Some(told) = told.as_array().and_then(|told| told.first().cloned()) else { panic!() };
        told
    };
    let info = service.info().await;
    let mine =
        json!({ "name": name, "id": info.id, "version": "1.2.3", "metadata": { "region": "eu" } });
    let with = |more: Value| {
        let mut all = mine.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let ping = ask("ping").await;
    assert_eq!(ping, with(json!({ "type": "io.nats.micro.v1.ping_response" })));
    let endpoint = json!({
        "name": "echo", "subject": subject, "queue_group": "q", "metadata": { "cached": "no" },
    });
    let expected = json!({
        "type": "io.nats.micro.v1.info_response",
        "description": "gives it back",
        "endpoints": [endpoint],
    });
    assert_eq!(ask("info").await, with(expected));
    let stats = ask("stats").await;
    assert_eq!(stats["type"], "io.nats.micro.v1.stats_response");
    let of = &stats["endpoints"][0];
    assert_eq!((&of["num_requests"], &of["num_errors"]), (&json!(2), &json!(1)));
    assert_eq!((&of["last_error"], &of["data"]), (&json!("400:say – it"), &json!({ "seen": 2 })));
    assert!(of["processing_time"].as_u64() >= of["average_processing_time"].as_u64(), "{of}");
    service.stop().await;
    theirs.close().await;
    client.close().await.unwrap();
}

#[wasm_bindgen_test]
async fn services_of_nats_js_are_found_and_called() {
    let (client, theirs) = (connect("their services").await, NatsJs::connect().await);
    let name = unique(&client, "theirs");
    let start = r#"
        const service = await new $.services.Svcm($.nc).add({
            name: args.name,
            version: "3.2.1",
            description: "theirs",
            metadata: { region: "us" },
            statsHandler: async () => ({ kept: true }),
        });
        service.addGroup(args.name).addGroup("v1").addEndpoint("echo", {
            metadata: { cached: "no" },
            handler: (error, message) => {
                if (error) return;
                if (message.data.length === 0) message.respondError(422, "say – it", "nothing");
                else if (message.data.length === 1) throw new $.services.ServiceError(503, "too short");
                else message.respond(message.data);
            },
        });
        $.service = service;
        await $.nc.flush();
        return service.info().id;
    "#;
    let id = theirs.run(start, json!({ "name": name })).await;
    let id = id.as_str().unwrap();
    let subject = format!("{name}.v1.echo");
    let answer = env::within(client.request(&*subject, "hello".into())).await.unwrap();
    assert_eq!(answer.payload, "hello");
    assert_eq!(answer.headers.as_ref().and_then(Error::read), None);
    let refused = env::within(client.request(&*subject, "".into())).await.unwrap();
    let error = Error { code: 422, status: "say – it".into() };
    assert_eq!(refused.headers.as_ref().and_then(Error::read), Some(error));
    assert_eq!(refused.payload, "nothing");
    let thrown = env::within(client.request(&*subject, "1".into())).await.unwrap();
    let error = Error { code: 503, status: "too short".into() };
    assert_eq!(thrown.headers.as_ref().and_then(Error::read), Some(error));

    let finder = client.service_client();
    for by in ["name", "instance"] {
        let selected = async || match by {
            "name" => finder.ping(&*name).await.unwrap(),
            _ => finder.ping((&*name, id)).await.unwrap(),
        };
        let [ping] = &all(selected().await).await[..] else { panic!("{by}") };
        assert_eq!((&*ping.name, &*ping.id, &*ping.version), (&*name, id, "3.2.1"));
        assert_eq!(ping.metadata["region"], "us");
    }
    let [info] = &all(finder.info(&*name).await.unwrap()).await[..] else { panic!() };
    assert_eq!((&*info.id, &*info.description), (id, "theirs"));
    let [endpoint] = &info.endpoints[..] else { panic!("{info:?}") };
    assert_eq!((&*endpoint.name, &*endpoint.subject), ("echo", &*subject));
    assert_eq!((&*endpoint.queue_group, &*endpoint.metadata["cached"]), ("q", "no"));
    let [stats] = &all(finder.stats(&*name).await.unwrap()).await[..] else { panic!() };
    let [endpoint] = &stats.endpoints[..] else { panic!("{stats:?}") };
    assert_eq!((endpoint.requests, endpoint.errors), (3, 1), "it counts what is thrown");
    assert_eq!(endpoint.last_error.as_ref().unwrap().status, "too short");
    assert_eq!(endpoint.data, Some(json!({ "kept": true })));
    let began = theirs.run("return (await $.service.stats()).started;", json!({})).await;
    assert_eq!(stats.started, began.as_str().unwrap().parse().unwrap());

    theirs.run("await $.service.stop();", json!({})).await;
    assert_eq!(all(finder.ping(&*name).await.unwrap()).await, []);
    theirs.close().await;
    client.close().await.unwrap();
}
