use std::path::Path;

use crate::Error;

/// What differs from the configuration that is shipped. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub(crate) config: Vec<[String; 2]>,
    pub(crate) roles: Vec<[String; 2]>,
    pub(crate) environment: Vec<[String; 2]>,
    pub(crate) auth_callout: bool,
    pub(crate) tls: bool,
    pub(crate) hub: bool,
    pub(crate) origins: Vec<String>,
    pub(crate) websocket_host: Option<&'static str>,
}

impl Setup {
    /// Nothing differs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Other words in `api/config/dev.toml`, where `from` stands first.
    #[must_use]
    pub fn config(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.config.push([from.into(), to.into()]);
        self
    }

    /// Other words in `api/roles.toml`, where `from` stands first.
    #[must_use]
    pub fn roles(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.roles.push([from.into(), to.into()]);
        self
    }

    /// A variable in the API's environment.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push([name.into(), value.into()]);
        self
    }

    /// nats-server asks about clients that bring no token: `nats-conf/single-callout.conf`.
    #[must_use]
    pub fn auth_callout(mut self) -> Self {
        self.auth_callout = true;
        self
    }

    /// TLS on every listener: `nats-conf/tls.conf`, with a certificate for `localhost`, 127.0.0.1 and
    /// ::1, and an API that trusts its authority alone.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// The server is a hub for leaves, with TLS: `nats-conf/hub.conf`. `api leaf add` has to run before
    /// it starts.
    #[must_use]
    pub(crate) fn hub(mut self) -> Self {
        self.hub = true;
        self.tls()
    }

    /// Pages of one more origin, as which a proxy in front shows the API's.
    #[must_use]
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        let origin = origin.into();
        self.config.push(["own = []".to_owned(), format!("own = [{origin:?}]")]);
        self.origins.push(origin);
        self
    }

    /// Browsers come to this address of this machine, instead of 127.0.0.1. One of IPv6 is in brackets.
    #[must_use]
    pub fn websocket_host(mut self, host: &'static str) -> Self {
        self.websocket_host = Some(host);
        self
    }
}

/// Makes each replacement once; one that finds nothing is a mistake of the test.
pub(crate) fn edited(path: &Path, text: String, edits: &[[String; 2]]) -> Result<String, Error> {
    edits.iter().try_fold(text, |text, [from, to]| {
        if text.contains(from) {
            Ok(text.replacen(from, to, 1))
        } else {
            Err(Error::Edit { file: path.to_owned(), text: from.clone() })
        }
    })
}
