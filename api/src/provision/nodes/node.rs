//! One node of a cluster.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

use url::Host;

use super::{CA_CERTIFICATE, ROUTE_CERTIFICATE, ROUTE_KEY};
use crate::{
    config::Origin,
    provision::{
        PlannedFile,
        conf::{HubConf, LocalConf, NodeConf, TlsBlock, plain_path},
        tls::{SERVER_CERTIFICATE, SERVER_KEY},
    },
};

/// What is included where a node's listener for services is set.
const CLIENT_TLS_CONF: &str = "client-tls.conf";
/// What is included within a node's block `websocket`.
const WEBSOCKET_TLS_CONF: &str = "websocket-tls.conf";

/// Where a node that leaves hang on listens for them, as a variable.
const HUB_CONF: &str = "hub.conf";

const MAX_NAME_LEN: usize = 32;

/// What was asked for can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// Not a name.
    #[error("{0:?} is no name for a node: 1 to {MAX_NAME_LEN} of a-z, 0-9 and -, not first")]
    Name(String),
    /// Not a host.
    #[error("{0:?} is no host: a DNS name or an IP address")]
    Host(String),
    /// No host.
    #[error("{0:?} names no host: NAME=HOST is wanted")]
    NoHost(String),
    /// Two of the same name.
    #[error("the node {0} is named twice")]
    Twice(NodeName),
    /// No page could connect.
    #[error("at least one allowed origin is needed")]
    NoOrigin,
    /// More nodes on one host than there are ports.
    #[error("there are not as many ports as nodes on {0}")]
    NoPort(Host),
    /// The path cannot stand in nats-server's configuration.
    #[error("the directory {} has a name that is not plain text", .0.display())]
    Path(PathBuf),
}

/// A node's name: also its directory's, its server's and its certificate's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName(String);

