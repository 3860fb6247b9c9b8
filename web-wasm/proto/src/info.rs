//! The two JSON documents of the handshake: INFO and CONNECT.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::json::{JsonError, ObjectWriter, Reader};

/// What a server says of itself in INFO.
///
/// Fields that a server leaves out have their type's default; fields not named here are passed
/// over, and of one that comes twice the last counts. Source: the protocol page, [INFO].
///
/// [INFO]: https://docs.nats.io/reference/reference-protocols/nats-protocol#info
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize), serde(default))]
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
    #[cfg_attr(test, serde(rename = "ldm"))]
    pub lame_duck_mode: bool,
    /// Whether JetStream is on.
    pub jetstream: bool,
}

impl ServerInfo {
    /// Reads the document.
    pub(crate) fn from_json(text: &[u8]) -> Result<Self, JsonError> {
        let mut info = Self::default();
        let mut json = Reader::new(text);
        json.object(&mut |json, name| {
            match name {
                "server_id" => info.server_id = json.string()?,
                "server_name" => info.server_name = json.string()?,
                "cluster" => info.cluster = json.optional_string()?,
                "domain" => info.domain = json.optional_string()?,
                "version" => info.version = json.string()?,
                "host" => info.host = json.string()?,
                "port" => info.port = json.number()?,
                "headers" => info.headers = json.flag()?,
                "max_payload" => info.max_payload = json.number()?,
                "proto" => info.proto = json.number()?,
                "client_id" => info.client_id = json.number()?,
                "client_ip" => info.client_ip = json.string()?,
                "auth_required" => info.auth_required = json.flag()?,
                "nonce" => info.nonce = json.optional_string()?,
                "connect_urls" => info.connect_urls = json.strings()?,
                "ldm" => info.lame_duck_mode = json.flag()?,
                "jetstream" => info.jetstream = json.flag()?,
                _ => json.skip()?,
            }
            Ok(())
        })?;
        json.end()?;
        Ok(info)
    }

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
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConnectInfo {
    /// Whether the server answers each operation with `+OK`.
    pub verbose: bool,
    /// Whether the server checks subjects more strictly.
    pub pedantic: bool,
    /// Whether the client insists on TLS.
    pub tls_required: bool,
    /// The client's name, shown in the server's monitoring.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
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
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub jwt: Option<String>,
    /// The user's public key.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub nkey: Option<String>,
    /// The signature of the nonce, base64url without padding.
    #[cfg_attr(test, serde(rename = "sig", skip_serializing_if = "Option::is_none"))]
    pub signature: Option<String>,
    /// The user's name.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub user: Option<String>,
    /// The user's password.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub pass: Option<String>,
    /// The token.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub auth_token: Option<String>,
}

impl ConnectInfo {
    /// Writes the document.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = ObjectWriter::new();
        json.flag("verbose", self.verbose);
        json.flag("pedantic", self.pedantic);
        json.flag("tls_required", self.tls_required);
        json.optional_text("name", self.name.as_deref());
        json.text("lang", self.lang);
        json.text("version", self.version);
        json.number("protocol", self.protocol);
        json.flag("echo", self.echo);
        json.flag("headers", self.headers);
        json.flag("no_responders", self.no_responders);
        json.optional_text("jwt", self.jwt.as_deref());
        json.optional_text("nkey", self.nkey.as_deref());
        json.optional_text("sig", self.signature.as_deref());
        json.optional_text("user", self.user.as_deref());
        json.optional_text("pass", self.pass.as_deref());
        json.optional_text("auth_token", self.auth_token.as_deref());
        json.finish()
    }
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
    use proptest::prelude::*;

    use super::*;

    /// What a server may say, some of it in a way that no server does.
    fn infos() -> impl Strategy<Value = ServerInfo> {
        let numbers = (any::<u16>(), any::<u32>(), any::<i32>(), any::<u32>());
        let flags = any::<[bool; 4]>();
        let texts = any::<[String; 5]>();
        let absent = any::<[Option<String>; 3]>();
        let urls = any::<Vec<String>>();
        (numbers, flags, texts, absent, urls).prop_map(|(numbers, flags, texts, absent, urls)| {
            let [server_id, server_name, version, host, client_ip] = texts;
            let [cluster, domain, nonce] = absent;
            let [headers, auth_required, lame_duck_mode, jetstream] = flags;
            ServerInfo {
                server_id,
                server_name,
                cluster,
                domain,
                version,
                host,
                port: numbers.0,
                headers,
                max_payload: numbers.1 as usize,
                proto: numbers.2,
                client_id: numbers.3.into(),
                client_ip,
                auth_required,
                nonce,
                connect_urls: urls,
                lame_duck_mode,
                jetstream,
            }
        })
    }

    proptest! {
        #[test]
        fn info_is_read_whatever_it_holds(info in infos(), pretty: bool) {
            let mut document = serde_json::to_value(&info).unwrap();
            document["new"] = serde_json::json!({"more": [1, null, {"a": -2.5e-3}], "b": "\u{1}"});
            let text = match pretty {
                true => serde_json::to_vec_pretty(&document),
                false => serde_json::to_vec(&document),
            };
            prop_assert_eq!(ServerInfo::from_json(&text.unwrap()), Ok(info));
        }

        #[test]
        fn info_of_other_types_is_refused_as_serde_json_does(
            field in prop::sample::select(std::vec![
                "server_id", "cluster", "port", "headers", "max_payload", "proto", "client_id", "nonce",
                "connect_urls", "ldm", "other",
            ]),
            value in prop::sample::select(std::vec![
                "null", "true", "0", "-1", "70000", "1.5", "5000000000", "9223372036854775807", "1e999", "\"\"",
                "[]", "[\"a\"]", "[1]", "{}", "{\"a\":[]}", "", "x",
            ]),
        ) {
            let text = alloc::format!("{{\"{field}\":{value}}}");
            let ours = ServerInfo::from_json(text.as_bytes()).ok();
            prop_assert_eq!(ours, serde_json::from_str(&text).ok(), "{}", text);
        }

        #[test]
        fn connect_is_written_as_serde_json_does(
            texts in any::<[Option<String>; 7]>(), echo: bool, protocol: u8,
        ) {
            let [name, jwt, nkey, signature, user, pass, auth_token] = texts;
            let own = ConnectInfo::default();
            let info = ConnectInfo {
                name, jwt, nkey, signature, user, pass, auth_token, echo, protocol, ..own
            };
            let ours: serde_json::Value = serde_json::from_slice(&info.to_json()).unwrap();
            prop_assert_eq!(ours, serde_json::to_value(&info).unwrap());
        }
    }

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
