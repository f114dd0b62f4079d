//! The directory of an instance: its disk, kernel and ramdisk, made from unbundled images.

use std::error::Error;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use gumnut_cloud_images::Images;
use gumnut_cloud_instances::{
    Boot, BundledImage, InstanceId, Machine, Provision, ProvisionCause, ProvisionError, Provisioner,
};
use gumnut_disk_image::{
    Content, Contents, DiskImageError, FileSystem, Inspection, KernelForm, built_in_drivers,
    inject_key, inspect,
};
use gumnut_types::Fault;

use crate::compose::{InstanceDisk, compose};
use crate::devices::{self, Known};
use crate::error::DiskError;
use crate::room;
use crate::unbundled::{Unbundled, UnbundledImage};

/// Makes the directories of instances from the images of a cloud.
#[derive(Debug)]
pub struct DiskProvisioner {
    root: PathBuf,
    unbundled: Unbundled,
    images: Images,
    replacement: Option<ReplacementKernel>,
}

/// A kernel for machines whose own does not start here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementKernel {
    /// The id of the kernel.
    pub kernel: String,
    /// The id of its ramdisk.
    pub ramdisk: Option<String>,
}

/// The files in the directory of an instance, as the emulator is started with them.
const DISK: &str = "disk.img";
const KERNEL: &str = "kernel";
const RAMDISK: &str = "ramdisk";
/// Directories that are not complete begin so.
const TEMPORARY: &str = ".new-";
/// The swap area that Eucalyptus gave to each instance, in bytes.
const SWAP: u64 = 512 << 20;
/// Bytes of the disk of the host that are left free.
const RESERVE: u64 = 1 << 30;

impl DiskProvisioner {
    /// Makes directories below `root`, which is made if it is not there; what an interrupted run has left there is removed.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(
        root: &Path,
        unbundled: Unbundled,
        images: Images,
        replacement: Option<ReplacementKernel>,
    ) -> Result<Self, DiskError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(root)
            .map_err(DiskError::system("create", root))?;
        clean(root).map_err(DiskError::system("clean", root))?;
        Ok(Self {
            root: root.to_owned(),
            unbundled,
            images,
            replacement,
        })
    }

    async fn get(&self, image: &BundledImage) -> Result<UnbundledImage, DiskError> {
        let id = image.id.to_string();
        self.unbundled.get(&id, &image.manifest_sha256).await
    }

    async fn get_maybe(
        &self,
        image: Option<&BundledImage>,
    ) -> Result<Option<UnbundledImage>, DiskError> {
        match image {
            Some(image) => self.get(image).await.map(Some),
            None => Ok(None),
        }
    }

    /// An image that is registered now.
    async fn registered(&self, id: &str) -> Result<UnbundledImage, ProvisionError> {
        let found = self.images.find(id).await.map_err(|error| ProvisionError {
            cause: ProvisionCause::Host,
            text: format!("cannot look for {id}"),
            source: Some(error.into()),
        })?;
        let Some(image) = found else {
            let text = format!("the replacement kernel needs {id}, which does not exist");
            return Err(ProvisionError::new(ProvisionCause::Host, text));
        };
        let restored = self.unbundled.get(&image.id, &image.manifest_sha256).await;
        restored.map_err(of_disk)
    }

    /// The kernel and ramdisk that the machine starts with: its own, or those that replace a kernel that does not start here.
    async fn kernel(
        &self,
        wanted: &Provision,
    ) -> Result<Option<(UnbundledImage, Option<UnbundledImage>)>, ProvisionError> {
        let Some(bundled) = &wanted.kernel else {
            return Ok(None);
        };
        let kernel = self.get(bundled).await.map_err(of_disk)?;
        let path = kernel.path().to_owned();
        let judged = blocking(move || judge(&path).map_err(of_image)).await?;
        let Some(reason) = judged else {
            let ramdisk = self.get_maybe(wanted.ramdisk.as_ref()).await;
            return Ok(Some((kernel, ramdisk.map_err(of_disk)?)));
        };
        let Some(replacement) = &self.replacement else {
            let text = format!(
                "the kernel {} {reason}; start the cloud with --replacement-kernel EKI,ERI, or register a kernel for KVM",
                bundled.id
            );
            return Err(ProvisionError::new(ProvisionCause::Image, text));
        };
        let kernel = self.registered(&replacement.kernel).await?;
        let ramdisk = match &replacement.ramdisk {
            Some(id) => Some(self.registered(id).await?),
            None => None,
        };
        tracing::info!(instance = %wanted.id, kernel = %bundled.id, reason, "the kernel is replaced");
        Ok(Some((kernel, ramdisk)))
    }
}

