//! From what a manifest says to a row of the catalogue.

use gumnut_manifest::SignedManifest;
use gumnut_types::{ImageClass, ImageKind};
use sha2::{Digest as _, Sha256};

use super::lenient::Lenient;
use super::{Registration, Request};
use crate::auth::Caller;
use crate::ec2::images::{self, Image, Launch};

/// What a manifest says, however it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
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

impl Said {
    /// Of a manifest that was checked.
    pub(super) fn of(signed: &SignedManifest) -> Self {
        let manifest = signed.manifest();
        let (kernel, ramdisk) = match &manifest.kind {
            ImageKind::Machine { kernel, ramdisk } => (kernel.as_ref(), ramdisk.as_ref()),
            _ => (None, None),
        };
        let devices = manifest.block_devices.iter();
        Self {
            architecture: manifest.architecture.to_string(),
            kernel: kernel.map(ToString::to_string),
            ramdisk: ramdisk.map(ToString::to_string),
            block_devices: devices
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
    pub(super) fn of_lenient(manifest: &Lenient<'_>, bytes: &[u8]) -> Self {
        let configuration = |name: &str| {
            manifest
                .at(&format!("machine_configuration/{name}"))
                .map(str::to_owned)
        };
        let number = |path: &str| manifest.at(path).and_then(|text| text.parse().ok());
        let devices = |name: &str| {
            let path = format!("machine_configuration/block_device_mapping/mapping/{name}");
            manifest.all(&path).map(str::to_owned).collect::<Vec<_>>()
        };
        let codes = "machine_configuration/product_codes/product_code";
        Self {
            architecture: configuration("architecture").unwrap_or_default(),
            kernel: configuration("kernel_id"),
            ramdisk: configuration("ramdisk_id"),
            block_devices: devices("virtual")
                .into_iter()
                .zip(devices("device"))
                .collect(),
            product_codes: product_codes(manifest.all(codes)),
            ancestry: manifest
                .all("image/ancestry/ancestor_ami_id")
                .map(str::to_owned)
                .collect(),
            size: number("image/size").unwrap_or_default(),
            bundled_size: number("image/bundled_size").unwrap_or_default(),
            signature: manifest.at("signature").unwrap_or_default().to_owned(),
            sha256: sha256(bytes),
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(&Sha256::digest(bytes))
}

/// One code each, from elements that may hold lists.
fn product_codes<'a>(found: impl Iterator<Item = &'a str>) -> Vec<String> {
    let codes = found.flat_map(|text| text.split(',')).map(str::trim);
    codes
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What a profile has made of request and manifest.
#[derive(Clone, Debug)]
pub(super) struct Decided {
    pub(super) location: String,
    pub(super) class: ImageClass,
    pub(super) architecture: String,
    pub(super) kernel: Option<String>,
    pub(super) ramdisk: Option<String>,
    pub(super) windows: bool,
    pub(super) hvm: bool,
}

/// The row of a new image, which has no id yet.
pub(super) fn row(
    registration: &Registration<'_>,
    caller: &Caller,
    request: &Request,
    decided: Decided,
    said: Said,
) -> Image {
    let rules = registration.rules;
    let machine = decided.class == ImageClass::Machine;
    let root_device = || machine.then(|| "/dev/sda1".to_owned());
    let virtualization = if decided.hvm { "hvm" } else { "paravirtual" };
    Image {
        id: String::new(),
        location: decided.location,
        state: images::AVAILABLE.to_owned(),
        owner: caller.account.clone(),
        user: caller.user.clone(),
        account_name: caller.account_name.clone(),
        class: decided.class,
        architecture: decided.architecture,
        name: request.name.clone(),
        description: request.description.clone(),
        kernel: decided.kernel.filter(|_| machine),
        ramdisk: decided.ramdisk.filter(|_| machine),
        platform: decided.windows.then(|| "windows".to_owned()),
        root_device: request.root_device.clone().or_else(root_device),
        block_devices: said.block_devices,
        product_codes: said.product_codes,
        ancestry: said.ancestry,
        virtualization: virtualization.to_owned(),
        launch: Launch {
            public: rules.is_public(),
            ..Launch::default()
        },
        size: said.size,
        bundled_size: said.bundled_size,
        manifest_sha256: said.sha256,
        signature: said.signature,
        profile: rules.profile.as_str().to_owned(),
        created: registration.now,
        tags: Vec::new(),
    }
}
