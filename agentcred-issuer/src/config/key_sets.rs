//! Checks where the keys of somebody are whose tokens are believed: `jwks_file` or `jwks_url`.

use std::path::Path;
use std::sync::Arc;

use agentcred_protocol::key_set::KeySet;

use super::finding::{Findings, Key};
use super::injections::read_url;
use super::services::{Ground, check_address, check_networks};
use crate::key_sets::{KeySource, RemoteKeys};
use crate::service::Destination;

/// The keys of a configuration that say where keys are.
pub(super) struct Written<'w> {
    pub(super) file: Option<&'w Path>,
    pub(super) url: Option<&'w str>,
    pub(super) networks: &'w [String],
    pub(super) ca_file: Option<&'w Path>,
}

/// Checks them. None when there is a finding.
pub(super) fn check(
    written: &Written<'_>,
    at: &Key,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<KeySource> {
    match (written.file, written.url) {
        (Some(file), None) => {
            for (name, is_written) in [
                ("allow_networks", !written.networks.is_empty()),
                ("ca_file", written.ca_file.is_some()),
            ] {
                if is_written {
                    findings.error(&at.field(name), "is of no use without `jwks_url`");
                }
            }
            read(&folder.join(file), &at.field("jwks_file"), findings)
        }
        (None, Some(url)) => locate(url, written, at, folder, findings),
        (None, None) => {
            findings.error(at, "needs a `jwks_file` or a `jwks_url`, where its public keys are");
            None
        }
        (Some(_), Some(_)) => {
            findings.error(&at.field("jwks_url"), "is one too many beside `jwks_file`; take one");
            None
        }
    }
}

fn read(file: &Path, at: &Key, findings: &mut Findings<'_>) -> Option<KeySource> {
    let refused = match std::fs::read_to_string(file) {
        Err(error) => format!("{} cannot be read: {error}", file.display()),
        Ok(text) => match KeySet::read(&text) {
            Ok(keys) => return Some(KeySource::Known(Arc::new(keys))),
            Err(error) => format!("{} {error}", file.display()),
        },
    };
    findings.error(at, refused);
    None
}

fn locate(
    url: &str,
    written: &Written<'_>,
    at: &Key,
    folder: &Path,
    findings: &mut Findings<'_>,
) -> Option<KeySource> {
    let networks = check_networks(written.networks, &at.field("allow_networks"), findings);
    let url_at = at.field("jwks_url");
    let (origin, path) = read_url(url).map_err(|message| findings.error(&url_at, message)).ok()?;
    check_address(&origin, &networks, &url_at, findings);
    let trust = written.ca_file.map(|file| folder.join(file));
    if trust.is_some() && !origin.is_tls {
        findings.error(&at.field("ca_file"), "is of no use: `jwks_url` is plain http");
    }
    let ground = Ground { at, folder, trust: trust.as_deref(), networks: &networks };
    let transport = ground.transport(&origin, "jwks_url", findings)?;
    let endpoint = Destination { origin, networks: networks.clone(), transport };
    Some(KeySource::Remote(Arc::new(RemoteKeys::at(endpoint, path))))
}
