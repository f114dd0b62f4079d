//! `gumnut publish`

mod explain;
mod follow;
mod journals;
mod report;
mod runs;
mod tree;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use gumnut_bundle::Level;
use gumnut_disk_image::{Content, DiskImageError, Hypervisor, insist, inspect};
use gumnut_publish::{Form, Images, Plan, Publisher, Registration, Storage};
use gumnut_terminal::{Exit, Failure, Session, block_on};
use gumnut_types::{Architecture, BucketName, ByteSize, ImageClass};
use gumnut_workflows::Keys;

use self::explain::explain;
use self::follow::Following;
use self::journals::all_runs;
pub(crate) use self::runs::{Abort, ListRuns, Resume};
use super::capture::RunningOptions;
use super::keys::KeyOptions;
use super::tree::{SourceOptions, TreeOptions};
use super::upload::AclChoice;
use crate::values::{self, Starter};
use gumnut_settings::Settings;

/// Publish images: unpack, check, resize, bundle, upload, register and verify in one command.
///
/// TARGET is a tarball of images, the directory that it was unpacked to, a disk image, or a tree of files as `gumnut make` takes it: a
/// directory with the files of a system, a tar archive of them, a container image, or / for the running system. Bundles are uploaded while they
/// are made, and a journal records each step. If it is interrupted, run the same command again to resume; if everything
/// has been published, it changes nothing. Prints one line per image: IMAGE, id, location, kind.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut publish euca-centos-5.3-i386.tar.gz --size 4G
  gumnut publish disk.img --kernel vmlinuz --ramdisk initrd.img --bucket images --public
  gumnut publish debian.qcow2 --name debian-12 --tag release=12
  gumnut publish rootfs.tar.zst --free 1G
  gumnut publish / --bucket images --exclude '/var/lib/mysql/*'
  gumnut publish euca-centos-5.3-i386.tar.gz --dry-run")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(crate) struct Publish {
    /// A tarball of images, its directory, a disk image, or a tree of files
    target: PathBuf,
    /// Size of the file system: 4G, 4096M, up to 16T; a disk image is copied for that
    #[arg(long, value_name = "SIZE", value_parser = values::disk_size)]
    size: Option<ByteSize>,
    /// Use the kernel and ramdisk for this hypervisor
    #[arg(long, value_name = "kvm|xen", default_value = "kvm")]
    hypervisor: Hypervisor,
    /// The kernel, instead of the one in TARGET: a file, or the id of one that is registered
    #[arg(long, value_name = "FILE|EKI", value_parser = Starter::kernel)]
    kernel: Option<Starter>,
    /// The ramdisk, instead of the one in TARGET: a file, or the id of one that is registered
    #[arg(long, value_name = "FILE|ERI", value_parser = Starter::ramdisk)]
    ramdisk: Option<Starter>,
    /// The kernel as a file, as --kernel FILE
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "kernel")]
    kernel_file: Option<PathBuf>,
    /// The ramdisk as a file, as --ramdisk FILE
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "ramdisk")]
    ramdisk_file: Option<PathBuf>,
    /// Architecture [default: detected from the images]
    #[arg(long, value_name = "ARCH", value_parser = Architecture::from_common_name)]
    arch: Option<Architecture>,
    /// Bucket, created if it does not exist [default: named after TARGET and the account]
    #[arg(short, long)]
    bucket: Option<BucketName>,
    /// Prefix of every key
    #[arg(long)]
    prefix: Option<String>,
    /// Name of the machine image, unique in the account
    #[arg(long, value_parser = values::image_name)]
    name: Option<String>,
    /// Description of the machine image
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Allow everybody to use the images
    #[arg(long)]
    public: bool,
    /// A tag of the machine image; can be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    tags: Vec<(String, String)>,
    /// ACL of the objects: aws-exec-read allows the cloud to read them; none sends no ACL
    #[arg(long, value_name = "ACL", default_value = "aws-exec-read")]
    acl: AclChoice,
    /// Parts in memory at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: u8,
    /// Compression threads [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Compression: fast, default, best, or 0 to 9
    #[arg(long, default_value = "default")]
    level: Level,
    /// Size of a part, from 1M to 5G
    #[arg(long, value_name = "SIZE", default_value = "10MiB", value_parser = values::part_size)]
    part_size: ByteSize,
    /// Size of a part, however small, for tests that want many parts of little
    #[arg(long, value_name = "SIZE", hide = true, conflicts_with = "part_size")]
    test_part_size: Option<ByteSize>,
    /// Store the image as a sparse file; supported by Eucalyptus, but not by all clouds
    #[arg(long)]
    sparse: bool,
    /// Upload the bundles, but do not register them
    #[arg(long)]
    no_register: bool,
    /// Publish images even if checks find errors, see docs/checks.md
    #[arg(long)]
    ignore_checks: bool,
    /// Create new bundles and images even if they exist already
    #[arg(long)]
    force: bool,
    /// Check everything that can be checked and list the objects and API calls, without changing anything
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    keys: KeyOptions,
    #[command(flatten, next_help_heading = "Options for trees of files")]
    from: SourceOptions,
    #[command(flatten)]
    tree: TreeOptions,
    #[command(flatten, next_help_heading = "Options for the running system")]
    running: RunningOptions,
}

