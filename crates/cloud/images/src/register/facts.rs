//! What a manifest says of an image, however it was read.

use gumnut_manifest::{LenientManifest, SignedManifest};
use gumnut_types::ImageKind;
use sha2::{Digest as _, Sha256};

/// What a manifest says, however it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct ManifestFacts {
    pub(super) architecture: String,
    pub(super) kernel: Option<String>,
    pub(super) ramdisk: Option<String>,
    pub(super) block_devices: Vec<(String, String)>,
    pub(super) product_codes: Vec<String>,
    pub(super) ancestry: Vec<String>,
    pub(super) size: u64,
    pub(super) bundled_size: u64,
    pub(super) signature: String,
    pub(super) sha256: String,
}

impl ManifestFacts {
    /// Of a manifest whose signature was checked.
    pub(super) fn of(signed: &SignedManifest) -> Self {
        let manifest = signed.manifest();
        let (kernel, ramdisk) = match &manifest.kind {
            ImageKind::Machine { kernel, ramdisk } => (kernel.as_ref(), ramdisk.as_ref()),
            ImageKind::Kernel | ImageKind::Ramdisk => (None, None),
        };
        Self {
            architecture: manifest.architecture.to_string(),
            kernel: kernel.map(ToString::to_string),
            ramdisk: ramdisk.map(ToString::to_string),
            block_devices: manifest
                .block_devices
                .iter()
                .map(|device| (device.virtual_name.clone(), device.device.clone()))
                .collect(),
            product_codes: product_codes(manifest.product_codes.iter().map(String::as_str)),
            ancestry: manifest.ancestry.clone(),
            size: manifest.image_size,
            bundled_size: manifest.bundled_size,
            signature: signed.signature().as_str().to_owned(),
            sha256: sha256(signed.bytes()),
        }
    }

    /// Of a manifest that was read as old clouds read it.
    pub(super) fn of_lenient(manifest: &LenientManifest) -> Self {
        let mapping = "machine_configuration/block_device_mapping/mapping";
        Self {
            architecture: owned(manifest, "machine_configuration/architecture").unwrap_or_default(),
            kernel: owned(manifest, "machine_configuration/kernel_id"),
            ramdisk: owned(manifest, "machine_configuration/ramdisk_id"),
            block_devices: all(manifest, &format!("{mapping}/virtual"))
                .into_iter()
                .zip(all(manifest, &format!("{mapping}/device")))
                .collect(),
            product_codes: product_codes(
                manifest.all("machine_configuration/product_codes/product_code"),
            ),
            ancestry: all(manifest, "image/ancestry/ancestor_ami_id"),
            size: number(manifest, "image/size"),
            bundled_size: number(manifest, "image/bundled_size"),
            signature: manifest.at("signature").unwrap_or_default().to_owned(),
            sha256: sha256(manifest.as_str().as_bytes()),
        }
    }
}

fn owned(manifest: &LenientManifest, path: &str) -> Option<String> {
    manifest.at(path).map(str::to_owned)
}

fn all(manifest: &LenientManifest, path: &str) -> Vec<String> {
    manifest.all(path).map(str::to_owned).collect()
}

/// The number of an element; 0 for an element that has none.
fn number(manifest: &LenientManifest, path: &str) -> u64 {
    manifest
        .at(path)
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(&Sha256::digest(bytes))
}

/// One code each, from elements that may hold lists.
fn product_codes<'a>(found: impl Iterator<Item = &'a str>) -> Vec<String> {
    found
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect()
}
