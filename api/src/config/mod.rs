//! Configuration: one TOML file, one struct a concern, a few overrides from flags or environment.
//!
//! Every field must be in the file and no other may be: a default that nobody wrote down is one
//! that nobody checks. Relative paths start at the working directory.

pub mod auth;
pub mod callout;
pub mod guest;
pub mod http;
pub mod keys;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod nats;
pub mod origins;
pub mod page;
pub mod presence;
pub mod revoke;
pub mod roles;
pub mod websocket;

use std::{
    fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use url::{Host, Url};

pub use auth::{
    ApiKeyConfig, AuthConfig, IssuerConfig, KeyDigest, KeySetsConfig, KeysFrom, SignatureAlgorithm,
};
pub use callout::CalloutConfig;
pub use guest::GuestConfig;
pub use http::{ForwardedHeader, HttpConfig};
pub use keys::KeysConfig;
pub use limits::{LimitsConfig, Rate};
pub use log::{LogConfig, LogFormat};
pub use metrics::MetricsConfig;
pub use nats::NatsConfig;
pub use origins::{Origin, OriginError, OriginsConfig};
pub use page::PageConfig;
pub use presence::PresenceConfig;
pub use revoke::RevokeConfig;
pub use roles::RolesConfig;
pub use websocket::WebsocketConfig;

/// All settings of the service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP listener.
    pub http: HttpConfig,
    /// Who may call from a browser.
    pub origins: OriginsConfig,
    /// The connection to NATS.
    pub nats: NatsConfig,
    /// Where the keys are.
    pub keys: KeysConfig,
    /// Which roles there are.
    pub roles: RolesConfig,
    /// Who may ban, and where bans are kept.
    pub revoke: RevokeConfig,
    /// The page that is served at `/`.
    pub page: PageConfig,
    /// What browsers are told about the websocket listeners.
    pub websocket: WebsocketConfig,
    /// Access without an account.
    pub guest: GuestConfig,
    /// Who callers can prove to be.
    pub auth: AuthConfig,
    /// Answers to nats-server about clients without a token of their own.
    pub callout: CalloutConfig,
    /// Who is on which channel.
    pub presence: PresenceConfig,
    /// How often they may call.
    pub limits: LimitsConfig,
    /// The listener for Prometheus.
    pub metrics: MetricsConfig,
    /// What is logged and how.
    pub log: LogConfig,
}

/// Settings given by flag or environment, which win over the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// Replaces [`HttpConfig::listen`].
    pub listen: Option<SocketAddr>,
    /// Replaces [`NatsConfig::urls`] unless empty.
    pub nats_urls: Vec<Url>,
    /// Replaces [`NatsConfig::ca_file`].
    pub nats_ca_file: Option<PathBuf>,
    /// Replaces [`KeysConfig::dir`].
    pub keys_dir: Option<PathBuf>,
    /// Replaces [`RolesConfig::file`].
    pub roles_file: Option<PathBuf>,
    /// Replaces [`WebsocketConfig::urls`] unless empty.
    pub websocket_urls: Vec<Url>,
    /// Replaces [`PageConfig::dir`].
    pub page_dir: Option<PathBuf>,
}

/// A setting that parses but cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Dotted name of the field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not TOML, or a field is missing, unknown or of the wrong type. The source names
    /// line and column.
    #[error("the configuration {} is not right:\n{source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What and where.
        source: Box<toml::de::Error>,
    },
    /// Fields hold values that cannot be used.
    #[error("the configuration {} is not right:{}", path.display(), list(problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong, not only the first.
        problems: Vec<Invalid>,
    },
}

fn list(problems: &[Invalid]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

impl Config {
    /// Reads the file, applies the overrides and checks the result.
    ///
    /// # Errors
    /// One variant of [`ConfigError`] for each of the three steps that can fail.
    pub fn load(path: &Path, overrides: Overrides) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let mut config: Self = toml::from_str(&text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        config.apply(overrides);
        let problems = config.problems();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Invalid { path: path.to_owned(), problems })
        }
    }

    fn apply(&mut self, overrides: Overrides) {
        if let Some(listen) = overrides.listen {
            self.http.listen = listen;
        }
        if !overrides.nats_urls.is_empty() {
            self.nats.urls = overrides.nats_urls;
        }
        if let Some(file) = overrides.nats_ca_file {
            self.nats.ca_file = Some(file);
        }
        if let Some(dir) = overrides.keys_dir {
            self.keys.dir = dir;
        }
        if let Some(file) = overrides.roles_file {
            self.roles.file = file;
        }
        if !overrides.websocket_urls.is_empty() {
            self.websocket.urls = overrides.websocket_urls;
        }
        if let Some(dir) = overrides.page_dir {
            self.page.dir = dir;
        }
    }

    fn problems(&self) -> Vec<Invalid> {
        let mut problems = Vec::new();
        self.http.check(&mut problems);
        self.nats.check(&mut problems);
        self.websocket.check(&mut problems);
        self.auth.check(&mut problems);
        self.callout.check(self.http.listen, &mut problems);
        self.presence.check(&mut problems);
        self.limits.check(&mut problems);
        self.revoke.check(&mut problems);
        self.log.check(&mut problems);
        problems
    }
}

