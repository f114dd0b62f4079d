//! `gumnut bundle`

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use gumnut_bundle::{BundleMeta, BundleNames, BundleOptions, Existing, Level, PartRecord, TarForm};
use gumnut_crypto::{BundleIv, BundleKey};
use gumnut_disk_image::{Start, Subject, check_kernel, check_ramdisk};
use gumnut_manifest::Manifest;
use gumnut_terminal::{Exit, Failure, Lines, Session, Stop, Watch, keys, parts, warn_of_image};
use gumnut_types::{
    Architecture, BlockDeviceMapping, ByteSize, ImageClass, ImageId, ImageKind, ImageName,
};
use gumnut_workflows::ImageInput;
use serde_json::{Value, json};

use super::check;
use super::keys::KeyOptions;
use crate::values;

/// Create a bundle from an image.
///
/// Writes PREFIX.part.00, PREFIX.part.01 and so on, and then PREFIX.manifest.xml, whose path is printed. The bundle can
/// be decrypted with the private key of the user or of the cloud.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut bundle vmlinuz-2.6.24-19-xen --kind kernel --arch i386
  gumnut bundle disk.img --arch x86_64 --kernel eki-90461381 --ramdisk eri-E85914C7 -d /tmp")]
pub(crate) struct Bundle {
    /// The disk image, kernel or ramdisk; - for standard input
    ///
    /// Raw files and block devices are read as they are. A disk that is compressed, or a qcow2, VMDK, VDI or VHD image, is
    /// first converted to raw in the directory for temporary files (TMPDIR). A text file, an archive or an empty file is
    /// refused; standard input is not checked.
    image: PathBuf,
    /// Size of the image on standard input
    #[arg(long, value_name = "SIZE")]
    size: Option<ByteSize>,
    /// Kind of the image
    #[arg(long, alias = "type", value_name = "KIND", default_value = "machine")]
    kind: Kind,
    #[arg(
        long,
        value_name = "ARCH",
        value_parser = Architecture::from_common_name,
        help = "Architecture: i386, x86_64 (amd64), armhf, arm64 (aarch64), ppc, ppc64, ppc64le or other"
    )]
    arch: Architecture,
    /// Kernel of a machine image
    #[arg(long, value_name = "EKI", value_parser = ImageId::parse_kernel)]
    kernel: Option<ImageId>,
    /// Ramdisk of a machine image
    #[arg(long, value_name = "ERI", value_parser = ImageId::parse_ramdisk)]
    ramdisk: Option<ImageId>,
    /// Directory of the bundle, created if it does not exist
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    destination: PathBuf,
    /// Prefix of every file name [default: the image's file name]
    #[arg(long)]
    prefix: Option<ImageName>,
    #[command(flatten)]
    keys: KeyOptions,
    /// Size of a part, from 1M to 5G
    #[arg(long, value_name = "SIZE", default_value = "10MiB", value_parser = values::part_size)]
    part_size: ByteSize,
    /// Size of a part, however small, for tests that need many small parts
    #[arg(long, value_name = "SIZE", hide = true, conflicts_with = "part_size")]
    test_part_size: Option<ByteSize>,
    /// Block devices of a machine image
    #[arg(
        short = 'B',
        long,
        value_name = "VIRTUAL=DEVICE,...",
        value_delimiter = ','
    )]
    block_device_mapping: Vec<BlockDeviceMapping>,
    /// Product codes of a machine image
    #[arg(long, value_name = "CODE,...", value_delimiter = ',')]
    product_codes: Vec<String>,
    /// Compression: fast, default, best, or 0 to 9
    ///
    /// 0 does not compress. "default" is 5 and gives the same size as gzip's default; "fast" is 1, which takes two thirds
    /// of the time for about 9 % more output; "best" is 9.
    #[arg(long, value_name = "LEVEL", default_value = "default")]
    level: Level,
    /// The bundle's AES key as 32 hex digits, for tests that compare bundles
    ///
    /// Never use a key and iv for two different images.
    #[arg(long, value_name = "FILE", hide = true, requires = "iv")]
    key: Option<PathBuf>,
    /// The bundle's initialisation vector as 32 hex digits, for tests that compare bundles
    #[arg(long, value_name = "FILE", hide = true, requires = "key")]
    iv: Option<PathBuf>,
    /// Compression threads [default: one for each core]
    #[arg(long, alias = "jobs", value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Store the image as a sparse file in the tar archive (old GNU format)
    ///
    /// Smaller and faster for images with large holes. GNU tar, Python's tarfile, gumnut and all releases of Eucalyptus
    /// support it; other clouds may not.
    #[arg(long)]
    sparse: bool,
    /// Stop if the checks find errors or warnings, see docs/checks.md
    #[arg(long)]
    strict: bool,
    /// Overwrite an existing bundle
    #[arg(long)]
    force: bool,
}

/// What an image is, as the command line says it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Machine,
    Kernel,
    Ramdisk,
}

impl Kind {
    fn class(self) -> ImageClass {
        match self {
            Self::Machine => ImageClass::Machine,
            Self::Kernel => ImageClass::Kernel,
            Self::Ramdisk => ImageClass::Ramdisk,
        }
    }
}

