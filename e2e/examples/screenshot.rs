//! Takes pictures of the page in use, for the README, into `docs/images`.

use std::path::Path;
use std::time::Duration;

use e2e::{Browser, Error, Stack, State};

/// What is pictured: a name, a width in CSS pixels, a height that is shown of the page, a theme.
const PICTURES: [(&str, u32, u32, &str); 3] = [
    ("page-light.webp", 1_280, 860, "light"),
    ("page-dark.webp", 1_280, 860, "dark"),
    ("page-phone.webp", 360, 760, "light"),
];

const WITHIN: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let folder = Path::new("docs/images");
    let failed = |source| Error::Io { what: format!("write to {}", folder.display()), source };
    std::fs::create_dir_all(folder).map_err(failed)?;

    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.open(&stack.api.url("/")).await?;
    tab.reaches(State::Connected, WITHIN).await?;
    tab.click("#subscribe").await?;
    tab.click("#respond").await?;
    for count in 1..=5 {
        tab.click("#call-api").await?;
        tab.shows_updates(count, WITHIN).await?;
        tab.click("#publish").await?;
        tab.click("#request").await?;
    }
    tab.probe(">").await?;

    for (name, width, height, theme) in PICTURES {
        let script = "document.documentElement.dataset.theme = arguments[0]; scrollTo(0, 0)";
        tab.evaluate(script, vec![theme.into()]).await?;
        let file = folder.join(name);
        std::fs::write(&file, tab.picture(width, Some(height)).await?).map_err(failed)?;
        println!("{}", file.display());
    }
    Ok(())
}
