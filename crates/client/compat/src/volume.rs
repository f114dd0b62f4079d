//! `euca-bundle-vol`, `ec2-bundle-vol`

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use gumnut_bundle::ImageSource;
use gumnut_maker::{
    Addition, FileSystemUuid, Filter, Fstab, Input, KernelCopies, MakeError, MakeOptions, NoteKind,
    Notes, Patterns, Running, Size,
};
use gumnut_terminal::{Exit, Failure, Stop, read_bounded};
use gumnut_types::{BlockDeviceMapping, Existing};

use super::bundle::{Folder, write_bundle};
use super::call::{Call, print};
use super::dialect::Dialect;
use super::instance;
use super::manifest::ManifestOptions;
use super::options::{Calling, Calls, Service, VolumeKeys, given};
use super::tool::Tool;

/// Largest image of the old clouds, in MiB.
const MOST: u64 = 10_240;
/// Largest configuration that is read, in bytes.
const MAX_TEXT: u64 = 1 << 20;
/// What bundles are called.
const PREFIX: &str = "image";

/// Names that the filter of the old tools left out.
const FILTERED: [&str; 12] = [
    "*~",
    "*.nfs*",
    "*.sw",
    "*.swo",
    "*.swp",
    "*id_dsa*",
    "*id_rsa*",
    ".bash_history",
    ".zsh_history",
    "**/.gnupg/**",
    "**/.ssh/authorized_keys",
    "/etc/udev/rules.d/*-persistent-net.rules",
];
/// Names that it left out, and that are left out here only if there is a private key in the file: certificates of authorities and keys of
/// package sources have the same.
const KEYS: [&str; 4] = ["*.pem", "*.priv", "*.gpg", "*.jks"];

/// The fstab that euca2ools 1.x made.
const FSTAB_OF_2010: &str = "/dev/sda1 / ext3 defaults 1 1
/dev/sdb /mnt ext3 defaults 0 0
none /dev/pts devpts gid=5,mode=620 0 0
none /proc proc defaults 0 0
none /sys sysfs defaults 0 0
";

/// Create a bundle from the running system
#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the old tools"
)]
pub(super) struct BundleVolume {
    #[command(flatten)]
    manifest: ManifestOptions,
    /// Directory of the bundle
    #[arg(short, long, value_name = "DIR")]
    destination: Option<PathBuf>,
    /// Size of the image in MiB
    #[arg(short, long, value_name = "MIB", default_value_t = MOST, value_parser = clap::value_parser!(u64).range(1..=16 << 20))]
    size: u64,
    /// Bundle all file systems that are mounted below the volume
    #[arg(short, long)]
    all: bool,
    /// Leave out these directories or files
    #[arg(short, long, value_name = "PATH,...", value_delimiter = ',')]
    exclude: Vec<String>,
    /// Keep these files although the filter leaves them out
    #[arg(short, long, value_name = "PATH,...", value_delimiter = ',')]
    include: Vec<String>,
    /// Do not leave out files with private keys
    #[arg(long = "no-filter")]
    no_filter: bool,
    /// Take kernel, ramdisk, product codes and block devices from the metadata of this instance
    #[arg(long, overrides_with = "no_inherit")]
    inherit: bool,
    /// Do not ask the metadata service
    #[arg(long = "no-inherit", overrides_with = "inherit")]
    no_inherit: bool,
    /// Root directory of the system
    #[arg(short, long, value_name = "DIR", default_value = "/")]
    volume: PathBuf,
    /// Partition table: only `none` is possible
    #[arg(short = 'P', long, value_name = "mbr|gpt|none")]
    partition: Option<Partition>,
    /// Program that changes the files of the image: not possible
    #[arg(short = 'S', long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// /etc/fstab of the image
    #[arg(long, value_name = "FILE", conflicts_with = "generate_fstab")]
    fstab: Option<PathBuf>,
    /// Make /etc/fstab of the image new
    #[arg(long = "generate-fstab", alias = "generatefstab")]
    generate_fstab: bool,
    /// /boot/grub/menu.lst of the image
    #[arg(long = "grub-config", value_name = "FILE")]
    grub_config: Option<PathBuf>,
    /// Only make the image, not the bundle
    #[arg(long = "clone-only")]
    clone_only: bool,
    /// Bundle images of any size
    #[arg(long = "no-size-checks")]
    no_size_checks: bool,
    /// Block devices, as `-B`
    #[arg(short = 'b', hide = true, value_delimiter = ',')]
    old_block_devices: Vec<BlockDeviceMapping>,
    #[arg(long, hide = true)]
    batch: bool,
    #[command(flatten)]
    calling: Calling<VolumeKeys>,
}

