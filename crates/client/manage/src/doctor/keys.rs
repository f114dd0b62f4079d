//! Keys and certificates.

use std::path::Path;
use std::time::SystemTime;

use gumnut_crypto::{Certificate, PrivateKey};
use gumnut_settings::{KeyFile, Settings};
use gumnut_terminal::keys::{is_readable_by_others, load_certificate, load_private_key};

use super::finding::Finding;

pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let key = private_key(settings, &mut findings);
    let certificate = certificate(settings, KeyFile::Certificate, "certificate", &mut findings);
    if let (Some(key), Some(certificate)) = (&key, &certificate) {
        findings.push(pair(key, certificate));
    }
    certificate_of_the_cloud(settings, &mut findings);
    findings
}

fn certificate_of_the_cloud(settings: &Settings, findings: &mut Vec<Finding>) {
    let (file, id) = (KeyFile::CloudCertificate, "cloud-certificate");
    certificate(settings, file, id, findings);
}

fn private_key(settings: &Settings, findings: &mut Vec<Finding>) -> Option<PrivateKey> {
    let id = "private-key";
    let path = named(settings, KeyFile::PrivateKey, id, findings)?;
    if is_readable_by_others(&path) {
        let path = path.display();
        findings.push(Finding::warning(
            "private-key-mode",
            format!("other users may read {path}"),
            format!("chmod 600 {path}"),
        ));
    } else if path.exists() {
        let message = "only you can read the private key";
        findings.push(Finding::ok("private-key-mode", message));
    }
    match load_private_key(&path) {
        Ok(key) => {
            findings.push(Finding::ok(id, format!("{} is usable", path.display())));
            Some(key)
        }
        Err(failure) => {
            findings.push(Finding::of_error(id, &failure));
            None
        }
    }
}

fn certificate(
    settings: &Settings,
    file: KeyFile,
    id: &'static str,
    findings: &mut Vec<Finding>,
) -> Option<Certificate> {
    let path = named(settings, file, id, findings)?;
    match load_certificate(file, &path) {
        Ok(certificate) => {
            findings.push(judge(&path, &certificate, id));
            Some(certificate)
        }
        Err(failure) => {
            findings.push(Finding::of_error(id, &failure));
            None
        }
    }
}

fn judge(path: &Path, certificate: &Certificate, id: &'static str) -> Finding {
    let (path, subject) = (path.display(), certificate.subject());
    if certificate.is_expired_at(SystemTime::now()) {
        return Finding::warning(
            id,
            format!("{path} of {subject} has expired; clouds still accept bundles made with it"),
            "download new credentials from the cloud",
        );
    }
    Finding::ok(id, format!("{path} of {subject} is valid"))
}

fn pair(key: &PrivateKey, certificate: &Certificate) -> Finding {
    let id = "key-pair";
    if key.matches(certificate) {
        return Finding::ok(id, "the certificate belongs to the private key");
    }
    Finding::failure(
        id,
        format!(
            "the certificate of {} does not belong to the private key",
            certificate.subject()
        ),
        "set key and certificate of one pair: EC2_PRIVATE_KEY and EC2_CERT",
    )
}

/// The path of a file that bundling needs.
fn named(
    settings: &Settings,
    file: KeyFile,
    id: &'static str,
    findings: &mut Vec<Finding>,
) -> Option<std::path::PathBuf> {
    match settings.need_key_file(file, None) {
        Ok(path) => Some(path),
        Err(error) => {
            findings.push(Finding::of_missing(id, &error));
            None
        }
    }
}
