//! What each node holds by itself, as its own monitoring says.

use e2e::{Error, Machine, eventually};
use serde_json::Value;

use crate::env;

/// Waits until all nodes hold the same of each of these streams, each knows the same leader of them, for
/// which the others are current, and one leads all three.
pub(crate) async fn agree(machines: &[Machine], streams: &[&str]) -> Result<(), Error> {
    let mut nodes = Vec::new();
    let agreed = eventually(env::CAUGHT_UP, "the nodes hold the same", async || {
        nodes.clear();
        for machine in machines {
            nodes.push(machine.monitor("/jsz?accounts=true&streams=true").await?);
        }
        let same = streams.iter().all(|stream| is_same(&nodes, stream));
        Ok((same && are_led(&nodes)).then_some(()))
    })
    .await;
    if agreed.is_err() {
        println!("{nodes:#?}");
    }
    agreed
}

/// Whether all nodes have the same copy of a stream.
fn is_same(nodes: &[Value], stream: &str) -> bool {
    let copies: Option<Vec<&Value>> = nodes.iter().map(|node| copy(node, stream)).collect();
    let Some(copies) = copies else { return false };
    let same = |part: fn(&Value) -> &Value| {
        copies.iter().all(|copy| !part(copy).is_null() && part(copy) == part(copies[0]))
    };
    let replicas = |copy: &&Value| is_current(&copy["cluster"]["replicas"]);
    same(|copy| &copy["state"]["messages"])
        && same(|copy| &copy["state"]["bytes"])
        && same(|copy| &copy["state"]["first_seq"])
        && same(|copy| &copy["state"]["last_seq"])
        && same(|copy| &copy["state"]["last_ts"])
        && same(|copy| &copy["cluster"]["leader"])
        && copies.iter().any(replicas)
}

/// Whether one node leads all three.
fn are_led(nodes: &[Value]) -> bool {
    let leader = &nodes[0]["meta_cluster"]["leader"];
    let is_part = |node: &Value| {
        let meta = &node["meta_cluster"];
        meta["leader"] == *leader && meta["cluster_size"] == nodes.len()
    };
    !leader.is_null()
        && nodes.iter().all(is_part)
        && nodes.iter().any(|node| is_current(&node["meta_cluster"]["replicas"]))
}

/// Whether two others are there, and have all. Only who leads says so.
fn is_current(replicas: &Value) -> bool {
    let replicas = replicas.as_array().map(Vec::as_slice).unwrap_or_default();
    let current = |replica: &Value| replica["current"] == true && replica["offline"] != true;
    replicas.len() == 2 && replicas.iter().all(current)
}

/// What a node holds of a stream.
fn copy<'a>(node: &'a Value, stream: &str) -> Option<&'a Value> {
    let accounts = node["account_details"].as_array()?.iter();
    let mut streams = accounts.filter_map(|account| account["stream_detail"].as_array()).flatten();
    streams.find(|copy| copy["name"] == stream)
}