/// A partition table.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Partition {
    Mbr,
    Gpt,
    None,
}

impl Tool for BundleVolume {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    fn meaningless(&self) -> Vec<&'static str> {
        given(&[("--batch", self.batch)])
    }

    async fn run(mut self, call: &Call) -> Result<(), anyhow::Error> {
        if self.volume == Path::new("/") && !is_root() {
            return Err(Failure::new(Exit::Input, of_root(call.dialect)).into());
        }
        self.refuse()?;
        self.check_size(call)?;
        self.manifest.add_block_devices(&self.old_block_devices);
        self.inherit(call);
        let settings = call.session.settings()?;
        let dialect = call.dialect;
        let prefix = self.manifest.prefix().unwrap_or(PREFIX).to_owned();
        let description = self
            .manifest
            .describe(&settings, dialect, None, Some(&prefix))?;
        let keys = if self.clone_only {
            None
        } else {
            Some(self.manifest.keys(call, &settings).await?)
        };
        let folder = Folder::new(call, self.destination.as_deref())?;
        let image = folder.path().join(&prefix);
        if !dialect.is_2010() {
            print("Copying files...");
        }
        self.make(call, &image)?;
        if !is_root() {
            call.say("all files belong to root in the image");
        }
        let Some(keys) = keys else {
            folder.keep();
            print(&format!("Wrote image {}", image.display()));
            return Ok(());
        };
        let source = ImageSource::open(&image)?;
        let written = write_bundle(
            call,
            self.manifest.arch(),
            description.bundle(source, keys),
            folder,
        );
        fs_err::remove_file(&image)?;
        written
    }
}

/// Whether this process may read all files, and give them to anybody.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What the tools say to others than root.
fn of_root(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Euca2010 => "Must be superuser to execute this command.",
        Dialect::Euca34 | Dialect::AmiTools => "must be superuser",
    }
}

impl BundleVolume {
    /// What is not done is said before anything is.
    fn refuse(&self) -> Result<(), Failure> {
        if matches!(self.partition, Some(Partition::Mbr | Partition::Gpt)) {
            return Err(Failure::new(
                Exit::Input,
                "an image with a partition table needs a boot loader, and gumnut installs none; nothing was done",
            )
            .hint("leave out -P: the image is a file system, which starts with a kernel of the cloud"));
        }
        if self.script.is_some() {
            return Err(Failure::new(
                Exit::Input,
                "gumnut runs no script on the files of an image; nothing was done",
            )
            .hint("change the files first, or a copy of them that -v names"));
        }
        Ok(())
    }

    fn check_size(&self, call: &Call) -> Result<(), Failure> {
        if self.size <= MOST || self.no_size_checks {
            return Ok(());
        }
        let message = format!("Image Size is too large (Max = {MOST} MB)");
        if call.dialect == Dialect::Euca34 {
            call.say("the image is larger than 10 GiB, which EC2 and some clouds refuse");
            return Ok(());
        }
        Err(Failure::new(Exit::Usage, message))
    }

    /// Completes what the command line does not say by what the instance was started with.
    fn inherit(&mut self, call: &Call) {
        if self.no_inherit {
            return;
        }
        match instance::inherited() {
            Ok(inherited) => self.manifest.inherit(inherited),
            Err(error) => call.say(&format!(
                "warning: the metadata service does not answer ({error}): kernel, ramdisk, product codes and block devices are not \
                 inherited"
            )),
        }
    }

