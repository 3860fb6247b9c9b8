//! All visitors: the processes that hold them, and what is asked of these.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::design::Design;
use super::swarm::{Count, Taken};
use crate::error::Error;

/// How many a process holds. It may have 20,000 files open where nobody has said otherwise.
const EACH: u32 = 16_000;

/// How long anything may take that all are waited for with.
const PATIENCE: Duration = Duration::from_secs(300);

/// The processes.
pub(super) struct Visitors {
    swarms: Vec<Swarm>,
}

struct Swarm {
    _child: Child,
    asks: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Visitors {
    /// Has so many come, and waits until all are there.
    pub(super) async fn come(design: &Design, count: u32) -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(Error::io("find this program"))?;
        let mut swarms = Vec::new();
        for first in (0..count).step_by(EACH as usize) {
            let mut command = Command::new(&program);
            command.arg("swarm").arg("--urls").arg(design.websocket_urls().join(","));
            command.args(["--first", &first.to_string()]);
            command.args(["--count", &EACH.min(count - first).to_string()]);
            if let Some(api) = design.api() {
                command.args(["--api", &api.to_string()]);
            }
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
            let mut child = command.spawn().map_err(Error::io("start a swarm"))?;
            let (Some(asks), Some(says)) = (child.stdin.take(), child.stdout.take()) else {
                return Err(unexpected("no pipes".to_owned()));
            };
            swarms.push(Swarm { _child: child, asks, says: BufReader::new(says).lines() });
        }
        for swarm in &mut swarms {
            swarm.read::<Count>().await?;
        }
        Ok(Self { swarms })
    }

    /// How things stand with all of them.
    pub(super) async fn count(&mut self) -> Result<Count, Error> {
        let mut sum = Count::default();
        for swarm in &mut self.swarms {
            let count: Count = swarm.ask("count").await?;
            sum.connected += count.connected;
            sum.lost += count.lost;
            sum.received += count.received;
        }
        Ok(sum)
    }

    /// Waits for a count; says what it was if it does not come to that.
    pub(super) async fn until(&mut self, reached: impl Fn(Count) -> bool) -> Result<Count, Error> {
        let began = Instant::now();
        loop {
            let count = self.count().await?;
            if reached(count) {
                return Ok(count);
            }
            if began.elapsed() > PATIENCE {
                return Err(unexpected(format!("{count:?} after {PATIENCE:?}")));
            }
            // Asking costs them time that they need for what is measured.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What has happened to all of them since it was last asked for.
    pub(super) async fn take(&mut self) -> Result<Taken, Error> {
        let mut all = Taken::default();
        for swarm in &mut self.swarms {
            let taken: Taken = swarm.ask("take").await?;
            all.latencies_us.extend(taken.latencies_us);
            all.away_ms.extend(taken.away_ms);
            all.dials_ms.extend(taken.dials_ms);
        }
        Ok(all)
    }
}

impl Swarm {
    async fn ask<T: DeserializeOwned>(&mut self, what: &str) -> Result<T, Error> {
        let asked = self.asks.write_all(format!("{what}\n").as_bytes()).await;
        asked.map_err(Error::io("ask a swarm"))?;
        self.read().await
    }

    async fn read<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let line = tokio::time::timeout(PATIENCE, self.says.next_line()).await;
        let line = line.map_err(|_| unexpected("silence".to_owned()))?;
        let line = line.map_err(Error::io("read what a swarm says"))?;
        Ok(serde_json::from_str(&line.ok_or_else(|| unexpected("its end".to_owned()))?)?)
    }
}

fn unexpected(found: String) -> Error {
    Error::Unexpected { what: "what a swarm of visitors says", found }
}
