//! The page on small screens, from the keyboard, and for those who hear it.

use e2e::{Browser, Error, Stack, Tab};
use serde_json::json;

use crate::{TestResult, UPDATE_WITHIN, connected_tab};

/// What is wrong for those who hear the page or see little, as a list of sentences.
const COMPLAINTS: &str = r#"
const wrong = [];
const shown = (e) => e.checkVisibility({ visibilityProperty: true });
const all = (css) => [...document.querySelectorAll(css)];
for (const css of ["html[lang]", "header", "main", "footer", "h1", "[aria-live=polite]", "[role=alert]"])
  if (all(css).length !== 1) wrong.push(`there is not one ${css}`);
for (const e of all("input, textarea, button, progress, [role=img], [role=region], [role=group]")) {
  const name = e.ariaLabel || e.title || [...(e.labels ?? [])].map((l) => l.textContent).join("")
    || (e.matches("button") && e.textContent) || document.getElementById(e.getAttribute("aria-labelledby"))?.textContent;
  if (!name?.trim()) wrong.push(`no name: ${e.outerHTML.slice(0, 80)}`);
}
const ids = all("[id]").map((e) => e.id);
for (const id of new Set(ids)) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`#${id} is there twice`);
for (const e of all("[aria-labelledby], [aria-controls], [for]"))
  for (const name of ["aria-labelledby", "aria-controls", "for"])
    for (const id of (e.getAttribute(name) ?? "").split(" ").filter(Boolean))
      if (!document.getElementById(id)) wrong.push(`${name} names ${id}, which is not there`);
let level = 0;
for (const e of all("h1, h2, h3")) {
  if (Number(e.tagName[1]) > level + 1) wrong.push(`${e.tagName} follows H${level}`);
  level = Number(e.tagName[1]);
}
const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
const rgba = (colour) => {
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
};
const light = (colour) => rgba(colour).slice(0, 3).map((c) => c / 255)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const ground = (e) => {
  for (; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (rgba(colour)[3] === 255) return colour;
  }
  return "white";
};
for (const e of all("body *")) {
  const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  if (!text || !shown(e) || e.closest(":disabled, .visually-hidden, svg")) continue;
  const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) wrong.push(`contrast ${ratio.toFixed(2)}: ${e.outerHTML.slice(0, 80)}`);
}
return wrong;
"#;

/// The page with all that can be unfolded.
async fn unfolded_tab(stack: &Stack, browser: &Browser) -> Result<Tab, Error> {
    let tab = connected_tab(&stack.api, browser).await?;
    tab.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))", vec![])
        .await?;
    Ok(tab)
}

#[tokio::test]
async fn everything_has_a_name_and_can_be_read_in_light_and_dark() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = unfolded_tab(&stack, &browser).await?;
    for theme in ["light", "dark"] {
        tab.evaluate("document.documentElement.dataset.theme = arguments[0]", vec![theme.into()])
            .await?;
        assert_eq!(tab.evaluate(COMPLAINTS, vec![]).await?, json!([]), "{theme}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_wider_than_the_screen_from_a_phone_on() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = unfolded_tab(&stack, &browser).await?;
    for width in [360, 720, 1_024, 2_560] {
        tab.resize(width, Some(800)).await?;
        let wide = "return document.documentElement.scrollWidth - innerWidth";
        let wide = tab.evaluate(wide, vec![]).await?;
        assert!(wide.as_i64().is_some_and(|beyond| beyond <= 0), "{width}: {wide} beyond");
    }
    Ok(())
}

#[tokio::test]
async fn the_demo_is_reached_and_used_by_the_keyboard_alone() -> TestResult {
    /// The keys Tab and Enter, in WebDriver's words.
    const TAB: &str = "\u{e004}";
    const ENTER: &str = "\u{e007}";
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = connected_tab(&stack.api, &browser).await?;

    let focused = "const e = document.activeElement; \
                   return [e.id || e.className, getComputedStyle(e).outlineStyle]";
    let mut visited = Vec::new();
    while !visited.contains(&json!("call-api")) {
        assert!(visited.len() < 8, "not reached: {visited:?}");
        tab.press(TAB).await?;
        let element = tab.evaluate(focused, vec![]).await?;
        assert_ne!(element[1], "none", "the focus is not seen on {element}");
        visited.push(element[0].clone());
    }
    assert_eq!(visited[0], "skip");
    tab.press(ENTER).await?;
    tab.shows_updates(1, UPDATE_WITHIN).await?;
    assert_eq!(tab.evaluate(focused, vec![]).await?[0], "call-api", "the focus stays");
    Ok(())
}
