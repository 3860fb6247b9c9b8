use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use fantoccini::error::CmdError;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::browser::ChromeCommand;
use crate::{Error, eventually};

/// What the page says about its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Before the first connection.
    Connecting,
    /// Connected and logged in.
    Connected,
    /// The connection was lost; the page is at it.
    Reconnecting,
    /// The page has given up, and says why.
    Closed,
}

/// What the page says about a subject it tried to subscribe to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The server took the subscription.
    Allowed,
    /// The server refused it.
    Denied,
    /// It is no subject; the server was not asked.
    Invalid,
}

/// The page in a tab of a [`Browser`](crate::Browser).
///
/// Tabs of one browser share its driver: their operations follow one another.
#[derive(Debug)]
pub struct Tab {
    client: Arc<Mutex<Client>>,
    window: WindowHandle,
}

impl Tab {
    pub(crate) fn new(client: Arc<Mutex<Client>>, window: WindowHandle) -> Self {
        Self { client, window }
    }

    /// Waits until the page shows a state of its connection.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`], which tells what it shows instead, if that takes longer than `within`.
    ///
    /// # Cancel safety
    ///
    /// It only looks.
    pub async fn reaches(&self, state: State, within: Duration) -> Result<(), Error> {
        let wanted = match state {
            State::Connecting => "connecting",
            State::Connected => "connected",
            State::Reconnecting => "reconnecting",
            State::Closed => "closed",
        };
        let mut shown = Value::Null;
        let script = "return document.querySelector('#connection')?.dataset.state";
        let reached = eventually(within, "", async || {
            shown = self.evaluate(script, vec![]).await?;
            Ok((shown == wanted).then_some(()))
        })
        .await;
        reached.map_err(|error| match error {
            Error::Timeout { within, .. } => {
                let what = format!("the page is {wanted} (it is {shown})");
                Error::Timeout { what, within }
            }
            error => error,
        })
    }

    /// The lines of updates that the page shows, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`].
    ///
    /// # Cancel safety
    ///
    /// It only looks.
    pub async fn updates(&self) -> Result<Vec<String>, Error> {
        let script = "return Array.from(document.querySelectorAll('#updates > .update > .line'), \
                      (line) => line.textContent.trim())";
        let lines = self.evaluate(script, vec![]).await?;
        let text = |line: &Value| line.as_str().unwrap_or_default().to_owned();
        Ok(lines.as_array().into_iter().flatten().map(text).collect())
    }

    /// Waits until the page shows `count` updates or more, and returns them.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if that takes longer than `within`.
    ///
    /// # Cancel safety
    ///
    /// It only looks.
    pub async fn shows_updates(
        &self,
        count: usize,
        within: Duration,
    ) -> Result<Vec<String>, Error> {
        eventually(within, &format!("the page shows {count} updates"), async || {
            let lines = self.updates().await?;
            Ok((lines.len() >= count).then_some(lines))
        })
        .await
    }

    /// The text of an element.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`] if there is no such element.
    ///
    /// # Cancel safety
    ///
    /// It only looks.
    pub async fn text(&self, css: &str) -> Result<String, Error> {
        let script = "return document.querySelector(arguments[0]).textContent.trim()";
        let text = self.evaluate(script, vec![css.into()]).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Clicks on an element, as a user would.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`] if there is no such element, or another one covers it.
    ///
    /// # Cancel safety
    ///
    /// The click may have happened.
    pub async fn click(&self, css: &str) -> Result<(), Error> {
        let client = self.focus().await?;
        // The driver would leave it under the page's header, where it can't be clicked.
        let script = "document.querySelector(arguments[0])?.scrollIntoView({ block: 'center' })";
        client.execute(script, vec![css.into()]).await?;
        Ok(client.find(Locator::Css(css)).await?.click().await?)
    }

    /// Loads the page again.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`] if it cannot be loaded.
    ///
    /// # Cancel safety
    ///
    /// It may be loading.
    pub async fn reload(&self) -> Result<(), Error> {
        Ok(self.focus().await?.refresh().await?)
    }

