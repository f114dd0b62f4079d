//! The writer: one dialect, the one that every cloud reads.

use std::collections::HashSet;
use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use gumnut_crypto::PrivateKey;
use gumnut_types::{ImageId, ImageKind, ImageOwner, Limits, PartIndex};

use crate::{Manifest, ManifestError, SignedManifest, UntrustedManifest};

/// A manifest that can be written and is waiting for its signature.
#[derive(Clone, Debug)]
#[must_use]
pub struct UnsignedManifest(Manifest);

impl UnsignedManifest {
    /// Checks that `manifest` is one that every known cloud can read.
    ///
    /// Block devices are sorted by virtual name.
    ///
    /// # Errors
    /// [`ManifestError::Write`] when the parts are not 0 to n-1 with distinct names, a size is impossible, the
    /// owner has not 1 to 20 digits, or something has no place in XML or on this kind of image.
    pub fn new(mut manifest: Manifest) -> Result<Self, ManifestError> {
        check(&manifest)?;
        manifest.block_devices.sort();
        Ok(Self(manifest))
    }

    /// What it says.
    pub fn manifest(&self) -> &Manifest {
        &self.0
    }

    /// Writes the manifest and signs it. The result was read again and found to say the same.
    ///
    /// # Errors
    /// When signing fails, or the text is longer than the 5 MiB that clouds read.
    pub fn sign(self, key: &PrivateKey) -> Result<SignedManifest, ManifestError> {
        let machine_configuration = machine_configuration(&self.0);
        let image = image(&self.0);
        let signed = [machine_configuration.as_bytes(), image.as_bytes()];
        let signature = key.sign_sha1(&signed).map_err(ManifestError::Sign)?;
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<manifest>");
        leaf(&mut text, "version", "2007-10-10");
        text.push_str("<bundler>");
        leaf(&mut text, "name", &self.0.bundler.name);
        leaf(&mut text, "version", &self.0.bundler.version);
        leaf(&mut text, "release", &self.0.bundler.release);
        text.push_str("</bundler>");
        text.push_str(&machine_configuration);
        text.push_str(&image);
        leaf(&mut text, "signature", &HEXLOWER.encode(&signature));
        text.push_str("</manifest>");
        let read = UntrustedManifest::parse(text.as_bytes(), &Limits::default())?;
        if *read.manifest() != self.0 {
            return Err(refuse(
                "it would be read differently, which is a bug in gumnut: please report it",
            ));
        }
        read.verify(&[key.public_key()])
    }
}

fn refuse(reason: impl Into<String>) -> ManifestError {
    ManifestError::Write(reason.into())
}

fn check(manifest: &Manifest) -> Result<(), ManifestError> {
    if manifest
        .user
        .parse::<ImageOwner>()
        .map(|user| user.to_string())
        .ok()
        .as_ref()
        != Some(&manifest.user)
    {
        return Err(refuse(
            "the owner is not an account number of 1 to 20 digits",
        ));
    }
    if manifest.bundled_size == 0 || !manifest.bundled_size.is_multiple_of(16) {
        return Err(refuse("the bundled size is not a positive multiple of 16"));
    }
    let plain = manifest.block_devices.is_empty() && manifest.product_codes.is_empty();
    if !plain && !matches!(manifest.kind, ImageKind::Machine { .. }) {
        return Err(refuse(
            "only machine images have block devices and product codes",
        ));
    }
    check_texts(manifest)?;
    check_parts(manifest)
}

/// Insists on text that XML can hold, that the reader's trimming leaves alone, and that fits its limits.
fn check_texts(manifest: &Manifest) -> Result<(), ManifestError> {
    let bundler = &manifest.bundler;
    let devices = manifest.block_devices.iter();
    let texts = [&bundler.name, &bundler.version, &bundler.release]
        .into_iter()
        .chain(&manifest.product_codes)
        .chain(&manifest.ancestry)
        .chain(&manifest.kernel_name)
        .chain(devices.flat_map(|mapping| [&mapping.virtual_name, &mapping.device]))
        .map(String::as_str)
        .chain([manifest.name.as_str()])
        .chain(manifest.parts.iter().map(|part| part.name.as_str()));
    let illegal = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    if manifest.kernel_name.as_deref() == Some("") {
        return Err(refuse("an empty kernel name has no place in a manifest"));
    }
    for text in texts {
        if text.contains(illegal)
            || text.trim() != text
            || text.len() > Limits::default().name_bytes
        {
            return Err(refuse(format!(
                "{:?} has no place in a manifest",
                crate::values::shorten(text)
            )));
        }
    }
    Ok(())
}

