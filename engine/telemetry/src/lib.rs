//! Logs and metrics: one place that sets them up, one list of names.
