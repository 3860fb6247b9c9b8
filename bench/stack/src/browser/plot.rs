//! The results as a picture: what a received message costs the main thread.

use std::fmt::Write;

use crate::results::Results;
use crate::statistics::Spread;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 140.0;
const FIGURES: f64 = 170.0;
const ROW: f64 = 22.0;
const BAR: f64 = 12.0;
const HEAD: f64 = 34.0;
const METRIC: &str = "main_thread_us";
/// How the names of scenarios begin that receive.
const RECEIVING: [&str; 4] = ["receive", "JetStream ordered", "JetStream consume", "KV watch"];

/// For each scenario that receives, a bar for each contender, with a line from the smallest to the
/// largest of all rounds.
pub(crate) fn svg(results: &Results) -> String {
    let mut body = String::new();
    let mut y = 28.0;
    for scenario in results.scenarios() {
        if RECEIVING.iter().any(|start| scenario.starts_with(start)) {
            y = chart(&mut body, results, scenario, y);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"10\" y=\"20\" font-size=\"15\" font-weight=\"bold\">CPU time of the main thread \
         for each message received, µs (less is better)</text>\n{body}</svg>\n"
    )
}

/// Draws the bars of one scenario from `top` on, and returns where they end.
fn chart(body: &mut String, results: &Results, scenario: &str, top: f64) -> f64 {
    let rows: Vec<(&str, Spread)> = results
        .contenders(scenario)
        .into_iter()
        .filter_map(|name| Some((name, results.spread(scenario, name, METRIC)?)))
        .collect();
    let largest = rows.iter().map(|(_, spread)| spread.max).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LABELS - FIGURES) / largest;
    // Writing to a string does not fail.
    let _ = writeln!(
        body,
        "<text x=\"10\" y=\"{}\" font-weight=\"bold\">{scenario}</text>",
        top + HEAD - 12.0
    );
    for (at, (name, spread)) in rows.iter().enumerate() {
        let middle = top + HEAD + ROW * at as f64 + ROW / 2.0 - 6.0;
        let (left, right) = (LABELS + spread.min * scale, LABELS + spread.max * scale);
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{LABELS}\" y=\"{}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{}\"/>\
             <path d=\"M{left:.1} {middle}H{right:.1}\" stroke=\"#222\"/>\
             <text x=\"{:.1}\" y=\"{}\">{:.2} ({:.2}–{:.2})</text>",
            LABELS - 8.0,
            middle + 4.0,
            middle - BAR / 2.0,
            spread.median * scale,
            colour(name),
            right + 8.0,
            middle + 4.0,
            spread.median,
            spread.min,
            spread.max
        );
    }
    top + HEAD + ROW * rows.len() as f64
}

fn colour(contender: &str) -> &'static str {
    match contender.split(' ').next() {
        Some("bare") => "#999999",
        Some("nats.js") => "#e69f00",
        Some("Rust") => "#0072b2",
        _ => "#56b4e9",
    }
}