    fn make(&self, call: &Call, image: &Path) -> Result<(), anyhow::Error> {
        let options = self.options(call, image)?;
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let bar = call.session.output.bar("copying", 0).stopped_by(&stop);
        let made = self.written(image, &options, &bar);
        bar.clear();
        let notes = made.map_err(|error| failure(&error))?;
        self.tell(call, &notes);
        Ok(())
    }

    fn written(
        &self,
        image: &Path,
        options: &MakeOptions,
        progress: &dyn gumnut_types::Progress,
    ) -> Result<Notes, MakeError> {
        let prepared = gumnut_maker::prepare(Input::Path(&self.volume), options, progress)?;
        let copies = KernelCopies::default();
        let made = prepared.write(image, Existing::Replace, copies, progress)?;
        Ok(made.notes)
    }

    fn options(&self, call: &Call, image: &Path) -> Result<MakeOptions, anyhow::Error> {
        let running = Running::of(&self.volume);
        let patterns = |texts: &[String]| {
            let texts = texts.iter().filter(|text| !text.is_empty());
            Patterns::new(texts).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| u32::try_from(now.as_secs()).unwrap_or(u32::MAX));
        let mut partial = image.as_os_str().to_owned();
        partial.push(".partial");
        let filter = if self.no_filter {
            None
        } else {
            Some(Filter {
                names: Patterns::new(FILTERED)?,
                private_keys: Patterns::new(KEYS)?,
            })
        };
        Ok(MakeOptions {
            size: Size::Bytes(self.size << 20),
            label: running.label.clone().unwrap_or_default(),
            uuid: running
                .uuid
                .map_or(FileSystemUuid::Random, FileSystemUuid::Given),
            file_system: running.image_file_system(),
            epoch: Some(now),
            exclude: patterns(&self.exclude)?,
            keep: patterns(&self.include)?,
            filter,
            fstab: self.fstab(call.dialect)?,
            additions: self.grub_config(),
            other_file_systems: self.all,
            needs_init: false,
            owner_root: !is_root(),
            outputs: vec![image.to_owned(), partial.into()],
            running: Some(running),
            ..MakeOptions::default()
        })
    }

    fn fstab(&self, dialect: Dialect) -> Result<Fstab, Failure> {
        Ok(match (&self.fstab, self.generate_fstab) {
            (Some(path), _) => Fstab::Content(read_bounded("fstab", path, MAX_TEXT)?),
            (None, true) if dialect == Dialect::Euca2010 => {
                Fstab::Content(FSTAB_OF_2010.as_bytes().to_vec())
            }
            (None, true) => Fstab::Generate,
            (None, false) => Fstab::Fit,
        })
    }

    /// The configuration of the GRUB of that time, which paravirtual machines also read.
    fn grub_config(&self) -> Vec<Addition> {
        let file = self.grub_config.iter().map(|local| Addition {
            local: local.clone(),
            path: b"boot/grub/menu.lst".to_vec(),
            permissions: Some(0o644),
        });
        file.collect()
    }

    /// Says how many files were left out; with `--debug` which ones.
    fn tell(&self, call: &Call, notes: &Notes) {
        let counts = notes
            .counts()
            .filter(|(kind, _)| *kind != NoteKind::Volatile);
        for (kind, count) in counts {
            call.say(&format!("{count} {}", kind.words()));
        }
        if !self.calling.common.debug {
            return;
        }
        for note in notes.list() {
            let path = std::ffi::OsStr::from_bytes(&note.path).to_string_lossy();
            call.say(&format!("{} /{path} {}", note.kind.as_str(), note.reason));
        }
    }
}

/// An error with its exit code.
fn failure(error: &MakeError) -> anyhow::Error {
    let mut failure = Failure::new(error.fault().into(), error.to_string());
    if let Some(hint) = error.hint() {
        failure = failure.hint(hint);
    }
    failure.caused_by(error).into()
}
