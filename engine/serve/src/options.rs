use std::time::Duration;

/// Bounds of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Open connections; one more takes the place of the one that has waited longest.
    pub connections_max: usize,
    /// From accepting a connection to its first byte.
    pub first_byte: Duration,
    /// From the first byte of a request to the end of its headers.
    pub headers: Duration,
    /// Between two requests of a connection.
    pub idle: Duration,
    /// How long a client may leave our answer unread.
    pub write_stall: Duration,
    /// How long requests in flight may take to finish once the server stops.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            first_byte: Duration::from_secs(5),
            headers: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            write_stall: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}
