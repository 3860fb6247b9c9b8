//! The results as Markdown.

use std::fmt::Write;

use super::contender::{BARE, RIVAL, names};
use super::results::Results;
use crate::statistics::Spread;

/// A column of figures.
struct Column {
    metric: &'static str,
    title: &'static str,
    show: fn(f64) -> String,
}

const COLUMNS: [Column; 10] = [
    Column { metric: "per_second", title: "messages/s", show: thousands },
    Column { metric: "main_thread_us", title: "main thread, µs/message", show: three_digits },
    Column { metric: "process_us", title: "all threads, µs/message", show: three_digits },
    Column { metric: "p50_ms", title: "p50, ms", show: three_digits },
    Column { metric: "p99_ms", title: "p99, ms", show: three_digits },
    Column { metric: "load_ms", title: "load, ms", show: three_digits },
    Column { metric: "stall_ms", title: "longest stall, ms", show: three_digits },
    Column { metric: "heap_bytes", title: "JS heap, MB", show: megabytes },
    Column { metric: "heap_kept_bytes", title: "after GC, MB", show: megabytes },
    Column { metric: "wasm_bytes", title: "WASM memory, MB", show: megabytes },
];

/// All of it: medians, and the smallest and largest of all rounds.
pub(crate) fn markdown(results: &Results) -> String {
    let mut text = String::new();
    let machine = &results.machine;
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{} cores of {}; {}; {}; {}. Medians of {} rounds (smallest–largest).\n",
        machine.cores,
        machine.cpu,
        machine.kernel,
        machine.chromium,
        machine.nats_server,
        results.rounds
    );
    if results.scale < 1.0 {
        let _ = writeln!(text, "A quick look, with {} of all messages.\n", results.scale);
    }
    for scenario in results.scenarios() {
        table(&mut text, results, scenario);
    }
    shipped(&mut text, results);
    for absent in &results.absent {
        let _ = writeln!(text, "{absent}: the library does not have it.");
    }
    text
}

fn table(text: &mut String, results: &Results, scenario: &str) {
    let spread = |contender: &str, metric| results.spread(scenario, contender, metric);
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| names().any(|name| spread(name, column.metric).is_some()))
        .collect();
    let median =
        |contender: &str, metric| spread(contender, metric).map(|spread: Spread| spread.median);
    let [of_receivers, elsewhere] = RIVAL;
    let rival = if scenario.starts_with("receive") { of_receivers } else { elsewhere };
    // What a message costs above the bare socket, as a part of what it costs nats.js.
    let above = |contender: &str| {
        let bare = median(BARE, "main_thread_us")?;
        let rival = median(rival, "main_thread_us")? - bare;
        let own = median(contender, "main_thread_us")? - bare;
        (contender != BARE).then_some(own / rival)
    };
    let faster = |contender: &str, than: &str| {
        let rate = |name| {
            median(name, "per_second").or_else(|| median(name, "p50_ms").map(|time| 1.0 / time))
        };
        Some(rate(contender)? / rate(than)?)
    };

    let _ = writeln!(text, "### {scenario}\n");
    let _ = write!(text, "| |");
    for column in &columns {
        let _ = write!(text, " {} |", column.title);
    }
    let _ = writeln!(text, " × bare | × nats.js | cost above bare, × nats.js |");
    let _ = writeln!(text, "|---|{}", "---:|".repeat(columns.len() + 3));
    for contender in names() {
        if columns.iter().all(|column| spread(contender, column.metric).is_none()) {
            continue;
        }
        let _ = write!(text, "| {contender} |");
        for column in &columns {
            match spread(contender, column.metric) {
                Some(Spread { median, min, max }) => {
                    let show = column.show;
                    let _ = write!(text, " {} ({}–{}) |", show(median), show(min), show(max));
                }
                None => text.push_str(" – |"),
            }
        }
        for ratio in [faster(contender, BARE), faster(contender, rival), above(contender)] {
            match ratio {
                Some(ratio) => drop(write!(text, " {ratio:.2} |")),
                None => text.push_str(" – |"),
            }
        }
        text.push('\n');
    }
    text.push('\n');
}

fn shipped(text: &mut String, results: &Results) {
    let _ = writeln!(text, "### bytes shipped, with brotli\n\n| | bytes |\n|---|---:|");
    for (name, bytes) in &results.shipped {
        let _ = writeln!(text, "| {name} | {} |", thousands(*bytes as f64));
    }
    text.push('\n');
}

/// A whole number with commas.
fn thousands(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// At least three digits, if it has them.
fn three_digits(figure: f64) -> String {
    match figure.abs() {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        1.0.. => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

fn megabytes(bytes: f64) -> String {
    format!("{:.1}", bytes / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        assert_eq!(thousands(1_234_567.4), "1,234,567");
        assert_eq!(thousands(999.0), "999");
        assert_eq!(three_digits(0.1234), "0.123");
        assert_eq!(three_digits(12.34), "12.3");
        assert_eq!(megabytes(2_500_000.0), "2.5");
    }
}
