//! From what a node is told to how it connects.

use std::{path::Path, time::Duration};

use ::fleet::{Credentials, Options, Tls};

use crate::{Config, Error, Result, config::Nats, node::planted};

pub(crate) fn options(config: &Config, name: &str) -> Result<Options> {
    let nats = &config.nats;
    let given = |path: &Path| (!path.as_os_str().is_empty()).then(|| path.to_owned());
    Ok(Options {
        urls: nats.urls.clone(),
        credentials: credentials(nats)?,
        tls: Tls {
            required: given(&nats.tls_ca_file).is_some(),
            authorities: given(&nats.tls_ca_file),
            identity: given(&nats.tls_cert_file).zip(given(&nats.tls_key_file)),
        },
        name: name.to_owned(),
        prefix: nats.prefix.clone(),
        monitoring: nats.monitoring.clone(),
        replicas: (nats.replicas > 0).then_some(nats.replicas),
        queue_bytes_max: config.bus.queue_bytes_max,
        lease_ttl: Duration::from_millis(nats.lease_ms),
        fault: planted::of_fleet(config),
        ..Options::default()
    })
}

/// The first that is given, of credentials, nkey, token and user.
fn credentials(nats: &Nats) -> Result<Credentials> {
    let given = |path: &Path| !path.as_os_str().is_empty();
    if given(&nats.credentials_file) {
        return Ok(Credentials::File(nats.credentials_file.clone()));
    }
    if given(&nats.nkey_file) {
        return Ok(Credentials::Seed(nats.nkey_file.clone()));
    }
    if given(&nats.token_file) {
        return Ok(Credentials::Token(secret("nats.token_file", &nats.token_file)?));
    }
    if !nats.user.is_empty() {
        let password = secret("nats.password_file", &nats.password_file)?;
        return Ok(Credentials::User(nats.user.clone(), password));
    }
    Ok(Credentials::None)
}

fn secret(key: &'static str, path: &Path) -> Result<String> {
    let read = std::fs::read_to_string(path);
    let text = read.map_err(|source| Error::Secret { key, path: path.to_owned(), source })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
