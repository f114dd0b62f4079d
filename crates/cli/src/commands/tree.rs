//! Options for trees of files that become images.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gumnut_maker::{
    Addition, ContainerChoice, FileSystem, FileSystemUuid, Fstab, Init, Label, MakeOptions,
    Patterns, Size, SourceForm, TarLimits,
};
use gumnut_terminal::{Exit, Failure, read_bounded};
use gumnut_types::ByteSize;

/// Largest fstab that is read, in bytes.
const MAX_FSTAB: u64 = 1 << 20;

/// What an archive or a directory is, and which image of a container source is taken.
#[derive(Args)]
pub(crate) struct SourceOptions {
    /// What the source is
    #[arg(long, value_name = "FORM")]
    from: Option<Form>,
    /// Name of the image in a container source that has several
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    /// Platform of the container image: OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT [default: linux/amd64]
    #[arg(long, value_name = "PLATFORM", value_parser = platform)]
    platform: Option<ContainerChoice>,
    /// Remove private keys, credentials, passwords and what is only true for one machine
    #[arg(long)]
    seal: bool,
    /// Make /sbin/init a script that runs COMMAND; without COMMAND: what the container would run
    #[arg(long, value_name = "COMMAND", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    init: Option<String>,
}

/// What a source is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A directory with the files of a system
    Dir,
    /// A tar archive
    Tar,
    /// An OCI layout, as a directory or an archive
    Oci,
    /// What `docker save` writes, as an archive or a directory
    Docker,
}

/// A kind of file system.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileSystemChoice {
    /// For old kernels and boot loaders: block maps, inodes of 128 bytes
    Ext3,
    /// Extents
    Ext4,
    /// ext4 with checksums of its metadata; needs Linux 3.6
    Ext4Csum,
}

/// Options of everything that makes an image of a tree of files.
#[derive(Args)]
pub(crate) struct TreeOptions {
    /// Free space: 512M, or a number of bytes [default: 10 %, at least 128M]
    #[arg(long, value_name = "SIZE")]
    free: Option<ByteSize>,
    /// File system [default: ext4; capture: that of the source, if it is ext3 or ext4]
    #[arg(long = "fs", value_name = "KIND")]
    file_system: Option<FileSystemChoice>,
    /// Label of the file system, up to 16 bytes
    #[arg(long, value_name = "LABEL", value_parser = label)]
    label: Option<Label>,
    /// UUID of the file system: `random`, `keep` that of the captured system, or a UUID [default: derived from the files]
    #[arg(long, value_name = "UUID", value_parser = uuid)]
    uuid: Option<UuidChoice>,
    /// Number of inodes [default: one for 16 KiB]
    #[arg(long, value_name = "N")]
    inodes: Option<u64>,
    /// Time of what is made, in seconds since 1970 [default: `SOURCE_DATE_EPOCH`, or the time of the youngest file]
    #[arg(long, value_name = "SECONDS")]
    epoch: Option<u32>,
    /// Leave out what fits this pattern: a path from the root, or a name in any directory
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Keep what fits this pattern, although it is secret
    #[arg(long, value_name = "GLOB")]
    keep: Vec<String>,
    /// Owner of all files
    #[arg(long, value_name = "OWNER")]
    owner: Option<Owner>,
    /// What to do with /etc/fstab: keep, generate, or FILE to use instead [default: make the line of the root fit]
    #[arg(long, value_name = "keep|generate|FILE")]
    fstab: Option<PathBuf>,
    /// Add a file
    #[arg(long = "add", value_name = "LOCAL:/PATH[:MODE]", value_parser = addition)]
    additions: Vec<Addition>,
    /// Leave out devices
    #[arg(long)]
    no_devices: bool,
    /// Fail if a file changes while it is read
    #[arg(long)]
    strict: bool,
    /// Largest sum of the lengths of all files [default: 64G]
    #[arg(long, value_name = "SIZE")]
    max_size: Option<ByteSize>,
    /// Largest number of files [default: 5,000,000]
    #[arg(long, value_name = "N")]
    max_entries: Option<u64>,
}

/// An owner for all files.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Owner {
    /// User and group 0
    Root,
}

/// A UUID, or how to get one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UuidChoice {
    Keep,
    Of(FileSystemUuid),
}

impl SourceOptions {
    /// What the source was said to be.
    pub(crate) fn form(&self) -> Option<SourceForm> {
        self.from.map(Form::source_form)
    }

    /// The options of a tree, completed by those of its source.
    pub(crate) fn complete(
        &self,
        tree: &TreeOptions,
        common: MakeOptions,
    ) -> Result<MakeOptions, Failure> {
        if tree.uuid == Some(UuidChoice::Keep) {
            let message = "--uuid keep is for capture: the source has no UUID";
            return Err(Failure::new(Exit::Usage, message));
        }
        Ok(MakeOptions {
            form: self.form(),
            container: ContainerChoice {
                image: self.image.clone(),
                ..self.platform.clone().unwrap_or_default()
            },
            seal: self.seal,
            init: self.init.as_ref().map(|command| match command.as_str() {
                "" => Init::OfContainer,
                command => Init::Command(command.to_owned()),
            }),
            ..common
        })
    }

    /// An option that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        given(&[
            ("--from", self.from.is_some()),
            ("--image", self.image.is_some()),
            ("--platform", self.platform.is_some()),
            ("--seal", self.seal),
            ("--init", self.init.is_some()),
        ])
    }
}