    /// Closes the tab, as a user would.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`] if it cannot be closed.
    ///
    /// # Cancel safety
    ///
    /// It may have been closed.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.focus().await?.close_window().await?)
    }

    /// Has the page try to subscribe to `subject`, and waits for its verdict.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] if there is none after five seconds.
    ///
    /// # Cancel safety
    ///
    /// The attempt may have been made.
    pub async fn probe(&self, subject: &str) -> Result<Verdict, Error> {
        {
            // The verdict of an earlier probe must not be taken for this one's.
            let client = self.focus().await?;
            let script = "document.querySelector('#probe-result').removeAttribute('data-verdict')";
            client.execute(script, vec![]).await?;
            let input = client.find(Locator::Css("#probe-subject")).await?;
            input.clear().await?;
            input.send_keys(subject).await?;
        }
        self.click("#probe").await?;
        let script = "return document.querySelector('#probe-result').dataset.verdict";
        let what = format!("a verdict on {subject:?}");
        eventually(Duration::from_secs(60), &what, async || {
            Ok(match self.evaluate(script, vec![]).await?.as_str() {
                Some("allowed") => Some(Verdict::Allowed),
                Some("denied") => Some(Verdict::Denied),
                Some("invalid") => Some(Verdict::Invalid),
                _ => None,
            })
        })
        .await
    }

    /// A picture of the page, in WebP, as a device of `width` and `height` CSS pixels shows it; of the
    /// whole page without `height`.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`].
    ///
    /// # Cancel safety
    ///
    /// The size of the page may have changed.
    pub async fn picture(&self, width: u32, height: Option<u32>) -> Result<Vec<u8>, Error> {
        self.resize(width, height).await?;
        let parameters = json!({ "format": "webp", "quality": 82 });
        let answer = self.devtools("Page.captureScreenshot", &parameters).await?;
        let picture = answer["data"].as_str().unwrap_or_default();
        BASE64.decode(picture.as_bytes()).map_err(|source| Error::Io {
            what: "read the browser's picture".to_owned(),
            source: std::io::Error::other(source),
        })
    }

    /// Shows the page as a device of `width` and `height` CSS pixels does; without `height`, all of
    /// it.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`].
    ///
    /// # Cancel safety
    ///
    /// The size of the page may have changed.
    pub async fn resize(&self, width: u32, height: Option<u32>) -> Result<(), Error> {
        let client = self.focus().await?;
        // A window cannot be as narrow as a phone; an emulated screen can.
        let resize = async |height: &Value| {
            let screen = json!({
                "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
            });
            devtools(&client, "Emulation.setDeviceMetricsOverride", &screen).await
        };
        resize(&json!(height.unwrap_or(600))).await?;
        if height.is_some() {
            return Ok(());
        }
        let script = "return document.documentElement.scrollHeight";
        let height = client.execute(script, vec![]).await?;
        resize(&height).await?;
        Ok(())
    }

    /// Puts a text into an input, in the place of what is there, as a user would.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`] if there is no such input.
    ///
    /// # Cancel safety
    ///
    /// The input may have been emptied.
    pub async fn fill(&self, css: &str, text: &str) -> Result<(), Error> {
        let client = self.focus().await?;
        let input = client.find(Locator::Css(css)).await?;
        input.clear().await?;
        Ok(input.send_keys(text).await?)
    }

    /// Presses keys, for whatever has the focus.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`] if nothing takes keys.
    ///
    /// # Cancel safety
    ///
    /// The keys may have been pressed.
    pub async fn press(&self, keys: &str) -> Result<(), Error> {
        Ok(self.focus().await?.active_element().await?.send_keys(keys).await?)
    }

    /// Loads a page in this tab, in the place of the one that it shows, and waits until it has loaded.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`] if the page cannot be loaded.
    ///
    /// # Cancel safety
    ///
    /// The tab may be at either page.
    pub async fn load(&self, url: &str) -> Result<(), Error> {
        Ok(self.focus().await?.goto(url).await?)
    }

    /// Gives this tab a command of the [DevTools protocol], and returns its result.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`] if Chromium refuses it.
    ///
    /// # Cancel safety
    ///
    /// The command may have been carried out.
    ///
    /// [DevTools protocol]: https://chromedevtools.github.io/devtools-protocol/
    pub async fn devtools(&self, command: &str, parameters: &Value) -> Result<Value, Error> {
        Ok(devtools(&*self.focus().await?, command, parameters).await?)
    }

    /// Runs a script in the page and returns what it returns; a promise is waited for.
    ///
    /// # Errors
    ///
    /// [`Error::Browser`], also for what the script throws.
    ///
    /// # Cancel safety
    ///
    /// The script may have run.
    pub async fn evaluate(&self, script: &str, arguments: Vec<Value>) -> Result<Value, Error> {
        Ok(self.focus().await?.execute(script, arguments).await?)
    }

    /// The driver, with this tab as the one that commands are for.
    async fn focus(&self) -> Result<MutexGuard<'_, Client>, Error> {
        let client = self.client.lock().await;
        client.switch_to_window(self.window.clone()).await?;
        Ok(client)
    }
}

async fn devtools(client: &Client, command: &str, parameters: &Value) -> Result<Value, CmdError> {
    let body = json!({ "cmd": command, "params": parameters });
    client.issue_cmd(ChromeCommand { path: "goog/cdp/execute", body }).await
}
