//! The results as Markdown.

use std::fmt::Write;

use crate::results::Results;
use crate::statistics::Spread;

/// A column of figures.
struct Column {
    metric: &'static str,
    title: &'static str,
    show: fn(f64) -> String,
}

const COLUMNS: [Column; 19] = [
    Column { metric: "per_second", title: "a second", show: thousands },
    Column { metric: "main_thread_us", title: "main thread, µs/message", show: three_digits },
    Column { metric: "process_us", title: "all threads, µs/message", show: three_digits },
    Column { metric: "p50_ms", title: "p50, ms", show: three_digits },
    Column { metric: "p99_ms", title: "p99, ms", show: three_digits },
    Column { metric: "last_ms", title: "last, ms", show: three_digits },
    Column { metric: "connects_per_second", title: "connects a second", show: thousands },
    Column { metric: "connection_kib", title: "memory a connection, KiB", show: three_digits },
    Column { metric: "delivery_cpu_us", title: "servers' CPU, µs/delivery", show: three_digits },
    Column { metric: "away_p50_ms", title: "node killed: away p50, ms", show: three_digits },
    Column { metric: "away_p99_ms", title: "p99, ms", show: three_digits },
    Column { metric: "away_last_ms", title: "last, ms", show: three_digits },
    Column { metric: "dials_each", title: "attempts each", show: three_digits },
    Column { metric: "busiest_dials", title: "part in the busiest 0.1 s", show: three_digits },
    Column { metric: "load_ms", title: "load, ms", show: three_digits },
    Column { metric: "stall_ms", title: "longest stall, ms", show: three_digits },
    Column { metric: "heap_bytes", title: "JS heap, MB", show: megabytes },
    Column { metric: "heap_kept_bytes", title: "after GC, MB", show: megabytes },
    Column { metric: "wasm_bytes", title: "WASM memory, MB", show: megabytes },
];

/// With whom contenders are compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratios {
    /// Nobody can be better.
    pub(crate) limit: &'static str,
    /// Who is to be beaten, if anybody.
    pub(crate) rival: Option<&'static str>,
}

/// All of it: medians, and the smallest and largest of all rounds; `ratios` says what is compared in
/// a scenario.
pub(crate) fn markdown(results: &Results, ratios: impl Fn(&str) -> Ratios) -> String {
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
        table(&mut text, results, scenario, ratios(scenario));
    }
    if !results.shipped.is_empty() {
        shipped(&mut text, results);
    }
    for absent in &results.absent {
        let _ = writeln!(text, "{absent}: the library does not have it.");
    }
    text
}

fn table(text: &mut String, results: &Results, scenario: &str, Ratios { limit, rival }: Ratios) {
    let spread = |contender: &str, metric| results.spread(scenario, contender, metric);
    let median = |contender: &str, metric| spread(contender, metric).map(|found| found.median);
    let rate = |contender: &str| {
        let rate = median(contender, "per_second");
        rate.or_else(|| Some(1.0 / median(contender, "p50_ms")?))
    };
    let faster = |contender: &str, than: &str| Some(rate(contender)? / rate(than)?);
    // What a message costs above the limit, as a part of what it costs the rival.
    let above = |contender: &str, rival: &str| {
        let limit = median(limit, "main_thread_us")?;
        let own = median(contender, "main_thread_us")? - limit;
        Some(own / (median(rival, "main_thread_us")? - limit))
    };

    let contenders = results.contenders(scenario);
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| contenders.iter().any(|name| spread(name, column.metric).is_some()))
        .collect();
    let mut titles: Vec<String> = columns.iter().map(|column| column.title.to_owned()).collect();
    let limited = contenders.contains(&limit);
    if limited {
        titles.push(format!("× {limit}"));
    }
    if let Some(rival) = rival {
        titles.push(format!("× {rival}"));
        if limited && columns.iter().any(|column| column.metric == "main_thread_us") {
            titles.push(format!("cost above {limit}, × {rival}"));
        }
    }
    let _ = writeln!(text, "### {scenario}\n");
    match results.rounds_of(scenario) {
        1 if results.rounds > 1 => text.push_str("Of one round.\n\n"),
        rounds if rounds < results.rounds => {
            let _ = writeln!(text, "Of {rounds} rounds.\n");
        }
        _ => {}
    }
    let _ = writeln!(text, "| | {} |", titles.join(" | "));
    let _ = writeln!(text, "|---|{}", "---:|".repeat(titles.len()));
    for contender in contenders {
        let figures = columns.iter().map(|column| {
            let Spread { median, min, max } = spread(contender, column.metric)?;
            let show = column.show;
            Some(format!("{} ({}–{})", show(median), show(min), show(max)))
        });
        let compared = rival.map(|rival| [faster(contender, rival), above(contender, rival)]);
        let of_limit = limited.then(|| faster(contender, limit));
        let ratios = of_limit.into_iter().chain(compared.into_iter().flatten());
        let ratios = ratios.map(|ratio| Some(format!("{:.2}", ratio?)));
        let row: Vec<String> = figures
            .chain(ratios)
            .take(titles.len())
            .map(|shown| shown.unwrap_or_else(|| "–".to_owned()))
            .collect();
        let _ = writeln!(text, "| {contender} | {} |", row.join(" | "));
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
    use crate::results::{Cell, Metrics};

    #[test]
    fn a_scenario_is_compared_with_those_who_took_part() {
        let mut results = Results::new(1, 1.0);
        for (scenario, contender, rate) in
            [("a", "limit", 4.0), ("a", "rival", 2.0), ("b", "rival", 2.0), ("b", "ours", 3.0)]
        {
            let metrics = Metrics::default().with("per_second", rate);
            results.cells.push(Cell::new(scenario, contender, 0, metrics));
        }
        let text = markdown(&results, |_| Ratios { limit: "limit", rival: Some("rival") });
        let limited = "| | a second | × limit | × rival |\n|---|---:|---:|---:|\n\
                       | limit | 4 (4–4) | 1.00 | 2.00 |\n| rival | 2 (2–2) | 0.50 | 1.00 |\n";
        assert!(text.contains(&format!("### a\n\n{limited}")), "{text}");
        let unlimited = "| | a second | × rival |\n|---|---:|---:|\n\
                         | rival | 2 (2–2) | 1.00 |\n| ours | 3 (3–3) | 1.50 |\n";
        assert!(text.contains(&format!("### b\n\n{unlimited}")), "{text}");
    }

    #[test]
    fn a_scenario_that_was_measured_less_often_says_so() {
        let mut results = Results::new(3, 1.0);
        for (scenario, rounds) in [("often", 3), ("twice", 2), ("once", 1)] {
            for round in 0..rounds {
                let metrics = Metrics::default().with("per_second", 1.0);
                results.cells.push(Cell::new(scenario, "ours", round, metrics));
            }
        }
        let text = markdown(&results, |_| Ratios { limit: "limit", rival: None });
        for expected in
            ["### often\n\n|", "### twice\n\nOf 2 rounds.\n\n|", "### once\n\nOf one round."]
        {
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn figures_are_readable() {
        assert_eq!(thousands(1_234_567.4), "1,234,567");
        assert_eq!(thousands(999.0), "999");
        assert_eq!(three_digits(0.1234), "0.123");
        assert_eq!(three_digits(12.34), "12.3");
        assert_eq!(megabytes(2_500_000.0), "2.5");
    }
}
