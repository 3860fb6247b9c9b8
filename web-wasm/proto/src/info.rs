//! The two JSON documents of the handshake: INFO and CONNECT.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

/// What a server says of itself in INFO.
///
/// Fields that a server leaves out have their type's default; fields not named here are passed
/// over. Source: the protocol page, [INFO].
///
/// [INFO]: https://docs.nats.io/reference/reference-protocols/nats-protocol#info
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ServerInfo {
    /// The server's unique id.
    pub server_id: String,
    /// The server's name; its id where it was given none.
    pub server_name: String,
    /// The cluster it belongs to, if any.
    pub cluster: Option<String>,
    /// The JetStream domain, if any.
    pub domain: Option<String>,
    /// Its version, such as `2.15.1`.
    pub version: String,
    /// The host that it listens on.
    pub host: String,
    /// The port that it listens on.
    pub port: u16,
    /// Whether it understands message headers.
    pub headers: bool,
    /// The largest message that it takes from this client: headers and payload, in bytes.
    pub max_payload: usize,
    /// The protocol's generation; 1 and up send INFO again when something changes.
    pub proto: i32,
    /// The number that the server has given this connection.
    pub client_id: u64,
    /// The address that the server sees the client at.
    pub client_ip: String,
    /// Whether the client must name itself.
    pub auth_required: bool,
    /// What the client signs to prove that it holds its key.
    pub nonce: Option<String>,
    /// Other addresses of the cluster that take this kind of client.
    pub connect_urls: Vec<String>,
    /// Whether the server is about to stop and wants its clients elsewhere.
    #[serde(rename = "ldm")]
    pub lame_duck_mode: bool,
    /// Whether JetStream is on.
    pub jetstream: bool,
}

impl ServerInfo {
    /// Whether the version is at least `major.minor.patch`; false for one that can't be read.
    pub fn is_server_compatible(&self, major: u32, minor: u32, patch: u32) -> bool {
        let release = self.version.split(['-', '+']).next().unwrap_or_default();
        let mut numbers = release.split('.').map(|number| number.parse::<u32>().ok());
        let mut number = || numbers.next().flatten();
        match (number(), number(), number()) {
            (Some(a), Some(b), Some(c)) => (a, b, c) >= (major, minor, patch),
            _ => false,
        }
    }
}

/// What a client says of itself in CONNECT.
///
/// `Debug` shows no secret. Source: the protocol page, [CONNECT].
///
/// [CONNECT]: https://docs.nats.io/reference/reference-protocols/nats-protocol#connect
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ConnectInfo {
    /// Whether the server answers each operation with `+OK`.
    pub verbose: bool,
    /// Whether the server checks subjects more strictly.
    pub pedantic: bool,
    /// Whether the client insists on TLS.
    pub tls_required: bool,
    /// The client's name, shown in the server's monitoring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The client's language.
    pub lang: &'static str,
    /// The client's version.
    pub version: &'static str,
    /// The protocol's generation: 1 asks for INFO whenever something changes.
    pub protocol: u8,
    /// Whether the client gets its own messages back.
    pub echo: bool,
    /// Whether the client understands headers.
    pub headers: bool,
    /// Whether the client wants to be told when nobody listens to its request.
    pub no_responders: bool,
    /// The user's JWT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<String>,
    /// The user's public key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nkey: Option<String>,
    /// The signature of the nonce, base64url without padding.
    #[serde(rename = "sig", skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<String>,
    /// The token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_token: Option<String>,
}

impl Default for ConnectInfo {
    fn default() -> Self {
        Self {
            verbose: false,
            pedantic: false,
            tls_required: false,
            name: None,
            lang: "rust-wasm",
            version: env!("CARGO_PKG_VERSION"),
            protocol: 1,
            echo: true,
            headers: true,
            no_responders: true,
            jwt: None,
            nkey: None,
            signature: None,
            user: None,
            pass: None,
            auth_token: None,
        }
    }
}

impl fmt::Debug for ConnectInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectInfo")
            .field("name", &self.name)
            .field("nkey", &self.nkey)
            .field("user", &self.user)
            .field("echo", &self.echo)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let info = |version: &str| ServerInfo { version: version.into(), ..Default::default() };
        assert!(info("2.15.1").is_server_compatible(2, 14, 0));
        assert!(info("2.14.0").is_server_compatible(2, 14, 0));
        assert!(info("3.0.0-RC.1").is_server_compatible(2, 14, 9));
        assert!(!info("2.9.10").is_server_compatible(2, 14, 0));
        assert!(!info("").is_server_compatible(0, 0, 0));
        assert!(!info("latest").is_server_compatible(0, 0, 0));
    }

    #[test]
    fn debug_shows_no_secret() {
        let secret = || Some(String::from("s3cret"));
        let info = ConnectInfo {
            jwt: secret(),
            signature: secret(),
            pass: secret(),
            auth_token: secret(),
            ..Default::default()
        };
        assert!(!alloc::format!("{info:?}").contains("s3cret"));
    }
}
