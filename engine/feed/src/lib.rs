//! The friend feed: forwarder and distributor.
