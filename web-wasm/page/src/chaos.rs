//! Ways to break the connection, and messages that show what comes of it.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::future::{AbortHandle, abortable};
use gloo_timers::callback::Interval;
use gloo_timers::future::TimeoutFuture;
use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlButtonElement, HtmlInputElement};
use web_wasm::Event;

use crate::dom::{Missing, Outcome, Text, Verdict, copy, element, every, now, on};
use crate::session::Session;

/// How long the page is blocked, in milliseconds.
const BLOCK: f64 = 5_000.0;

/// The role whose credentials live for seconds, and the usual one.
const ROLES: (&str, &str) = ("brief", "guest");

/// Time between two numbered messages, in milliseconds.
const PERIOD: u32 = 100;

/// Serves the bar.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>) -> Result<(), Missing> {
    let outcome = Rc::new(Outcome::of("chaos-result")?);
    let button = |id, action: fn(&Rc<Session>, &Rc<Outcome>)| {
        let (session, outcome) = (Rc::clone(session), Rc::clone(&outcome));
        let button: HtmlButtonElement = element(id)?;
        on(&button, "click", move |_| action(&session, &outcome));
        Ok::<_, Missing>(())
    };
    button("chaos-drop", drop_socket)?;
    button("chaos-block", block)?;
    button("chaos-expire", expire)?;
    button("chaos-renew", renew)?;
    serve_kill_command(session)?;
    serve_traffic(session)
}

fn drop_socket(session: &Rc<Session>, outcome: &Rc<Outcome>) {
    session.client.force_reconnect();
    outcome.show(&Verdict::Waiting("Dropped. The client makes another connection.".to_owned()));
}

fn renew(session: &Rc<Session>, outcome: &Rc<Outcome>) {
    let mut events = session.client.events();
    session.client.renew_credentials();
    outcome.show(&Verdict::Waiting("Asking for another credential…".to_owned()));
    let outcome = Rc::clone(outcome);
    spawn_local(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::HandedOver { broke, .. } => {
                    let words = match broke {
                        None => "Renewed: a new connection took over before the old one was left.",
                        Some(_) => "Renewed; the old connection broke meanwhile.",
                    };
                    return outcome.show(&Verdict::Allowed(words.to_owned()));
                }
                Event::HandoverFailed { reason, .. } => {
                    return outcome.show(&Verdict::Unknown(format!("Not renewed: {reason}.")));
                }
                Event::Disconnected { .. } | Event::Closed { .. } => return,
                _ => {}
            }
        }
    });
}

/// Takes a credential that lives for seconds, and lets it expire.
fn expire(session: &Rc<Session>, outcome: &Rc<Outcome>) {
    let (brief, usual) = ROLES;
    let mut events = session.client.events();
    session.credentials.api().set_role(brief);
    session.credentials.leave_alone(true);
    session.client.renew_credentials();
    outcome.show(&Verdict::Waiting("Taking a credential for 5 s, not to be renewed…".to_owned()));
    let (session, outcome) = (Rc::clone(session), Rc::clone(outcome));
    spawn_local(async move {
        while let Some(event) = events.next().await {
            match event {
                // The credential countdown reads the grant by the same event, a moment earlier.
                Event::HandedOver { .. } => {
                    outcome.show(&Verdict::Waiting(
                        "Watch the countdown: nats-server ends the connection when it is over."
                            .to_owned(),
                    ));
                }
                Event::Disconnected { .. } | Event::HandoverFailed { .. } => {
                    session.credentials.api().set_role(usual);
                }
                Event::Connected { server_name, .. } => {
                    return outcome.show(&Verdict::Allowed(format!(
                        "Expired, cut off, and back on {server_name} with a new credential."
                    )));
                }
                Event::Closed { .. } => return,
                _ => {}
            }
        }
    });
}

