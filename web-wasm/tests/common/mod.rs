//! What the client does, told once and run against a real nats-server both natively and in a
//! browser. Each test program brings `crate::env`, its surroundings.

mod consumers;
mod credentials;
mod handlers;
mod jetstream;
mod kv;
mod kv_watch;
mod lifecycle;
mod made_anew;
mod messages;
mod object_stores;
mod outbox;
mod presence;
mod push_consumers;
mod recovering;
mod requests;
mod services;
mod subscriptions;
mod users;

pub(crate) use consumers::*;
pub(crate) use credentials::*;
pub(crate) use handlers::*;
pub(crate) use jetstream::*;
pub(crate) use kv::*;
pub(crate) use kv_watch::*;
pub(crate) use lifecycle::*;
pub(crate) use made_anew::*;
pub(crate) use messages::*;
pub(crate) use object_stores::*;
pub(crate) use outbox::*;
pub(crate) use presence::*;
pub(crate) use push_consumers::*;
pub(crate) use recovering::*;
pub(crate) use requests::*;
pub(crate) use services::*;
pub(crate) use subscriptions::*;

use futures_util::StreamExt;
use web_wasm::{Client, ConnectOptions, Event, Message, Subscriber};

use crate::env;

/// A client of the test's own with a name for the server's logs.
async fn client(name: &str) -> Client {
    env::connect(ConnectOptions::new().name(name)).await.unwrap()
}

/// The next message, which has to come soon.
async fn next(subscriber: &mut Subscriber) -> Message {
    env::within(subscriber.next()).await.expect("the subscription goes on")
}

/// A subject that no other test uses.
fn unique(client: &Client, name: &str) -> String {
    client.new_inbox().replace("_INBOX", name)
}

/// The next event that is `wanted`, which has to come soon.
pub(crate) async fn expect_event(
    events: &mut web_wasm::Events,
    wanted: impl Fn(&Event) -> bool,
) -> Event {
    env::within(async {
        loop {
            let event = events.next().await.expect("the client is not closed");
            if wanted(&event) {
                return event;
            }
        }
    })
    .await
}

/// Reads numbers up to a message that says "end", and sees to it that they are all those below `sent`.
pub(crate) async fn expect_numbers(subscriber: &mut Subscriber, client: &Client, sent: u32) {
    let numbers = read_numbers(subscriber).await;
    assert_numbers(numbers, client, sent);
}

/// Reads numbers up to a message that says "end".
async fn read_numbers(subscriber: &mut Subscriber) -> Vec<u32> {
    let mut numbers = Vec::new();
    loop {
        let message = next(subscriber).await;
        match core::str::from_utf8(&message.payload).unwrap() {
            "end" => return numbers,
            number => numbers.push(number.parse().unwrap()),
        }
    }
}

/// Asserts that these are all numbers below `sent`. A server may be late with one of two copies of a
/// message during a handover: then a number may come late, or twice if the client says so.
fn assert_numbers(mut numbers: Vec<u32>, client: &Client, sent: u32) {
    let received = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.iter().copied().eq(0..sent), "{} of {sent}", numbers.len());
    let repeated = (received - numbers.len()) as u64;
    assert!(repeated <= client.statistics().possible_duplicates, "{repeated} came twice");
}

/// Runs each scenario as a test of its own, by the attribute that the surroundings want.
#[macro_export]
macro_rules! scenarios {
    ($attribute:meta, $run:path) => {
        $crate::scenarios!(@each $attribute, $run:
            publish_and_subscribe many_messages large_payloads backpressure names_are_checked requests
            requests_for_many queue_groups unsubscribing slow_consumers reconnecting closing dropping no_server
            coming_and_going overflow_policies
            handlers handlers_that_leave_some handlers_that_take_their_time handlers_that_end
            handlers_of_closed_clients
            draining draining_unread waking signing_in permissions limits
            expiring_credentials requests_with_an_own_inbox server_pools subprotocols
            handing_over handing_over_in_vain rotating_credentials
            managing_streams listing_many_streams publishing_with_confirmation
            publishing_many_at_a_time reading_stored_messages managing_consumers
            names_of_streams_are_checked
            consumers fetching limits_of_consumers acknowledging consuming dropping_consumers
            pinned_clients ordered_consumers many_messages_in_order
            flow_control pushing_over_broken_connections sharing_and_losing_push_consumers
            reading_what_anothers_consumer_delivers
            object_stores objects objects_that_are_not_whole puts_that_fail links_and_names
            watching_object_stores
            outboxes_over_reloads outboxes_in_two_tabs outboxes_and_refusals outboxes_have_bounds
            outboxes_forget_nothing_old
            managing_buckets reading_and_writing_values reading_values_from_the_leader
            values_of_an_age names_of_keys_are_checked watching_keys listing_keys purging_deletes
            watching_through_losses streams_made_anew buckets_made_anew
            presence presence_of_who_is_silent presence_over_reconnects
            services services_over_reconnects
            services_in_queue_groups services_and_where_they_answer services_are_checked
            gaps recovering recovering_what_was_dropped recovering_too_much
            recovering_from_another_stream recovering_from_nothing recovering_in_vain recovering_after_a_number);
    };
    (@each $attribute:meta, $run:path: $($name:ident)*) => {
        $(
            #[$attribute]
            async fn $name() {
                $run(common::$name()).await;
            }
        )*
    };
}
