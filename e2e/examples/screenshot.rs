//! Takes pictures of the page in use, narrow and wide, into `target/screenshots`.

use std::path::Path;
use std::time::Duration;

use e2e::{Browser, Error, Stack, State};

/// A phone's and a laptop's, in CSS pixels.
const WIDTHS: [u32; 2] = [360, 1280];

const WITHIN: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let folder = Path::new("target/screenshots");
    let failed = |source| Error::Io { what: format!("write to {}", folder.display()), source };
    std::fs::create_dir_all(folder).map_err(failed)?;

    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.open(&stack.api.url("/")).await?;
    tab.reaches(State::Connected, WITHIN).await?;
    for count in 1..=3 {
        tab.click("#call-api").await?;
        tab.shows_updates(count, WITHIN).await?;
    }
    tab.probe(">").await?;

    for width in WIDTHS {
        let file = folder.join(format!("page-{width}.png"));
        std::fs::write(&file, tab.picture(width).await?).map_err(failed)?;
        println!("{}", file.display());
    }
    Ok(())
}
