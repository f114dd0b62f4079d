//! An image of the cloud and what starts it, as files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gumnut_bundle::{Existing, ImageFile};
use gumnut_ec2_client::{DescribeImages, Ec2Client, Image};
use gumnut_settings::Settings;
use gumnut_terminal::{Exit, Failure, Session, Stop, Watch, block_on_or_stop};
use gumnut_types::{ImageClass, ImageId, ManifestLocation};
use gumnut_walrus_client::WalrusClient;
use gumnut_workflows::{Download, LocalBundle, StoredBundle};

use super::check;
use super::files::Files;
use crate::commands::trust::Trust;
use crate::commands::unbundle;

/// Parts that are fetched at the same time.
const JOBS: usize = 4;

/// What the cloud says of the images.
struct Described {
    machine: Image,
    kernel: Option<Image>,
    ramdisk: Option<Image>,
}

/// What the user named in the place of what the cloud names, and whose word is trusted of the rest.
pub(super) struct Instead<'a> {
    pub(super) kernel: Option<&'a Path>,
    pub(super) ramdisk: Option<&'a Path>,
    pub(super) trust: &'a Trust,
}

/// Fetches, verifies and restores everything to `folder`.
pub(super) fn run(
    instead: &Instead<'_>,
    session: &Session,
    id: &ImageId,
    folder: &Path,
    stop: &Stop,
) -> Result<Files, anyhow::Error> {
    if id.class() != ImageClass::Machine {
        let message = format!("{id} is not a machine image");
        return Err(Failure::new(Exit::Usage, message)
            .hint("pass an emi- or ami- id; its kernel and ramdisk are found automatically")
            .into());
    }
    let settings = session.settings()?;
    let work = Work {
        instead,
        session,
        settings: &settings,
        folder,
        stop,
    };
    let client = session.ec2(&settings)?;
    let described = work.wait(work.describe(&client, id))?;
    let architecture = match described.machine.architecture.as_deref() {
        Some(text) => text.parse().ok(),
        None => None,
    };
    let store = session.walrus(&settings)?;
    let kernel = match check::absolute_if_given("kernel", instead.kernel)? {
        Some(path) => Some(path),
        None => work.restore_all(&store, "kernel", described.kernel.as_ref())?,
    };
    let ramdisk = match check::absolute_if_given("ramdisk", instead.ramdisk)? {
        Some(path) => Some(path),
        None => work.restore_all(&store, "ramdisk", described.ramdisk.as_ref())?,
    };
    Ok(Files {
        disk: work.restore(&store, "disk", &described.machine)?,
        kernel,
        ramdisk,
        architecture,
    })
}

/// Fetches, verifies and restores a kernel or ramdisk to `folder`, in which the file is called as what it is.
pub(super) fn starter(
    instead: &Instead<'_>,
    session: &Session,
    (what, id): (&str, &ImageId),
    folder: &Path,
    stop: &Stop,
) -> Result<PathBuf, anyhow::Error> {
    let settings = session.settings()?;
    let work = Work {
        instead,
        session,
        settings: &settings,
        folder,
        stop,
    };
    let client = session.ec2(&settings)?;
    let image = work.wait(one(&client, id.clone()))?;
    work.restore(&session.walrus(&settings)?, what, &image)
}

struct Work<'a> {
    instead: &'a Instead<'a>,
    session: &'a Session,
    settings: &'a Settings,
    folder: &'a Path,
    stop: &'a Stop,
}

impl Work<'_> {
    /// Waits for the network, or until the user wants to stop.
    fn wait<T>(
        &self,
        work: impl Future<Output = Result<T, anyhow::Error>>,
    ) -> Result<T, anyhow::Error> {
        block_on_or_stop(work, self.stop)
    }

    /// The machine image, and the kernel and ramdisk that it names unless files take their place.
    async fn describe(&self, client: &Ec2Client, id: &ImageId) -> Result<Described, anyhow::Error> {
        let machine = one(client, id.clone()).await?;
        let kernel = named(
            machine
                .kernel_id
                .as_deref()
                .filter(|_| self.instead.kernel.is_none()),
        )?;
        let ramdisk = named(
            machine
                .ramdisk_id
                .as_deref()
                .filter(|_| self.instead.ramdisk.is_none()),
        )?;
        Ok(Described {
            kernel: maybe(client, kernel).await?,
            ramdisk: maybe(client, ramdisk).await?,
            machine,
        })
    }

    fn restore_all(
        &self,
        store: &WalrusClient,
        what: &str,
        image: Option<&Image>,
    ) -> Result<Option<PathBuf>, anyhow::Error> {
        image
            .map(|image| self.restore(store, what, image))
            .transpose()
    }

    /// Brings one image here. Its bundle goes as soon as it has been opened.
    fn restore(
        &self,
        store: &WalrusClient,
        what: &str,
        image: &Image,
    ) -> Result<PathBuf, anyhow::Error> {
        let (id, output) = (&image.image_id, &self.session.output);
        output.say(format!("fetching the {what}, {id}"));
        let stored = StoredBundle {
            store: store.clone(),
            location: location(image)?,
        };
        let bundle = self.folder.join(format!("{what}-bundle"));
        let download = Download::new(stored, &bundle).jobs(JOBS);
        let watch = Watch::new(output, self.stop, |_| {});
        let work = async { Ok(download.run(Arc::clone(&watch) as _).await?) };
        let downloaded = self.wait(work);
        watch.clear();
        let local = LocalBundle::new(downloaded?.manifest);
        let opened = unbundle::open(self.settings, &local, self.instead.trust)?;
        let file = ImageFile::create(&self.folder.join(what), Existing::Refuse)?;
        let restored = opened.run(file, &*watch);
        watch.clear();
        let path = restored?.path;
        fs_err::remove_dir_all(&bundle)?;
        Ok(path)
    }
}

fn named(id: Option<&str>) -> Result<Option<ImageId>, anyhow::Error> {
    let id = id.filter(|id| !id.is_empty());
    let parsed = id.map(str::parse::<ImageId>).transpose();
    parsed.map_err(|error| {
        Failure::new(
            Exit::Network,
            "the cloud's kernel or ramdisk of this image is not one",
        )
        .because(error)
        .into()
    })
}

async fn maybe(client: &Ec2Client, id: Option<ImageId>) -> Result<Option<Image>, anyhow::Error> {
    match id {
        Some(id) => Ok(Some(one(client, id).await?)),
        None => Ok(None),
    }
}

/// The description of one image.
async fn one(client: &Ec2Client, id: ImageId) -> Result<Image, anyhow::Error> {
    let wanted = DescribeImages {
        ids: vec![id.clone()],
        ..DescribeImages::default()
    };
    client
        .describe_images(&wanted)
        .await?
        .into_iter()
        .find(|image| image.image_id.parse().as_ref() == Ok(&id))
        .ok_or_else(|| {
            let message = format!("the cloud has no image {id}, or it is not visible to you");
            Failure::new(Exit::Refused, message)
                .hint("gumnut images lists all images")
                .into()
        })
}

fn location(image: &Image) -> Result<ManifestLocation, Failure> {
    let id = &image.image_id;
    let text = image.location.as_deref().unwrap_or_default();
    text.parse().map_err(|error| {
        Failure::new(
            Exit::Input,
            format!("the location of {id} is not that of a manifest: {text:?}"),
        )
        .because(anyhow::Error::new::<gumnut_types::LocationError>(error))
    })
}