fn block(session: &Rc<Session>, outcome: &Rc<Outcome>) {
    outcome.show(&Verdict::Waiting("Blocking this tab for 5 s…".to_owned()));
    let (session, outcome) = (Rc::clone(session), Rc::clone(outcome));
    spawn_local(async move {
        // Time for the words to be drawn.
        TimeoutFuture::new(60).await;
        let (began, connects) = (now(), session.client.statistics().connects);
        while now() - began < BLOCK {
            core::hint::spin_loop();
        }
        let seconds = (now() - began) / 1_000.0;
        session.client.flush().await.ok();
        let kept = session.client.statistics().connects == connects;
        let words = if kept { "the connection survived" } else { "the connection was made again" };
        outcome.show(&Verdict::Allowed(format!("Blocked for {seconds:.1} s; {words}.")));
    });
}

/// A page can't kill a server; it can say how.
fn serve_kill_command(session: &Rc<Session>) -> Result<(), Missing> {
    let button: HtmlButtonElement = element("kill-copy")?;
    let command = Text::of("kill-command")?;
    let session = Rc::clone(session);
    let words = move || {
        let node = session.node.borrow();
        let plain = node.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        match &**node {
            // The servers of nats-conf are named after their files.
            name if plain && name != "–" => {
                format!("pkill -KILL -f 'nats-server.*nats-conf/.*{name}\\.conf'")
            }
            _ => "pkill -KILL -x nats-server".to_owned(),
        }
    };
    let (pressed, copied) = (button.clone(), words.clone());
    on(&button, "click", move |_| copy(&pressed, &copied()));
    every(1_000, move || command.set(&words()));
    Ok(())
}

/// The numbered messages: how many were sent, and which came back.
#[derive(Default)]
struct Traffic {
    sent: Cell<u64>,
    back: RefCell<HashSet<u64>>,
    running: RefCell<Option<(Interval, AbortHandle)>>,
}

impl Traffic {
    fn words(&self) -> String {
        let (sent, back) = (self.sent.get(), self.back.borrow());
        // Numbers below the highest that is back were overtaken, and will not come.
        let missing = back.iter().max().map_or(0, |highest| highest + 1 - back.len() as u64);
        match sent {
            0 => "Numbered messages: none sent.".to_owned(),
            _ => format!("Numbered messages: {sent} sent, {} back, {missing} missing.", back.len()),
        }
    }
}

fn serve_traffic(session: &Rc<Session>) -> Result<(), Missing> {
    let switch: HtmlInputElement = element("chaos-traffic")?;
    switch.set_disabled(false);
    let (traffic, words) = (Rc::new(Traffic::default()), Text::of("ledger-numbered")?);
    let told = Rc::clone(&traffic);
    every(250, move || words.set(&told.words()));
    // Tabs of one browser have one key: each has its own subject.
    let subject = session.own(format_args!("numbered.{:08x}", random()));
    let (toggled, session) = (switch.clone(), Rc::clone(session));
    on(&switch, "change", move |_| {
        if let Some((interval, reader)) = traffic.running.take() {
            interval.cancel();
            reader.abort();
        }
        if toggled.checked() {
            let (reader, handle) =
                abortable(read(Rc::clone(&session), Rc::clone(&traffic), subject.clone()));
            spawn_local(async move {
                reader.await.ok();
            });
            let (session, sending, subject) =
                (Rc::clone(&session), Rc::clone(&traffic), subject.clone());
            let interval = Interval::new(PERIOD, move || {
                let number = sending.sent.get();
                // When the buffer is full, the next one will be this number.
                if session
                    .client
                    .try_publish(&subject, None, None, number.to_string().as_bytes())
                    .is_ok()
                {
                    sending.sent.set(number + 1);
                }
            });
            traffic.running.replace(Some((interval, handle)));
        }
    });
    Ok(())
}

async fn read(session: Rc<Session>, traffic: Rc<Traffic>, subject: String) {
    let Ok(mut numbers) = session.client.subscribe(subject).await else { return };
    while let Some(message) = numbers.next().await {
        let number = core::str::from_utf8(&message.payload).ok().and_then(|text| text.parse().ok());
        if let Some(number) = number.filter(|&number| number < traffic.sent.get()) {
            traffic.back.borrow_mut().insert(number);
        }
    }
}

fn random() -> u32 {
    (js_sys::Math::random() * f64::from(u32::MAX)) as u32
}