fn parse_tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a tag has the form KEY=VALUE".to_owned()),
    }
}

/// One who publishes, as the settings and options say.
fn publisher(
    session: &Session,
    settings: &Settings,
    keys: Keys,
    jobs: u8,
) -> Result<Publisher, anyhow::Error> {
    let runs = all_runs()?;
    Ok(Publisher::new(session.cloud(settings)?, keys, runs).jobs(usize::from(jobs)))
}

impl Publish {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        if let Some(form) = self.form() {
            return self.publish_tree(session, form);
        }
        self.look()?;
        self.refuse_options_of_trees()?;
        let settings = session.settings()?;
        let plan = self.plan(&settings)?;
        let following = Following::new(&session.output)?;
        let watch = Arc::clone(&following.watch);
        let keys = self.keys.keys(session, &settings)?;
        let mut publisher = publisher(session, &settings, keys, self.jobs)?;
        if let Some(threads) = self.threads {
            publisher = publisher.threads(threads);
        }
        if plan.registers() {
            publisher.cloud().ec2().map_err(explain)?;
        }
        if self.dry_run {
            let work = async { publisher.dry_run(&plan, watch).await.map_err(explain) };
            let calls = block_on(work)?;
            return report::calls(&session.output, &calls, None);
        }
        following.wait(session, publisher.publish(&plan, watch), || None)
    }

    /// Refuses what is certainly no image. The publisher does so too, but knows absolute paths only.
    fn look(&self) -> Result<(), DiskImageError> {
        let kernel = given(self.kernel.as_ref(), self.kernel_file.as_deref());
        let ramdisk = given(self.ramdisk.as_ref(), self.ramdisk_file.as_deref());
        for (path, class) in [
            (Some(&*self.target), ImageClass::Machine),
            (kernel, ImageClass::Kernel),
            (ramdisk, ImageClass::Ramdisk),
        ] {
            let Some(path) = path.filter(|path| !path.is_dir()) else {
                continue;
            };
            let inspection = inspect(path)?;
            if !self.ignore_checks && !matches!(inspection.content, Content::Tarball(_)) {
                insist(path, &inspection, class)?;
            }
        }
        Ok(())
    }

    fn plan(&self, settings: &Settings) -> Result<Plan, anyhow::Error> {
        let part_size = NonZeroU64::new(self.test_part_size.unwrap_or(self.part_size).bytes())
            .ok_or_else(|| Failure::new(Exit::Usage, "a part cannot have 0 bytes"))?;
        let plan = Plan::new(
            std::path::absolute(&self.target)?,
            self.keys.account(settings)?,
        )
        .images(Images {
            kernel_file: file(self.kernel.as_ref(), self.kernel_file.as_deref())?,
            ramdisk_file: file(self.ramdisk.as_ref(), self.ramdisk_file.as_deref())?,
            kernel: self.kernel.as_ref().and_then(Starter::id).cloned(),
            ramdisk: self.ramdisk.as_ref().and_then(Starter::id).cloned(),
            hypervisor: self.hypervisor,
            architecture: self.arch,
            size: self.size.map(ByteSize::bytes),
        })
        .storage(Storage {
            bucket: self.bucket.clone(),
            prefix: self.prefix.clone(),
            acl: self.acl.0,
            bucket_location: settings.location_constraint().map(str::to_owned),
        })
        .registration(Registration {
            register: !self.no_register,
            name: self.name.clone(),
            description: self.description.clone(),
            public: self.public,
            tags: self.tags.iter().cloned().collect(),
        })
        .form(Form {
            part_size,
            level: self.level,
            sparse: self.sparse,
        })
        .ignore_checks(self.ignore_checks);
        Ok(if self.force { plan.once_more() } else { plan })
    }
}

/// A kernel or ramdisk that is given as a file.
fn given<'a>(starter: Option<&'a Starter>, old: Option<&'a Path>) -> Option<&'a Path> {
    starter.and_then(Starter::file).or(old)
}

/// The absolute path of a kernel or ramdisk that is given as a file.
fn file(starter: Option<&Starter>, old: Option<&Path>) -> Result<Option<PathBuf>, anyhow::Error> {
    Ok(given(starter, old).map(std::path::absolute).transpose()?)
}
