//! `gumnut upload`

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_manifest::Part;
use gumnut_types::{Limits, PartIndex, Sha1Digest};
use gumnut_walrus_client::{CannedAcl, Content};
use gumnut_workflows::digest_of_file;
use serde_json::json;
use sha1::{Digest as _, Sha1};

use super::destination::{BucketStep, Destination, Target};
use super::{Context, read_bounded, remote, trust, unreadable};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::progress::Bar;

/// Parts up to this size are held in memory while they are sent; larger ones are read twice.
const IN_MEMORY: u64 = 32 << 20;

/// Put a bundle into the object store.
///
/// Makes the bucket if it is missing. Each part is compared with the manifest before it is sent; parts that
/// the store has already are skipped; the manifest goes last, so that a bundle that can be seen is whole.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut upload vmlinuz.manifest.xml -b kernels/debian-12")]
pub(crate) struct Upload {
    /// The manifest; its parts lie beside it
    manifest: PathBuf,
    /// Bucket, and what comes before every key
    #[arg(short, long, value_name = "BUCKET[/PREFIX]")]
    bucket: Target,
    /// Who may read it: aws-exec-read lets the cloud; none leaves it to the store
    #[arg(long, value_name = "ACL", default_value = "aws-exec-read")]
    acl: AclChoice,
    /// Parts that are sent at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
}

/// An ACL, or none at all.
#[derive(Clone, Copy)]
pub(crate) struct AclChoice(pub(crate) Option<CannedAcl>);

impl FromStr for AclChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            text => text
                .parse()
                .map(|acl| Self(Some(acl)))
                .map_err(|error: gumnut_walrus_client::AclError| format!("{error}; or none")),
        }
    }
}

/// A bundle on disk that is to be put into the store.
pub(crate) struct Put<'a> {
    pub(crate) destination: Destination<'a>,
    pub(crate) manifest: &'a Path,
    /// Folder of the parts.
    pub(crate) parts: &'a Path,
    /// Parts before this one are there already.
    pub(crate) first: PartIndex,
    /// Whether the manifest is put, too.
    pub(crate) manifest_too: bool,
    /// Where the bucket is made, if it has to be.
    pub(crate) location: Option<&'a str>,
    /// Parts that are sent at the same time.
    pub(crate) jobs: usize,
    /// Told what is done, in order.
    pub(crate) tell: &'a (dyn Fn(UploadStep<'_>) + Sync),
}

/// What is done to put a bundle into the store.
#[derive(Clone, Copy)]
pub(crate) enum UploadStep<'a> {
    Bucket(BucketStep),
    Part(&'a str),
}

/// What became of a bundle.
#[derive(Default)]
pub(crate) struct Uploaded {
    /// `bucket/key` of the manifest.
    pub(crate) location: String,
    pub(crate) sent: usize,
    pub(crate) skipped: usize,
    pub(crate) bytes: u64,
}

impl Upload {
    pub(crate) async fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let settings = context.settings()?;
        let store = remote::walrus(context, &settings)?;
        let tell = |step: UploadStep<'_>| {
            if matches!(step, UploadStep::Bucket(BucketStep::Creating)) {
                let bucket = &self.bucket.bucket;
                context.output.say(format!("making the bucket {bucket}"));
            }
        };
        let put = Put {
            destination: Destination {
                store: &store,
                target: &self.bucket,
                acl: self.acl.0,
            },
            manifest: &self.manifest,
            parts: &trust::parts_folder(&self.manifest, None),
            first: PartIndex(0),
            manifest_too: true,
            location: settings.location_constraint(),
            jobs: usize::from(self.jobs),
            tell: &tell,
        };
        let uploaded = put.run(context.output).await?;
        context.output.say(format!(
            "sent {}, {} were there already",
            crate::output::parts(uploaded.sent),
            uploaded.skipped
        ));
        let json = json!({
            "location": uploaded.location,
            "parts_sent": uploaded.sent,
            "parts_skipped": uploaded.skipped,
            "bytes_sent": uploaded.bytes,
        });
        context.output.result(&json, &uploaded.location)
    }
}

impl Put<'_> {
    /// Parts first, each compared with the manifest; the manifest last.
    pub(crate) async fn run(&self, output: &Output) -> Result<Uploaded, anyhow::Error> {
        let manifest = trust::read_manifest(self.manifest)?;
        let limit = Limits::default().manifest_bytes as u64;
        let bytes = read_bounded("manifest", self.manifest, limit)?;
        let name = self
            .manifest
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let location = self.destination.target.location(name)?;
        let parts = &manifest.manifest().parts;
        let parts = &parts[parts.len().min(self.first.0 as usize)..];
        self.check_parts(parts)?;
        let tell = |step| (self.tell)(UploadStep::Bucket(step));
        self.destination.prepare(self.location, &tell).await?;
        let bar = output.bar("uploading", manifest.manifest().bundled_size);
        let tally = stream::iter(parts)
            .map(|part| {
                (self.tell)(UploadStep::Part(part.name.as_str()));
                self.send(part, &bar)
            })
            .buffer_unordered(self.jobs)
            .try_fold(Uploaded::default(), async |mut tally, sent| {
                tally.sent += usize::from(sent > 0);
                tally.skipped += usize::from(sent == 0);
                tally.bytes += sent;
                Ok(tally)
            })
            .await;
        bar.clear();
        let tally = tally?;
        if self.manifest_too {
            self.destination.put(name, &Content::bytes(bytes)).await?;
        }
        Ok(Uploaded {
            location: location.to_string(),
            ..tally
        })
    }

    /// Insists that every part is there before anything is sent.
    fn check_parts(&self, parts: &[Part]) -> Result<(), Failure> {
        for part in parts {
            let path = self.parts.join(part.name.as_str());
            fs_err::metadata(&path).map_err(|error| unreadable("part", &path, error))?;
        }
        Ok(())
    }

    /// Sends one part, unless the store has it; gives the bytes that were sent.
    async fn send(&self, part: &Part, bar: &Bar) -> Result<u64, anyhow::Error> {
        let path = self.parts.join(part.name.as_str());
        let content = read_part(&path, part.digest).await?;
        let put = self
            .destination
            .put_if_missing(part.name.as_str(), &content);
        let sent = put.await?;
        bar.add(content.length());
        Ok(if sent { content.length() } else { 0 })
    }
}

/// Reads a part and compares it with its digest.
async fn read_part(path: &Path, expected: Sha1Digest) -> Result<Content, anyhow::Error> {
    let metadata = fs_err::metadata(path).map_err(|error| unreadable("part", path, error))?;
    let (content, found) = if metadata.len() <= IN_MEMORY {
        let bytes = read_bounded("part", path, IN_MEMORY)?;
        let found = Sha1Digest::from_bytes(Sha1::digest(&bytes).into());
        (Content::bytes(bytes), found)
    } else {
        let read = digest_of_file(path).map_err(|error| unreadable("part", path, error))?;
        (Content::file(path).await?, read.0)
    };
    if found != expected {
        return Err(Failure::new(
            Exit::Input,
            format!(
                "the part {} is damaged: its digest is {found}, the manifest says {expected}",
                path.display()
            ),
        )
        .hint("bundle the image again")
        .into());
    }
    Ok(content)
}
