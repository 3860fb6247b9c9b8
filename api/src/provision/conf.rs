//! Text of the two nats-server configuration files that are specific to a machine.

use std::{fmt::Write, net::SocketAddr, path::Path};

use crate::claims::{AccountKey, Jwt};

/// Variables for `single.conf`. Each is referenced there; nats-server takes one that is not for an
/// unknown setting and refuses to start.
pub(super) struct LocalConf<'a> {
    pub(super) client_listen: SocketAddr,
    pub(super) websocket_listen: SocketAddr,
    pub(super) monitor_listen: SocketAddr,
    pub(super) allowed_origins: Vec<&'a str>,
    pub(super) jetstream_dir: &'a str,
    pub(super) resolver_dir: &'a str,
}

impl LocalConf<'_> {
    pub(super) fn render(&self) -> String {
        let origins: Vec<String> =
            self.allowed_origins.iter().map(|origin| quote(origin)).collect();
        format!(
            "# Made by `api init`. Addresses and paths of this machine.\n\
             CLIENT_LISTEN: {}\n\
             WEBSOCKET_LISTEN: {}\n\
             MONITOR_LISTEN: {}\n\
             ALLOWED_ORIGINS: [{}]\n\
             JETSTREAM_DIR: {}\n\
             RESOLVER_DIR: {}\n",
            listen(self.client_listen),
            listen(self.websocket_listen),
            listen(self.monitor_listen),
            origins.join(", "),
            quote(self.jetstream_dir),
            quote(self.resolver_dir),
        )
    }
}

/// Variables for one node of a cluster, `cluster/NAME.conf`.
pub(super) struct NodeConf<'a> {
    pub(super) local: LocalConf<'a>,
    pub(super) websocket_advertise: String,
    pub(super) cluster_listen: SocketAddr,
    pub(super) cluster_advertise: String,
    pub(super) cluster_routes: Vec<String>,
    pub(super) route_certificate: &'a str,
    pub(super) route_key: &'a str,
    pub(super) route_authority: &'a str,
}

impl NodeConf<'_> {
    pub(super) fn render(&self) -> String {
        let routes: Vec<String> = self.cluster_routes.iter().map(|route| quote(route)).collect();
        format!(
            "{}\
             WEBSOCKET_ADVERTISE: {}\n\
             CLUSTER_LISTEN: {}\n\
             CLUSTER_ADVERTISE: {}\n\
             CLUSTER_ROUTES: [{}]\n\
             ROUTE_CERTIFICATE: {}\n\
             ROUTE_KEY: {}\n\
             ROUTE_AUTHORITY: {}\n",
            self.local.render(),
            quote(&self.websocket_advertise),
            listen(self.cluster_listen),
            quote(&self.cluster_advertise),
            routes.join(", "),
            quote(self.route_certificate),
            quote(self.route_key),
            quote(self.route_authority),
        )
    }
}

/// A block `tls` of a listener, with its own certificate.
pub(super) struct TlsBlock<'a> {
    pub(super) certificate: &'a str,
    pub(super) key: &'a str,
}

impl TlsBlock<'_> {
    pub(super) fn render(&self) -> String {
        format!(
            "# Made by `api nodes add --tls`.\n\
             tls {{\n  cert_file: {}\n  key_file: {}\n  min_version: \"1.2\"\n  timeout: 5\n}}\n",
            quote(self.certificate),
            quote(self.key),
        )
    }

    /// In its place for services without TLS.
    pub(super) fn none_for_clients() -> String {
        "# Made by `api nodes add` without `--tls`: services speak without TLS.\n".to_owned()
    }

    /// In its place for browsers without TLS, which nats-server must be told of.
    pub(super) fn none_for_websockets() -> String {
        "# Made by `api nodes add` without `--tls`: TLS ends at a proxy in front.\nno_tls: true\n"
            .to_owned()
    }
}

/// Variables for `tls.conf`, beside those of [`LocalConf`].
pub(super) struct TlsConf<'a> {
    pub(super) certificate: &'a str,
    pub(super) key: &'a str,
}

impl TlsConf<'_> {
    pub(super) fn render(&self) -> String {
        format!(
            "# Made by `api init --tls` or `api tls add`. The certificate of this machine's listeners.\n\
             TLS_CERTIFICATE: {}\n\
             TLS_KEY: {}\n",
            quote(self.certificate),
            quote(self.key),
        )
    }
}

