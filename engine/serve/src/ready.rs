use std::sync::Arc;

/// Says whether the node takes posts and its chains are live, or why not: the one answer that both planes give.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;
