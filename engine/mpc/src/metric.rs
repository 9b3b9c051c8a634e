//! Names of what this crate measures. Labels come from configuration only.

/// Visits of a step, by what came of them: `next`, `term`, `jump`, or the code of a fault. Labels `chain`, `step`, `verdict`.
pub(crate) const MESSAGES: &str = "catena_messages_total";
/// Time of one call of a step, in seconds. Labels `chain`, `step`.
pub(crate) const STEP_SECONDS: &str = "catena_step_seconds";
/// Messages put aside. Labels `chain`, `step`.
pub(crate) const DEAD_LETTERS: &str = "catena_dead_letters_total";
/// Dead letters that went, never replayed, because there were too many. No labels.
pub(crate) const DEAD_LETTERS_DROPPED: &str = "catena_dead_letters_dropped_total";
/// Messages that the router said are none of the chain's. Label `chain`.
pub(crate) const IGNORED_MESSAGES: &str = "catena_ignored_messages_total";
/// Messages published twice, recognised beyond what the bus remembers. Label `chain`.
pub(crate) const REPEATED_MESSAGES: &str = "catena_repeated_messages_total";
/// Generations in memory: live ones, and old ones that still have messages. No labels.
pub(crate) const GENERATIONS_LIVE: &str = "catena_generations_live";
/// Folders of chains and bundles that cannot be read. No labels.
pub(crate) const FOLDERS_AWAY: &str = "catena_folders_away";
/// Reloads of a chain. Label `verdict`.
pub(crate) const RELOADS: &str = "catena_reloads_total";
/// Stored messages that a lane has not settled. Labels `chain`, `partition`.
pub(crate) const LANE_LAG: &str = "catena_lane_lag_messages";
/// Times a lane failed and was started again. Labels `chain`, `partition`.
pub(crate) const LANE_RESTARTS: &str = "catena_lane_restarts_total";
