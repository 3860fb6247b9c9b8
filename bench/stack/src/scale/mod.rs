//! Tens of thousands of connections at once: browsers on NATS, beside the two designs that need a
//! websocket server.

mod design;
mod dialer;
pub(crate) mod relay;
pub(crate) mod swarm;
mod usage;
mod visitors;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use self::design::{Design, Kind};
use self::dialer::unix_time;
use self::usage::Usage;
use self::visitors::Visitors;
use crate::error::Error;
use crate::results::{Cell, Metrics, Results};
use crate::statistics::quantile;
use crate::table;

/// What everybody subscribes to.
const UPDATES: &str = e2e::UPDATES;

/// What a websocket reads at once, at either end. The library's own 128 kB for each connection would
/// be what is measured, otherwise.
const BUFFER: usize = 4 * 1024;

/// How long servers are left alone before it is said what memory they take.
const REST: Duration = Duration::from_secs(3);

/// How `bench scale` is called.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// How many connections there are, each number for itself
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 70_000])]
    connections: Vec<u32>,
    /// Which designs
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Kind::Nats, Kind::Single, Kind::Relays])]
    designs: Vec<Kind>,
    /// How often everything is measured, for each number of connections; the last holds for the rest
    #[arg(long, value_delimiter = ',', default_values_t = [3])]
    rounds: Vec<u32>,
    /// How many messages everybody gets
    #[arg(long, default_value_t = 10)]
    messages: u64,
    /// The API's program, as optimised as this one
    #[arg(long, default_value = "target/release/api")]
    api: PathBuf,
    /// Where the results go
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// Measures, and writes `scale.json` and `scale.md`.
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let most = options.rounds.iter().copied().max().unwrap_or_default();
    let mut results = Results::new(most, 1.0);
    let mut rounds = options.rounds.iter().copied();
    let mut wanted = most;
    for &connections in &options.connections {
        let scenario = format!("{connections} connections");
        wanted = rounds.next().unwrap_or(wanted);
        for round in 0..wanted {
            let turns = options.designs.len();
            for turn in 0..turns {
                let kind = options.designs[(turn + round as usize) % turns];
                if !kind.holds(connections) {
                    continue;
                }
                let name = kind.name();
                let metrics = measure(kind, connections, &options).await?;
                println!("{scenario}, round {}  {name}: {metrics}", round + 1);
                results.cells.push(Cell::new(&scenario, name, round, metrics));
            }
        }
    }
    results.write(&options.out, "scale", &report(&results))
}

/// The tables.
pub(crate) fn report(results: &Results) -> String {
    table::markdown(results, |_| table::Ratios { limit: Kind::Nats.name(), rival: None })
}

/// One design with so many connections, from its start to its end.
async fn measure(kind: Kind, connections: u32, options: &Options) -> Result<Metrics, Error> {
    let mut design = Design::start(kind, connections, &options.api).await?;
    let empty = Usage::of(&design.processes())?;
    let began = Instant::now();
    let mut visitors = Visitors::come(&design, connections).await?;
    let connects_per_second = f64::from(connections) / began.elapsed().as_secs_f64();
    let all = u64::from(connections);
    tokio::time::sleep(REST).await;
    let full = Usage::of(&design.processes())?;
    let memory = full.memory.saturating_sub(empty.memory) as f64 / all as f64;

    for sent in 1..=options.messages {
        design.publish(unix_time().as_micros().to_string()).await?;
        visitors.until(|count| count.received >= sent * all).await?;
    }
    let spent = (Usage::of(&design.processes())?.cpu - full.cpu).as_secs_f64();
    let received = visitors.count().await?.received;
    if received != options.messages * all {
        let found = format!("{received} messages");
        return Err(Error::Unexpected { what: "what everybody got", found });
    }
    let latencies = visitors.take().await?.latencies_us;
    let latencies: Vec<f64> = latencies.into_iter().map(|took| f64::from(took) / 1e3).collect();
    let metrics = Metrics::default()
        .with("connects_per_second", connects_per_second)
        .with("connection_kib", memory / 1024.0)
        .with("delivery_cpu_us", spent * 1e6 / received as f64)
        .and(quantiles("", &latencies));
    match design.last_node() {
        None => Ok(metrics),
        Some(node) => {
            node.kill()?;
            let killed = unix_time();
            // Few may be gone by the time that they are asked.
            visitors.until(|count| count.lost > 0 && count.connected == all).await?;
            let taken = visitors.take().await?;
            let away: Vec<f64> = taken.away_ms.iter().map(|&took| f64::from(took)).collect();
            Ok(metrics
                .and(quantiles("away_", &away))
                .with("dials_each", taken.dials_ms.len() as f64 / away.len() as f64)
                .with("busiest_dials", busiest(&taken.dials_ms, killed)))
        }
    }
}

/// The one in the middle, the hundredth from the end and the last.
fn quantiles(prefix: &str, figures: &[f64]) -> Metrics {
    [("p50_ms", 0.5), ("p99_ms", 0.99), ("last_ms", 1.0)].into_iter().fold(
        Metrics::default(),
        |metrics, (name, part)| {
            metrics.with(&format!("{prefix}{name}"), quantile(figures, part).unwrap_or_default())
        },
    )
}

/// How large a part of all that dialled did so within the busiest tenth of a second.
fn busiest(dials_ms: &[u64], since: Duration) -> f64 {
    let since = since.as_millis() as u64;
    let mut tenths = BTreeMap::<u64, u64>::new();
    for at in dials_ms {
        *tenths.entry(at.saturating_sub(since) / 100).or_default() += 1;
    }
    let most = tenths.into_values().max().unwrap_or_default();
    most as f64 / dials_ms.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_herd_is_told_from_a_stream() {
        let since = Duration::from_secs(1);
        assert_eq!(busiest(&[1_000, 1_050, 1_099], since), 1.0);
        assert_eq!(busiest(&[1_000, 1_100, 1_250, 1_900], since), 0.25);
        assert_eq!(busiest(&[], since), 0.0);
    }
}