impl NodeName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NodeName {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let in_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty()
            || text.len() > MAX_NAME_LEN
            || text.starts_with('-')
            || !text.bytes().all(in_name)
        {
            return Err(NodeError::Name(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A node and where the others find it, as `NAME=HOST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpec {
    /// Its name.
    pub name: NodeName,
    /// What its certificate is for.
    pub host: Host,
}

impl FromStr for NodeSpec {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let (name, host) =
            text.split_once('=').ok_or_else(|| NodeError::NoHost(text.to_owned()))?;
        Ok(Self { name: name.parse()?, host: parse_host(host)? })
    }
}

/// Reads a DNS name or an address; one of IPv6 has no brackets.
///
/// # Errors
/// [`NodeError::Host`] if it is neither.
pub fn parse_host(text: &str) -> Result<Host, NodeError> {
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Ok(Host::Ipv4(address)),
        Ok(IpAddr::V6(address)) => Ok(Host::Ipv6(address)),
        Err(_) => Host::parse(text).map_err(|_| NodeError::Host(text.to_owned())),
    }
}

/// Ports of a node. Where several nodes have one host, the second's are higher by 1, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// TCP listener for services.
    pub client: u16,
    /// Websocket listener for browsers.
    pub websocket: u16,
    /// Monitoring.
    pub monitor: u16,
    /// Routes between nodes.
    pub cluster: u16,
    /// Leaves, where the node is run as one of a hub.
    pub leaf: u16,
}

impl Default for Ports {
    /// 4222, 5000, 8222, 6222 and 7422.
    fn default() -> Self {
        Self { client: 4222, websocket: 5000, monitor: 8222, cluster: 6222, leaf: 7422 }
    }
}

impl Ports {
    fn higher_by(self, n: usize) -> Option<Self> {
        let higher = |port: u16| u16::try_from(n).ok().and_then(|n| port.checked_add(n));
        Some(Self {
            client: higher(self.client)?,
            websocket: higher(self.websocket)?,
            monitor: higher(self.monitor)?,
            cluster: higher(self.cluster)?,
            leaf: higher(self.leaf)?,
        })
    }
}

/// Which nodes to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodesRequest {
    /// The nodes. Each dials all of them, and hears of others from those.
    pub nodes: Vec<NodeSpec>,
    /// The ports of the first node on each host.
    pub ports: Ports,
    /// Origins whose pages the websocket listeners admit.
    pub allowed_origins: Vec<Origin>,
    /// Whether the listeners for services and browsers speak TLS. Routes always do.
    pub tls: bool,
}

impl NodesRequest {
    pub(super) fn nodes(&self) -> Result<Vec<Node>, NodeError> {
        if self.allowed_origins.is_empty() {
            return Err(NodeError::NoOrigin);
        }
        let mut nodes: Vec<Node> = Vec::with_capacity(self.nodes.len());
        for spec in &self.nodes {
            if nodes.iter().any(|node| node.name == spec.name) {
                return Err(NodeError::Twice(spec.name.clone()));
            }
            let neighbours = nodes.iter().filter(|node| node.host == spec.host).count();
            let ports = self
                .ports
                .higher_by(neighbours)
                .ok_or_else(|| NodeError::NoPort(spec.host.clone()))?;
            nodes.push(Node::new(spec.clone(), ports));
        }
        Ok(nodes)
    }
}

/// A node with its ports.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: NodeName,
    pub(super) host: Host,
    ports: Ports,
}

impl Node {
    pub(super) fn new(spec: NodeSpec, ports: Ports) -> Self {
        Self { name: spec.name, host: spec.host, ports }
    }

    /// The text of its part of the configuration; `dir` is its own directory.
    pub(super) fn conf(
        &self,
        dir: &Path,
        nodes: &[Self],
        request: &NodesRequest,
    ) -> Result<String, NodeError> {
        let path = |name: &Path| {
            let path = dir.join(name);
            plain_path(&path).ok_or(NodeError::Path(path))
        };
        let [jetstream, accounts] = data_dirs();
        let open = self.open();
        let own = loopback(&self.host).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ok(NodeConf {
            local: LocalConf {
                client_listen: SocketAddr::new(own, self.ports.client),
                websocket_listen: SocketAddr::new(open, self.ports.websocket),
                monitor_listen: SocketAddr::new(own, self.ports.monitor),
                allowed_origins: request.allowed_origins.iter().map(Origin::as_str).collect(),
                jetstream_dir: &path(&jetstream)?,
                resolver_dir: &path(&accounts)?,
            },
            websocket_advertise: format!("{}:{}", self.host, self.ports.websocket),
            cluster_listen: SocketAddr::new(open, self.ports.cluster),
            cluster_advertise: self.route(),
            cluster_routes: nodes
                .iter()
                .map(|node| format!("nats-route://{}", node.route()))
                .collect(),
            route_certificate: &path(Path::new(ROUTE_CERTIFICATE))?,
            route_key: &path(Path::new(ROUTE_KEY))?,
            route_authority: &path(Path::new(CA_CERTIFICATE))?,
        }
        .render())
    }

    /// What `cluster/hub-NAME.conf` includes beside its configuration.
    pub(super) fn hub_conf(&self) -> PlannedFile {
        let leaf_listen = SocketAddr::new(self.open(), self.ports.leaf);
        PlannedFile::new(HUB_CONF, HubConf { leaf_listen, made_by: "api nodes add" }.render())
    }

    /// What it has listeners for other machines on.
    fn open(&self) -> IpAddr {
        // A cluster on one machine for trying things is nobody else's.
        loopback(&self.host).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// What its configuration includes for the listeners of services and browsers; `dir` is its own
    /// directory.
    pub(super) fn tls_conf(&self, dir: &Path, tls: bool) -> Result<[PlannedFile; 2], NodeError> {
        let path = |name: &str| plain_path(&dir.join(name)).ok_or(NodeError::Path(dir.join(name)));
        let (client, websocket) = if tls {
            let (certificate, key) = (path(SERVER_CERTIFICATE)?, path(SERVER_KEY)?);
            let block = TlsBlock { certificate: &certificate, key: &key }.render();
            (block.clone(), block)
        } else {
            (TlsBlock::none_for_clients(), TlsBlock::none_for_websockets())
        };
        Ok([
            PlannedFile::new(CLIENT_TLS_CONF, client),
            PlannedFile::new(WEBSOCKET_TLS_CONF, websocket),
        ])
    }

    fn route(&self) -> String {
        format!("{}:{}", self.host, self.ports.cluster)
    }
}

/// A host that is this machine's own, as one is that is there to try things.
pub(in crate::provision) fn loopback(host: &Host) -> Option<IpAddr> {
    let address = match host {
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => IpAddr::V6(*address),
        Host::Domain(_) => return None,
    };
    address.is_loopback().then_some(address)
}

/// What nats-server writes itself, within the node's directory: streams, and accounts.
pub(super) fn data_dirs() -> [PathBuf; 2] {
    ["jetstream", "accounts"].map(|name| Path::new("data").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(nodes: &[&str]) -> NodesRequest {
        NodesRequest {
            nodes: nodes.iter().map(|node| node.parse().unwrap()).collect(),
            ports: Ports::default(),
            allowed_origins: vec!["https://app.example.com".parse().unwrap()],
            tls: false,
        }
    }

    /// The configuration of the last of these nodes.
    fn conf(nodes: &[&str]) -> String {
        let request = request(nodes);
        let nodes = request.nodes().unwrap();
        nodes.last().unwrap().conf(Path::new("/srv/nodes/n"), &nodes, &request).unwrap()
    }

    fn assert_lines(conf: &str, lines: &[&str]) {
        for line in lines {
            assert!(conf.lines().any(|found| found == *line), "{line} is not in\n{conf}");
        }
    }

    #[test]
    fn nodes_on_hosts_of_their_own_have_the_same_ports_and_are_open_where_they_must() {
        assert_lines(
            &conf(&["n1=a.example.com", "n2=b.example.com"]),
            &[
                r#"CLIENT_LISTEN: "127.0.0.1:4222""#,
                r#"MONITOR_LISTEN: "127.0.0.1:8222""#,
                r#"WEBSOCKET_LISTEN: "0.0.0.0:5000""#,
                r#"WEBSOCKET_ADVERTISE: "b.example.com:5000""#,
                r#"CLUSTER_LISTEN: "0.0.0.0:6222""#,
                r#"CLUSTER_ADVERTISE: "b.example.com:6222""#,
                r#"CLUSTER_ROUTES: ["nats-route://a.example.com:6222", "nats-route://b.example.com:6222"]"#,
                r#"ROUTE_KEY: "/srv/nodes/n/route.key""#,
                r#"ALLOWED_ORIGINS: ["https://app.example.com"]"#,
            ],
        );
    }

    #[test]
    fn nodes_on_one_machine_have_ports_of_their_own_and_stay_on_it() {
        assert_lines(
            &conf(&["n1=127.0.0.1", "n2=127.0.0.1", "n3=127.0.0.1"]),
            &[
                r#"CLIENT_LISTEN: "127.0.0.1:4224""#,
                r#"MONITOR_LISTEN: "127.0.0.1:8224""#,
                r#"WEBSOCKET_LISTEN: "127.0.0.1:5002""#,
                r#"CLUSTER_LISTEN: "127.0.0.1:6224""#,
            ],
        );
    }

    #[test]
    fn each_node_listens_for_leaves_on_a_port_of_its_own() {
        let last =
            |nodes: &[&str]| request(nodes).nodes().unwrap().pop().unwrap().hub_conf().contents;
        assert_lines(&last(&["n1=a", "n2=b"]), &[r#"LEAF_LISTEN: "0.0.0.0:7422""#]);
        let here = last(&["n1=127.0.0.1", "n2=127.0.0.1"]);
        assert_lines(&here, &[r#"LEAF_LISTEN: "127.0.0.1:7423""#]);
    }

    #[test]
    fn an_ipv6_host_is_written_in_brackets() {
        assert_lines(
            &conf(&["n1=2001:db8::1"]),
            &[r#"CLUSTER_ROUTES: ["nats-route://[2001:db8::1]:6222"]"#],
        );
    }

    #[test]
    fn what_names_no_node_is_refused_by_name() {
        let refuse = |text: &str| text.parse::<NodeSpec>().unwrap_err();
        assert_eq!(refuse("n1"), NodeError::NoHost("n1".to_owned()));
        assert_eq!(refuse("n1="), NodeError::Host(String::new()));
        assert_eq!(refuse("n1=a b"), NodeError::Host("a b".to_owned()));
        let long = "n".repeat(33);
        for name in ["", "..", "a/b", "-n", "N1", "n_1", "é", &long] {
            assert_eq!(refuse(&format!("{name}=h")), NodeError::Name(name.to_owned()));
        }
    }

    #[test]
    fn requests_that_cannot_be_met_are_refused() {
        let twice = request(&["n1=a", "n1=b"]);
        assert_eq!(twice.nodes().unwrap_err(), NodeError::Twice("n1".parse().unwrap()));
        let mut none = request(&["n1=a"]);
        none.allowed_origins.clear();
        assert_eq!(none.nodes().unwrap_err(), NodeError::NoOrigin);
        let mut full = request(&["n1=a", "n2=a"]);
        full.ports.cluster = u16::MAX;
        let host = Host::parse("a").unwrap();
        assert_eq!(full.nodes().unwrap_err(), NodeError::NoPort(host));
    }

    #[test]
    fn a_path_that_could_inject_into_the_configuration_is_refused() {
        let request = request(&["n1=a"]);
        let nodes = request.nodes().unwrap();
        let error = nodes[0].conf(Path::new("/a\nb"), &nodes, &request).unwrap_err();
        assert!(matches!(error, NodeError::Path(_)));
    }
}
