//! Services of this client and of async-nats, each found and asked by the other.

use std::collections::HashMap;

use async_nats::service::ServiceExt as _;
use futures_util::StreamExt;
use web_wasm::ConnectOptions;
use web_wasm::service::error::Error;
use web_wasm::service::{Selector, ServiceExt as _};

use crate::env::{self, NatsServer};
use crate::failure::OPEN;

#[tokio::test]
async fn a_service_of_async_nats_is_found_and_asked() {
    env::local(async {
        let server = NatsServer::start(OPEN);
        let theirs = async_nats::connect(server.tcp_url()).await.unwrap();
        let ours = env::connect_to(ConnectOptions::new(), &server.url()).await.unwrap();
        let service = theirs
            .service_builder()
            .description("theirs")
            .metadata(HashMap::from([("by".into(), "async-nats".into())]))
            .stats_handler(|_, _| serde_json::json!({ "more": true }))
            .start("theirs", "2.0.0-rc.1")
            .await
            .unwrap();
        let mut endpoint = service.group("v2").endpoint("get").await.unwrap();
        env::spawn(async move {
            while let Some(request) = endpoint.next().await {
                let error =
                    || async_nats::service::error::Error { code: 418, status: "tea".into() };
                let answer = match request.message.payload.clone() {
                    payload if payload.is_empty() => Err(error()),
                    payload => Ok(payload),
                };
                request.respond(answer).await.unwrap();
            }
        });
        let finder = ours.service_client();
        let answers = async || {
            let found = finder.ping(Selector::All).await.unwrap();
            env::within(found.map(Result::unwrap).collect::<Vec<_>>()).await
        };
        // Their subscriptions are on their way.
        let pings = env::within(async {
            loop {
                let found = answers().await;
                if !found.is_empty() {
                    return found;
                }
            }
        })
        .await;
        let [ping] = &pings[..] else { panic!("{pings:?}") };
        assert_eq!((&*ping.name, &*ping.version), ("theirs", "2.0.0-rc.1"));
        assert_eq!(ping.metadata["by"], "async-nats");
        let echoed = env::within(ours.request("v2.get", "x".into())).await.unwrap();
        assert_eq!(&echoed.payload[..], b"x");
        let refused = env::within(ours.request("v2.get", "".into())).await.unwrap();
        let error = Error { code: 418, status: "tea".into() };
        assert_eq!(refused.headers.as_ref().and_then(Error::read), Some(error.clone()));

        let instance = (&*ping.name, &*ping.id);
        let mut info = finder.info(instance).await.unwrap();
        let info = env::within(info.next()).await.unwrap().unwrap();
        assert_eq!((&*info.description, &*info.endpoints[0].subject), ("theirs", "v2.get"));
        assert_eq!((&*info.endpoints[0].name, &*info.endpoints[0].queue_group), ("v2-get", "q"));
        // They count a moment after they have answered.
        let stats = env::within(async {
            loop {
                let mut stats = finder.stats(instance).await.unwrap();
                let mut stats = stats.next().await.unwrap().unwrap();
                if stats.endpoints[0].requests == 2 {
                    return stats.endpoints.remove(0);
                }
            }
        })
        .await;
        assert_eq!((stats.errors, stats.last_error), (1, Some(error)));
        assert_eq!(stats.data, Some(serde_json::json!({ "more": true })));
        assert!(!stats.processing_time.is_zero());
        let mut schema = finder.schema(instance).await.unwrap();
        assert_eq!(env::within(schema.next()).await, None, "they do not know it");
        ours.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_service_is_found_and_asked_by_async_nats() {
    env::local(async {
        let server = NatsServer::start(OPEN);
        let theirs = async_nats::connect(server.tcp_url()).await.unwrap();
        let ours = env::connect_to(ConnectOptions::new(), &server.url()).await.unwrap();
        let service = ours
            .add_service(web_wasm::service::Config {
                name: "ours".into(),
                version: "1.0.0".into(),
                description: Some("in a browser".into()),
                metadata: Some(HashMap::from([("by".into(), "web-wasm".into())])),
                queue_group: Some("tabs".into()),
                ..Default::default()
            })
            .await
            .unwrap();
        let mut endpoint = service.group("v1").endpoint("get").await.unwrap();
        env::spawn(async move {
            while let Some(request) = endpoint.next().await {
                let error = Error { code: 404, status: "no such thing".into() };
                request.respond(Err(error)).await.unwrap();
            }
        });
        ours.flush().await.unwrap();
        let answer = theirs.request("v1.get", "".into()).await.unwrap();
        let headers = answer.headers.unwrap();
        let error = headers.get(async_nats::service::NATS_SERVICE_ERROR).unwrap();
        let code = headers.get(async_nats::service::NATS_SERVICE_ERROR_CODE).unwrap();
        assert_eq!((error.as_str(), code.as_str()), ("no such thing", "404"));

        let id = service.info().await.id;
        let ask = async |verb: &str| {
            let subject = format!("$SRV.{verb}.ours.{id}");
            theirs.request(subject, "".into()).await.unwrap().payload
        };
        let ping: async_nats::service::PingResponse =
            serde_json::from_slice(&ask("PING").await).unwrap();
        assert_eq!((&*ping.kind, &*ping.id), ("io.nats.micro.v1.ping_response", &*id));
        let info: async_nats::service::Info = serde_json::from_slice(&ask("INFO").await).unwrap();
        assert_eq!((&*info.description, &*info.metadata["by"]), ("in a browser", "web-wasm"));
        let told = &info.endpoints[0];
        assert_eq!((&*told.name, &*told.subject, &*told.queue_group), ("v1-get", "v1.get", "tabs"));
        let stats: async_nats::service::Stats =
            serde_json::from_slice(&ask("STATS").await).unwrap();
        let counted = &stats.endpoints[0];
        assert_eq!((counted.requests, counted.errors), (1, 1));
        assert_eq!(counted.last_error.as_ref().map(|error| error.code), Some(404));
        assert_eq!(counted.average_processing_time, counted.processing_time);
        assert!((stats.started.unix_timestamp() - env::unix_time() as i64).abs() < 60);
        ours.close().await.unwrap();
    })
    .await;
}
