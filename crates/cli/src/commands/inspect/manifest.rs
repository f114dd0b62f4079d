//! Manifests.

use std::path::Path;

use gumnut_crypto::{PrivateKey, PublicKey};
use gumnut_manifest::{Manifest, Part, Recipient, SignatureStatus, UntrustedManifest};
use gumnut_terminal::{Exit, Failure, Output, Session, parts};
use gumnut_types::{BlockDeviceMapping, ByteSize, ImageId, ImageKind, Limits};
use serde_json::{Value, json};

use super::report::Report;
use crate::commands::trust;

/// What the available keys show about a manifest.
struct Findings {
    status: SignatureStatus,
    /// Whose key signed, as in `the certificate user.pem of CN=admin`.
    signer: Option<String>,
    /// Fingerprint of the private key, and for whom it decrypts the bundle.
    opener: Option<(String, Option<Recipient>)>,
    reformatted: bool,
    warnings: Vec<String>,
}

/// Everything that a manifest says, whether its signature is good, and what the available keys can do.
pub(super) fn report(
    session: &Session,
    path: &Path,
    bytes: &[u8],
    signer: &trust::Signer,
) -> Result<Report, Failure> {
    let manifest = UntrustedManifest::parse(bytes, &Limits::default()).map_err(|error| {
        Failure::new(
            Exit::Input,
            format!("{} is not a valid manifest", path.display()),
        )
        .because(error)
    })?;
    let settings = session.settings()?;
    let key = signer.private_key(&settings)?;
    let known = signer.known_keys(&settings, key.as_ref())?;
    let findings = findings(&manifest, &known, key.as_ref());
    Output::warn_all(manifest.warnings());
    let manifest = manifest.manifest();
    Ok(Report {
        json: json(manifest, &findings),
        lines: lines(manifest, &findings),
    })
}

fn findings(
    manifest: &UntrustedManifest,
    known: &[(PublicKey, String)],
    key: Option<&PrivateKey>,
) -> Findings {
    let keys: Vec<_> = known.iter().map(|(key, _)| key).collect();
    let status = manifest.signature_status(&keys);
    let signer = match &status {
        SignatureStatus::Valid { key: fingerprint } => known
            .iter()
            .find(|(key, _)| key.fingerprint() == *fingerprint)
            .map(|(_, name)| name.clone()),
        _ => None,
    };
    let opener = key.map(|key| (key.public_key().fingerprint(), manifest.opened_by(key)));
    Findings {
        status,
        signer,
        opener,
        reformatted: manifest.is_reformatted(),
        warnings: manifest
            .warnings()
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

fn ids(kind: &ImageKind) -> (Option<&ImageId>, Option<&ImageId>) {
    match kind {
        ImageKind::Machine { kernel, ramdisk } => (kernel.as_ref(), ramdisk.as_ref()),
        _ => (None, None),
    }
}

/// Who can open the bundle, and the bits of each one's key: all that a manifest says of them.
fn recipients(manifest: &Manifest) -> Vec<(Recipient, usize)> {
    let mut recipients = Vec::new();
    if let Some(user) = &manifest.keys.user {
        recipients.push((Recipient::User, user.key.len() * 8));
    }
    recipients.push((Recipient::Cloud, manifest.keys.cloud.key.len() * 8));
    recipients
}

fn who(recipient: Recipient) -> &'static str {
    match recipient {
        Recipient::User => "user",
        Recipient::Cloud => "cloud",
    }
}

fn json(manifest: &Manifest, findings: &Findings) -> Value {
    let (kernel, ramdisk) = ids(&manifest.kind);
    let opener = match &findings.opener {
        Some((key, recipient)) => {
            json!({ "fingerprint": key, "opens_as": recipient.map(who) })
        }
        None => Value::Null,
    };
    let signed_by = match &findings.status {
        SignatureStatus::Valid { key } => {
            Some(json!({ "fingerprint": key, "from": findings.signer }))
        }
        _ => None,
    };
    let bundler = &manifest.bundler;
    json!({
        "format": "manifest",
        "dialect": manifest.dialect().to_string(),
        "reformatted": findings.reformatted,
        "bundler": { "name": bundler.name, "version": bundler.version, "release": bundler.release },
        "kind": manifest.kind.as_str(),
        "name": manifest.name.as_str(),
        "architecture": manifest.architecture.as_str(),
        "user": manifest.user,
        "kernel_id": kernel.map(ImageId::as_str),
        "ramdisk_id": ramdisk.map(ImageId::as_str),
        "block_devices": manifest.block_devices.iter().map(device_json).collect::<Vec<_>>(),
        "product_codes": manifest.product_codes,
        "ancestry": manifest.ancestry,
        "kernel_name": manifest.kernel_name,
        "image_size": manifest.image_size,
        "bundled_size": manifest.bundled_size,
        "image_digest": manifest.image_digest.to_string(),
        "parts": manifest.parts.len(),
        "part_list": manifest.parts.iter().map(part_json).collect::<Vec<_>>(),
        "user_key": manifest.keys.user.is_some(),
        "recipients": recipients(manifest).iter().map(recipient_json).collect::<Vec<_>>(),
        "private_key": opener,
        "signature": findings.status.as_str(),
        "signed_by": signed_by,
        "warnings": findings.warnings,
    })
}

fn device_json(device: &BlockDeviceMapping) -> Value {
    json!({ "virtual": device.virtual_name, "device": device.device })
}

fn part_json(part: &Part) -> Value {
    json!({ "name": part.name.as_str(), "digest": part.digest.to_string() })
}

fn recipient_json((recipient, bits): &(Recipient, usize)) -> Value {
    json!({ "who": who(*recipient), "key_bits": bits })
}

fn lines(manifest: &Manifest, findings: &Findings) -> Vec<(&'static str, String)> {
    let bundler = &manifest.bundler;
    let mut lines = vec![
        (
            "content",
            format!("the manifest of a {} image", manifest.kind),
        ),
        ("dialect", manifest.dialect().to_string()),
        ("made by", format!("{} {}", bundler.name, bundler.version)),
    ];
    if findings.reformatted {
        let text = "indented or edited since it was made, so its signature is invalid";
        lines.push(("layout", text.to_owned()));
    }
    lines.extend(image_lines(manifest));
    lines.extend(bundle_lines(manifest));
    lines.extend(key_lines(manifest, findings));
    lines
}

fn image_lines(manifest: &Manifest) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("name", manifest.name.to_string()),
        ("architecture", manifest.architecture.to_string()),
        ("owner", manifest.user.clone()),
    ];
    let (kernel, ramdisk) = ids(&manifest.kind);
    lines.extend(kernel.map(|id| ("kernel", id.to_string())));
    lines.extend(ramdisk.map(|id| ("ramdisk", id.to_string())));
    let kernel_name = manifest.kernel_name.as_deref();
    lines.extend(kernel_name.map(|name| ("kernel name", name.to_owned())));
    for device in &manifest.block_devices {
        let text = format!("{} is {}", device.device, device.virtual_name);
        lines.push(("block device", text));
    }
    for (label, list) in [
        ("product codes", &manifest.product_codes),
        ("ancestors", &manifest.ancestry),
    ] {
        if !list.is_empty() {
            lines.push((label, list.join(" ")));
        }
    }
    lines
}

