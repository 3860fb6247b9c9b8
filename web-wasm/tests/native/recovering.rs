//! What a credential has to allow for a subscription to recover.

use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::jetstream::stream::{self, ConsumerCreateError};
use web_wasm::jetstream::{
    self, NotRecovered, RecoverFrom, RequestError, SubscribeRecoveringError, Verdict,
};
use web_wasm::{Client, ConnectOptions, Event};

use crate::common::expect_event;
use crate::env::{self, NatsServer};
use crate::failure::impatient;

const JETSTREAM: &str = include_str!("../common/jetstream.conf");

/// One who may read everything, and one who may read `room.open` of the stream ROOM.
const USERS: &str = r#"authorization { users: [
    { user: admin, password: a }
    { user: reader, password: r, permissions: {
        subscribe: ["_INBOX.>"],
        publish: ["$JS.API.CONSUMER.CREATE.ROOM.*.room.open", "$JS.API.CONSUMER.MSG.NEXT.ROOM.*"]
    } }
] }
"#;

/// The same, after somebody thought better of it.
const USERS_AFTERWARDS: &str = r#"authorization { users: [
    { user: admin, password: a }
    { user: reader, password: r, permissions: { subscribe: ["_INBOX.>", "room.open"], publish: ["other"] } }
] }
"#;

async fn connect(server: &NatsServer, options: ConnectOptions, user: &str) -> Client {
    let options = options.user_and_password(user, &user[..1]);
    env::connect_to(options, &server.url()).await.unwrap()
}

#[tokio::test]
async fn a_credential_for_one_subject_of_a_stream_is_enough_and_opens_no_other() {
    env::local(async {
        let server = NatsServer::start(&format!("{JETSTREAM}{USERS}"));
        let admin = jetstream::new(connect(&server, ConnectOptions::new(), "admin").await);
        let subjects = vec!["room.*".into()];
        let config = stream::Config { subjects, ..stream::Config::from("ROOM") };
        admin.create_stream(config).await.unwrap();
        let publish = async |subject: &'static str, text: &'static str| {
            admin.publish(subject, text.into()).await.unwrap().await.unwrap();
        };
        let reader = connect(&server, impatient(), "reader").await;
        let mut events = reader.events();
        let from = || RecoverFrom::stream("ROOM").after(0);
        let mut subscriber = reader.subscribe_recovering("room.open", from()).await.unwrap();
        expect_event(&mut events, |event| matches!(event, Event::Recovery { .. })).await;
        for (secret, open) in [("s1", "1"), ("s2", "2"), ("s3", "3")] {
            reader.force_reconnect();
            publish("room.secret", secret).await;
            publish("room.open", open).await;
            let message = env::within(subscriber.next()).await.unwrap();
            assert_eq!(message.payload[..], *open.as_bytes());
            assert!(
                subscriber.take_verdict().is_none_or(|verdict: Verdict| verdict.is_recovered())
            );
        }
        for subject in ["room.secret", "room.*", ">"] {
            let refused = reader.subscribe_recovering(subject, from()).await.unwrap_err();
            let denied = matches!(
                &refused,
                SubscribeRecoveringError::Create(ConsumerCreateError::Request(
                    RequestError::Request(web_wasm::RequestError::Denied(_))
                ))
            );
            assert!(denied, "{subject}: {refused:?}");
        }
        reader.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_credential_that_loses_its_rights_in_mid_life_is_told() {
    env::local(async {
        let server = NatsServer::start(&format!("{JETSTREAM}{USERS}"));
        let admin = jetstream::new(connect(&server, impatient(), "admin").await);
        let subjects = vec!["room.*".into()];
        let config = stream::Config { subjects, ..stream::Config::from("ROOM") };
        admin.create_stream(config).await.unwrap();
        let reader = connect(&server, impatient(), "reader").await;
        let mut events = reader.events();
        let from = RecoverFrom::stream("ROOM").timeout(Duration::from_millis(500));
        let mut subscriber = reader.subscribe_recovering("room.open", from).await.unwrap();
        admin.publish("room.open", "1".into()).await.unwrap().await.unwrap();
        assert_eq!(env::within(subscriber.next()).await.unwrap().payload, "1");

        server.restart_with(&format!("{JETSTREAM}{USERS_AFTERWARDS}"));
        let live = async {
            let verdict = |event: &Event| matches!(event, Event::Recovery { .. });
            let event = expect_event(&mut events, verdict).await;
            reader.flush().await.unwrap();
            let published = async {
                // The administrator has to come back, too.
                while admin.client().publish("room.open", "2".into()).await.is_err()
                    || admin.client().flush().await.is_err()
                {
                    env::pause(20).await;
                }
            };
            env::within(published).await;
            event
        };
        let (event, message) =
            futures_util::future::join(live, env::within(subscriber.next())).await;
        let Event::Recovery { verdict, .. } = event else { unreachable!() };
        let Verdict::NotRecovered(NotRecovered::NotAllowed(reason)) = &verdict else {
            panic!("{verdict:?}")
        };
        assert!(reason.contains("$JS.API.CONSUMER.CREATE.ROOM"), "{reason}");
        assert_eq!(message.unwrap().payload, "2", "it goes on as a plain subscription");
        assert!(!subscriber.is_recovering());
        assert_eq!(subscriber.take_verdict(), Some(verdict));
        reader.close().await.unwrap();
    })
    .await;
}
