//! Three nodes are one NATS to whoever is on any of them.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::{Browser, Cluster, Error, NatsServer, Tab, eventually};

use crate::{HEALED_WITHIN, TestResult, UPDATE_WITHIN, connected_tab, ping_until_taken};

/// How many tabs are opened at most until two are on different nodes.
const TABS: usize = 16;

/// How long the publisher of updates rests between two.
const BETWEEN: Duration = Duration::from_millis(50);

/// Two tabs, each with the index of its node, which are not the same.
async fn tabs_apart(cluster: &Cluster, browser: &Browser) -> Result<[(Tab, usize); 2], Error> {
    let mut first: Option<(Tab, usize)> = None;
    let mut apart = None;
    for _ in 0..TABS {
        let tab = connected_tab(&cluster.api, browser).await?;
        let node = node_of(&tab).await?;
        match first.take() {
            Some(one) if one.1 != node => {
                apart = Some([one, (tab, node)]);
                break;
            }
            one => first = one.or(Some((tab, node))),
        }
    }
    Ok(apart.expect("tabs choose their nodes at random"))
}

/// The index of the node that the page says it is on.
async fn node_of(tab: &Tab) -> Result<usize, Error> {
    let name = tab.evaluate("return document.querySelector('#server').textContent", vec![]).await?;
    let name = name.as_str().expect("the page says something");
    let index = ["n1", "n2", "n3"].iter().position(|node| name.contains(node));
    Ok(index.expect("it is the name of a node"))
}

#[tokio::test]
async fn every_tab_receives_on_whichever_node_it_is_and_whichever_dies() -> TestResult {
    let mut cluster = Cluster::start().await?;
    let browser = Browser::start().await?;
    let tabs = tabs_apart(&cluster, &browser).await?;
    // A subscription is known on all nodes a moment after it is on its own.
    ping_until_taken(&cluster.api).await?;
    for (tab, _) in &tabs {
        tab.shows_updates(1, UPDATE_WITHIN).await?;
    }

    for dying in [tabs[0].1, tabs[1].1] {
        let mut shown = Vec::new();
        for (tab, _) in &tabs {
            shown.push(tab.updates().await?.len());
        }
        cluster.nodes[dying].kill()?;
        for (tab, _) in &tabs {
            eventually(HEALED_WITHIN, "the tab is on a node that lives", async || {
                let connected = "return document.querySelector('#connection').dataset.state";
                let connected = tab.evaluate(connected, vec![]).await? == "connected";
                Ok((connected && node_of(tab).await? != dying).then_some(()))
            })
            .await?;
        }
        ping_until_taken(&cluster.api).await?;
        for ((tab, _), shown) in tabs.iter().zip(shown) {
            tab.shows_updates(shown + 1, UPDATE_WITHIN).await?;
        }
        // The other is to die next, and two at once are not to be away.
        cluster.nodes[dying].start().await?;
    }
    Ok(())
}

/// How many updates a tab has received.
async fn received(tab: &Tab) -> Result<u64, Error> {
    let text = tab.text("#result").await?;
    let count = text.trim_start_matches("Result from API: (").trim_end_matches(')');
    Ok(count.parse().expect("it is a number"))
}

