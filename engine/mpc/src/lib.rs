//! The message processor center: live plans, reload, lanes, dead letters.
