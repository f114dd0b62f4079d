//! `euca-download-bundle`, `ec2-download-bundle`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use gumnut_terminal::{Signature, Stop, Watch};
use gumnut_types::ManifestLocation;
use gumnut_walrus_client::WalrusClient;
use gumnut_workflows::{Download, NoProgress, Step};

use super::call::{Call, print};
use super::dialect::Dialect;
use super::options::{AnyKeys, Calling, Calls, Service, given};
use super::selector::{self, Selected, Selector};
use super::tool::Tool;
use super::upload::parse_sigv;

/// Parts that are fetched at the same time.
pub(super) const JOBS: usize = 4;

/// Download a bundle from the object store
#[derive(Args)]
pub(super) struct DownloadBundle {
    #[command(flatten)]
    selector: Selector,
    /// Directory of the bundle; `-` writes the parts to standard output, one after the other
    #[arg(short, long, alias = "directory", value_name = "DIR")]
    destination: Option<PathBuf>,
    #[arg(short = 'k', long = "privatekey", value_name = "FILE", hide = true)]
    private_key: Option<PathBuf>,
    #[arg(long, hide = true)]
    retry: bool,
    #[arg(long, value_name = "VERSION", hide = true, value_parser = parse_sigv)]
    sigv: Option<Signature>,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for DownloadBundle {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    fn signature(&self) -> Option<Signature> {
        self.sigv
    }

    fn meaningless(&self) -> Vec<&'static str> {
        given(&[
            ("--retry", self.retry),
            ("--privatekey", self.private_key.is_some()),
        ])
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let fallback = (call.dialect == Dialect::AmiTools).then_some("image");
        let selected = self
            .selector
            .select(selector::meaning(call.dialect), fallback)?;
        let session = &call.session;
        let store = session.walrus(&session.settings()?)?;
        if self.destination.as_deref() == Some(Path::new("-")) {
            return self.stream(call, &store, selected).await;
        }
        match selected {
            Selected::Stored(location) => self.fetch(call, &store, &location).await,
            Selected::Prefix(prefix) => {
                let location = self.selector.of_prefix(&prefix)?;
                self.fetch(call, &store, &location).await
            }
            Selected::Local(path, location) => {
                let (manifest, _) = selector::read(&store, Some(&path), &location).await?;
                let folder = self.folder(call.dialect);
                fs_err::create_dir_all(&folder)?;
                let download = job(&store, &location, &folder);
                download.parts(&manifest, watch(call)).await?;
                say(call, &path);
                Ok(())
            }
            Selected::All => {
                for location in self.selector.all(&store).await? {
                    self.fetch(call, &store, &location).await?;
                }
                Ok(())
            }
        }
    }
}

/// Reports the names of objects where the dialect does.
fn watch(call: &Call) -> Arc<Watch> {
    let old = call.dialect.is_2010();
    Watch::new(
        &call.session.output,
        &Stop::default(),
        move |step| match step {
            Step::ReadingManifest { name } | Step::Part { name } if old => {
                print(&format!("Downloading {name}"));
            }
            _ => {}
        },
    )
}

fn say(call: &Call, manifest: &Path) {
    if !call.dialect.is_2010() {
        print(&format!("Wrote manifest {}", manifest.display()));
    }
}

fn job(store: &WalrusClient, location: &ManifestLocation, folder: &Path) -> Download {
    Download::new(selector::stored(store, location), folder).jobs(JOBS)
}

impl DownloadBundle {
    fn folder(&self, dialect: Dialect) -> PathBuf {
        let default = if dialect.is_2010() { "/tmp" } else { "." };
        self.destination
            .clone()
            .unwrap_or_else(|| PathBuf::from(default))
    }

    async fn fetch(
        &self,
        call: &Call,
        store: &WalrusClient,
        location: &ManifestLocation,
    ) -> Result<(), anyhow::Error> {
        let folder = self.folder(call.dialect);
        let download = job(store, location, &folder);
        let downloaded = download.run(watch(call)).await?;
        say(call, &downloaded.manifest);
        Ok(())
    }

    /// Writes the parts to standard output: the ciphertext of the bundle, each part checked before it is written.
    async fn stream(
        &self,
        call: &Call,
        store: &WalrusClient,
        selected: Selected,
    ) -> Result<(), anyhow::Error> {
        use std::io::Write as _;
        let (local, location) = match selected {
            Selected::Stored(location) => (None, location),
            Selected::Local(path, location) => (Some(path), location),
            Selected::Prefix(prefix) => (None, self.selector.of_prefix(&prefix)?),
            Selected::All => {
                return Err(super::report::unusable(
                    "only one bundle can be written to standard output",
                )
                .into());
            }
        };
        let (manifest, _) = selector::read(store, local.as_deref(), &location).await?;
        let folder = tempfile::tempdir()?;
        let download = job(store, &location, folder.path());
        let quiet = Arc::new(NoProgress);
        download.parts(&manifest, quiet).await?;
        let mut stdout = call.session.output.stream()?;
        for part in &manifest.parts {
            let mut file = fs_err::File::open(folder.path().join(part.name.as_str()))?;
            std::io::copy(&mut file, &mut stdout)?;
        }
        Ok(stdout.flush()?)
    }
}