/// Each node in turn sends its clients away, ends, and comes back with another configuration, while
/// updates are published: every one that the API says is published comes to both tabs, which have moved
/// before their node ends.
#[tokio::test]
async fn rolling_every_node_loses_no_update() -> TestResult {
    let mut cluster = Cluster::start().await?;
    let browser = Browser::start().await?;
    let tabs = tabs_apart(&cluster, &browser).await?;
    ping_until_taken(&cluster.api).await?;
    let mut before = [0; 2];
    for ((tab, _), before) in tabs.iter().zip(&mut before) {
        tab.shows_updates(1, UPDATE_WITHIN).await?;
        *before = received(tab).await?;
    }

    let limits = cluster.api.keys().join("../parts/limits.conf");
    let text = fs::read_to_string(&limits).expect("it was copied");
    assert!(text.contains("max_payload: 64KB"), "{text}");
    fs::write(&limits, text.replace("max_payload: 64KB", "max_payload: 128KB")).expect("a file");
    let rolled = AtomicBool::new(false);
    let (nodes, api) = (&mut cluster.nodes, &cluster.api);
    let rolling = async {
        for node in nodes.iter_mut() {
            node.lame_duck().await?;
            node.start().await?;
        }
        rolled.store(true, Ordering::SeqCst);
        Ok::<_, Error>(())
    };
    let publishing = async {
        let (mut published, mut refused, mut in_doubt) = (0, 0, 0);
        while !rolled.load(Ordering::SeqCst) {
            match api.ping().await?.status().as_u16() {
                200 => published += 1,
                // Nothing was sent.
                503 => refused += 1,
                // Nobody can tell.
                504 => in_doubt += 1,
                status => unreachable!("{status}"),
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Ok::<_, Error>((published, refused, in_doubt))
    };
    let ((), (published, refused, in_doubt)) = tokio::try_join!(rolling, publishing)?;
    println!("{published} published, {refused} refused, {in_doubt} in doubt");
    for ((tab, _), before) in tabs.iter().zip(before) {
        eventually(HEALED_WITHIN, "the tab has all updates", async || {
            Ok((received(tab).await? >= before + published).then_some(()))
        })
        .await?;
        assert!(received(tab).await? <= before + published + in_doubt);
        assert_eq!(tab.text("#ledger-gaps").await?, "No gap so far.");
    }
    for node in &cluster.nodes {
        assert_eq!(node.monitor("/varz").await?["max_payload"], 128 << 10);
    }
    Ok(())
}

/// Only who has a certificate of the cluster's own authority becomes a node: others could read and
/// write everything.
#[tokio::test]
async fn nobody_becomes_a_node_without_a_certificate_of_the_authority() -> TestResult {
    let cluster = Cluster::start().await?;
    let folder = cluster.api.keys().join("nodes");
    let strangers = cluster.api.keys().join("strangers");
    // Keys of an installation of its own, as anybody can make them.
    for command in ["init", "nodes add n1=127.0.0.1"] {
        let dir = strangers.display().to_string();
        let arguments: Vec<&str> = command.split(' ').chain(["--dir", &dir]).collect();
        assert!(cluster.api.run(&arguments).await?.status.success(), "{command}");
    }

    let own = folder.join("n1");
    for (name, certificate, admitted) in
        [("stranger", strangers.join("nodes/n1"), false), ("friend", own.clone(), true)]
    {
        let conf = cluster.api.keys().join(format!("{name}.conf"));
        let mut server = NatsServer::new(conf.clone())?;
        let text = format!(
            "server_name: {name}
             listen: \"{}\"
             http: \"{}\"
             cluster {{
               name: scaling-ws
               listen: \"127.0.0.1:-1\"
               routes: [\"nats-route://{}\"]
               tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", timeout: 5 }}
             }}",
            server.client_address(),
            server.monitor_address(),
            cluster.route(),
            certificate.join("route.pem").display(),
            certificate.join("route.key").display(),
            own.join("ca.pem").display(),
        );
        fs::write(&conf, text).expect("the folder is there");
        server.start().await?;
        // One is turned away by n1; the other is a route of its.
        let what = format!("n1 has answered {name}");
        eventually(HEALED_WITHIN, &what, async || {
            let url = format!("http://{}/routez", cluster.nodes[0].monitor_address());
            let routes = reqwest::get(url).await?.text().await?;
            let is_route = routes.contains(&format!("\"remote_name\": \"{name}\""));
            assert!(admitted || !is_route, "{name} is a node");
            let refused = cluster.nodes[0].log().contains("failed to verify certificate");
            Ok((if admitted { is_route } else { refused }).then_some(()))
        })
        .await?;
    }
    Ok(())
}
