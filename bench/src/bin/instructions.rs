//! Counts, with valgrind, the instructions that each case takes, and fails where they are more than
//! `bench/instructions.toml` says, by more than the tolerance that stands there. Unlike times, they
//! do not depend on what else the machine does.
//!
//! `instructions` compares, `instructions --update` writes what it counts into the file.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use bench::cases::{CASES, Case};
use serde::{Deserialize, Serialize};

/// The file, which is part of the source tree.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");

/// How often each case is run; the difference is what is counted, so that whatever the program does
/// besides falls out.
const RUNS: [usize; 2] = [1_000, 3_000];

/// The file's content.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Baseline {
    /// By how much a count may be above the one that stands here: compilers and C libraries differ.
    tolerance_percent: f64,
    /// Instructions for one message, match or request.
    instructions: BTreeMap<String, f64>,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("valgrind cannot be started: run `just setup-test`")]
    Valgrind(#[source] io::Error),
    #[error("valgrind failed ({0})")]
    Failed(ExitStatus),
    #[error("valgrind's file is not as expected")]
    Counted,
    #[error("{what}")]
    Io { what: &'static str, source: io::Error },
    #[error("{BASELINE} is not readable")]
    Baseline(#[from] toml::de::Error),
    #[error("{BASELINE} cannot be written")]
    Update(#[from] toml::ser::Error),
    #[error("there is no case of the name {0}")]
    NoCase(String),
}

fn main() -> Result<ExitCode, Error> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", name, count] => {
            let case = CASES.iter().find(|case| case.name == name);
            let case = case.ok_or_else(|| Error::NoCase(name.to_owned()))?;
            (case.run)(count.parse().unwrap_or_default());
            Ok(ExitCode::SUCCESS)
        }
        ["--update"] => update(),
        _ => compare(),
    }
}

fn read() -> Result<Baseline, Error> {
    let failed = |source| Error::Io { what: "instructions.toml cannot be read", source };
    Ok(toml::from_str(&fs::read_to_string(BASELINE).map_err(failed)?)?)
}

fn update() -> Result<ExitCode, Error> {
    let mut baseline = read()?;
    baseline.instructions = CASES
        .iter()
        .map(|case| Ok((case.name.to_owned(), count(case)?.round())))
        .collect::<Result<_, Error>>()?;
    let failed = |source| Error::Io { what: "instructions.toml cannot be written", source };
    fs::write(BASELINE, toml::to_string(&baseline)?).map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

fn compare() -> Result<ExitCode, Error> {
    let baseline = read()?;
    let mut slower = 0;
    for case in &CASES {
        let counted = count(case)?;
        let Some(&expected) = baseline.instructions.get(case.name) else {
            println!("{:24} {counted:8.0}  not in instructions.toml", case.name);
            slower += 1;
            continue;
        };
        let percent = (counted / expected - 1.0) * 100.0;
        let verdict = match percent {
            percent if percent > baseline.tolerance_percent => {
                slower += 1;
                "  MORE THAN IS TOLERATED"
            }
            percent if percent < -baseline.tolerance_percent => "  better: --update says so",
            _ => "",
        };
        println!("{:24} {counted:8.0} {expected:8.0} {percent:+6.1} %{verdict}", case.name);
    }
    if slower == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("error: {slower} of {} cases take more instructions than they did", CASES.len());
    Ok(ExitCode::FAILURE)
}

/// The instructions for one time.
fn count(case: &Case) -> Result<f64, Error> {
    let failed = |source| Error::Io { what: "a temporary folder cannot be made", source };
    let folder = tempfile::tempdir().map_err(failed)?;
    let [few, many] = RUNS;
    let more = total(case, many, folder.path())? - total(case, few, folder.path())?;
    Ok(more / (many - few) as f64)
}

fn total(case: &Case, count: usize, folder: &Path) -> Result<f64, Error> {
    let failed = |source| Error::Io { what: "valgrind's file cannot be read", source };
    let file = folder.join("counted");
    let mut argument = OsString::from("--callgrind-out-file=");
    argument.push(&file);
    let program = env::current_exe().map_err(failed)?;
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(argument)
        .arg(program)
        .args(["run", case.name, &count.to_string()])
        .status()
        .map_err(Error::Valgrind)?;
    if !status.success() {
        return Err(Error::Failed(status));
    }
    let text = fs::read_to_string(&file).map_err(failed)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).ok_or(Error::Counted)
}
