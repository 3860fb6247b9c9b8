//! Three nodes are one NATS to whoever is on any of them.

use e2e::{Browser, Cluster, State, Tab, eventually};

use crate::{CONNECTED_WITHIN, HEALED_WITHIN, TestResult, UPDATE_WITHIN};

/// How many tabs are opened at most until two are on different nodes.
const TABS: usize = 16;

/// Two tabs, each with the index of its node, which are not the same.
async fn tabs_apart(cluster: &Cluster, browser: &Browser) -> Result<[(Tab, usize); 2], e2e::Error> {
    let mut first: Option<(Tab, usize)> = None;
    let mut apart = None;
    for _ in 0..TABS {
        let tab = browser.open(&cluster.api.url("/")).await?;
        tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
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
async fn node_of(tab: &Tab) -> Result<usize, e2e::Error> {
    let name = tab.evaluate("return document.querySelector('#server').textContent", vec![]).await?;
    let name = name.as_str().expect("the page says something");
    let index = ["n1", "n2", "n3"].iter().position(|node| name.contains(node));
    Ok(index.expect("it is the name of a node"))
}

/// Asks for an update until the API has published it; whatever its own node is doing.
async fn ping(cluster: &Cluster) -> TestResult {
    eventually(HEALED_WITHIN, "POST /ping answers 200", async || {
        Ok((cluster.api.ping().await?.status() == 200).then_some(()))
    })
    .await
}

#[tokio::test]
async fn every_tab_receives_on_whichever_node_it_is_and_whichever_dies() -> TestResult {
    let mut cluster = Cluster::start().await?;
    let browser = Browser::start().await?;
    let tabs = tabs_apart(&cluster, &browser).await?;
    // A subscription is known on all nodes a moment after it is on its own.
    ping(&cluster).await?;
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
        ping(&cluster).await?;
        for ((tab, _), shown) in tabs.iter().zip(shown) {
            tab.shows_updates(shown + 1, UPDATE_WITHIN).await?;
        }
        // The other is to die next, and two at once are not to be away.
        cluster.nodes[dying].start().await?;
    }
    Ok(())
}
