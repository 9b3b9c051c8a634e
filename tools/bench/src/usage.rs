//! Processor time of processes, and this one's memory, from `/proc`; of time nothing where there is none.

use std::time::Duration;

use anyhow::Context as _;

/// The unit of `/proc/<pid>/stat`, fixed on every Linux that runs this.
const TICK: Duration = Duration::from_millis(10);

/// Processor time so far, by what a process is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage(Vec<(String, Duration)>);

impl Usage {
    /// Of these processes and of this one, which makes the load.
    pub(crate) fn now<'a>(processes: impl Iterator<Item = (&'a str, Option<u32>)>) -> Self {
        let load = [("load", Some(std::process::id()))];
        let times = processes.chain(load).filter_map(|(name, id)| Some((name.to_owned(), of(id?)?)));
        Self(times.collect())
    }

    /// What was used since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let used = self.0.iter().map(|(name, now)| {
            let then = before.0.iter().find(|(known, _)| known == name).map_or(Duration::ZERO, |(_, t)| *t);
            (name.clone(), now.saturating_sub(then))
        });
        Self(used.collect())
    }

    /// All together but the load generator.
    pub(crate) fn served(&self) -> Duration {
        self.0.iter().filter(|(name, _)| name != "load").map(|(_, used)| *used).sum()
    }

    /// Microseconds a message, process by process.
    pub(crate) fn per_message(&self, messages: f64) -> String {
        let each = self
            .0
            .iter()
            .map(|(name, used)| format!("{name} {:.0}", used.as_secs_f64() * 1e6 / messages.max(1.0)));
        each.collect::<Vec<_>>().join(", ")
    }

    /// Cores that were busy, on average over `elapsed`, the load generator's included.
    pub(crate) fn cores(&self, elapsed: Duration) -> f64 {
        let used: Duration = self.0.iter().map(|(_, used)| *used).sum();
        used.as_secs_f64() / elapsed.as_secs_f64()
    }
}

/// User and system time of a process.
fn of(id: u32) -> Option<Duration> {
    parse(&std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?, 11)
}

/// User and system time of all programs that this one has started and waited for.
pub(crate) fn of_ended() -> Option<Duration> {
    parse(&std::fs::read_to_string("/proc/self/stat").ok()?, 13)
}

/// Kilobytes of this process's memory, of the sort that `/proc/self/status` calls so: `VmRSS` is all of it, `RssAnon` what stands in no file.
pub(crate) fn memory_kb(sort: &str) -> anyhow::Result<f64> {
    let status =
        std::fs::read_to_string("/proc/self/status").context("no `/proc`: memory is read from there")?;
    let mut lines = status.lines().filter_map(|line| line.split_once(':'));
    let kib = lines.find(|(name, _)| *name == sort).and_then(|(_, text)| text.trim().strip_suffix(" kB"));
    let kib: f64 = kib.and_then(|text| text.parse().ok()).with_context(|| format!("no `{sort}`"))?;
    Ok(kib * 1.024)
}

/// The sum of two fields of the line, counted from the third on.
fn parse(stat: &str, field: usize) -> Option<Duration> {
    // The name, in parentheses, may hold blanks; a process's own times are fields 14 and 15 of the line, those of its ended
    // children 16 and 17.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(field);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_past_a_name_with_blanks() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 30 70 20 0 1 0 9";
        assert_eq!(parse(stat, 11), Some(Duration::from_secs(2)));
        assert_eq!(parse(stat, 13), Some(Duration::from_secs(1)));
        assert_eq!(parse("7", 11), None);
    }
}
