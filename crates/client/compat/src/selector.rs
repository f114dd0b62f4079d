//! Which bundle in the object store is meant.

use std::path::{Path, PathBuf};

use clap::Args;
use gumnut_manifest::Manifest;
use gumnut_terminal::Failure;
use gumnut_types::{Limits, ManifestLocation};
use gumnut_walrus_client::WalrusClient;
use gumnut_workflows::{BucketPrefix, LocalBundle, StoredBundle, WorkflowError};

use super::dialect::Dialect;
use super::report::unusable as usage;

/// What every manifest of a bundle is called at its end.
const ENDING: &str = ".manifest.xml";

/// What `--manifest` means. It has meant three things, and data are lost where one is taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A name in the bucket.
    Name,
    /// A file on this machine, whose parts are meant.
    File,
    /// Nothing: every bundle of the bucket is meant.
    Everything,
}

/// Options that select a bundle.
#[derive(Args)]
pub(super) struct Selector {
    /// Bucket, and a prefix of every key
    #[arg(short, long, value_name = "BUCKET[/PREFIX]", required = true)]
    bucket: BucketPrefix,
    /// The manifest: its name in the bucket; a local file for euca-delete-bundle of 2010 and ec2-delete-bundle
    #[arg(short, long, value_name = "MANIFEST")]
    manifest: Option<String>,
    /// The manifest is PREFIX.manifest.xml
    #[arg(short, long)]
    prefix: Option<String>,
    /// The manifest is this local file
    #[arg(long = "local-manifest", value_name = "FILE")]
    local_manifest: Option<PathBuf>,
    /// Every bundle in the bucket; needs --yes
    #[arg(long = "all-bundles", alias = "delete-all-bundles")]
    all_bundles: bool,
    /// Confirm that it is meant
    #[arg(short, long)]
    pub(super) yes: bool,
}

/// What was selected.
#[derive(Debug)]
pub(super) enum Selected {
    /// The manifest at this place.
    Stored(ManifestLocation),
    /// The parts of a local manifest, and the place of its twin.
    Local(PathBuf, ManifestLocation),
    /// Everything that begins with a prefix.
    Prefix(String),
    /// Every bundle of the bucket.
    All,
}

impl Selector {
    pub(super) fn target(&self) -> &BucketPrefix {
        &self.bucket
    }

    /// What the options select, where `--manifest` means `meaning`.
    pub(super) fn select(
        &self,
        meaning: Meaning,
        fallback: Option<&str>,
    ) -> Result<Selected, Failure> {
        let given = [
            self.manifest.is_some(),
            self.prefix.is_some(),
            self.local_manifest.is_some(),
            self.all_bundles,
        ];
        if given.iter().filter(|given| **given).count() > 1 {
            return Err(usage(
                "only one of --manifest, --prefix, --local-manifest and --all-bundles can be given",
            ));
        }
        if let Some(manifest) = &self.manifest {
            return self.manifest(manifest, meaning);
        }
        if let Some(path) = &self.local_manifest {
            return self.local(path);
        }
        if let Some(prefix) = self.prefix.as_deref().or(fallback) {
            return Ok(Selected::Prefix(prefix.to_owned()));
        }
        if !self.all_bundles {
            return Err(usage("no bundle is selected").hint(
                "pass --manifest, --prefix or --local-manifest; for every bundle in the bucket, --all-bundles --yes",
            ));
        }
        if !self.yes {
            return Err(usage("--all-bundles selects every bundle in the bucket")
                .hint("add --yes to confirm"));
        }
        Ok(Selected::All)
    }

    fn manifest(&self, manifest: &str, meaning: Meaning) -> Result<Selected, Failure> {
        match meaning {
            Meaning::Everything => Err(usage(format!(
                "--manifest {manifest} is ambiguous: in the dialect of 2010 it is ignored and every bundle of the bucket is \
                 fetched, in that of 3.4 it is the manifest's name in the bucket"
            ))
            .hint("pass --local-manifest or --prefix for one bundle, or --all-bundles --yes")),
            Meaning::File if !Path::new(manifest).is_file() => Err(usage(format!(
                "--manifest {manifest} is not a file: in this dialect it is a local file, in that of 3.4 the manifest's name in \
                 the bucket"
            ))
            .hint("pass --prefix PREFIX for PREFIX.manifest.xml in the bucket")),
            Meaning::File => self.local(Path::new(manifest)),
            Meaning::Name if manifest.contains('/') => Err(usage(format!(
                "--manifest {manifest} has a slash: in this dialect it is the manifest's name in the bucket, in that of 2010 a \
                 local file"
            ))
            .hint("pass --local-manifest FILE for a local file, or --bucket BUCKET/PREFIX")),
            Meaning::Name => Ok(Selected::Stored(located(&self.bucket, manifest)?)),
        }
    }

    fn local(&self, path: &Path) -> Result<Selected, Failure> {
        let name = path.file_name().and_then(|name| name.to_str());
        let location = located(&self.bucket, name.unwrap_or_default())?;
        Ok(Selected::Local(path.to_owned(), location))
    }

    /// Where the manifest of a prefix is.
    pub(super) fn of_prefix(&self, prefix: &str) -> Result<ManifestLocation, Failure> {
        located(&self.bucket, &format!("{prefix}{ENDING}"))
    }

    /// Every manifest in the bucket, below the target's prefix.
    pub(super) async fn all(
        &self,
        store: &WalrusClient,
    ) -> Result<Vec<ManifestLocation>, anyhow::Error> {
        let prefix = self
            .bucket
            .prefix
            .as_ref()
            .map(|prefix| format!("{prefix}/"));
        let listed = store
            .list_objects(&self.bucket.bucket, &prefix.unwrap_or_default())
            .await?;
        let manifests = listed.iter().filter(|object| object.key.ends_with(ENDING));
        manifests
            .map(|object| {
                Ok(ManifestLocation {
                    bucket: self.bucket.bucket.clone(),
                    key: object.key.parse()?,
                })
            })
            .collect()
    }
}

/// Where an object of this name is.
fn located(target: &BucketPrefix, name: &str) -> Result<ManifestLocation, Failure> {
    target.location(name).map_err(|error| {
        let message = error.to_string();
        match error {
            WorkflowError::Key { source, .. } => usage(message).because(source),
            error => usage(message).because(error),
        }
    })
}

/// What `--manifest` means to a tool that only reads bundles.
pub(super) fn meaning(dialect: Dialect) -> Meaning {
    match dialect {
        Dialect::Euca2010 => Meaning::Everything,
        Dialect::Euca34 | Dialect::AmiTools => Meaning::Name,
    }
}

/// The manifest of a bundle with its bytes, wherever it is read from.
pub(super) async fn read(
    store: &WalrusClient,
    local: Option<&Path>,
    location: &ManifestLocation,
) -> Result<(Manifest, Vec<u8>), anyhow::Error> {
    let manifest = match local {
        None => {
            let bundle = stored(store, location);
            bundle.manifest(&Limits::default()).await?
        }
        Some(path) => LocalBundle::new(path).manifest(&Limits::default())?,
    };
    Ok((manifest.manifest().clone(), manifest.bytes().to_vec()))
}

/// The bundle whose manifest is at a location.
pub(super) fn stored(store: &WalrusClient, location: &ManifestLocation) -> StoredBundle {
    StoredBundle {
        store: store.clone(),
        location: location.clone(),
    }
}
