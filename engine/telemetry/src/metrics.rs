use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::Error;

/// Upper bounds of the buckets of every histogram named `…_seconds`: 1 µs to 10 s in steps of about 2.
pub const LATENCY_BUCKETS_SECONDS: [f64; 22] = [
    1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1,
    5e-1, 1.0, 2.0, 5.0, 10.0,
];

static INSTALLED: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();

/// What this process has measured. Clones are cheap and the same.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Makes this process record what the `metrics` macros report. A second call answers the same.
    ///
    /// # Errors
    /// [`Error::Recorder`] when somebody else already installed a recorder.
    pub fn install() -> Result<Self, Error> {
        let installed = INSTALLED.get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS_SECONDS)
                .and_then(PrometheusBuilder::install_recorder)
                .map_err(|error| error.to_string())
        });
        match installed {
            Ok(handle) => Ok(Self(handle.clone())),
            Err(reason) => Err(Error::Recorder { reason: reason.clone() }),
        }
    }

    /// Everything measured, in Prometheus' text form (version 0.0.4).
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds samples into their histograms. Called every few seconds by the node, so that samples do not
    /// pile up where nobody scrapes.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_twice_shares_one_recorder_and_seconds_get_buckets() {
        let first = Metrics::install().unwrap();
        let second = Metrics::install().unwrap();
        metrics::counter!("catena_tests_total").increment(2);
        metrics::histogram!("catena_test_seconds").record(3e-6);
        first.upkeep();
        for text in [first.render(), second.render()] {
            assert!(text.contains("catena_tests_total 2"), "{text}");
            assert!(text.contains("catena_test_seconds_bucket{le=\"0.000005\"} 1"), "{text}");
        }
    }
}
