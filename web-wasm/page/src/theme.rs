//! Light or dark: the visitor's system says, unless the button does.

use web_sys::HtmlElement;

use crate::dom::{Missing, attribute, document, element, on, window};

/// Serves the button. `theme.js` has set the theme that was chosen earlier.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve() -> Result<(), Missing> {
    let button: HtmlElement = element("theme")?;
    attribute(&button, "aria-pressed", &is_dark().to_string());
    let pressed = button.clone();
    on(&button, "click", move |_| {
        let dark = !is_dark();
        let theme = if dark { "dark" } else { "light" };
        if let Some(root) = document().and_then(|document| document.document_element()) {
            attribute(&root, "data-theme", theme);
        }
        attribute(&pressed, "aria-pressed", &dark.to_string());
        // Where storage is refused the choice lasts as long as the page.
        if let Some(storage) = window().and_then(|window| window.local_storage().ok().flatten()) {
            storage.set_item("theme", theme).ok();
        }
    });
    Ok(())
}

fn is_dark() -> bool {
    let root = document().and_then(|document| document.document_element());
    match root.and_then(|root| root.get_attribute("data-theme")).as_deref() {
        Some(theme) => theme == "dark",
        None => window()
            .and_then(|window| window.match_media("(prefers-color-scheme: dark)").ok().flatten())
            .is_some_and(|query| query.matches()),
    }
}
