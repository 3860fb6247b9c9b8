//! Who the tab is, and for how long.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::StreamExt;
use serde::Deserialize;
use web_sys::HtmlProgressElement;
use web_wasm::{Custody, Event};

use crate::dom::{Missing, Text, element, every, now};
use crate::http;
use crate::session::Session;
use crate::updates::UPDATES;

/// As much of what the API says of a right as tells the role.
#[derive(Deserialize)]
struct Explanation {
    role: String,
}

/// The life of a credential: which, since when on the page's clock, and for how many seconds.
#[derive(Clone, Copy, PartialEq)]
struct Life {
    expires_at: u64,
    since: f64,
    ttl: u64,
}

/// Shows the key, its role, and the time that the credential has left.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>, custody: Custody) -> Result<(), Missing> {
    Text::of("key")?.set(&session.key);
    Text::of("inbox")?.set(&format!("{}.>", session.inbox_prefix));
    Text::of("custody")?.set(match custody {
        Custody::Kept => "kept by the browser; no script can read it",
        Custody::Session => "in the browser until the page is left; no script can read it",
        Custody::Memory => "in this page's memory until it is left",
    });
    tell_role(session)?;
    let life = Rc::new(Cell::new(None));
    count_down(Rc::clone(&life))?;
    let session = Rc::clone(session);
    let mut events = session.client.events();
    wasm_bindgen_futures::spawn_local(async move {
        loop {
            // While it is fresh the API is not asked.
            if let Ok(grant) = session.credentials.api().grant().await {
                let (expires_at, ttl) = (grant.expires_at, grant.ttl);
                let known: Option<Life> = life.get();
                if known.is_none_or(|known| known.expires_at != expires_at) {
                    life.set(Some(Life { expires_at, since: now(), ttl }));
                }
            }
            loop {
                match events.next().await {
                    Some(Event::Connected { .. } | Event::HandedOver { .. }) => break,
                    Some(_) => {}
                    None => return,
                }
            }
        }
    });
    Ok(())
}

fn tell_role(session: &Session) -> Result<(), Missing> {
    let (role, key) = (Text::of("role")?, session.key.clone());
    wasm_bindgen_futures::spawn_local(async move {
        let path = format!("/v1/permissions?subject={UPDATES}&action=subscribe&nkey={key}");
        match http::get::<Explanation>(&path).await {
            Ok(Explanation { role: name }) => role.set(&name),
            Err(_) => role.set("not known: the API does not say"),
        }
    });
    Ok(())
}

fn count_down(life: Rc<Cell<Option<Life>>>) -> Result<(), Missing> {
    let (countdown, expires) = (Text::of("countdown")?, Text::of("expires")?);
    let bar: HtmlProgressElement = element("life")?;
    every(250, move || {
        let Some(Life { since, ttl, .. }) = life.get() else { return };
        let left = (ttl as f64 - (now() - since) / 1_000.0).max(0.0);
        let seconds = left.ceil() as u64;
        let words = format!("{}:{:02}", seconds / 60, seconds % 60);
        countdown.set(&words);
        expires.set(&format!(
            "{words} of {}:{:02} left, then renewed by itself",
            ttl / 60,
            ttl % 60
        ));
        bar.set_value((left / ttl.max(1) as f64).min(1.0));
    });
    Ok(())
}
