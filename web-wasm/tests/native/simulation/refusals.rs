//! What becomes of a client whose credential a server refuses.

use std::cell::RefCell;
use std::time::Duration;

use nats_proto::simulator::Expulsion;
use web_wasm::{Auth, ConnectOptions, Event, ServerError, State};

use super::network::with_world;
use super::reconnecting::{cluster, connect, dials, kill, revive};
use super::sim::simulate;

const SECOND: Duration = Duration::from_secs(1);

/// Credentials that offer these tokens one after another, the last one for ever.
fn tokens(tokens: &'static [&'static str]) -> ConnectOptions {
    let asked = RefCell::new(0);
    ConnectOptions::new().auth_callback(move |_| {
        let mut asked = asked.borrow_mut();
        let token = tokens[(*asked).min(tokens.len() - 1)];
        *asked += 1;
        async move { Ok(Auth { token: Some(token.into()), ..Auth::default() }) }
    })
}

#[test]
fn the_same_credential_refused_twice_is_the_end_and_a_new_one_is_not() {
    for (offered, dialled, admitted) in [
        (&["wrong"][..], 2, false),
        (&["a", "b", "c", "d", "right"][..], 5, true),
        (&["a", "b", "a", "right"][..], 3, false),
    ] {
        simulate(7, async move |sim| {
            let [server] = cluster(&sim, ["n1"]);
            with_world(&sim, |world| {
                world.change(server, |script| script.admits = Some(vec!["right".into()]));
            });
            let options = tokens(offered).retry_on_initial_connect();
            let (client, watch) = connect(&sim, options, &["n1"]).await;
            sim.until(60 * SECOND, || watch.is_closed() || watch.connects() == 1).await;
            assert_eq!(dials(&sim, Duration::ZERO).len(), dialled);
            assert_eq!(client.connection_state() == State::Connected, admitted);
            if !admitted {
                let Some(Event::Closed { reason, .. }) = watch.events().pop() else { panic!() };
                assert_eq!(reason.server_error(), Some(&ServerError::AuthorizationViolation));
                sim.sleep(600 * SECOND).await;
                assert_eq!(dials(&sim, Duration::ZERO).len(), dialled, "and it stays the end");
            }
            watch.assert_well_formed(false);
        });
    }
}

/// What is remembered of a provider that goes on giving others has an end.
#[test]
fn only_the_last_few_refusals_are_remembered() {
    for (offered, admitted) in [
        (&["a", "b", "c", "d", "e", "f", "g", "h", "a", "right"][..], false),
        (
            &[
                "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p",
                "q", "a", "right",
            ][..],
            true,
        ),
    ] {
        simulate(7, async move |sim| {
            let [server] = cluster(&sim, ["n1"]);
            with_world(&sim, |world| {
                world.change(server, |script| script.admits = Some(vec!["right".into()]));
            });
            let options = tokens(offered).retry_on_initial_connect();
            let (_client, watch) = connect(&sim, options, &["n1"]).await;
            sim.until(600 * SECOND, || watch.is_closed() || watch.connects() == 1).await;
            assert_eq!(watch.connects() == 1, admitted);
        });
    }
}

#[test]
fn a_server_that_refuses_for_good_is_left_out_while_another_may_let_the_client_in() {
    simulate(8, async |sim| {
        let [n1, n2] = cluster(&sim, ["n1", "n2"]);
        with_world(&sim, |world| {
            world.change(n1, |script| script.admits = Some(vec!["other".into()]));
        });
        kill(&sim, n2);
        let options = tokens(&["mine"]).retry_on_initial_connect().retain_servers_order();
        let (_client, watch) = connect(&sim, options, &["n1", "n2"]).await;
        sim.sleep(60 * SECOND).await;
        assert!(!watch.is_closed());
        let tried = dials(&sim, Duration::ZERO);
        assert_eq!(tried.iter().filter(|(_, host)| host == "n1").count(), 2, "{tried:?}");
        revive(&sim, n2);
        sim.until(9 * SECOND, || watch.connects() == 1).await;
    });
}

#[test]
fn a_credential_that_ends_live_may_be_offered_once_more() {
    for (expulsion, error) in [
        (Expulsion::UserAuthenticationExpired, ServerError::UserAuthenticationExpired),
        (Expulsion::UserAuthenticationRevoked, ServerError::UserAuthenticationRevoked),
        (Expulsion::AccountAuthenticationExpired, ServerError::AccountAuthenticationExpired),
    ] {
        simulate(9, async move |sim| {
            let [server] = cluster(&sim, ["n1"]);
            let (_client, watch) = connect(&sim, tokens(&["old", "new"]), &["n1"]).await;
            let link = sim.network(|network| network.links(server)[0]);
            with_world(&sim, |world| world.expel(link, expulsion));
            sim.until(SECOND, || watch.connects() == 1).await;
            let events = watch.events();
            assert_eq!(events[0], Event::ServerError(error.clone()));
            let Event::Disconnected { reason, .. } = &events[1] else { panic!("{events:?}") };
            assert_eq!(reason.server_error(), Some(&error));
            watch.assert_well_formed(true);
        });
    }
}
