//! Ports that a server can come back to.
//!
//! Not from port 0: what that hands out lies in the range the system also takes for outgoing connections. While
//! the server is down somebody could be given its port, and a client that keeps knocking at it would in the end be connected
//! to itself, which TCP allows. Below that range (32768 on Linux, 49152 elsewhere) neither happens.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, bail};
use rand::RngExt as _;

const RANGE: std::ops::Range<u16> = 10_240..32_000;
/// Far more than are ever taken on one machine.
const TRIES: usize = 1_000;

/// Given out in this process, and never again.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Where one server listens on loopback.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) client: u16,
    pub(super) monitor: u16,
    /// For the other servers of a cluster.
    pub(super) route: u16,
}

impl Ports {
    /// Three ports nobody listens on now. Another process may take one before the server does, so who starts a server on
    /// them tries others then.
    ///
    /// # Errors
    /// There are none.
    pub(super) fn choose() -> Result<Self> {
        Ok(Self { client: free()?, monitor: free()?, route: free()? })
    }
}

fn free() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..TRIES {
        let port = rand::rng().random_range(RANGE);
        if !given.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    bail!("found no free port in {RANGE:?} on loopback: end what listens there")
}