impl Bundle {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let kind = self.image_kind()?;
        let input = self.input()?;
        let keys = self.keys.keys(session, &settings)?;
        let names = BundleNames::new(self.prefix()?)?;
        self.check(&input)?;
        let image = input.source()?;
        fs_err::create_dir_all(&self.destination)?;
        let meta = BundleMeta {
            names,
            user: self.keys.account(&settings)?.into(),
            architecture: self.arch,
            kind,
            block_devices: self.block_device_mapping.clone(),
            product_codes: self.product_codes.clone(),
        };
        let bundle = gumnut_workflows::Bundle::new(image, meta, keys)
            .options(self.options()?)
            .secrets(self.secrets()?);
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let watch = Watch::new(&session.output, &stop, warn_of_image);
        let made = bundle.into_folder(&self.destination, existing, &*watch);
        watch.clear();
        let (made, path) = made?;
        session.output.say(format!(
            "{} in {}",
            ByteSize(made.manifest.manifest().bundled_size),
            parts(made.parts.len())
        ));
        let json = report(made.manifest.manifest(), &made.parts, &path);
        session.output.result(&json, &Lines::one(path.display()))
    }

    /// The image; only standard input needs its length to be told.
    fn input(&self) -> Result<ImageInput, anyhow::Error> {
        match (self.image == Path::new("-"), self.size) {
            (false, None) => Ok(ImageInput::open(&self.image, self.kind.class())?),
            (true, Some(size)) => Ok(ImageInput::stdin(size.bytes())),
            (true, None) => {
                let message = "an image on standard input needs a size";
                let failure = Failure::new(Exit::Usage, message).hint("pass --size BYTES");
                Err(failure.into())
            }
            (false, Some(_)) => {
                let message = "--size is only for an image on standard input";
                Err(Failure::new(Exit::Usage, message).into())
            }
        }
    }

    /// Says what would keep an instance from starting.
    fn check(&self, input: &ImageInput) -> Result<(), anyhow::Error> {
        let Some(inspection) = input.inspection() else {
            return Ok(());
        };
        let findings = match self.kind {
            Kind::Kernel => check_kernel(inspection, Some(self.arch)),
            Kind::Ramdisk => check_ramdisk(inspection),
            Kind::Machine => {
                let mut subject = Subject::new(inspection);
                subject.architecture = Some(self.arch);
                subject.start = self.kernel.is_some().then_some(Start::Kernel);
                gumnut_disk_image::check(&subject)
            }
        };
        check::warn(&self.image, &findings, self.strict)
    }

    fn image_kind(&self) -> Result<ImageKind, Failure> {
        let kernel = self.kernel.clone();
        let ramdisk = self.ramdisk.clone();
        let plain = kernel.is_none()
            && ramdisk.is_none()
            && self.block_device_mapping.is_empty()
            && self.product_codes.is_empty();
        match self.kind {
            Kind::Machine => Ok(ImageKind::Machine { kernel, ramdisk }),
            Kind::Kernel | Kind::Ramdisk if !plain => Err(Failure::new(
                Exit::Usage,
                "a kernel, a ramdisk, block devices and product codes belong to machine images only",
            )
            .hint("leave them out, or bundle with --kind machine")),
            Kind::Kernel => Ok(ImageKind::Kernel),
            Kind::Ramdisk => Ok(ImageKind::Ramdisk),
        }
    }

    fn prefix(&self) -> Result<ImageName, Failure> {
        if let Some(prefix) = &self.prefix {
            return Ok(prefix.clone());
        }
        if self.image == Path::new("-") {
            let message = "an image on standard input has no name for its bundle";
            return Err(Failure::new(Exit::Usage, message).hint("pass --prefix NAME"));
        }
        ImageName::of_file(&self.image).map_err(|error| {
            Failure::new(Exit::Usage, "the image's file name cannot name a bundle")
                .because(error)
                .hint("pass --prefix NAME")
        })
    }

    fn secrets(&self) -> Result<Option<(BundleKey, BundleIv)>, Failure> {
        match (&self.key, &self.iv) {
            (Some(key), Some(iv)) => keys::read_secrets(key, iv).map(Some),
            _ => Ok(None),
        }
    }

    fn options(&self) -> Result<BundleOptions, Failure> {
        let part_size = NonZeroU64::new(self.test_part_size.unwrap_or(self.part_size).bytes())
            .ok_or_else(|| Failure::new(Exit::Usage, "a part cannot have 0 bytes"))?;
        let default = BundleOptions::default();
        Ok(BundleOptions {
            part_size,
            jobs: self.threads.unwrap_or(default.jobs),
            level: self.level,
            tar: if self.sparse {
                TarForm::Sparse
            } else {
                TarForm::Plain
            },
        })
    }
}

fn report(manifest: &Manifest, parts: &[PartRecord], path: &Path) -> Value {
    let parts: Vec<_> = parts
        .iter()
        .map(|part| {
            json!({
                "name": part.name.as_str(),
                "size": part.size,
                "digest": part.digest.to_string(),
            })
        })
        .collect();
    json!({
        "manifest": path.to_string_lossy(),
        "kind": manifest.kind.as_str(),
        "parts": parts,
        "image_digest": manifest.image_digest.to_string(),
        "image_size": manifest.image_size,
        "bundled_size": manifest.bundled_size,
    })
}
