//! Graphs of what comes in, and of how long a question takes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use web_sys::Element;
use web_wasm::State;

use crate::chart::Chart;
use crate::dom::{Missing, Text, attribute, document, element, every, now};
use crate::session::Session;

/// How long a graph reaches back, in samples: a minute of seconds, and two of questions.
const SAMPLES: usize = 60;

/// How often the server is asked for the round-trip time, in milliseconds.
const ASK: u32 = 2_000;

/// Draws both graphs for as long as the page lives.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>) -> Result<(), Missing> {
    serve_rate(session)?;
    serve_rtt(session)
}

fn serve_rate(session: &Rc<Session>) -> Result<(), Missing> {
    let graph: Element = element("rate-graph")?;
    let line = graph.query_selector("polyline").ok().flatten();
    let area = graph.query_selector("polygon").ok().flatten();
    let (at_present, at_most) = (Text::of("rate-now")?, Text::of("rate-peak")?);
    let (session, mut chart) = (Rc::clone(session), Chart::new(SAMPLES));
    let (mut then, mut had) = (now(), session.client.statistics().in_messages);
    every(1_000, move || {
        // A timer of a hidden tab is late: what matters is the time that has passed.
        let (time, received) = (now(), session.client.statistics().in_messages);
        let rate = (received - had) as f64 / ((time - then) / 1_000.0).max(0.001);
        (then, had) = (time, received);
        chart.push(rate);
        at_present.set(&format!("{rate:.0}"));
        at_most.set(&format!("{:.0}", chart.peak()));
        for (shape, points) in
            [(&line, chart.points(60.0, 100.0, 5.0)), (&area, chart.area(60.0, 100.0, 5.0))]
        {
            if let Some(shape) = shape {
                attribute(shape, "points", &points);
            }
        }
        let words = format!(
            "Messages received per second over the last minute: {rate:.0} now, at most {:.0}",
            chart.peak()
        );
        attribute(&graph, "aria-label", &words);
    });
    Ok(())
}

fn serve_rtt(session: &Rc<Session>) -> Result<(), Missing> {
    let graph: Element = element("rtt-graph")?;
    let line = graph.query_selector("polyline").ok().flatten();
    let words = Rc::new(Text::of("rtt")?);
    let (session, chart) = (Rc::clone(session), Rc::new(RefCell::new(Chart::new(SAMPLES))));
    let asking = Rc::new(Cell::new(false));
    let ask = move || {
        let hidden = document().is_none_or(|document| document.hidden());
        let connected = session.client.connection_state() == State::Connected;
        if hidden || !connected || asking.replace(true) {
            return;
        }
        let (session, chart, words) = (Rc::clone(&session), Rc::clone(&chart), Rc::clone(&words));
        let (graph, line, asking) = (graph.clone(), line.clone(), Rc::clone(&asking));
        wasm_bindgen_futures::spawn_local(async move {
            let rtt = session.client.rtt().await;
            asking.set(false);
            let Ok(rtt) = rtt else { return };
            let (millis, mut chart) = (rtt.as_secs_f64() * 1_000.0, chart.borrow_mut());
            chart.push(millis);
            words.set(&format!("{millis:.1} ms"));
            if let Some(line) = &line {
                attribute(line, "points", &chart.points(60.0, 16.0, 1.0));
            }
            let (least, peak) = (chart.least(), chart.peak());
            let told = format!(
                "Round-trip time {millis:.1} ms; of the last {SAMPLES} between {least:.1} and {peak:.1} ms"
            );
            attribute(&graph, "aria-label", &told);
        });
    };
    ask();
    every(ASK, ask);
    Ok(())
}
