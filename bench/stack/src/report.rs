//! Results that were measured before, as text: beside them, or in the document that keeps them.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::error::Error;
use crate::results::{Results, write};
use crate::{browser, http, scale};

/// Where the plot is kept, seen from the document.
const PICTURES: &str = "docs/images";
const PLOT: &str = "bench-browser.svg";

/// How `bench report` is called.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Of which benchmarks
    #[arg(value_enum, default_values_t = [Benchmark::Browser, Benchmark::Http, Benchmark::Scale])]
    of: Vec<Benchmark>,
    /// The folder where they wrote their results
    #[arg(long, default_value = "target/bench")]
    from: PathBuf,
    /// The document that has a place for them, instead of files beside the results
    #[arg(long)]
    into: Option<PathBuf>,
}

/// What has results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    Browser,
    Http,
    Scale,
}

impl Benchmark {
    /// As its files are called.
    fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Http => "http",
            Self::Scale => "scale",
        }
    }

    fn report(self, results: &Results) -> String {
        match self {
            Self::Browser => browser::report(results),
            Self::Http => http::report(results),
            Self::Scale => scale::report(results),
        }
    }
}

/// Writes the tables, and the plot of what was measured in the browser.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    for &benchmark in &options.of {
        let name = benchmark.name();
        let results = read(&options.from.join(name).with_extension("json"))?;
        let results: Results = serde_json::from_str(&results)?;
        let report = benchmark.report(&results);
        let plot = (benchmark == Benchmark::Browser).then(|| browser::plot(&results));
        let Some(document) = &options.into else {
            write(&options.from, &format!("{name}.md"), &report)?;
            if let Some(plot) = plot {
                write(&options.from, &format!("{name}.svg"), &plot)?;
            }
            continue;
        };
        let folder = document.parent().unwrap_or(Path::new(""));
        let mut text = report;
        if let Some(plot) = plot {
            text = format!("![The plot]({PICTURES}/{PLOT})\n\n{text}");
            write(&folder.join(PICTURES), PLOT, &plot)?;
        }
        let text = replaced(&read(document)?, name, &text)?;
        fs::write(document, text).map_err(Error::io(format!("write {}", document.display())))?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(Error::io(format!("read {}", file.display())))
}

/// The document with other text between the marks of that name.
fn replaced(document: &str, name: &str, text: &str) -> Result<String, Error> {
    let (begin, end) =
        (format!("<!-- results of {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let place = document.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let Some((before, after)) = place else {
        let found = format!("no place for {name}");
        return Err(Error::Unexpected { what: "the document", found });
    };
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_take_the_place_of_older_ones_and_nothing_else() -> Result<(), Error> {
        let empty = "# A\n<!-- results of http -->\n<!-- end of http -->\nB\n";
        let first = replaced(empty, "http", "| 1 |\n")?;
        assert_eq!(first, "# A\n<!-- results of http -->\n\n| 1 |\n\n<!-- end of http -->\nB\n");
        assert_eq!(replaced(&first, "http", "| 2 |")?, first.replace('1', "2"));
        Ok(())
    }

    #[test]
    fn a_document_without_a_place_is_left_alone() {
        let unfinished = "<!-- results of http -->\n<!-- end of scale -->\n";
        for document in ["", unfinished] {
            let error = replaced(document, "http", "| 1 |");
            assert!(matches!(error, Err(Error::Unexpected { .. })), "{error:?}");
        }
    }

    #[test]
    fn the_benchmarks_have_their_places() -> Result<(), Error> {
        let document = include_str!("../../../BENCHMARKS.md");
        for name in ["browser", "http", "scale"] {
            replaced(document, name, "")?;
        }
        Ok(())
    }
}
