//! The configuration file of one server.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context, Result};

use super::{
    authorization::Authorization,
    ports::Ports,
    setup::{Setup, Store, Sync},
};

/// Writes the configuration of a server into its folder, with all files it refers to. `routes` are the ports of the
/// cluster it is one of; none where it stands alone.
///
/// # Errors
/// A file cannot be written.
pub(super) fn write(folder: &Path, setup: &Setup, ports: Ports, routes: &[u16]) -> Result<()> {
    let mut text = render(folder, setup, ports, routes);
    if let Some(authority) = &setup.tls {
        authority.write(folder)?;
        let [certificate, key] = ["server.pem", "server-key.pem"].map(|name| folder.join(name));
        let _ = writeln!(text, "tls {{ cert_file: {certificate:?}, key_file: {key:?} }}");
    }
    if let Authorization::Included(included) = &setup.authorization {
        put(&folder.join("included.conf"), included)?;
        text.push_str("include \"included.conf\"\n");
    }
    text.push_str(&setup.further);
    put(&folder.join("nats.conf"), &text)
}

fn put(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("failed to write `{}`", path.display()))
}

fn render(folder: &Path, setup: &Setup, ports: Ports, routes: &[u16]) -> String {
    let mut text = format!(
        "server_name: {:?}\nlisten: \"127.0.0.1:{}\"\nhttp: \"127.0.0.1:{}\"\nmax_payload: {}\n",
        setup.name, ports.client, ports.monitor, setup.max_payload
    );
    if setup.store != Store::None {
        let _ = writeln!(text, "jetstream {{\n  store_dir: {:?}", folder.join("store"));
        match setup.store {
            Store::FileAtMost(bytes) => {
                let _ = writeln!(text, "  max_file_store: {bytes}");
            }
            Store::MemoryOnly => text.push_str("  max_file_store: 0\n"),
            Store::File | Store::None => {}
        }
        if setup.sync == Sync::Always {
            text.push_str("  sync_interval: always\n");
        }
        text.push_str("}\n");
    }
    if !routes.is_empty() {
        let urls: Vec<_> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        // Not advertised: a client behind a proxy would learn the way round it.
        let _ = writeln!(
            text,
            "cluster {{\n  name: testkit\n  listen: \"127.0.0.1:{}\"\n  no_advertise: true\n  routes: {urls:?}\n}}",
            ports.route
        );
    }
    text.push_str(&setup.authorization.block().unwrap_or_default());
    text
}