fn check_parts(manifest: &Manifest) -> Result<(), ManifestError> {
    let mut names = HashSet::new();
    let indexes = (0..).map(PartIndex);
    let in_order = manifest
        .parts
        .iter()
        .zip(indexes)
        .all(|(part, index)| part.index == index);
    let distinct = manifest
        .parts
        .iter()
        .all(|part| names.insert(part.name.as_str()));
    if manifest.parts.is_empty() || !in_order || !distinct {
        return Err(refuse("its parts are not 0 to n-1 with distinct names"));
    }
    Ok(())
}

fn machine_configuration(manifest: &Manifest) -> String {
    let mut text = String::from("<machine_configuration>");
    leaf(&mut text, "architecture", manifest.architecture.as_str());
    if !manifest.block_devices.is_empty() {
        text.push_str("<block_device_mapping>");
        for mapping in &manifest.block_devices {
            text.push_str("<mapping>");
            leaf(&mut text, "virtual", &mapping.virtual_name);
            leaf(&mut text, "device", &mapping.device);
            text.push_str("</mapping>");
        }
        text.push_str("</block_device_mapping>");
    }
    if !manifest.product_codes.is_empty() {
        text.push_str("<product_codes>");
        for code in &manifest.product_codes {
            leaf(&mut text, "product_code", code);
        }
        text.push_str("</product_codes>");
    }
    // Old clouds know kernels and ramdisks by these magic ids, new ones by `type`: both are written.
    let (kernel, ramdisk) = match &manifest.kind {
        ImageKind::Kernel => (Some("true"), None),
        ImageKind::Ramdisk => (None, Some("true")),
        ImageKind::Machine { kernel, ramdisk } => (
            kernel.as_ref().map(ImageId::as_str),
            ramdisk.as_ref().map(ImageId::as_str),
        ),
    };
    for (name, id) in [("kernel_id", kernel), ("ramdisk_id", ramdisk)] {
        if let Some(id) = id {
            leaf(&mut text, name, id);
        }
    }
    text.push_str("</machine_configuration>");
    text
}

fn image(manifest: &Manifest) -> String {
    let mut text = String::from("<image>");
    leaf(&mut text, "name", manifest.name.as_str());
    leaf(&mut text, "user", &manifest.user);
    leaf(&mut text, "type", manifest.kind.as_str());
    // Where ec2-ami-tools wrote them, whose manifests EC2 took.
    if let Some(name) = &manifest.kernel_name {
        leaf(&mut text, "kernel_name", name);
    }
    if !manifest.ancestry.is_empty() {
        text.push_str("<ancestry>");
        for ancestor in &manifest.ancestry {
            leaf(&mut text, "ancestor_ami_id", ancestor);
        }
        text.push_str("</ancestry>");
    }
    digest(&mut text, &manifest.image_digest.to_string());
    leaf(&mut text, "size", &manifest.image_size.to_string());
    leaf(
        &mut text,
        "bundled_size",
        &manifest.bundled_size.to_string(),
    );
    let cloud = &manifest.keys.cloud;
    let (user_key, user_iv) = match &manifest.keys.user {
        Some(user) => (user.key.to_string(), user.iv.to_string()),
        None => (String::new(), String::new()),
    };
    for (name, key) in [
        ("ec2_encrypted_key", cloud.key.to_string()),
        ("user_encrypted_key", user_key),
    ] {
        let _ = write!(text, "<{name} algorithm=\"AES-128-CBC\">{key}</{name}>");
    }
    leaf(&mut text, "ec2_encrypted_iv", &cloud.iv.to_string());
    leaf(&mut text, "user_encrypted_iv", &user_iv);
    let _ = write!(text, "<parts count=\"{}\">", manifest.parts.len());
    for part in &manifest.parts {
        let _ = write!(text, "<part index=\"{}\">", part.index);
        leaf(&mut text, "filename", part.name.as_str());
        digest(&mut text, &part.digest.to_string());
        text.push_str("</part>");
    }
    text.push_str("</parts></image>");
    text
}

fn digest(text: &mut String, digest: &str) {
    let _ = write!(text, "<digest algorithm=\"SHA1\">{digest}</digest>");
}

fn leaf(text: &mut String, name: &str, value: &str) {
    let _ = write!(text, "<{name}>");
    escape(text, value);
    let _ = write!(text, "</{name}>");
}

/// Writes ASCII only: one generation of servers reads the text in its platform's character set.
fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            c if c.is_ascii() => text.push(c),
            c => {
                let _ = write!(text, "&#{};", u32::from(c));
            }
        }
    }
}
