//! What was sent and received, and what came of the rest.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::StreamExt;
use web_wasm::Event;

use crate::dom::{Missing, Text, every, now};
use crate::session::Session;

/// How often the numbers are brought up to date, in milliseconds.
const PERIOD: u32 = 250;

/// What the events of a connection tell beyond its statistics.
#[derive(Default)]
struct Gaps {
    /// How many there were, and their length in milliseconds, but for the present one.
    over: Cell<(u32, f64)>,
    /// Since when there is no connection, and how many messages had been accepted by then.
    since: Cell<Option<(f64, u64)>>,
    /// Messages that were accepted while there was no connection, and sent when there was.
    recovered: Cell<u64>,
}

/// Shows the ledger, by the client's statistics and events.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>) -> Result<(), Missing> {
    let gaps = Rc::new(Gaps::default());
    watch(Rc::clone(session), Rc::clone(&gaps));
    let (sent, received) = (Text::of("ledger-sent")?, Text::of("ledger-received")?);
    let (recovered, doubt) = (Text::of("ledger-recovered")?, Text::of("ledger-doubt")?);
    let (lost, in_words) = (Text::of("ledger-lost")?, Text::of("ledger-gaps")?);
    let session = Rc::clone(session);
    every(PERIOD, move || {
        let statistics = session.client.statistics();
        sent.set(&statistics.out_messages.to_string());
        received.set(&statistics.in_messages.to_string());
        recovered.set(&gaps.recovered.get().to_string());
        doubt.set(&statistics.unconfirmed.to_string());
        lost.set(&(statistics.discarded + session.dropped.get()).to_string());
        in_words.set(&gaps.words());
    });
    Ok(())
}

fn watch(session: Rc<Session>, gaps: Rc<Gaps>) {
    let mut events = session.client.events();
    wasm_bindgen_futures::spawn_local(async move {
        while let Some(event) = events.next().await {
            let accepted = session.client.statistics().out_messages;
            match event {
                Event::Disconnected { .. } => gaps.since.set(Some((now(), accepted))),
                Event::Connected { .. } => {
                    if let Some((since, had)) = gaps.since.take() {
                        let (count, length) = gaps.over.get();
                        gaps.over.set((count + 1, length + now() - since));
                        gaps.recovered.set(gaps.recovered.get() + accepted - had);
                    }
                }
                _ => {}
            }
        }
    });
}

impl Gaps {
    fn words(&self) -> String {
        let (count, length) = self.over.get();
        let (count, length) = match self.since.get() {
            Some((since, _)) => (count + 1, length + now() - since),
            None => (count, length),
        };
        let seconds = length / 1_000.0;
        match count {
            0 => "No gap so far.".to_owned(),
            1 => format!("1 gap, {seconds:.1} s without a connection."),
            count => format!("{count} gaps, {seconds:.1} s without a connection."),
        }
    }
}