/// Whether a URL leads to this machine, as its host is spelled.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Adds a problem when a number lies outside its range.
fn check_range(
    field: &'static str,
    value: u64,
    range: std::ops::RangeInclusive<u64>,
    unit: &str,
    problems: &mut Vec<Invalid>,
) {
    if !range.contains(&value) {
        problems.push(Invalid {
            field,
            problem: format!("{value} is outside {} to {} {unit}", range.start(), range.end()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/dev.toml");
    const PRODUCTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/production.toml");

    fn load_edited(from: &str, to: &str) -> Result<Config, ConfigError> {
        let text = fs::read_to_string(DEV).unwrap();
        assert!(text.contains(from), "dev.toml has no {from:?}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("edited.toml");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        Config::load(&path, Overrides::default())
    }

    #[test]
    fn the_files_we_ship_are_valid() {
        let dev = Config::load(Path::new(DEV), Overrides::default()).unwrap();
        assert!(dev.guest.enabled);
        let production = Config::load(Path::new(PRODUCTION), Overrides::default()).unwrap();
        assert!(!production.guest.enabled);
        for config in [dev, production] {
            assert!(config.limits.enabled);
            assert!(config.metrics.listen.ip().is_loopback());
        }
    }

    #[test]
    fn what_bounds_strangers_has_bounds_itself() {
        for (from, to, why) in [
            ("trusted_proxies = []", "trusted_proxies = [\"proxy\"]", "no address and no network"),
            ("\"x-forwarded-for\"", "\"x-real-ip\"", "unknown variant `x-real-ip`"),
            ("header_read_timeout_ms = 10000", "header_read_timeout_ms = 0", "header_read_timeout"),
            ("max_header_bytes = 16384", "max_header_bytes = 100000", "http.max_header_bytes"),
            ("max_connections = 1024", "max_connections = 0", "http.max_connections"),
            ("max_keys = 10000", "max_keys = 999", "limits.max_keys"),
            ("\nttl_seconds = 90", "\nttl_seconds = 1", "presence.ttl_seconds: 1 is outside"),
            ("burst = 3000", "burst = 0", "burst"),
            ("per_minute = 60000", "per_minute = 99000000", "limits.address.per_minute"),
            ("min_interval_seconds = 10", "min_interval_seconds = 0", "min_interval_seconds"),
            ("refresh_seconds = 300", "refresh_seconds = 9", "9 is outside 10 to 86400 seconds"),
            ("max_age_seconds = 86400", "max_age_seconds = 299", "299 is outside 300 to"),
            ("fetch_deadline_ms = 3000", "fetch_deadline_ms = 0", "fetch_deadline_ms"),
            ("max_bytes = 65536", "max_bytes = 99999999", "auth.key_sets.max_bytes"),
        ] {
            let error = load_edited(from, to).unwrap_err().to_string();
            assert!(error.contains(why), "{to}: {error}");
        }
    }

    #[test]
    fn who_may_ban_is_said_in_the_words_of_the_roles_file() {
        let api_key = "allowed_to = [{ api_key = \"shop\" }, { issuer = \"https://i\" }]";
        let config = load_edited("allowed_to = []", api_key).unwrap();
        assert_eq!(config.revoke.allowed_to.len(), 2);
        for (rule, why) in [
            ("{ guest = true }", "revoke.allowed_to: guests"),
            ("{ api_key = \"a b\" }", "names an API key that cannot have this name"),
            ("{ everybody = true }", "there is no field \"everybody\""),
            ("{}", "an entry of allowed_to is one of"),
        ] {
            let rule = format!("allowed_to = [{rule}]");
            let error = load_edited("allowed_to = []", &rule).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_lets_clients_in_by_callout_is_checked() {
        let production = fs::read_to_string(PRODUCTION).unwrap();
        for (from, to, why) in [
            ("[\"WEBSOCKET\"]", "[]", "one or both of WEBSOCKET and STANDARD"),
            ("[\"WEBSOCKET\"]", "[\"MQTT\"]", "one or both of WEBSOCKET and STANDARD"),
            ("[\"WEBSOCKET\"]", "[\"TELNET\"]", "unknown variant `TELNET`"),
            ("max_concurrent = 64", "max_concurrent = 0", "callout.max_concurrent: 0 is outside"),
            ("deadline_ms = 2500", "deadline_ms = 5000", "callout.deadline_ms: 5000 is outside"),
            ("session_seconds = 3600", "session_seconds = 1", "callout.session_seconds"),
            ("cookie_name = \"session\"", "cookie_name = \"a;b\"", "callout.cookie_name"),
            ("cookie_name = \"session\"", "cookie_name = \"__Host-s\"", "must be secure"),
            ("secure_cookie = false", "secure_cookies = false", "unknown field `secure_cookies`"),
        ] {
            let error = load_edited(from, to).unwrap_err().to_string();
            assert!(error.contains(why), "{to}: {error}");
        }
        let open = production
            .replace("secure_cookie = true", "secure_cookie = false")
            .replace("__Host-session", "session")
            .replace("listen = \"127.0.0.1:3000\"", "listen = \"0.0.0.0:3000\"");
        let config: Config = toml::from_str(&open).unwrap();
        let problems = config.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].field, "callout.secure_cookie");
    }

    #[test]
    fn overrides_win() {
        let overrides = Overrides {
            listen: Some("127.0.0.1:0".parse().unwrap()),
            nats_urls: vec!["nats://127.0.0.1:14222".parse().unwrap()],
            nats_ca_file: None,
            keys_dir: Some("/keys".into()),
            roles_file: Some("/roles.toml".into()),
            websocket_urls: vec!["wss://a:1".parse().unwrap(), "ws://[::1]:2".parse().unwrap()],
            page_dir: Some("/page".into()),
        };
        let config = Config::load(Path::new(DEV), overrides).unwrap();
        assert_eq!(config.http.listen.port(), 0);
        assert_eq!(config.nats.urls[0].as_str(), "nats://127.0.0.1:14222");
        assert_eq!(config.keys.dir, Path::new("/keys"));
        assert_eq!(config.roles.file, Path::new("/roles.toml"));
        assert_eq!(config.websocket.urls.len(), 2);
        assert_eq!(config.page.dir, Path::new("/page"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Config::load(Path::new("/no/such.toml"), Overrides::default()).unwrap_err();
        assert!(error.to_string().contains("/no/such.toml"), "{error}");
    }

    #[test]
    fn unknown_and_missing_fields_are_refused_with_their_place() {
        let error = load_edited("[guest]", "[guest]\nttl = 3").unwrap_err().to_string();
        assert!(error.contains("unknown field `ttl`") && error.contains("line"), "{error}");
        let error = load_edited("request_timeout_ms = 10000", "").unwrap_err().to_string();
        assert!(error.contains("missing field `request_timeout_ms`"), "{error}");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let text = fs::read_to_string(DEV)
            .unwrap()
            .replace("publish_deadline_ms = 2000", "publish_deadline_ms = 1")
            .replace("body_limit_bytes = 16384", "body_limit_bytes = 0");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("edited.toml");
        fs::write(&path, text).unwrap();
        let error = Config::load(&path, Overrides::default()).unwrap_err().to_string();
        assert!(
            error.contains("nats.publish_deadline_ms: 1 is outside 50 to 30000 milliseconds"),
            "{error}"
        );
        assert!(error.contains("http.body_limit_bytes"), "{error}");
    }

    #[test]
    fn urls_with_the_wrong_scheme_or_a_password_are_refused() {
        for url in ["http://a:1", "nats://user:pass@a:1", "nats://token@a:1"] {
            let error = load_edited("nats://127.0.0.1:4222", url).unwrap_err().to_string();
            assert!(error.contains("nats.urls"), "{error}");
            assert!(!error.contains("pass@"), "{error}");
        }
        for url in ["http://a:5000", "ws://u:p@a:5000", "ws://a:5000/#x", "ws://a:5000"] {
            let error = load_edited("ws://localhost:5000", url).unwrap_err().to_string();
            assert!(error.contains("websocket.urls"), "{error}");
        }
    }

    #[test]
    fn who_names_an_authority_speaks_tls_to_all_servers() {
        let with = |urls: &str| {
            load_edited("[\"nats://127.0.0.1:4222\"]", &format!("[{urls}]\nca_file = \"/ca.pem\""))
        };
        let config = with("\"tls://a:4222\"").unwrap();
        assert_eq!(config.nats.ca_file.as_deref(), Some(Path::new("/ca.pem")));
        let error = with("\"tls://a:4222\", \"nats://b:4222\"").unwrap_err().to_string();
        assert!(error.contains("every URL begins with tls://"), "{error}");
    }

    #[test]
    fn a_bad_log_filter_is_refused() {
        let error = load_edited("filter = \"info", "filter = \"info,=,a=b=c").unwrap_err();
        assert!(error.to_string().contains("log.filter"), "{error}");
    }
}
