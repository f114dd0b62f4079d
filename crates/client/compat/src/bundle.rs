//! `euca-bundle-image`, `ec2-bundle-image`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use gumnut_bundle::Existing;
use gumnut_terminal::{Stop, Watch, warn_of_image};
use gumnut_workflows::{Bundle, Step};
use tempfile::TempDir;

use super::call::{Call, print};
use super::image::ImageOptions;
use super::options::{AnyKeys, Calling, Calls, Service, given};
use super::tool::Tool;

/// Create a bundle from an image
#[derive(Args)]
pub(super) struct BundleImage {
    #[command(flatten)]
    image: ImageOptions,
    /// Directory of the bundle
    #[arg(short, long, value_name = "DIR")]
    destination: Option<PathBuf>,
    #[arg(short, long, hide = true)]
    batch: bool,
    #[arg(long = "no-size-checks", hide = true)]
    no_size_checks: bool,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for BundleImage {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    fn meaningless(&self) -> Vec<&'static str> {
        given(&[
            ("--batch", self.batch),
            ("--no-size-checks", self.no_size_checks),
        ])
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let bundle = self.image.bundle(call).await?;
        let folder = Folder::new(call, self.destination.as_deref())?;
        write_bundle(call, self.image.arch(), bundle, folder)
    }
}

/// Writes a bundle, and prints what the old tools printed; `arch`: the architecture, if it was given.
pub(super) fn write_bundle(
    call: &Call,
    arch: Option<&str>,
    bundle: Bundle,
    folder: Folder,
) -> Result<(), anyhow::Error> {
    let manifest = folder.path().join(bundle.meta().names.manifest().as_str());
    if fs_err::symlink_metadata(&manifest).is_ok() {
        call.say(&format!("replacing the bundle at {}", manifest.display()));
    }
    let old = call.dialect.is_2010();
    if old {
        // The architecture is a left-over that scripts may have come to count on.
        if let Some(arch) = arch {
            print(arch);
        }
        for stage in [
            "Checking image",
            "Tarring image",
            "Encrypting image",
            "Splitting image...",
        ] {
            print(stage);
        }
    }
    let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
    let watch = Watch::new(&call.session.output, &stop, move |step| match step {
        Step::Bundling { .. } => warn_of_image(step),
        Step::Part { name } if old => print(&format!("Part: {name}")),
        Step::WritingManifest { path } if old => {
            print(&format!("Generating manifest {}", path.display()));
        }
        _ => {}
    });
    let (_, manifest) = bundle.into_folder(folder.path(), Existing::Replace, &*watch)?;
    folder.keep();
    if !old {
        print(&format!("Wrote manifest {}", manifest.display()));
    }
    Ok(())
}

/// The directory of a bundle.
pub(super) enum Folder {
    Named(PathBuf),
    /// A new one, which goes again unless the bundle becomes complete.
    Fresh(TempDir),
}

impl Folder {
    pub(super) fn new(call: &Call, named: Option<&Path>) -> Result<Self, anyhow::Error> {
        if let Some(folder) = named {
            fs_err::create_dir_all(folder)?;
            return Ok(Self::Named(folder.to_owned()));
        }
        if call.dialect != super::dialect::Dialect::Euca34 {
            return Ok(Self::Named(PathBuf::from("/tmp")));
        }
        let parent = ["TMPDIR", "TEMP", "TMP"]
            .into_iter()
            .filter_map(std::env::var_os)
            .find(|path| !path.is_empty())
            .map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        let folder = tempfile::Builder::new()
            .prefix("bundle-")
            .rand_bytes(6)
            .tempdir_in(parent)?;
        Ok(Self::Fresh(folder))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Fresh(folder) => folder.path(),
        }
    }

    pub(super) fn keep(self) {
        if let Self::Fresh(folder) = self {
            let _ = folder.keep();
        }
    }
}