fn bundle_lines(manifest: &Manifest) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("image", exact(manifest.image_size)),
        (
            "bundle",
            format!(
                "{} in {}",
                exact(manifest.bundled_size),
                parts(manifest.parts.len())
            ),
        ),
    ];
    let names = (manifest.parts.first(), manifest.parts.last());
    if let (Some(first), Some(last)) = names {
        let text = if first == last {
            first.name.to_string()
        } else {
            format!("{} to {}", first.name, last.name)
        };
        lines.push(("parts", text));
    }
    lines
}

fn exact(bytes: u64) -> String {
    format!("{} ({bytes} bytes)", ByteSize(bytes))
}

fn in_words(recipient: Recipient) -> &'static str {
    match recipient {
        Recipient::User => "its owner",
        Recipient::Cloud => "the cloud",
    }
}

fn key_lines(manifest: &Manifest, findings: &Findings) -> Vec<(&'static str, String)> {
    let recipients = recipients(manifest);
    let openers = recipients
        .iter()
        .map(|(recipient, bits)| format!("{} (RSA {bits})", in_words(*recipient)))
        .collect::<Vec<_>>()
        .join(" and ");
    let alone = if recipients.len() == 1 { " alone" } else { "" };
    let mut lines = vec![("can be decrypted by", format!("{openers}{alone}"))];
    if let Some((fingerprint, recipient)) = &findings.opener {
        let text = match recipient {
            Some(recipient) => format!("{fingerprint} decrypts it, as {}", in_words(*recipient)),
            None => format!("{fingerprint} does not decrypt it"),
        };
        lines.push(("private key", text));
    }
    let signature = match &findings.status {
        SignatureStatus::Valid { key } => {
            let from = findings.signer.as_deref().unwrap_or_default();
            format!("valid, by the key {key} of {from}")
        }
        SignatureStatus::NotChecked => "not checked: pass --cert FILE".to_owned(),
        SignatureStatus::Invalid => {
            "invalid: made with another key, or the manifest was changed".to_owned()
        }
        SignatureStatus::Unsigned => "unsigned".to_owned(),
    };
    lines.push(("signature", signature));
    lines
}
