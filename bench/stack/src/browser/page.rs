use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use e2e::{Tab, eventually};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::Error;

/// How long the page may take until it can be told something.
const LOADED_WITHIN: Duration = Duration::from_secs(20);

/// How long anything that is measured may take.
const WITHIN: Duration = Duration::from_secs(180);

/// A fresh page of the benchmarks.
pub(crate) struct Page<'a> {
    tab: &'a Tab,
    profiled: bool,
}

/// How much a page has used since it was loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// CPU time of the main thread, in seconds.
    pub(crate) main_thread: f64,
    /// CPU time of all threads of the page's process, in seconds.
    pub(crate) process: f64,
    /// What is in use of JavaScript's memory, in bytes.
    pub(crate) heap: f64,
}

impl<'a> Page<'a> {
    /// Loads it anew, so that nothing is left of what was measured before.
    pub(crate) async fn load(tab: &'a Tab, url: &str, profiled: bool) -> Result<Self, Error> {
        tab.load(url).await?;
        let page = Self { tab, profiled };
        eventually(LOADED_WITHIN, "the page of the benchmarks is loaded", async || {
            let loaded = page.evaluate("typeof bench === 'object'").await;
            Ok(loaded.is_ok_and(|loaded| loaded == true).then_some(()))
        })
        .await?;
        page.devtools("Performance.enable", json!({ "timeDomain": "threadTicks" })).await?;
        if profiled {
            page.devtools("Profiler.enable", json!({})).await?;
            page.devtools("Profiler.setSamplingInterval", json!({ "interval": 200 })).await?;
        }
        Ok(page)
    }

    /// Calls a function of the page and waits for what it promises.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        function: &str,
        arguments: Value,
    ) -> Result<T, Error> {
        let millis = WITHIN.as_millis();
        let call = format!("bench.{function}(...{arguments})");
        let value = self
            .evaluate(&format!(
                "Promise.race([{call}, new Promise((_, reject) => setTimeout(() => \
                 reject(new Error('takes longer than {millis} ms')), {millis}))])"
            ))
            .await?;
        Ok(serde_json::from_value(value)?)
    }

    /// Frees what nobody needs, and begins to record if that is wanted.
    pub(crate) async fn begin(&self) -> Result<Usage, Error> {
        self.collect_garbage().await?;
        if self.profiled {
            self.devtools("Profiler.start", json!({})).await?;
        }
        self.usage().await
    }

    /// Has the page free what nobody needs.
    pub(crate) async fn collect_garbage(&self) -> Result<(), Error> {
        self.devtools("HeapProfiler.collectGarbage", json!({})).await.map(drop)
    }

    /// How much it has used so far.
    pub(crate) async fn usage(&self) -> Result<Usage, Error> {
        #[derive(Deserialize)]
        struct Metric {
            name: String,
            value: f64,
        }
        let answer = self.devtools("Performance.getMetrics", json!({})).await?;
        let metrics: Vec<Metric> = serde_json::from_value(answer["metrics"].clone())?;
        let metrics: BTreeMap<_, _> = metrics.into_iter().map(|m| (m.name, m.value)).collect();
        let metric = |name: &str| {
            let found = || Error::Unexpected {
                what: "Chromium's metrics",
                found: format!("no {name} in {metrics:?}"),
            };
            metrics.get(name).copied().ok_or_else(found)
        };
        Ok(Usage {
            main_thread: metric("ThreadTime")?,
            process: metric("ProcessTime")?,
            heap: metric("JSHeapUsedSize")?,
        })
    }

    /// Writes what was recorded since [`begin`](Self::begin), for Chromium's developer tools.
    pub(crate) async fn write_profile(
        &self,
        folder: &Path,
        scenario: &str,
        contender: &str,
    ) -> Result<(), Error> {
        let recorded = self.devtools("Profiler.stop", json!({})).await?;
        let name = format!("{scenario} {contender}.cpuprofile").replace([' ', '/'], "-");
        let file = folder.join(name);
        fs::create_dir_all(folder).map_err(Error::io(format!("make {}", folder.display())))?;
        fs::write(&file, recorded["profile"].to_string())
            .map_err(Error::io(format!("write {}", file.display())))
    }

    async fn evaluate(&self, expression: &str) -> Result<Value, Error> {
        let parameters = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
        });
        let mut answer = self.devtools("Runtime.evaluate", parameters).await?;
        if let Some(exception) = answer.get("exceptionDetails") {
            let thrown = &exception["exception"];
            let message =
                thrown["description"].as_str().map_or_else(|| thrown.to_string(), str::to_owned);
            return Err(Error::Page { call: expression.to_owned(), message });
        }
        Ok(answer["result"]["value"].take())
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Result<Value, Error> {
        Ok(self.tab.devtools(command, &parameters).await?)
    }
}
