use super::Failed;

/// Log lines of one call.
pub(super) const LOG_LINES_MAX: u32 = 64;
/// Emissions of one call, and their bytes together.
pub(super) const EMISSIONS_MAX: u32 = 1_000;
pub(super) const EMISSION_BYTES_MAX: usize = 1 << 20;
/// State writes of one call, and their bytes together.
const STATE_WRITES_MAX: u32 = 1_000;
const STATE_BYTES_MAX: usize = 1 << 20;

/// What one call has used of the host so far. A guest can only fill the host's memory through these,
/// so each has an end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    log_lines: u32,
    emissions: u32,
    emission_bytes: usize,
    state_writes: u32,
    state_bytes: usize,
}

/// Whether a log line may still be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Write it.
    Write,
    /// Write it, and that the rest will be dropped.
    Last,
    /// Drop it.
    Drop,
}

impl Budget {
    pub(super) fn log(&mut self) -> Line {
        self.log_lines = self.log_lines.saturating_add(1);
        match self.log_lines {
            n if n < LOG_LINES_MAX => Line::Write,
            LOG_LINES_MAX => Line::Last,
            _ => Line::Drop,
        }
    }

    /// Takes one emission of `bytes`; the sentence goes to the guest, which may do without it.
    pub(super) fn emit(&mut self, bytes: usize) -> Result<(), String> {
        if self.emissions >= EMISSIONS_MAX {
            return Err(format!("a call may emit {EMISSIONS_MAX} messages at most"));
        }
        let total = self.emission_bytes.saturating_add(bytes);
        if total > EMISSION_BYTES_MAX {
            return Err(format!("a call may emit {EMISSION_BYTES_MAX} bytes at most, this would be {total}"));
        }
        self.emissions += 1;
        self.emission_bytes = total;
        Ok(())
    }

    /// Takes one state write of `bytes`; there is no answer to refuse it with, so more ends the call.
    pub(super) fn write_state(&mut self, bytes: usize) -> Result<(), Failed> {
        self.state_writes += 1;
        self.state_bytes = self.state_bytes.saturating_add(bytes);
        if self.state_writes > STATE_WRITES_MAX || self.state_bytes > STATE_BYTES_MAX {
            let most = format!("{STATE_WRITES_MAX} writes and {STATE_BYTES_MAX} bytes");
            return Err(Failed::Misused(format!("wrote too much state in one call, at most {most}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_budget_has_an_end() {
        let mut budget = Budget::default();
        let lines: Vec<Line> = (0..=LOG_LINES_MAX).map(|_| budget.log()).collect();
        assert_eq!(lines[62..], [Line::Write, Line::Last, Line::Drop]);

        assert!((0..EMISSIONS_MAX).all(|_| budget.emit(1).is_ok()));
        assert!(budget.emit(1).is_err());
        assert!(Budget::default().emit(EMISSION_BYTES_MAX + 1).is_err());

        assert!((0..STATE_WRITES_MAX).all(|_| budget.write_state(1).is_ok()));
        assert!(budget.write_state(1).is_err());
        assert!(Budget::default().write_state(STATE_BYTES_MAX + 1).is_err());
    }
}
