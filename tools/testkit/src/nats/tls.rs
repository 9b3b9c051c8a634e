//! A certificate authority for the length of a test.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// An authority, and a certificate of it for `localhost` and `127.0.0.1`; all as PEM.
#[derive(Clone, Debug)]
pub struct Authority {
    /// What clients must trust.
    pub certificate: String,
    server: String,
    server_key: String,
}

impl Authority {
    /// A new authority that nobody trusts yet.
    ///
    /// # Errors
    /// The random numbers or the signature failed.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "testkit");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        let issuer = rcgen::Issuer::new(params, key);

        let server_key = KeyPair::generate()?;
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let server = CertificateParams::new(names)?.signed_by(&server_key, &issuer)?;
        Ok(Self { certificate, server: server.pem(), server_key: server_key.serialize_pem() })
    }

    /// Where the authority's certificate lies among the files of a server.
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join("ca.pem")
    }

    /// Writes `ca.pem`, `server.pem` and `server-key.pem`.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let files = [
            (Self::path(folder), &self.certificate),
            (folder.join("server.pem"), &self.server),
            (folder.join("server-key.pem"), &self.server_key),
        ];
        for (path, text) in files {
            std::fs::write(&path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
        }
        Ok(())
    }
}