/// Variables for a leaf, `leaf.conf`.
pub(super) struct LeafConf<'a> {
    pub(super) client_listen: SocketAddr,
    pub(super) websocket_listen: SocketAddr,
    pub(super) monitor_listen: SocketAddr,
    pub(super) allowed_origins: Vec<&'a str>,
    pub(super) resolver_dir: &'a str,
    pub(super) certificate: &'a str,
    pub(super) key: &'a str,
    pub(super) hub_urls: Vec<String>,
    pub(super) hub_authority: &'a str,
    pub(super) account: &'a AccountKey,
    pub(super) account_credentials: &'a str,
    pub(super) system_account: &'a AccountKey,
    pub(super) system_credentials: &'a str,
}

impl LeafConf<'_> {
    pub(super) fn render(&self) -> String {
        let list = |texts: &[&str]| {
            let quoted: Vec<String> = texts.iter().map(|text| quote(text)).collect();
            quoted.join(", ")
        };
        let hubs: Vec<&str> = self.hub_urls.iter().map(String::as_str).collect();
        format!(
            "# Made by `api leaf add`. Addresses and paths of this machine, and the way to the hub.\n\
             CLIENT_LISTEN: {}\n\
             WEBSOCKET_LISTEN: {}\n\
             MONITOR_LISTEN: {}\n\
             ALLOWED_ORIGINS: [{}]\n\
             RESOLVER_DIR: {}\n\
             TLS_CERTIFICATE: {}\n\
             TLS_KEY: {}\n\
             HUB_URLS: [{}]\n\
             HUB_AUTHORITY: {}\n\
             LEAF_ACCOUNT: {}\n\
             LEAF_CREDENTIALS: {}\n\
             LEAF_SYSTEM_ACCOUNT: {}\n\
             LEAF_SYSTEM_CREDENTIALS: {}\n",
            listen(self.client_listen),
            listen(self.websocket_listen),
            listen(self.monitor_listen),
            list(&self.allowed_origins),
            quote(self.resolver_dir),
            quote(self.certificate),
            quote(self.key),
            list(&hubs),
            quote(self.hub_authority),
            self.account,
            quote(self.account_credentials),
            self.system_account,
            quote(self.system_credentials),
        )
    }
}

/// The variable for `hub.conf`, or for a node's `cluster/hub-NAME.conf`.
pub(super) struct HubConf {
    pub(super) leaf_listen: SocketAddr,
    pub(super) made_by: &'static str,
}

impl HubConf {
    pub(super) fn render(&self) -> String {
        format!(
            "# Made by `{}`. Where the hub listens for leaves.\nLEAF_LISTEN: {}\n",
            self.made_by,
            listen(self.leaf_listen)
        )
    }
}

/// Operator, system account, and the accounts to start with.
pub(super) struct AuthConf<'a> {
    pub(super) operator: &'a Jwt,
    pub(super) system_account: &'a AccountKey,
    pub(super) accounts: Vec<(&'a AccountKey, &'a Jwt)>,
    /// The token that a client counts as having which brings none.
    pub(super) sentinel: Option<&'a Jwt>,
}

impl AuthConf<'_> {
    pub(super) fn render(&self) -> String {
        let mut text = format!(
            "# Made by `api init`. Whom this server trusts.\n\
             operator: {}\n\
             system_account: {}\n\
             resolver_preload {{\n",
            self.operator.as_str(),
            self.system_account,
        );
        for (key, jwt) in &self.accounts {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {key}: {}", jwt.as_str());
        }
        text.push_str("}\n");
        if let Some(sentinel) = self.sentinel {
            let _ = writeln!(text, "default_sentinel: {}", sentinel.as_str());
        }
        text
    }
}

/// A path as it can stand in the configuration.
pub(super) fn plain_path(path: &Path) -> Option<String> {
    path.to_str().filter(|text| !text.contains(char::is_control)).map(ToOwned::to_owned)
}

/// nats-server spells "a free port" -1.
fn listen(address: SocketAddr) -> String {
    let text = match address.port() {
        0 => {
            let full = address.to_string();
            format!("{}-1", full.trim_end_matches('0'))
        }
        _ => address.to_string(),
    };
    quote(&text)
}

fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_zero_becomes_what_nats_server_takes_for_a_free_one() {
        assert_eq!(listen("127.0.0.1:0".parse().unwrap()), "\"127.0.0.1:-1\"");
        assert_eq!(listen("[::1]:0".parse().unwrap()), "\"[::1]:-1\"");
        assert_eq!(listen("0.0.0.0:5000".parse().unwrap()), "\"0.0.0.0:5000\"");
    }

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        assert_eq!(quote(r#"/a "b"\c"#), r#""/a \"b\"\\c""#);
    }
}
