//! `gumnut upload`

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_manifest::Part;
use gumnut_types::{BucketName, Limits, ManifestLocation, ObjectKey, Sha1Digest};
use gumnut_walrus_client::{BucketState, CannedAcl, Content, PutOptions, WalrusClient};
use serde_json::json;
use sha1::{Digest as _, Sha1};

use super::{Context, digest, read_bounded, remote, trust, unreadable};
use crate::exit::{Exit, Failure};
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

/// A bucket, and what comes before every key.
#[derive(Clone)]
struct Target {
    bucket: BucketName,
    prefix: Option<String>,
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, anyhow::Error> {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let prefix = prefix.trim_end_matches('/');
        let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
        if let Some(prefix) = &prefix {
            prefix.parse::<ObjectKey>()?;
        }
        Ok(Self {
            bucket: bucket.parse()?,
            prefix,
        })
    }
}

impl Target {
    fn key(&self, name: &str) -> Result<ObjectKey, Failure> {
        let key = match &self.prefix {
            Some(prefix) => format!("{prefix}/{name}"),
            None => name.to_owned(),
        };
        key.parse().map_err(|error: gumnut_types::ObjectKeyError| {
            Failure::new(Exit::Usage, format!("{key:?} cannot be an object")).because(error)
        })
    }
}

/// An ACL, or none at all.
#[derive(Clone, Copy)]
struct AclChoice(Option<CannedAcl>);

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

/// What became of the parts.
#[derive(Default)]
struct Tally {
    sent: usize,
    skipped: usize,
    bytes: u64,
}

impl Upload {
    pub(crate) async fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let manifest = trust::read_manifest(&self.manifest)?;
        let limit = Limits::default().manifest_bytes as u64;
        let bytes = read_bounded("manifest", &self.manifest, limit)?;
        let name = self
            .manifest
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let key = self.bucket.key(name)?;
        let store = remote::walrus(context, &context.settings()?)?;
        self.check_parts(&manifest.manifest().parts)?;
        let bucket = &self.bucket.bucket;
        if store.bucket_state(bucket).await? == BucketState::Missing {
            store.create_bucket(bucket).await?;
            context.output.say(format!("made the bucket {bucket}"));
        }
        let bar = context
            .output
            .bar("uploading", manifest.manifest().bundled_size);
        let tally = stream::iter(&manifest.manifest().parts)
            .map(|part| self.send(&store, part, &bar))
            .buffer_unordered(usize::from(self.jobs))
            .try_fold(Tally::default(), async |mut tally, sent| {
                tally.sent += usize::from(sent > 0);
                tally.skipped += usize::from(sent == 0);
                tally.bytes += sent;
                Ok(tally)
            })
            .await;
        bar.clear();
        let tally = tally?;
        self.put(&store, &key, &Content::bytes(bytes)).await?;
        context.output.say(format!(
            "sent {}, {} were there already",
            crate::output::parts(tally.sent),
            tally.skipped
        ));
        let location = ManifestLocation {
            bucket: bucket.clone(),
            key,
        }
        .to_string();
        let json = json!({
            "location": location,
            "parts_sent": tally.sent,
            "parts_skipped": tally.skipped,
            "bytes_sent": tally.bytes,
        });
        context.output.result(&json, &location)
    }

    fn folder(&self) -> PathBuf {
        trust::parts_folder(&self.manifest, None)
    }

    /// Insists that every part is there before anything is sent.
    fn check_parts(&self, parts: &[Part]) -> Result<(), Failure> {
        for part in parts {
            let path = self.folder().join(part.name.as_str());
            fs_err::metadata(&path).map_err(|error| unreadable("part", &path, error))?;
        }
        Ok(())
    }

    /// Sends one part, unless the store has it; gives the bytes that were sent.
    async fn send(
        &self,
        store: &WalrusClient,
        part: &Part,
        bar: &Bar,
    ) -> Result<u64, anyhow::Error> {
        let path = self.folder().join(part.name.as_str());
        let content = read_part(&path, part.digest).await?;
        let key = self.bucket.key(part.name.as_str())?;
        let head = store.head_object(&self.bucket.bucket, &key).await?;
        let same = head
            .is_some_and(|head| head.size == content.length() && head.etag == content.md5_hex());
        if !same {
            self.put(store, &key, &content).await?;
        }
        bar.add(content.length());
        Ok(if same { 0 } else { content.length() })
    }

    async fn put(
        &self,
        store: &WalrusClient,
        key: &ObjectKey,
        content: &Content,
    ) -> Result<(), anyhow::Error> {
        let options = PutOptions { acl: self.acl.0 };
        match store
            .put_object(&self.bucket.bucket, key, content, options)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if self.acl.0.is_some() && refuses_acls(&error) => Err(Failure::new(
                Exit::Refused,
                "the store does not take this ACL",
            )
            .because(error)
            .hint("repeat with --acl none, and let the cloud read the bucket in another way")
            .into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a store says that it knows no such ACL.
fn refuses_acls(error: &gumnut_transport::TransportError) -> bool {
    let codes = [
        "AccessControlListNotSupported",
        "InvalidArgument",
        "NotImplemented",
    ];
    error
        .refusal()
        .is_some_and(|refusal| codes.contains(&refusal.code.as_str()))
}

/// Reads a part and compares it with its digest.
async fn read_part(path: &Path, expected: Sha1Digest) -> Result<Content, anyhow::Error> {
    let metadata = fs_err::metadata(path).map_err(|error| unreadable("part", path, error))?;
    let (content, found) = if metadata.len() <= IN_MEMORY {
        let bytes = read_bounded("part", path, IN_MEMORY)?;
        let found = Sha1Digest::from_bytes(Sha1::digest(&bytes).into());
        (Content::bytes(bytes), found)
    } else {
        let read = digest::of_file(path).map_err(|error| unreadable("part", path, error))?;
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