/// The first option of a list that was given.
pub(crate) fn given(options: &[(&'static str, bool)]) -> Option<&'static str> {
    let mut options = options.iter();
    let found = options.find(|(_, is_given)| *is_given);
    found.map(|(name, _)| *name)
}

impl Form {
    fn source_form(self) -> SourceForm {
        match self {
            Self::Dir => SourceForm::Directory,
            Self::Tar => SourceForm::Tar,
            Self::Oci | Self::Docker => SourceForm::Container,
        }
    }
}

impl TreeOptions {
    /// Label, UUID and file system that were asked for.
    pub(crate) fn identity(&self) -> (Option<Label>, Option<UuidChoice>, Option<FileSystem>) {
        let file_system = self.file_system.map(|choice| match choice {
            FileSystemChoice::Ext3 => FileSystem::Ext3,
            FileSystemChoice::Ext4 => FileSystem::Ext4,
            FileSystemChoice::Ext4Csum => FileSystem::Ext4Checksums,
        });
        (self.label.clone(), self.uuid, file_system)
    }

    /// An option that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        given(&[
            ("--free", self.free.is_some()),
            ("--fs", self.file_system.is_some()),
            ("--label", self.label.is_some()),
            ("--uuid", self.uuid.is_some()),
            ("--inodes", self.inodes.is_some()),
            ("--epoch", self.epoch.is_some()),
            ("--exclude", !self.exclude.is_empty()),
            ("--keep", !self.keep.is_empty()),
            ("--owner", self.owner.is_some()),
            ("--fstab", self.fstab.is_some()),
            ("--add", !self.additions.is_empty()),
            ("--no-devices", self.no_devices),
            ("--strict", self.strict),
            ("--max-size", self.max_size.is_some()),
            ("--max-entries", self.max_entries.is_some()),
        ])
    }

    /// What they say of an image of this size. `None`: it is as large as needed.
    pub(crate) fn common(&self, size: Option<ByteSize>) -> Result<MakeOptions, anyhow::Error> {
        let defaults = MakeOptions::default();
        let (label, uuid, file_system) = self.identity();
        let patterns = |patterns: &[String]| {
            Patterns::new(patterns).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
        };
        let free = self.free.map(|free| Size::Free {
            percent: 0,
            at_least: free.bytes(),
        });
        let size = size.map(|size| Size::Bytes(size.bytes())).or(free);
        Ok(MakeOptions {
            file_system: file_system.unwrap_or(defaults.file_system),
            size: size.unwrap_or(defaults.size),
            label: label.unwrap_or_default(),
            uuid: match uuid {
                Some(UuidChoice::Of(uuid)) => uuid,
                Some(UuidChoice::Keep) | None => defaults.uuid,
            },
            inodes: self.inodes,
            epoch: self.epoch()?,
            exclude: patterns(&self.exclude)?,
            keep: patterns(&self.keep)?,
            owner_root: self.owner.is_some(),
            fstab: self.fstab()?,
            additions: self.additions.clone(),
            devices: !self.no_devices,
            strict: self.strict,
            limits: TarLimits {
                members: self.max_entries.unwrap_or(defaults.limits.members),
                bytes: self.max_size.map_or(defaults.limits.bytes, ByteSize::bytes),
                ..defaults.limits
            },
            ..defaults
        })
    }

    /// The time that was asked for, here or by the environment of a reproducible build.
    fn epoch(&self) -> Result<Option<u32>, Failure> {
        match (self.epoch, std::env::var("SOURCE_DATE_EPOCH")) {
            (Some(epoch), _) => Ok(Some(epoch)),
            (None, Err(_)) => Ok(None),
            (None, Ok(text)) => text.parse().map(Some).map_err(|error| {
                let message = format!("SOURCE_DATE_EPOCH is {text:?}, not a number of seconds");
                Failure::new(Exit::Usage, message)
                    .because(anyhow::Error::new::<std::num::ParseIntError>(error))
            }),
        }
    }

    fn fstab(&self) -> Result<Fstab, Failure> {
        Ok(
            match self.fstab.as_deref().map(|path| (path, path.to_str())) {
                None => Fstab::Fit,
                Some((_, Some("keep"))) => Fstab::Keep,
                Some((_, Some("generate"))) => Fstab::Generate,
                Some((path, _)) => Fstab::Content(read_bounded("fstab", path, MAX_FSTAB)?),
            },
        )
    }
}

fn platform(text: &str) -> Result<ContainerChoice, String> {
    let platform = ContainerChoice::parse(text);
    platform.ok_or_else(|| "a platform has the form linux/amd64 or linux/arm/v7".to_owned())
}

fn label(text: &str) -> Result<Label, String> {
    Label::new(text).map_err(|error| error.to_string())
}

fn uuid(text: &str) -> Result<UuidChoice, String> {
    match text {
        "keep" => Ok(UuidChoice::Keep),
        "random" => Ok(UuidChoice::Of(FileSystemUuid::Random)),
        _ => {
            let uuid = gumnut_maker::parse_uuid(text);
            let given = uuid.map(|uuid| UuidChoice::Of(FileSystemUuid::Given(uuid)));
            given.ok_or_else(|| "use random, keep or 32 hexadecimal digits".to_owned())
        }
    }
}

fn addition(text: &str) -> Result<Addition, String> {
    Addition::parse(text).ok_or_else(|| {
        "a file to add has the form LOCAL:/PATH or LOCAL:/PATH:MODE, as in motd:/etc/motd:644"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_and_uuids() {
        assert!(platform("linux").is_err());
        assert_eq!(uuid("random"), Ok(UuidChoice::Of(FileSystemUuid::Random)));
        let given = uuid("00000000-0000-0000-0000-0000000000ff").unwrap();
        assert!(matches!(
            given,
            UuidChoice::Of(FileSystemUuid::Given([.., 0xff]))
        ));
        assert!(uuid("none").is_err());
    }
}
