//! From gathered texts to a manifest.

use std::collections::HashSet;
use std::ops::Range;

use data_encoding::HEXLOWER_PERMISSIVE;
use gumnut_types::{AccountId, ImageClass, ImageId, ImageKind, Limits, PartIndex};

use super::Parsed;
use super::collect::Collector;
use super::element::Element;
use crate::signature::{Signature, SignedRanges};
use crate::values::{self, AES, SHA1, shorten};
use crate::{
    BundlerVersion, Manifest, ManifestError, Part, PartsProblem, Warning, WrappedKeys, WrappedPair,
};

/// The only version of the format.
const VERSION: &str = "2007-10-10";

/// Reads every value.
pub(super) fn finish(
    mut collector: Collector<'_>,
    limits: &Limits,
) -> Result<Parsed, ManifestError> {
    let mut warnings = Vec::new();
    let version = required(&collector, Element::Version)?;
    if version != VERSION {
        return Err(ManifestError::Version(shorten(version)));
    }
    let ranges = SignedRanges {
        machine_configuration: range(&collector, Element::MachineConfiguration)?,
        image: range(&collector, Element::Image)?,
    };
    let parts = parts(std::mem::take(&mut collector.parts), &collector)?;
    let manifest = Manifest {
        bundler: BundlerVersion {
            name: bounded(&collector, Element::BundlerName, limits)?,
            version: bounded(&collector, Element::BundlerVersion, limits)?,
            release: bounded(&collector, Element::BundlerRelease, limits)?,
        },
        architecture: values::parsed("architecture", required(&collector, Element::Architecture)?)?,
        kind: kind(&collector, &mut warnings)?,
        name: values::parsed("image name", required(&collector, Element::Name)?)?,
        user: user(&collector, limits, &mut warnings)?,
        image_digest: image_digest(&collector)?,
        image_size: image_size(&collector, limits)?,
        bundled_size: values::number("bundled_size", required(&collector, Element::BundledSize)?)?,
        keys: keys(&collector, limits, &mut warnings)?,
        parts,
        kernel_name: kernel_name(&collector, limits)?,
        block_devices: collector.block_devices,
        product_codes: collector.product_codes,
        ancestry: collector.ancestry,
    };
    let signature = signature(collector.texts.get(&Element::Signature), limits)?;
    Ok(Parsed {
        manifest,
        signature,
        ranges,
        warnings,
    })
}

fn optional<'c>(collector: &'c Collector<'_>, element: Element) -> &'c str {
    collector.texts.get(&element).map_or("", String::as_str)
}

fn required<'c>(collector: &'c Collector<'_>, element: Element) -> Result<&'c str, ManifestError> {
    let text = collector
        .texts
        .get(&element)
        .ok_or(ManifestError::Missing(element.tag()))?;
    Ok(text)
}

fn bounded(
    collector: &Collector<'_>,
    element: Element,
    limits: &Limits,
) -> Result<String, ManifestError> {
    let text = optional(collector, element);
    if text.len() > limits.name_bytes {
        return Err(ManifestError::TooLong {
            element: element.tag(),
            limit: limits.name_bytes,
        });
    }
    Ok(text.to_owned())
}

fn range(collector: &Collector<'_>, element: Element) -> Result<Range<usize>, ManifestError> {
    match (collector.starts.get(&element), collector.ends.get(&element)) {
        (Some(start), Some(end)) => Ok(*start..*end),
        _ => Err(ManifestError::Missing(element.tag())),
    }
}

/// The magic ids of kernels and ramdisks; `yes` is what some servers take too.
fn is_magic(id: &str) -> bool {
    matches!(id, "true" | "yes")
}

