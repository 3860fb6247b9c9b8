use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::model::{Model, status};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Instant {
    Instant::from_origin(SECOND * u32::try_from(seconds).unwrap())
}

fn actions(batch: &mut Batch) -> Vec<Action<BatchError>> {
    core::iter::from_fn(|| batch.poll_action()).collect()
}

fn connected(options: BatchOptions) -> Batch {
    let mut batch = Batch::new(options, at(0));
    batch.handle_connected(at(0));
    batch
}

fn of(max_messages: usize, expires: Duration) -> BatchOptions {
    BatchOptions { max_messages, expires, ..BatchOptions::default() }
}

fn requested(batch: &mut Batch) -> PullRequest {
    let asked = actions(batch);
    let [Action::Subscribe, Action::Request { request, .. }] = &asked[..] else {
        panic!("{asked:?}")
    };
    request.clone()
}

#[test]
fn it_ends_when_it_is_full() {
    let mut batch = connected(of(2, SECOND * 10));
    let request = requested(&mut batch);
    assert_eq!((request.batch, request.expires, request.no_wait), (2, SECOND * 10, false));
    for _ in 0..3 {
        batch.handle_message(at(1), Message::default());
    }
    let done = actions(&mut batch);
    assert!(matches!(done[..], [Action::Deliver(_), Action::Deliver(_), Action::End(None)]));
    assert_eq!(batch.poll_timeout(), None);
}

#[test]
fn it_ends_as_the_server_says() {
    for (code, words, error) in [
        (404, "No Messages", None),
        (408, "Request Timeout", None),
        (409, "Batch Completed", None),
        (409, "Consumer Deleted", Some(PullError::ConsumerDeleted)),
        (409, "Exceeded MaxWaiting", Some(PullError::TooManyRequests)),
        (409, "Exceeded MaxRequestBatch of 1", {
            Some(PullError::LimitExceeded("Exceeded MaxRequestBatch of 1".into()))
        }),
        (503, "", Some(PullError::NoResponders)),
        (409, "Message Size Exceeds MaxBytes", Some(PullError::MessageTooLarge { max_bytes: 0 })),
    ] {
        let mut batch = connected(of(2, SECOND));
        actions(&mut batch);
        batch.handle_message(at(0), status(9, code, words, None));
        assert_eq!(actions(&mut batch), [], "that is another request's");
        batch.handle_message(at(0), status(1, code, words, None));
        assert_eq!(actions(&mut batch), [Action::End(error.map(BatchError::Pull))]);
    }
}

#[test]
fn what_is_left_is_asked_for_over_the_next_connection() {
    let mut batch = connected(of(3, SECOND * 10));
    actions(&mut batch);
    batch.handle_message(at(1), Message::default());
    actions(&mut batch);
    batch.handle_disconnected();
    assert_eq!(batch.poll_timeout(), Some(at(10)));
    batch.handle_connected(at(4));
    let request = requested(&mut batch);
    assert_eq!((request.batch, request.expires), (2, SECOND * 6));
    batch.handle_message(at(4), status(2, 503, "", None));
    assert_eq!(actions(&mut batch), [], "the server has just begun");
    let again = batch.poll_timeout().unwrap();
    batch.handle_timeout(again);
    assert_eq!(requested(&mut batch).batch, 2);
    batch.handle_disconnected();
    batch.handle_timeout(at(10));
    assert_eq!(actions(&mut batch), [Action::End(None)]);
}

#[test]
fn silence_is_an_error_and_the_end() {
    let mut batch = connected(of(2, SECOND));
    actions(&mut batch);
    assert_eq!(batch.poll_timeout(), Some(at(6)));
    batch.handle_timeout(at(6));
    assert_eq!(actions(&mut batch), [Action::End(Some(BatchError::TimedOut))]);

    let options = BatchOptions { idle_heartbeat: SECOND, ..of(2, SECOND * 10) };
    let mut batch = connected(options);
    actions(&mut batch);
    batch.handle_message(at(1), status(1, 100, "Idle Heartbeat", None));
    assert_eq!(batch.poll_timeout(), Some(at(3)));
    batch.handle_timeout(at(3));
    let missing = BatchError::Pull(PullError::MissingHeartbeat);
    assert_eq!(actions(&mut batch), [Action::End(Some(missing))]);

    let mut never = Batch::new(of(1, Duration::ZERO), at(0));
    assert_eq!(never.poll_timeout(), Some(at(5)));
    never.handle_timeout(at(5));
    assert_eq!(actions(&mut never), [Action::End(Some(BatchError::TimedOut))]);
}

proptest! {
    /// Whatever breaks meanwhile, a batch gets what is there, in order, and not one more than it
    /// wants; and it ends in time.
    #[test]
    fn a_batch_gets_what_it_wants_or_what_there_is(
        stored in 0..30usize,
        max_messages in 1..20usize,
        no_wait: bool,
        breaks in proptest::collection::vec(0..10usize, 0..4),
    ) {
        let options = BatchOptions { no_wait, ..of(max_messages, SECOND * 30) };
        let mut model = Model::new("C");
        for sequence in 1..=stored {
            model.store(sequence as u64, 10);
        }
        let mut batch = Batch::new(options, at(0));
        let mut breaks = breaks.into_iter();
        let mut until_break = breaks.next();
        let (mut now, mut delivered, mut ended) = (at(0), 0, false);
        let mut lost = 0;
        batch.handle_connected(now);
        while !ended {
            while let Some(action) = batch.poll_action() {
                match action {
                    Action::Subscribe => {}
                    Action::Request { token, request } => model.request(now, token, &request),
                    Action::Deliver(_) => delivered += 1,
                    Action::Report(error) => panic!("{error}"),
                    Action::End(error) => {
                        prop_assert_eq!(error, None);
                        ended = true;
                    }
                }
            }
            if until_break == Some(0) {
                until_break = breaks.next();
                lost += model.line.iter().filter(|message| message.status.is_none()).count();
                model.lose_inbox();
                batch.handle_disconnected();
                batch.handle_connected(now);
            } else if let Some(message) = model.line.pop_front() {
                until_break = until_break.map(|left| left - 1);
                batch.handle_message(now, message);
            } else if !ended {
                let due = [batch.poll_timeout(), model.next_tick()].into_iter().flatten().min();
                now = due.unwrap();
                model.tick(now);
                if model.line.is_empty() {
                    batch.handle_timeout(now);
                }
            }
        }
        prop_assert_eq!(delivered, max_messages.min(stored - lost));
        prop_assert!(now <= at(30));
        prop_assert!(model.waiting.is_empty());
    }
}
