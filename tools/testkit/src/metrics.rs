//! Reading `/metrics`: as much of Prometheus' text form as the node writes.

use std::collections::BTreeMap;

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// All samples of a text; lines that are none are passed over.
#[must_use]
pub fn parse(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.trim().rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (series, ""),
    };
    // Values never hold a comma or a quote: labels come from configuration, where names are plain.
    let pairs = labels.split(',').filter(|pair| !pair.is_empty()).map(|pair| {
        let (label, value) = pair.split_once('=')?;
        Some((label.to_owned(), value.trim_matches('"').to_owned()))
    });
    Some(Sample { name: name.to_owned(), labels: pairs.collect::<Option<_>>()?, value })
}

/// The value that this share of a histogram's observations did not exceed, in the histogram's own unit:
/// linear inside a bucket. `matches` says which series to add up. Nothing where nothing was observed.
#[must_use]
pub fn quantile(
    samples: &[Sample],
    name: &str,
    matches: impl Fn(&Sample) -> bool,
    share: f64,
) -> Option<f64> {
    let bucket = format!("{name}_bucket");
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    for sample in samples.iter().filter(|s| s.name == bucket && matches(s)) {
        let bound = sample.labels.get("le")?.parse().unwrap_or(f64::INFINITY);
        match buckets.iter_mut().find(|(known, _)| known.total_cmp(&bound).is_eq()) {
            Some((_, count)) => *count += sample.value,
            None => buckets.push((bound, sample.value)),
        }
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let wanted = buckets.last().filter(|(_, total)| *total > 0.0)?.1 * share;
    let (mut low, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        if count >= wanted {
            let inside = if count > below { (wanted - below) / (count - below) } else { 1.0 };
            return Some(if bound.is_finite() { low + (bound - low) * inside } else { low });
        }
        (low, below) = (bound, count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_and_quantiles_lie_inside_their_bucket() {
        let text = "# HELP x y\n# TYPE t histogram\nt_bucket{step=\"a\",le=\"1\"} 50\nt_bucket{step=\"a\",le=\"2\"} 100\n\
                    t_bucket{step=\"a\",le=\"+Inf\"} 100\nn_total{chain=\"feed\",step=\"a\"} 7\nup 1\n";
        let samples = parse(text);
        assert_eq!(samples.len(), 5);
        assert_eq!(samples[3].labels["chain"], "feed");
        let step =
            |name: &'static str| move |s: &Sample| s.labels.get("step").is_some_and(|step| step == name);
        assert_eq!(quantile(&samples, "t", step("a"), 0.5), Some(1.0));
        assert_eq!(quantile(&samples, "t", step("a"), 0.75), Some(1.5));
        assert_eq!(quantile(&samples, "t", step("b"), 0.5), None);
    }
}
