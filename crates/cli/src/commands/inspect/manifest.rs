//! Manifests.

use std::path::Path;

use gumnut_manifest::{Manifest, SignatureStatus, UntrustedManifest};
use gumnut_types::{BlockDeviceMapping, ByteSize, ImageId, ImageKind, Limits};
use serde_json::{Value, json};

use super::Report;
use crate::commands::{Context, trust};
use crate::exit::{Exit, Failure};

/// Everything that a manifest says, and whether its signature is good.
pub(super) fn report(
    context: &Context<'_>,
    path: &Path,
    bytes: &[u8],
    signer: &trust::Signer,
) -> Result<Report, Failure> {
    let manifest = UntrustedManifest::parse(bytes, &Limits::default()).map_err(|error| {
        Failure::new(
            Exit::Input,
            format!("{} is no usable manifest", path.display()),
        )
        .because(error)
    })?;
    let key = signer.public_key(&context.settings()?, None)?;
    let status = manifest.signature_status(&key.iter().collect::<Vec<_>>());
    let warnings: Vec<_> = manifest
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect();
    trust::say_warnings(manifest.warnings());
    let manifest = manifest.manifest();
    let json = json(manifest, &status, &warnings);
    Ok(Report {
        json,
        lines: lines(manifest, &status),
    })
}

fn ids(kind: &ImageKind) -> (Option<&ImageId>, Option<&ImageId>) {
    match kind {
        ImageKind::Machine { kernel, ramdisk } => (kernel.as_ref(), ramdisk.as_ref()),
        _ => (None, None),
    }
}

fn json(manifest: &Manifest, status: &SignatureStatus, warnings: &[String]) -> Value {
    let (kernel, ramdisk) = ids(&manifest.kind);
    let device = |device: &BlockDeviceMapping| json!({ "virtual": device.virtual_name, "device": device.device });
    let bundler = &manifest.bundler;
    json!({
        "format": "manifest",
        "bundler": { "name": bundler.name, "version": bundler.version, "release": bundler.release },
        "kind": manifest.kind.as_str(),
        "name": manifest.name.as_str(),
        "architecture": manifest.architecture.as_str(),
        "user": manifest.user,
        "kernel_id": kernel.map(ImageId::as_str),
        "ramdisk_id": ramdisk.map(ImageId::as_str),
        "block_devices": manifest.block_devices.iter().map(device).collect::<Vec<_>>(),
        "product_codes": manifest.product_codes,
        "ancestry": manifest.ancestry,
        "image_size": manifest.image_size,
        "bundled_size": manifest.bundled_size,
        "image_digest": manifest.image_digest.to_string(),
        "parts": manifest.parts.len(),
        "user_key": manifest.keys.user.is_some(),
        "signature": status.as_str(),
        "warnings": warnings,
    })
}

fn lines(manifest: &Manifest, status: &SignatureStatus) -> Vec<(&'static str, String)> {
    let bundler = &manifest.bundler;
    let exact = |bytes: u64| format!("{} ({bytes} bytes)", ByteSize(bytes));
    let mut lines = vec![
        (
            "content",
            format!("the manifest of a {} image", manifest.kind),
        ),
        (
            "made by",
            quoted(&format!("{} {}", bundler.name, bundler.version)),
        ),
        ("name", quoted(manifest.name.as_str())),
        ("architecture", manifest.architecture.to_string()),
        ("owner", quoted(&manifest.user)),
    ];
    let (kernel, ramdisk) = ids(&manifest.kind);
    lines.extend(kernel.map(|id| ("kernel", id.to_string())));
    lines.extend(ramdisk.map(|id| ("ramdisk", id.to_string())));
    for device in &manifest.block_devices {
        let text = format!("{} is {}", device.device, device.virtual_name);
        lines.push(("block device", quoted(&text)));
    }
    if !manifest.product_codes.is_empty() {
        lines.push(("product codes", quoted(&manifest.product_codes.join(" "))));
    }
    let user_key = manifest.keys.user.is_some();
    let openers = if user_key {
        "its owner and the cloud"
    } else {
        "the cloud alone"
    };
    let signature = match status {
        SignatureStatus::Valid { key } => format!("valid, by the key {key}"),
        SignatureStatus::NotChecked => "not checked: pass --cert FILE".to_owned(),
        other => other.as_str().to_owned(),
    };
    lines.extend([
        ("image", exact(manifest.image_size)),
        (
            "bundle",
            format!(
                "{} in {}",
                exact(manifest.bundled_size),
                crate::output::parts(manifest.parts.len())
            ),
        ),
        ("can be opened by", openers.to_owned()),
        ("signature", signature),
    ]);
    lines
}

/// The text with everything escaped that a terminal could obey.
fn quoted(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}
