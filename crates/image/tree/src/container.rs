//! Container images: OCI layouts and the archives of `docker save`, as a directory or a tar archive.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::archive::ArchiveSource;
use crate::container_files::ContainerFiles;
use crate::error::TreeError;
use crate::layers::Whiteouts;
use crate::stored::{Stored, StoredArchive};

/// A description of an image is not larger: 4 MiB.
const MAX_JSON: u64 = 4 << 20;
/// Layers of one image. Docker stops at 127.
const MAX_LAYERS: usize = 1000;
/// Indexes below each other; the first one is in the layout.
const MAX_INDEXES: usize = 2;

const MANIFESTS: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
const LAYERS: [&str; 6] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
];
/// Annotations with the name of an image.
const NAMES: [&str; 2] = [
    "io.containerd.image.name",
    "org.opencontainers.image.ref.name",
];

/// Which image to use of those that a layout has.
#[derive(Clone, Debug)]
pub struct ContainerChoice {
    /// Its name, as annotations or tags have it. `None`: there must be only one.
    pub image: Option<String>,
    /// Its operating system, such as `linux`.
    pub os: String,
    /// Its architecture in the words of OCI, such as `amd64`.
    pub architecture: String,
    /// The variant of the architecture, such as `v7`. `None`: any.
    pub variant: Option<String>,
}

impl Default for ContainerChoice {
    /// The only image for linux/amd64.
    fn default() -> Self {
        Self {
            image: None,
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            variant: None,
        }
    }
}

impl ContainerChoice {
    /// The only image for a platform in the form `linux/amd64` or `linux/arm/v7`. `None`: it has another form.
    pub fn parse(platform: &str) -> Option<Self> {
        let fields: Vec<_> = platform.split('/').collect();
        let (os, architecture, variant) = match fields[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_owned())),
            _ => return None,
        };
        (!os.is_empty() && !architecture.is_empty()).then(|| Self {
            image: None,
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant,
        })
    }
}

