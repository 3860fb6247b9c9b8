//! The button that has the API publish an update.

use web_sys::HtmlButtonElement;

use crate::dom::{Missing, element, on};
use crate::http;
use crate::session::Problem;

/// Serves the button, which needs no connection.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(problem: &Problem) -> Result<(), Missing> {
    let button: HtmlButtonElement = element("call-api")?;
    button.set_disabled(false);
    let (pressed, problem) = (button.clone(), problem.clone());
    on(&button, "click", move |_| {
        let (button, problem) = (pressed.clone(), problem.clone());
        // Told by the attribute, since a button that is disabled loses the focus.
        if button.get_attribute("aria-busy").is_some() {
            return;
        }
        wasm_bindgen_futures::spawn_local(async move {
            crate::dom::attribute(&button, "aria-busy", "true");
            match http::call("POST", "/ping").await {
                Ok(_) => problem.show(""),
                Err(error) => problem.show(&error.to_string()),
            }
            button.remove_attribute("aria-busy").ok();
        });
    });
    Ok(())
}
