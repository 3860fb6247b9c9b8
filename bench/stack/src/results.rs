use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::statistics::Spread;

/// What was measured, all of it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Results {
    /// On what.
    pub(crate) machine: Machine,
    /// How often.
    pub(crate) rounds: u32,
    /// How much of the full number of messages there was.
    pub(crate) scale: f64,
    /// How many bytes a page ships of each library, compressed with brotli, if that was looked at.
    #[serde(default)]
    pub(crate) shipped: BTreeMap<String, u64>,
    /// Contenders whose library has no such thing.
    #[serde(default)]
    pub(crate) absent: BTreeSet<String>,
    /// Each measurement.
    pub(crate) cells: Vec<Cell>,
}

/// On what was measured.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) chromium: String,
    pub(crate) nats_server: String,
}

/// One measurement.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Cell {
    pub(crate) scenario: String,
    pub(crate) contender: String,
    pub(crate) round: u32,
    pub(crate) metrics: BTreeMap<String, f64>,
}

impl Cell {
    /// What a contender reached in a round.
    pub(crate) fn new(scenario: &str, contender: &str, round: u32, metrics: Metrics) -> Self {
        let (scenario, contender) = (scenario.to_owned(), contender.to_owned());
        Self { scenario, contender, round, metrics: metrics.0 }
    }
}

/// The figures of one measurement, by names that end in their unit.
#[derive(Debug, Default)]
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// These and one more.
    pub(crate) fn with(mut self, name: &str, figure: f64) -> Self {
        self.0.insert(name.to_owned(), figure);
        self
    }

    /// These and those.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, figure)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {figure:.3}")?;
        }
        Ok(())
    }
}

impl Results {
    /// None yet, of this machine.
    pub(crate) fn new(rounds: u32, scale: f64) -> Self {
        Self {
            machine: Machine::this(),
            rounds,
            scale,
            shipped: BTreeMap::new(),
            absent: BTreeSet::new(),
            cells: Vec::new(),
        }
    }

    /// The scenarios, in the order in which they were measured.
    pub(crate) fn scenarios(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let names = self.cells.iter().map(|cell| cell.scenario.as_str());
        names.filter(|&name| seen.insert(name)).collect()
    }

    /// The contenders of a scenario, in the order in which they were measured first.
    pub(crate) fn contenders(&self, scenario: &str) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let cells = self.cells.iter().filter(|cell| cell.scenario == scenario);
        cells.map(|cell| cell.contender.as_str()).filter(|&name| seen.insert(name)).collect()
    }

    /// How often a scenario was measured.
    pub(crate) fn rounds_of(&self, scenario: &str) -> u32 {
        let cells = self.cells.iter().filter(|cell| cell.scenario == scenario);
        cells.map(|cell| cell.round + 1).max().unwrap_or_default()
    }

    /// What a contender reached over all rounds.
    pub(crate) fn spread(&self, scenario: &str, contender: &str, metric: &str) -> Option<Spread> {
        let cells = self.cells.iter();
        let cells = cells.filter(|cell| cell.scenario == scenario && cell.contender == contender);
        let figures: Vec<f64> =
            cells.filter_map(|cell| cell.metrics.get(metric).copied()).collect();
        Spread::of(&figures)
    }

    /// Writes all of it, and a report of it, into a folder.
    pub(crate) fn write(&self, folder: &Path, name: &str, report: &str) -> Result<(), Error> {
        let json = serde_json::to_string_pretty(self)? + "\n";
        write(folder, &format!("{name}.json"), &json)?;
        write(folder, &format!("{name}.md"), report)
    }
}

impl Machine {
    fn this() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            cpu: model.map_or("unknown", |(_, model)| model).to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: said_by("uname", &["-sr"]),
            chromium: said_by("chromium", &["--version"]),
            nats_server: said_by("nats-server", &["--version"]),
        }
    }
}

/// Writes a file into a folder, which is made if it is not there.
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> Result<(), Error> {
    let file = folder.join(name);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&file, text));
    written.map_err(Error::io(format!("write {}", file.display())))?;
    println!("{}", file.display());
    Ok(())
}

/// What a program says, or that it is not there.
fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.unwrap_or_else(|_| "unknown".to_owned())
}
