//! Subscriptions whose messages are handed to a function.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{pending, poll_immediate};
use futures_util::{FutureExt, StreamExt};
use web_wasm::{Arrivals, Client, EndReason, Message, Overflow, Pace, PendingLimits, Subscriber};

use super::{client, next, unique};
use crate::env;

type Numbers = Rc<RefCell<Vec<u8>>>;

fn number(message: &Message) -> u8 {
    message.payload[0]
}

async fn publish(client: &Client, subject: &str, numbers: core::ops::Range<u8>) {
    for number in numbers {
        client.publish(subject, vec![number].into()).await.unwrap();
    }
    client.flush().await.unwrap();
}

async fn until_its_end(subscriber: &mut Subscriber) {
    let rest = env::within(subscriber.collect::<Vec<_>>()).await;
    assert_eq!(rest, [], "the handler has them");
}

/// A function gets what waits already and what comes, in order, and may use the client; the stream
/// tells of the end.
pub(crate) async fn handlers() {
    let client = client("handlers").await;
    let [subject, echoed] = ["handled", "echoed"].map(|name| unique(&client, name));
    let mut echoes = client.subscribe(&*echoed).await.unwrap();
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    subscriber.unsubscribe_after(50);
    publish(&client, &subject, 0..10).await;
    assert_eq!(subscriber.pending(), 10);

    let numbers = Numbers::default();
    let (handled, publisher) = (Rc::clone(&numbers), client.clone());
    subscriber.handle_with(move |messages| {
        for message in messages {
            handled.borrow_mut().push(number(&message));
            let echo = publisher.publish(&*echoed, message.payload).now_or_never();
            echo.expect("there is room").unwrap();
        }
        Pace::Continue
    });
    assert_eq!(numbers.borrow().len(), 0, "not while it is set");
    for number in 0..10 {
        assert_eq!(self::number(&next(&mut echoes).await), number);
    }
    assert_eq!(subscriber.pending(), 0);
    publish(&client, &subject, 10..60).await;
    until_its_end(&mut subscriber).await;
    assert_eq!(*numbers.borrow(), (0..50).collect::<Vec<u8>>());
    assert_eq!(subscriber.end_reason(), Some(EndReason::MaxDelivered { max: 50 }));
    client.close().await.unwrap();
}

/// A function is called again for what it leaves, and not for ever if it takes nothing.
pub(crate) async fn handlers_that_leave_some() {
    let client = client("handlers_that_leave_some").await;
    let subject = unique(&client, "left");
    let mut one_by_one = client.subscribe(&*subject).await.unwrap();
    let mut reluctant = client.subscribe(&*subject).await.unwrap();
    let numbers = Numbers::default();
    let handled = Rc::clone(&numbers);
    one_by_one.handle_with(move |messages: &mut Arrivals<'_>| {
        handled.borrow_mut().extend(messages.next().as_ref().map(number));
        Pace::Continue
    });
    let (calls, wanted) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (called, wants) = (Rc::clone(&calls), Rc::clone(&wanted));
    reluctant.handle_with(move |messages: &mut Arrivals<'_>| {
        called.set(called.get() + 1);
        for _ in 0..wants.take() {
            messages.next().unwrap();
        }
        Pace::Continue
    });
    publish(&client, &subject, 0..20).await;
    assert_eq!(*numbers.borrow(), (0..20).collect::<Vec<u8>>());
    assert_eq!(reluctant.pending(), 20);
    assert!((1..=20).contains(&calls.get()), "{calls:?}");
    wanted.set(21);
    publish(&client, &subject, 20..21).await;
    assert_eq!(reluctant.pending(), 0);
    client.close().await.unwrap();
}