/// What a container of an image would run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerConfig {
    /// Architecture in the words of OCI, such as `amd64`.
    pub architecture: String,
    /// Variables as `NAME=VALUE`.
    pub environment: Vec<String>,
    /// Program and arguments; those of `command` follow.
    pub entry_point: Vec<String>,
    /// Arguments, or program and arguments if there is no entry point.
    pub command: Vec<String>,
    /// The directory in which it begins; empty for the root.
    pub working_directory: String,
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(rename = "mediaType", default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    architecture: String,
    os: String,
    variant: Option<String>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Config {
    architecture: String,
    os: String,
    #[serde(rename = "config")]
    process: Option<Process>,
    rootfs: RootFileSystem,
}

#[derive(Deserialize)]
struct Process {
    #[serde(rename = "Env")]
    environment: Option<Vec<String>>,
    #[serde(rename = "Entrypoint")]
    entry_point: Option<Vec<String>>,
    #[serde(rename = "Cmd")]
    command: Option<Vec<String>>,
    #[serde(rename = "WorkingDir")]
    working_directory: Option<String>,
}

#[derive(Deserialize)]
struct RootFileSystem {
    diff_ids: Vec<String>,
}

/// One image in the `manifest.json` of `docker save`.
#[derive(Deserialize)]
struct Saved {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags")]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

impl ContainerFiles {
    /// Opens the layers of an image, from the lowest, and what it would run. All descriptions are compared with their digests;
    /// the layers are when they are read.
    ///
    /// # Errors
    /// When there is no image, or not exactly one that fits; when something is missing, damaged, too large or not as OCI and
    /// Docker have it.
    pub fn image(
        &self,
        choice: &ContainerChoice,
    ) -> Result<(ArchiveSource, ContainerConfig), TreeError> {
        let (archives, config) = if self.has("index.json")? && self.has("oci-layout")? {
            self.layout_image(choice)?
        } else if self.has("manifest.json")? {
            self.saved_image(choice)?
        } else {
            let reason = "it has no oci-layout with index.json and no manifest.json";
            return Err(refused(reason));
        };
        let source = ArchiveSource::of(archives, Whiteouts::Applied)?;
        Ok((source, config))
    }

    fn layout_image(
        &self,
        choice: &ContainerChoice,
    ) -> Result<(Vec<StoredArchive>, ContainerConfig), TreeError> {
        let index: Index = parse("index.json", &self.get("index.json")?.read(MAX_JSON)?)?;
        let named: Vec<_> = index
            .manifests
            .into_iter()
            .filter(|it| choice.image.as_ref().is_none_or(|name| it.is_named(name)))
            .collect();
        let mut manifests = Vec::new();
        self.collect(named, choice, 1, &mut manifests)?;
        let descriptor = only(manifests, choice, Descriptor::label)?;
        let manifest: Manifest = parse("the manifest", &self.described(&descriptor)?)?;
        let config: Config = parse("the configuration", &self.described(&manifest.config)?)?;
        check_platform(&config, choice)?;
        let ids = diff_ids(&config, manifest.layers.len())?;
        let mut archives = Vec::new();
        for (layer, id) in manifest.layers.iter().zip(ids) {
            if !LAYERS.contains(&layer.media_type.as_str()) {
                let reason = format!(
                    "a layer has the type {:?}, which is not supported",
                    layer.media_type
                );
                return Err(refused(reason));
            }
            archives.push(StoredArchive {
                bytes: self.blob(layer)?,
                digest: Some(digest(&layer.digest)?),
                plain_digest: Some(id),
                name: format!("the layer {}", layer.digest),
            });
        }
        Ok((archives, config.into()))
    }

    /// Adds the manifests that fit, those in indexes included.
    fn collect(
        &self,
        descriptors: Vec<Descriptor>,
        choice: &ContainerChoice,
        depth: usize,
        found: &mut Vec<Descriptor>,
    ) -> Result<(), TreeError> {
        for descriptor in descriptors {
            let media_type = descriptor.media_type.as_str();
            if MANIFESTS.contains(&media_type) {
                if descriptor
                    .platform
                    .as_ref()
                    .is_none_or(|it| it.fits(choice))
                {
                    found.push(descriptor);
                }
            } else if INDEXES.contains(&media_type) {
                if depth >= MAX_INDEXES {
                    return Err(refused("its indexes are nested too deeply"));
                }
                let index: Index = parse("an index", &self.described(&descriptor)?)?;
                self.collect(index.manifests, choice, depth + 1, found)?;
            } else {
                let reason = format!(
                    "an index has an entry of the type {media_type:?}, which is not supported"
                );
                return Err(refused(reason));
            }
        }
        Ok(())
    }

    fn saved_image(
        &self,
        choice: &ContainerChoice,
    ) -> Result<(Vec<StoredArchive>, ContainerConfig), TreeError> {
        let all: Vec<Saved> = parse("manifest.json", &self.get("manifest.json")?.read(MAX_JSON)?)?;
        let named = all
            .into_iter()
            .filter(|it| choice.image.as_ref().is_none_or(|name| it.is_named(name)))
            .collect();
        let saved = only(named, choice, Saved::label)?;
        let config: Config = parse(
            "the configuration",
            &self.get(&saved.config)?.read(MAX_JSON)?,
        )?;
        check_platform(&config, choice)?;
        let ids = diff_ids(&config, saved.layers.len())?;
        let mut archives = Vec::new();
        for (layer, id) in saved.layers.iter().zip(ids) {
            archives.push(StoredArchive {
                bytes: self.get(layer)?,
                digest: None,
                plain_digest: Some(id),
                name: format!("the layer {layer}"),
            });
        }
        Ok((archives, config.into()))
    }

    /// A blob that is as long as it should be.
    fn blob(&self, descriptor: &Descriptor) -> Result<Stored, TreeError> {
        let digest = digest(&descriptor.digest)?;
        let hex = data_encoding::HEXLOWER.encode(&digest);
        let path = format!("blobs/sha256/{hex}");
        let stored = self.get(&path)?;
        if stored.length() != descriptor.size {
            let (is, size) = (stored.length(), descriptor.size);
            let reason = format!("{path} has {is} bytes instead of {size}");
            return Err(refused(reason));
        }
        Ok(stored)
    }

    /// A description, compared with its digest.
    fn described(&self, descriptor: &Descriptor) -> Result<Vec<u8>, TreeError> {
        let bytes = self.blob(descriptor)?.read(MAX_JSON)?;
        if Sha256::digest(&bytes).as_slice() != digest(&descriptor.digest)? {
            return Err(TreeError::Digest {
                name: descriptor.digest.clone(),
                what: "digest",
            });
        }
        Ok(bytes)
    }
}

impl Descriptor {
    fn names(&self) -> impl Iterator<Item = &str> {
        let annotations = self.annotations.as_ref();
        NAMES
            .iter()
            .filter_map(move |key| annotations?.get(*key).map(String::as_str))
    }

    fn is_named(&self, name: &str) -> bool {
        self.names().any(|own| own == name)
    }

    fn label(&self) -> String {
        self.names().next().unwrap_or(&self.digest).to_owned()
    }
}

impl Saved {
    fn is_named(&self, name: &str) -> bool {
        self.tags.iter().flatten().any(|tag| tag == name)
    }

    fn label(&self) -> String {
        let mut tags = self.tags.iter().flatten();
        tags.next().unwrap_or(&self.config).clone()
    }
}

impl Platform {
    fn fits(&self, choice: &ContainerChoice) -> bool {
        let variants = choice.variant.as_ref().zip(self.variant.as_ref());
        self.os == choice.os
            && self.architecture == choice.architecture
            && variants.is_none_or(|(one, other)| one == other)
    }
}

impl From<Config> for ContainerConfig {
    fn from(config: Config) -> Self {
        let architecture = config.architecture;
        let Some(process) = config.process else {
            return Self {
                architecture,
                ..Self::default()
            };
        };
        Self {
            architecture,
            environment: process.environment.unwrap_or_default(),
            entry_point: process.entry_point.unwrap_or_default(),
            command: process.command.unwrap_or_default(),
            working_directory: process.working_directory.unwrap_or_default(),
        }
    }
}

/// The only one, or an error with the names of all.
fn only<T>(
    mut found: Vec<T>,
    choice: &ContainerChoice,
    label: fn(&T) -> String,
) -> Result<T, TreeError> {
    let ContainerChoice {
        image,
        os,
        architecture,
        ..
    } = choice;
    match (found.pop(), found.is_empty(), image) {
        (Some(one), true, _) => Ok(one),
        (None, _, Some(name)) => Err(refused(format!(
            "it has no image {name:?} for {os}/{architecture}"
        ))),
        (None, _, None) => Err(refused(format!("it has no image for {os}/{architecture}"))),
        (Some(last), false, _) => {
            found.push(last);
            let labels: Vec<_> = found.iter().map(label).collect();
            let labels = labels.join(", ");
            Err(refused(format!("it has several images: {labels}")))
        }
    }
}

fn check_platform(config: &Config, choice: &ContainerChoice) -> Result<(), TreeError> {
    if config.os != choice.os || config.architecture != choice.architecture {
        let (os, architecture) = (&config.os, &config.architecture);
        let reason = format!(
            "it is for {os}/{architecture} instead of {}/{}",
            choice.os, choice.architecture
        );
        return Err(refused(reason));
    }
    Ok(())
}

fn diff_ids(config: &Config, layers: usize) -> Result<Vec<[u8; 32]>, TreeError> {
    let ids = &config.rootfs.diff_ids;
    if ids.len() != layers || layers > MAX_LAYERS {
        let reason = format!(
            "it has {layers} layers and {} diff ids; there may be {MAX_LAYERS}",
            ids.len()
        );
        return Err(refused(reason));
    }
    ids.iter().map(|id| digest(id)).collect()
}

/// The bytes of `sha256:...`; nothing else can become part of a path.
fn digest(text: &str) -> Result<[u8; 32], TreeError> {
    let bytes = text
        .strip_prefix("sha256:")
        .and_then(|hex| data_encoding::HEXLOWER.decode(hex.as_bytes()).ok());
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| refused(format!("{text:?} is not a SHA-256 digest")))
}

fn parse<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, TreeError> {
    serde_json::from_slice(bytes).map_err(|error| refused(format!("{what} is malformed: {error}")))
}

pub(crate) fn refused(reason: impl Into<String>) -> TreeError {
    TreeError::Container(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_two_or_three_names() {
        let arm = ContainerChoice::parse("linux/arm/v7").unwrap();
        assert_eq!(
            (arm.architecture.as_str(), arm.variant.as_deref()),
            ("arm", Some("v7"))
        );
        for wrong in ["linux", "linux/", "/amd64", "linux/arm/v7/x"] {
            assert!(ContainerChoice::parse(wrong).is_none(), "{wrong}");
        }
    }
}