#[async_trait]
impl Provisioner for DiskProvisioner {
    async fn provision(&self, wanted: &Provision) -> Result<Machine, ProvisionError> {
        let kernel = self.kernel(wanted).await?;
        let image = self.get(&wanted.image).await.map_err(of_disk)?;
        let (root, wanted) = (self.root.clone(), wanted.clone());
        blocking(move || Making::begin(&root, &wanted)?.make(&image, kernel.as_ref())).await
    }
}

/// A directory that is being made. Dropped before it is complete, it is removed.
struct Making<'a> {
    wanted: &'a Provision,
    temporary: PathBuf,
    folder: PathBuf,
}

impl<'a> Making<'a> {
    fn begin(root: &Path, wanted: &'a Provision) -> Result<Self, ProvisionError> {
        let needed = wanted.instance_type.disk();
        let free = room::free(root).map_err(of_system("ask for the room on the disk"))?;
        let free = free.saturating_sub(RESERVE);
        if needed > free {
            let what = format!("the disk of {}", wanted.id);
            return Err(of_disk(DiskError::NoRoom { what, needed, free }));
        }
        let name = folder_name(&wanted.id);
        let making = Self {
            wanted,
            temporary: root.join(format!("{TEMPORARY}{name}")),
            folder: root.join(name),
        };
        // Of a call before this one.
        for folder in [&making.temporary, &making.folder] {
            remove(folder).map_err(of_system("remove the old directory of the instance"))?;
        }
        let mut builder = std::fs::DirBuilder::new();
        let made = builder.mode(0o700).create(&making.temporary);
        made.map_err(of_system("make the directory of the instance"))?;
        Ok(making)
    }

    fn make(
        self,
        image: &UnbundledImage,
        kernel: Option<&(UnbundledImage, Option<UnbundledImage>)>,
    ) -> Result<Machine, ProvisionError> {
        let inspection = inspect(image.path()).map_err(of_image)?;
        let known = known(&inspection, kernel).map_err(of_image)?;
        self.disk(image, &inspection)?;
        let (bus, boot) = if let Some((kernel, ramdisk)) = kernel {
            self.link(kernel, KERNEL)?;
            if let Some(ramdisk) = ramdisk {
                self.link(ramdisk, RAMDISK)?;
            }
            let guest = inspection.root().and_then(FileSystem::guest);
            let fstab = guest.and_then(|guest| guest.root_device.as_deref());
            let disk = devices::root_disk(&known, fstab);
            let boot = Boot::Kernel {
                ramdisk: ramdisk.is_some(),
                command_line: command_line(disk.device),
            };
            (disk.bus, boot)
        } else {
            self.insist_on_boot_loader(&inspection)?;
            (devices::whole_disk(&known), Boot::Disk)
        };
        let renamed = fs_err::rename(&self.temporary, &self.folder);
        renamed.map_err(of_system("name the directory of the instance"))?;
        let kind = self.wanted.instance_type;
        Ok(Machine {
            id: self.wanted.id.clone(),
            architecture: self.wanted.architecture,
            instance_type: kind.name.to_owned(),
            memory: kind.memory(),
            processors: kind.processors,
            bus,
            card: devices::card(&known),
            mac: self.wanted.mac,
            boot,
        })
    }

    /// Makes the disk, with the user's key where the guest does not fetch it.
    fn disk(&self, image: &UnbundledImage, inspection: &Inspection) -> Result<(), ProvisionError> {
        let mut uuid = [0; 16];
        getrandom::fill(&mut uuid).map_err(|error| of_system("get random bytes")(error.into()))?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = since.unwrap_or_default().as_secs();
        let disk = InstanceDisk {
            image: image.path(),
            size: self.wanted.instance_type.disk(),
            swap: SWAP,
            uuid,
            time: u32::try_from(seconds).unwrap_or(u32::MAX),
        };
        let path = self.temporary.join(DISK);
        let composed = compose(disk, &path).map_err(of_disk)?;
        let (Some(root), Some(key)) = (composed.root, &self.wanted.key) else {
            return Ok(());
        };
        match inspection.root().map(|root| &root.contents) {
            Some(Contents::Read(guest)) if guest.asks_metadata => Ok(()),
            Some(_) => inject_key(&path, root, key.openssh.trim()).map_err(|error| {
                let failed = of_image(error);
                let (name, text) = (&key.name, failed.text);
                let text = format!("the key {name} cannot be put into the image: {text}");
                ProvisionError { text, ..failed }
            }),
            None => {
                let instance = &self.wanted.id;
                tracing::warn!(%instance, "the key is not put into an image without ext2, ext3 or ext4");
                Ok(())
            }
        }
    }

