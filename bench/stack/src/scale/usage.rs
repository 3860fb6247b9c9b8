//! What processes take of the machine.

use std::fs;
use std::time::Duration;

use crate::error::Error;

/// One of `/proc`'s ticks, which are a hundredth of a second wherever Linux runs.
const TICK: Duration = Duration::from_millis(10);

/// What some processes have taken since they began, and hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Of the processor, in programs and in the system for them.
    pub(super) cpu: Duration,
    /// Of the memory, in bytes, without what the system keeps for their sockets.
    pub(super) memory: u64,
}

impl Usage {
    /// That of these processes together.
    pub(super) fn of(processes: &[u32]) -> Result<Self, Error> {
        let mut sum = Self::default();
        for process in processes {
            let read = |name: &str| {
                let file = format!("/proc/{process}/{name}");
                fs::read_to_string(&file).map_err(Error::io(format!("read {file}")))
            };
            let unexpected = |found| Error::Unexpected { what: "a process's account", found };
            let (stat, status) = (read("stat")?, read("status")?);
            sum.cpu += cpu(&stat).ok_or_else(|| unexpected(stat))?;
            sum.memory += memory(&status).ok_or_else(|| unexpected(status))?;
        }
        Ok(sum)
    }
}

/// Fields 14 and 15; the second is a name in parentheses that may have spaces.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some(TICK * (ticks()? + ticks()?))
}

fn memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read() {
        let stat = "7 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1";
        assert_eq!(cpu(stat), Some(Duration::from_secs(2)));
        assert_eq!(memory("Name:\tx\nVmRSS:\t    12 kB\nRssAnon:\t 3 kB\n"), Some(12 * 1024));
        assert_eq!((cpu(""), memory("")), (None, None));
    }

    #[test]
    fn this_process_takes_something() {
        let usage = Usage::of(&[std::process::id()]).unwrap();
        assert!(usage.memory > 100_000, "{usage:?}");
        assert!(Usage::of(&[0]).is_err());
    }
}
