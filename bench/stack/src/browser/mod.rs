//! The client in Chromium, beside nats.js and a bare websocket.

mod contender;
mod native;
mod page;
mod plot;
mod scenario;
mod server;
mod site;
mod stored;
mod streams;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use e2e::Browser;

use self::contender::{BARE, CONTENDERS, RIVAL};
use self::page::Page;
use self::scenario::Scenario;
use self::server::Server;
use self::site::Site;
use crate::error::Error;
use crate::results::{Cell, Results, write};
use crate::table::{self, Ratios};

/// How `bench browser` is called.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// How often everything is measured, each time all contenders after one another
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How much of the full number of messages is sent: 0.1 for a quick look
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Only scenarios whose name has this in it
    #[arg(long, default_value = "")]
    scenario: String,
    /// Only contenders whose name has this in it; the bare socket is always there
    #[arg(long, default_value = "")]
    contender: String,
    /// Write a CPU profile of each measurement into this folder, which slows all of them
    #[arg(long)]
    profile: Option<PathBuf>,
    /// The folder of the built page
    #[arg(long, default_value = "target/bench-page")]
    page: PathBuf,
    /// Where the results go
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// Measures, and writes `browser.json`, `browser.md` and `browser.svg`.
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let mut scenarios: Vec<Scenario> = scenario::all()
        .into_iter()
        .filter(|scenario| scenario.to_string().contains(&options.scenario))
        .collect();
    let mut server = Server::start().await?;
    if scenarios.iter().any(|scenario| scenario.is_behind_proxy()) && !server.start_proxy().await? {
        println!("nginx is not installed: nothing is measured behind a proxy");
        scenarios.retain(|scenario| !scenario.is_behind_proxy());
    }
    let server = server;
    let site = Site::serve(&options.page).await?;
    let browser = match server.proxy_key() {
        Some(key) => Browser::start_trusting(&key).await?,
        None => Browser::start().await?,
    };
    let tab = browser.open(&site.url()).await?;

    let mut results = Results::new(options.rounds, options.scale);
    results.shipped = shipped(&options.page)?;
    let began = Instant::now();
    for round in 0..options.rounds {
        for scenario in &scenarios {
            for turn in 0..CONTENDERS.len() {
                // Nobody is always the first, or always after the same neighbour's garbage.
                let contender = &CONTENDERS[(turn + round as usize) % CONTENDERS.len()];
                let Some(name) = scenario.name_of(contender) else { continue };
                if !contender.is_bare() && !name.contains(&options.contender) {
                    continue;
                }
                let page = Page::load(&tab, &site.url(), options.profile.is_some()).await?;
                let measured = scenario.measure(contender, &page, &server, options.scale).await?;
                let Some(metrics) = measured else {
                    results.absent.insert(name.to_owned());
                    continue;
                };
                if let Some(folder) = &options.profile {
                    page.write_profile(folder, &scenario.to_string(), name).await?;
                }
                println!(
                    "{:5.0} s  round {}  {scenario}  {name}: {metrics}",
                    began.elapsed().as_secs_f64(),
                    round + 1
                );
                results.cells.push(Cell::new(&scenario.to_string(), name, round, metrics));
            }
        }
    }
    results.write(&options.out, "browser", &report(&results))?;
    write(&options.out, "browser.svg", &plot(&results))
}

/// The tables.
pub(crate) fn report(results: &Results) -> String {
    table::markdown(results, |scenario| {
        let [of_receivers, elsewhere] = RIVAL;
        let receives = scenario.starts_with("receive");
        Ratios { limit: BARE, rival: Some(if receives { of_receivers } else { elsewhere }) }
    })
}

/// The plot, as SVG.
pub(crate) fn plot(results: &Results) -> String {
    plot::svg(results)
}

/// How many bytes a page ships of each library, compressed.
fn shipped(page: &Path) -> Result<BTreeMap<String, u64>, Error> {
    let size = |names: &[&str]| {
        names.iter().try_fold(0, |sum, name| {
            let file = page.join(name);
            let failed = Error::io(format!("look at {}", file.display()));
            Ok::<u64, Error>(sum + fs::metadata(&file).map_err(failed)?.len())
        })
    };
    let ours = size(&["web_wasm_js_bg.wasm.br", "web-wasm-js.min.mjs.br"])?;
    Ok([
        ("nats.js (nats-core)".to_owned(), size(&["nats-core.min.mjs.br"])?),
        ("nats.js (nats-core, jetstream, kv)".to_owned(), size(&["nats-js.min.mjs.br"])?),
        ("this project's client for JavaScript".to_owned(), ours),
    ]
    .into())
}
