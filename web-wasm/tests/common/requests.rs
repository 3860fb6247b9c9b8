//! Requests and their answers.

use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::{PublishError, Request, RequestError, RequestMany, SubjectError};

use super::{client, unique};
use crate::env;

/// Requests get their answers, each its own; nobody and silence are told apart.
pub(crate) async fn requests() {
    let client = client("requests").await;
    let subject = unique(&client, "service");
    let mut service = client.subscribe(&*subject).await.unwrap();
    let responder = client.clone();
    env::spawn(async move {
        while let Some(request) = service.next().await {
            if let Some(reply) = request.reply.filter(|_| &request.payload[..] != b"silence") {
                responder.publish(reply, request.payload).await.unwrap();
            }
        }
    });
    let answers = (0..100).map(|number| client.request(&*subject, number.to_string().into()));
    let answers = env::within(futures_util::future::join_all(answers)).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(&answer.unwrap().payload[..], number.to_string().as_bytes());
    }
    let nobody = client.request(unique(&client, "nobody"), "?".into()).await;
    assert_eq!(nobody, Err(RequestError::NoResponders));
    let timeout = Duration::from_millis(100);
    let request = Request::new().payload("silence".into()).timeout(timeout);
    let silence = client.send_request(&*subject, request).await;
    assert_eq!(silence, Err(RequestError::TimedOut { timeout }));
    client.close().await.unwrap();
}

/// A request for many answers ends by count, by a last one, by a pause, by time, or with nobody.
pub(crate) async fn requests_for_many() {
    let client = client("requests_for_many").await;
    let subject = unique(&client, "crowd");
    let mut crowd = client.subscribe(&*subject).await.unwrap();
    let responder = client.clone();
    env::spawn(async move {
        while let Some(request) = crowd.next().await {
            for number in 0..10u8 {
                let reply = request.reply.clone().unwrap();
                responder.publish(reply, vec![number].into()).await.unwrap();
            }
        }
    });
    let numbers = async |request: RequestMany| {
        let answers = client.request_many(&*subject, request).await.unwrap();
        let answers = env::within(answers.collect::<Vec<_>>()).await;
        answers.into_iter().map(|answer| answer.unwrap().payload[0]).collect::<Vec<u8>>()
    };
    let long = Duration::from_secs(60);
    let all: Vec<u8> = (0..10).collect();
    let count = RequestMany::new().max_wait(long).max_messages(3);
    assert_eq!(numbers(count).await, [0, 1, 2]);
    let sentinel = RequestMany::new().max_wait(long).sentinel(|message| message.payload[0] == 4);
    assert_eq!(numbers(sentinel).await, [0, 1, 2, 3, 4]);
    let stall = RequestMany::new().max_wait(long).stall_wait(Duration::from_millis(200));
    assert_eq!(numbers(stall).await, all);
    let time = RequestMany::new().max_wait(Duration::from_millis(300));
    assert_eq!(numbers(time).await, all);

    let nobody = client.request_many(unique(&client, "nobody"), RequestMany::new()).await;
    let nobody = env::within(nobody.unwrap().collect::<Vec<_>>()).await;
    assert_eq!(nobody, [Err(RequestError::NoResponders)]);
    let invalid = client.request_many("a b", RequestMany::new()).await.err();
    assert!(matches!(invalid, Some(RequestError::Publish(_))), "{invalid:?}");
    let request = RequestMany::new().max_wait(long);
    let mut open = client.request_many(&*subject, request).await.unwrap();
    assert!(env::within(open.next()).await.unwrap().is_ok());
    client.close().await.unwrap();
    let rest = env::within(open.collect::<Vec<_>>()).await;
    assert_eq!(rest.last(), Some(&Err(RequestError::Closed)));
}

/// A request may name its inbox, and leaves nothing of it behind.
pub(crate) async fn requests_with_an_own_inbox() {
    let client = client("requests_with_an_own_inbox").await;
    let (subject, inbox) = (unique(&client, "service"), unique(&client, "my.own"));
    let mut service = client.subscribe(&*subject).await.unwrap();
    let (responder, own) = (client.clone(), inbox.clone());
    env::spawn(async move {
        while let Some(request) = service.next().await {
            let reply = request.reply.unwrap();
            assert_eq!(*reply, *own);
            for part in ["one", "two"] {
                responder.publish(reply.clone(), part.into()).await.unwrap();
            }
        }
    });
    let one = client.send_request(&*subject, Request::new().inbox(&inbox)).await.unwrap();
    assert_eq!((one.subject.as_str(), &one.payload[..]), (&*inbox, &b"one"[..]));
    let many = RequestMany::new().inbox(&inbox).max_messages(2);
    let many = client.request_many(&*subject, many).await.unwrap();
    assert_eq!(env::within(many.collect::<Vec<_>>()).await.len(), 2);
    let nobody = Request::new().inbox(&inbox);
    let nobody = client.send_request(unique(&client, "nobody"), nobody).await;
    assert_eq!(nobody, Err(RequestError::NoResponders));
    let invalid = client.send_request(&*subject, Request::new().inbox("a.>")).await;
    let problem = PublishError::InvalidReplySubject(SubjectError::Wildcard { at: 2 });
    assert_eq!(invalid, Err(RequestError::Publish(problem)));
    client.flush().await.unwrap();
    let (orphaned, late) = (client.statistics().orphaned, client.statistics().in_messages);
    client.publish(&*inbox, "nobody reads".into()).await.unwrap();
    client.flush().await.unwrap();
    let after = client.statistics();
    assert_eq!((after.orphaned, after.in_messages), (orphaned, late), "nobody is subscribed");
    client.close().await.unwrap();
}
