//! What servers measure. Label everywhere: `server`.

/// Connections accepted.
pub(crate) const CONNECTIONS_TOTAL: &str = "catena_http_connections_total";
/// Connections closed by us before their time. Label: `reason` (`first_byte`, `headers`, `idle`, `write_stall`: a
/// bound was passed; `room`: every place was taken).
pub(crate) const CLOSED_TOTAL: &str = "catena_http_closed_total";
