//! `gumnut download`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use gumnut_manifest::{Manifest, Part};
use gumnut_types::{Limits, ManifestLocation, Sha1Digest};
use gumnut_walrus_client::WalrusClient;
use gumnut_workflows::{PartOutput, digest_of_file};
use serde_json::json;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use super::{Context, remote, unreadable};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::progress::Bar;

/// Fetch a bundle from the object store.
///
/// Each part is compared with the manifest while it comes; files get their names when they are whole, the
/// manifest's last. Parts that are there already and right are not fetched again.
#[derive(Args)]
pub(crate) struct Download {
    /// Where the manifest lies
    #[arg(value_name = "BUCKET/KEY")]
    location: ManifestLocation,
    /// Folder of the bundle; made when it is missing
    #[arg(short, long, value_name = "DIR")]
    destination: PathBuf,
    /// Parts that are fetched at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
}

impl Download {
    pub(crate) async fn run(&self, context: &Context<'_>) -> Result<(), anyhow::Error> {
        let store = remote::walrus(context, &context.settings()?)?;
        let fetch = Fetch {
            store: &store,
            location: &self.location,
            destination: &self.destination,
            jobs: usize::from(self.jobs),
            tell: &|_| {},
        };
        let Fetched {
            manifest,
            parts,
            bytes,
        } = fetch.run(context.output).await?;
        let json = json!({ "manifest": manifest, "parts": parts, "bytes": bytes });
        context
            .output
            .result(&json, &manifest.display().to_string())
    }
}

/// A bundle that is to be fetched.
pub(crate) struct Fetch<'a> {
    pub(crate) store: &'a WalrusClient,
    /// Where its manifest lies.
    pub(crate) location: &'a ManifestLocation,
    /// Folder of the bundle; made when it is missing.
    pub(crate) destination: &'a Path,
    /// Parts that are fetched at the same time.
    pub(crate) jobs: usize,
    /// Told the name of each object, in order, when its turn comes.
    pub(crate) tell: &'a (dyn Fn(&str) + Sync),
}

/// A bundle that is here.
pub(crate) struct Fetched {
    /// Path of its manifest; the parts lie beside it.
    pub(crate) manifest: PathBuf,
    /// How many parts it has.
    pub(crate) parts: usize,
    /// Their bytes together.
    pub(crate) bytes: u64,
}

impl Fetch<'_> {
    /// Fetches every part, each compared with the manifest, and last the manifest.
    pub(crate) async fn run(&self, output: &Output) -> Result<Fetched, anyhow::Error> {
        (self.tell)(self.location.key.file_name());
        let manifest = remote::fetch_manifest(self.store, self.location).await?;
        let name: gumnut_types::PartName =
            self.location.key.file_name().parse().map_err(|error| {
                Failure::new(
                    Exit::Input,
                    format!("{} cannot be a file name", self.location.key),
                )
                .because(anyhow::Error::new::<gumnut_types::NameError>(error))
            })?;
        fs_err::create_dir_all(self.destination)?;
        let path = self.destination.join(name.as_str());
        refuse_other(&path, manifest.bytes())?;
        let size = self.parts(manifest.manifest(), output).await?;
        let temporary = temporary(&path);
        fs_err::write(&temporary.0, manifest.bytes())?;
        finish(temporary, &path).await?;
        Ok(Fetched {
            manifest: path,
            parts: manifest.manifest().parts.len(),
            bytes: size,
        })
    }

    /// Fetches the parts that a manifest names into the folder, which exists; gives their size in bytes.
    pub(crate) async fn parts(
        &self,
        manifest: &Manifest,
        output: &Output,
    ) -> Result<u64, anyhow::Error> {
        let bar = output.bar("downloading", manifest.bundled_size);
        let fetched = stream::iter(&manifest.parts)
            .map(|part| {
                (self.tell)(part.name.as_str());
                self.part(part, &bar)
            })
            .buffer_unordered(self.jobs)
            .try_fold(0, async |sum, size| Ok(sum + size))
            .await;
        bar.clear();
        let size = fetched?;
        if size != manifest.bundled_size {
            return Err(Failure::new(
                Exit::Input,
                format!(
                    "the parts have {size} bytes, the manifest says {}",
                    manifest.bundled_size
                ),
            )
            .into());
        }
        Ok(size)
    }

    /// Brings one part into the folder and gives its size.
    async fn part(&self, part: &Part, bar: &Bar) -> Result<u64, anyhow::Error> {
        let path = self.destination.join(part.name.as_str());
        if let Some(size) = already_there(&path, part.digest).await? {
            bar.add(size);
            return Ok(size);
        }
        let stored = remote::stored(self.store, self.location);
        let mut file = PartFile::create(temporary(&path), bar)
            .await
            .with_context(|| format!("cannot write {}", path.display()))?;
        let limits = Limits::default();
        let size = stored.receive(part, None, &limits, &mut file).await?;
        file.file.flush().await?;
        let PartFile { temporary, .. } = file;
        finish(temporary, &path).await?;
        Ok(size)
    }
}

/// A part that comes.
struct PartFile<'a> {
    temporary: Temporary,
    file: tokio::fs::File,
    bar: &'a Bar,
}

impl<'a> PartFile<'a> {
    async fn create(temporary: Temporary, bar: &'a Bar) -> std::io::Result<Self> {
        let file = tokio::fs::File::create(&temporary.0).await?;
        Ok(Self {
            temporary,
            file,
            bar,
        })
    }
}

impl PartOutput for PartFile<'_> {
    async fn write(&mut self, bytes: Bytes) -> std::io::Result<()> {
        self.bar.add(bytes.len() as u64);
        self.file.write_all(&bytes).await
    }

    async fn restart(&mut self) -> std::io::Result<()> {
        self.file.flush().await?;
        self.file.set_len(0).await?;
        self.file.rewind().await.map(drop)
    }
}

/// A file that goes away unless it gets its final name.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone already when it has its final name.
        let _ = fs_err::remove_file(&self.0);
    }
}

fn temporary(path: &Path) -> Temporary {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    Temporary(name.into())
}

/// Brings a file to the disk and gives it its name.
async fn finish(temporary: Temporary, path: &Path) -> Result<(), anyhow::Error> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        fs_err::File::open(&temporary.0)?.sync_all()?;
        fs_err::rename(&temporary.0, &path)
    })
    .await
    .context("a thread died")??;
    Ok(())
}

/// The size of the file if it is the part already. Another file of that name is not touched.
async fn already_there(path: &Path, expected: Sha1Digest) -> Result<Option<u64>, Failure> {
    let owned = path.to_owned();
    let read = tokio::task::spawn_blocking(move || match digest_of_file(&owned) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    });
    let read = read
        .await
        .map_err(|error| Failure::new(Exit::Unexpected, "a thread died").because(error))?;
    match read.map_err(|error| unreadable("part", path, error))? {
        None => Ok(None),
        Some((found, size)) if found == expected => Ok(Some(size)),
        Some(_) => Err(exists(path)),
    }
}

/// Refuses to replace a manifest that says something else.
fn refuse_other(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    match fs_err::read(path) {
        Ok(found) if found != bytes => Err(exists(path)),
        _ => Ok(()),
    }
}

fn exists(path: &Path) -> Failure {
    Failure::new(
        Exit::Input,
        format!("{} exists and is something else", path.display()),
    )
    .hint("choose another folder with --destination")
}