    /// Puts a file of the images into the directory. It is not copied: nobody writes to it.
    fn link(&self, image: &UnbundledImage, name: &str) -> Result<(), ProvisionError> {
        let target = self.temporary.join(name);
        let linked = fs_err::hard_link(image.path(), &target);
        // Where the file system has no links.
        let there = linked.or_else(|_| fs_err::copy(image.path(), &target).map(drop));
        there.map_err(of_system("copy the kernel or ramdisk"))
    }

    fn insist_on_boot_loader(&self, inspection: &Inspection) -> Result<(), ProvisionError> {
        match &inspection.content {
            Content::Disk(disk) if disk.bootable => Ok(()),
            content => {
                let image = &self.wanted.image.id;
                let text =
                    format!("{image} names no kernel and has no boot loader: it is {content}");
                Err(ProvisionError::new(ProvisionCause::Image, text))
            }
        }
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.temporary) {
            tracing::warn!(%error, "an incomplete directory of an instance is left");
        }
    }
}

/// The name of the directory of an instance. An id names the same directory in any case.
fn folder_name(id: &InstanceId) -> String {
    id.as_str().to_ascii_lowercase()
}

/// Why a kernel does not start in qemu; `None`: it does.
fn judge(kernel: &Path) -> Result<Option<String>, DiskImageError> {
    let content = inspect(kernel)?.content;
    Ok(match &content {
        Content::Kernel(found) => match found.form {
            KernelForm::BzImage { .. } | KernelForm::ZImage { .. } => None,
            _ => Some(format!("does not start here: it is {content}")),
        },
        // The Xen kernels of 2009 are such, compressed or not.
        Content::Elf { elf, .. } if elf.can_be_kernel() => {
            Some(format!("is for Xen alone: it is {content}"))
        }
        Content::Compressed { .. } => Some(format!("is probably for Xen alone: it is {content}")),
        _ => Some(format!("is no kernel: it is {content}")),
    })
}

/// What is known of the drivers of a machine.
fn known(
    image: &Inspection,
    kernel: Option<&(UnbundledImage, Option<UnbundledImage>)>,
) -> Result<Known, DiskImageError> {
    let guest = image.root().and_then(FileSystem::guest);
    let mut known = Known {
        root: guest.map(|guest| guest.drivers),
        ..Known::default()
    };
    if let Some((kernel, ramdisk)) = kernel {
        known.early = built_in_drivers(kernel.path())?;
        if let Some(ramdisk) = ramdisk
            && let Content::Ramdisk(found) = inspect(ramdisk.path())?.content
        {
            known.ramdisk = found.drivers;
        }
    }
    Ok(known)
}

/// How a kernel is started. The console is the serial port, and network cards keep the names of 2009. Translated processors are too
/// irregular for the test of the timer.
fn command_line(device: &str) -> String {
    format!("root={device} ro console=ttyS0 no_timer_check net.ifnames=0")
}

fn clean(root: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(root)? {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(TEMPORARY.as_bytes())
        {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProvisionError> + Send + 'static,
) -> Result<T, ProvisionError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(ProvisionError {
            cause: ProvisionCause::Host,
            text: "making the disk was interrupted".to_owned(),
            source: Some(error.into()),
        })
    })
}

fn of_disk(error: DiskError) -> ProvisionError {
    let cause = if error.is_for_lack_of_room() {
        ProvisionCause::Capacity
    } else if error.fault() == Fault::Input {
        ProvisionCause::Image
    } else {
        ProvisionCause::Host
    };
    let text = if cause == ProvisionCause::Host {
        // Its words name files of the host, which are not for users.
        "the disk of the instance cannot be made; the log of the cloud says why".to_owned()
    } else {
        words(&error)
    };
    ProvisionError {
        cause,
        text,
        source: Some(error.into()),
    }
}

fn of_image(error: DiskImageError) -> ProvisionError {
    of_disk(error.into())
}

fn of_system(doing: &'static str) -> impl Fn(io::Error) -> ProvisionError {
    move |error| {
        let cause = if error.kind() == io::ErrorKind::StorageFull {
            ProvisionCause::Capacity
        } else {
            ProvisionCause::Host
        };
        ProvisionError {
            cause,
            text: format!("cannot {doing}"),
            source: Some(error.into()),
        }
    }
}

/// An error and what is behind it.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut behind = error.source();
    while let Some(source) = behind {
        words = format!("{words}: {source}");
        behind = source.source();
    }
    words
}

#[cfg(test)]
mod tests;