fn kind(
    collector: &Collector<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<ImageKind, ManifestError> {
    let kernel = optional(collector, Element::KernelId);
    let ramdisk = optional(collector, Element::RamdiskId);
    let written = required(collector, Element::Type)?;
    // The magic ids win over the type.
    let class = match (is_magic(kernel), is_magic(ramdisk)) {
        (true, true) => return Err(ManifestError::Kind),
        (true, false) => ImageClass::Kernel,
        (false, true) => ImageClass::Ramdisk,
        (false, false) => written
            .parse()
            .map_err(|_| values::bad("type", written, "it is machine, kernel or ramdisk"))?,
    };
    Ok(match class {
        ImageClass::Kernel => ImageKind::Kernel,
        ImageClass::Ramdisk => ImageKind::Ramdisk,
        ImageClass::Machine => {
            let (of_kernel, of_ramdisk) = (
                ImageId::parse_kernel(kernel).ok(),
                ImageId::parse_ramdisk(ramdisk).ok(),
            );
            ImageKind::Machine {
                kernel: image_id("kernel_id", kernel, of_kernel, warnings),
                ramdisk: image_id("ramdisk_id", ramdisk, of_ramdisk, warnings),
            }
        }
    })
}

/// An id, or a warning in its place: an odd one is no reason to lose an image.
fn image_id(
    element: &'static str,
    text: &str,
    id: Option<ImageId>,
    warnings: &mut Vec<Warning>,
) -> Option<ImageId> {
    if id.is_none() && !text.is_empty() {
        warnings.push(Warning::ImageId {
            element,
            text: shorten(text),
        });
    }
    id
}

fn user(
    collector: &Collector<'_>,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<String, ManifestError> {
    required(collector, Element::User)?;
    let user = bounded(collector, Element::User, limits)?;
    if user.parse::<AccountId>().is_err() {
        warnings.push(Warning::User(shorten(&user)));
    }
    Ok(user)
}

fn kernel_name(
    collector: &Collector<'_>,
    limits: &Limits,
) -> Result<Option<String>, ManifestError> {
    let name = bounded(collector, Element::KernelName, limits)?;
    Ok(Some(name).filter(|name| !name.is_empty()))
}

fn image_digest(collector: &Collector<'_>) -> Result<gumnut_types::Sha1Digest, ManifestError> {
    let text = required(collector, Element::ImageDigest)?;
    let algorithm = collector.attributes.get(&Element::ImageDigest);
    values::algorithm("image digest", algorithm.map(String::as_str), SHA1)?;
    values::parsed("image digest", text)
}

fn image_size(collector: &Collector<'_>, limits: &Limits) -> Result<u64, ManifestError> {
    let text = required(collector, Element::Size)?;
    let size = values::number("size", text)?;
    if size > limits.image_bytes {
        let reason = format!("at most {} bytes are restored", limits.image_bytes);
        return Err(values::bad("size", text, reason));
    }
    Ok(size)
}

fn keys(
    collector: &Collector<'_>,
    limits: &Limits,
    warnings: &mut Vec<Warning>,
) -> Result<WrappedKeys, ManifestError> {
    let secret =
        |element: Element| values::wrapped(element.tag(), required(collector, element)?, limits);
    for element in [Element::CloudKey, Element::UserKey] {
        let algorithm = collector.attributes.get(&element);
        if !required(collector, element)?.is_empty() || algorithm.is_some() {
            values::algorithm(element.tag(), algorithm.map(String::as_str), AES)?;
        }
    }
    let cloud = WrappedPair {
        key: secret(Element::CloudKey)?,
        iv: secret(Element::CloudIv)?,
    };
    let pair = WrappedPair {
        key: secret(Element::UserKey)?,
        iv: secret(Element::UserIv)?,
    };
    let user = match (pair.key.is_empty(), pair.iv.is_empty()) {
        (true, true) => {
            warnings.push(Warning::NoUserKey);
            None
        }
        (false, false) => Some(pair),
        _ => return Err(ManifestError::Missing("half of the user's key and iv")),
    };
    Ok(WrappedKeys { cloud, user })
}

/// Sorts the parts by index, after checking that they are exactly those that `count` announces.
fn parts(mut parts: Vec<Part>, collector: &Collector<'_>) -> Result<Vec<Part>, ManifestError> {
    let problem = |problem| Err(ManifestError::Parts(problem));
    let count = collector.attributes.get(&Element::Parts);
    let announced = values::number(
        "parts count",
        count.ok_or(ManifestError::Missing("parts count"))?,
    )?;
    if parts.is_empty() {
        return problem(PartsProblem::None);
    }
    if announced != parts.len() as u64 {
        return problem(PartsProblem::Count {
            announced,
            found: parts.len(),
        });
    }
    parts.sort_by_key(|part| part.index);
    let expected = (0..).map(PartIndex);
    if let Some((_, index)) = parts
        .iter()
        .zip(expected)
        .find(|(part, index)| part.index != *index)
    {
        return problem(PartsProblem::Index(index));
    }
    let mut names = HashSet::with_capacity(parts.len());
    match parts.iter().find(|part| !names.insert(part.name.as_str())) {
        Some(part) => problem(PartsProblem::Name(part.name.clone())),
        None => Ok(parts),
    }
}

fn signature(text: Option<&String>, limits: &Limits) -> Result<Signature, ManifestError> {
    let text = match text.map(String::as_str) {
        None | Some("" | "UNSIGNED") => return Ok(Signature::None),
        Some(text) => text,
    };
    if text.len() > limits.wrapped_hex {
        return Err(ManifestError::TooLong {
            element: "signature",
            limit: limits.wrapped_hex,
        });
    }
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
    bytes
        .map(Signature::Bytes)
        .map_err(|error| values::bad("signature", text, error))
}