/// A function may ask for time. Until it is over messages wait, within the limits.
pub(crate) async fn handlers_that_take_their_time() {
    let client = client("handlers_that_take_their_time").await;
    let subject = unique(&client, "slowly");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    let overflow = Overflow::DropOldest;
    subscriber.set_pending_limits(PendingLimits { messages: 5, overflow, ..Default::default() });
    let (numbers, breaks) = (Numbers::default(), Rc::new(RefCell::new(VecDeque::new())));
    let (handled, resting) = (Rc::clone(&numbers), Rc::clone(&breaks));
    subscriber.handle_with(move |messages| {
        handled.borrow_mut().extend(messages.next().as_ref().map(number));
        let (done, rest) = oneshot::channel::<()>();
        resting.borrow_mut().push_back(done);
        Pace::After(Box::pin(rest.map(drop)))
    });
    publish(&client, &subject, 0..1).await;
    publish(&client, &subject, 1..9).await;
    assert_eq!(*numbers.borrow(), [0]);
    assert_eq!((subscriber.pending(), subscriber.dropped()), (5, 3));
    assert_eq!(poll_immediate(subscriber.next()).await, None, "they are the handler's");
    for number in 4..9 {
        breaks.borrow_mut().pop_front().unwrap().send(()).unwrap();
        env::within(async {
            while *numbers.borrow().last().unwrap() != number {
                env::pause(1).await;
            }
        })
        .await;
    }
    assert_eq!(*numbers.borrow(), [0, 4, 5, 6, 7, 8]);
    assert_eq!((subscriber.pending(), breaks.borrow().len()), (0, 1));
    breaks.borrow_mut().pop_front().unwrap().send(()).unwrap();
    publish(&client, &subject, 9..10).await;
    assert_eq!(numbers.borrow().last(), Some(&9));
    // It rests for ever, and what comes meanwhile is left.
    publish(&client, &subject, 10..12).await;
    client.close().await.unwrap();
    assert_eq!(subscriber.pending(), 2);
}

/// A function may end its own subscription, take another's place, or close the client; what it held
/// is let go of.
pub(crate) async fn handlers_that_end() {
    let client = client("handlers_that_end").await;
    let subject = unique(&client, "ending");
    let held = Rc::new(());

    let dropping = Rc::new(RefCell::new(Some(client.subscribe(&*subject).await.unwrap())));
    let numbers = Numbers::default();
    let (own, handled, holds) = (Rc::clone(&dropping), Rc::clone(&numbers), Rc::clone(&held));
    dropping.borrow_mut().as_mut().unwrap().handle_with(move |messages| {
        let _holds = &holds;
        for message in messages {
            handled.borrow_mut().push(number(&message));
            if number(&message) == 2 {
                drop(own.take());
            }
        }
        Pace::Continue
    });
    let changing = Rc::new(RefCell::new(client.subscribe(&*subject).await.unwrap()));
    let changed = Numbers::default();
    let (own, handled, holds) = (Rc::clone(&changing), Rc::clone(&changed), Rc::clone(&held));
    changing.borrow_mut().handle_with(move |messages| {
        let _holds = &holds;
        assert_eq!(messages.next().as_ref().map(number), Some(0));
        let handled = Rc::clone(&handled);
        own.borrow_mut().handle_with(move |messages| {
            handled.borrow_mut().extend(messages.map(|message| number(&message)));
            Pace::Continue
        });
        Pace::Continue
    });
    publish(&client, &subject, 0..6).await;
    assert_eq!(*numbers.borrow(), [0, 1, 2]);
    assert_eq!(*changed.borrow(), [1, 2, 3, 4, 5]);
    assert_eq!(Rc::strong_count(&held), 1, "what ended or was replaced holds nothing");

    let resting = unique(&client, "resting");
    let mut subscriber = client.subscribe(&*resting).await.unwrap();
    let holds = Rc::clone(&held);
    subscriber.handle_with(move |messages| {
        let _holds = &holds;
        messages.next().unwrap();
        Pace::After(Box::pin(pending()))
    });
    publish(&client, &resting, 0..1).await;
    drop(subscriber);
    assert_eq!(Rc::strong_count(&held), 1, "nor what is dropped while it rests");

    let last = unique(&client, "last");
    let mut subscriber = client.subscribe(&*last).await.unwrap();
    let (closing, holds) = (client.clone(), Rc::clone(&held));
    subscriber.handle_with(move |messages| {
        let _holds = &holds;
        messages.next().unwrap();
        let closing = closing.clone();
        env::spawn(async move { closing.close().await.unwrap() });
        Pace::Continue
    });
    client.publish(&*last, "close".into()).await.unwrap();
    until_its_end(&mut subscriber).await;
    assert_eq!(subscriber.end_reason(), Some(EndReason::Closed));
    drop(subscriber);
    assert_eq!(Rc::strong_count(&held), 1);
}

/// What waits when the client is closed is handed over, too.
pub(crate) async fn handlers_of_closed_clients() {
    let client = client("handlers_of_closed_clients").await;
    let subject = unique(&client, "late");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    let events = client.events();
    publish(&client, &subject, 0..3).await;
    client.close().await.unwrap();
    env::within(events.count()).await;
    assert_eq!(subscriber.pending(), 3);
    let numbers = Numbers::default();
    let handled = Rc::clone(&numbers);
    subscriber.handle_with(move |messages| {
        handled.borrow_mut().extend(messages.map(|message| number(&message)));
        Pace::Continue
    });
    until_its_end(&mut subscriber).await;
    assert_eq!(*numbers.borrow(), [0, 1, 2]);
}
