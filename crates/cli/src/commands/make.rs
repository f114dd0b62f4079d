//! `gumnut make`, and what it shares with `gumnut capture`

use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use gumnut_maker::{
    Addition, ContainerChoice, FileSystem, FileSystemUuid, Fstab, Init, Input, KernelCopies, Label,
    Made, MakeError, MakeOptions, Note, NoteKind, Notes, Patterns, Prepared, Size, SourceForm,
    Summary, TarLimits,
};
use gumnut_terminal::{Exit, Failure, Lines, Output, Session, Stop, read_bounded};
use gumnut_types::{ByteSize, Existing};
use serde_json::{Value, json};

use crate::values;

/// Largest fstab that is read, in bytes.
const MAX_FSTAB: u64 = 1 << 20;
/// Files of one kind that are listed; `--json` has all.
const LISTED: usize = 20;

/// Make a disk image of a directory, a tar archive or a container image.
///
/// Needs no root, no loop device, no mounting and no other program. Owners, permissions, times, devices, hard links, holes,
/// extended attributes, capabilities and ACLs are kept. What the source is, is detected from its content.
/// docs/make.md has the whole way to a running instance.
#[derive(Args)]
#[command(after_help = "\
Examples:
  mmdebstrap bookworm - | gumnut make - -o debian.img
  gumnut make rootfs.tar.zst -o disk.img --kernel-out vmlinuz --ramdisk-out initrd.img
  gumnut make oci-layout/ -o web.img --image web:1 --init")]
pub(crate) struct Make {
    /// A directory, a tar archive, an OCI layout or an archive of `docker save`; `-` is an archive on standard input
    source: PathBuf,
    /// What the source is
    #[arg(long, value_name = "FORM")]
    from: Option<Form>,
    /// Name of the image in a container source that has several
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    /// Platform of the container image: OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT
    #[arg(long, value_name = "PLATFORM", default_value = "linux/amd64", value_parser = platform)]
    platform: ContainerChoice,
    /// Remove private keys, credentials, passwords and what is only true for one machine
    #[arg(long)]
    seal: bool,
    /// Make /sbin/init a script that runs COMMAND; without COMMAND: what the container would run
    #[arg(long, value_name = "COMMAND", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    init: Option<String>,
    #[command(flatten)]
    options: TreeOptions,
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
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(crate) struct TreeOptions {
    /// The new image
    #[arg(short, long, value_name = "NEW", required_unless_present = "dry_run")]
    output: Option<PathBuf>,
    /// Overwrite existing files
    #[arg(long, conflicts_with = "dry_run")]
    force: bool,
    /// Show what would be made, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Size of the image: 4G, 4096M, or a number of bytes [default: what the files need, and --free]
    #[arg(long, value_parser = values::disk_size, conflicts_with = "free")]
    size: Option<ByteSize>,
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
    /// Only a file system, not a system to be started: nothing is added, and no init is needed
    #[arg(long)]
    only_fs: bool,
    /// Leave out devices
    #[arg(long)]
    no_devices: bool,
    /// Copy the kernel in /boot to this file
    #[arg(long, value_name = "FILE")]
    kernel_out: Option<PathBuf>,
    /// Copy its ramdisk to this file
    #[arg(long, value_name = "FILE")]
    ramdisk_out: Option<PathBuf>,
    /// Fail if a file changes while it is read
    #[arg(long)]
    strict: bool,
    /// Largest sum of the lengths of all files
    #[arg(long, value_name = "SIZE", default_value = "64G")]
    max_size: ByteSize,
    /// Largest number of files
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    max_entries: u64,
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

impl Make {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        if self.options.uuid == Some(UuidChoice::Keep) {
            let message = "--uuid keep is for capture: the source has no UUID";
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let options = MakeOptions {
            form: self.from.map(Form::source_form),
            container: ContainerChoice {
                image: self.image.clone(),
                ..self.platform.clone()
            },
            seal: self.seal,
            init: self.init.as_ref().map(|command| match command.as_str() {
                "" => Init::OfContainer,
                command => Init::Command(command.to_owned()),
            }),
            ..self.options.common()?
        };
        let mut stdin = io::stdin();
        let input = if self.source == Path::new("-") {
            Input::Stream(&mut stdin)
        } else {
            Input::Path(&self.source)
        };
        self.options.make(session, input, &options)
    }
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

    pub(crate) fn common(&self) -> Result<MakeOptions, anyhow::Error> {
        let defaults = MakeOptions::default();
        let (label, uuid, file_system) = self.identity();
        let patterns = |patterns: &[String]| {
            Patterns::new(patterns).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
        };
        let free = self.free.map(|free| Size::Free {
            percent: 0,
            at_least: free.bytes(),
        });
        let size = self.size.map(|size| Size::Bytes(size.bytes())).or(free);
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
            only_file_system: self.only_fs,
            devices: !self.no_devices,
            strict: self.strict,
            limits: TarLimits {
                members: self.max_entries,
                bytes: self.max_size.bytes(),
                ..defaults.limits
            },
            outputs: self.outputs(),
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

    /// What is written, under its names meanwhile and at the end.
    fn outputs(&self) -> Vec<PathBuf> {
        let given = [&self.output, &self.kernel_out, &self.ramdisk_out];
        let given = given.into_iter().flatten();
        given
            .flat_map(|path| {
                let mut partial = path.clone().into_os_string();
                partial.push(".partial");
                [path.clone(), partial.into()]
            })
            .collect()
    }

    /// Plans the image, and writes it unless that was not asked for.
    pub(crate) fn make(
        &self,
        session: &Session,
        input: Input<'_>,
        options: &MakeOptions,
    ) -> Result<(), anyhow::Error> {
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let bar = session.output.bar("reading names", 0).stopped_by(&stop);
        let prepared = gumnut_maker::prepare(input, options, &bar);
        bar.clear();
        let prepared = prepared.map_err(failure)?;
        let summary = prepared.summary().clone();
        let Some(output) = self.output.as_deref().filter(|_| !self.dry_run) else {
            return report_plan(&session.output, &summary);
        };
        let made = self.write(session, &stop, output, prepared)?;
        report(&session.output, output, &summary, &made)
    }

    fn write(
        &self,
        session: &Session,
        stop: &Stop,
        output: &Path,
        prepared: Prepared,
    ) -> Result<Made, anyhow::Error> {
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Refuse
        };
        let copies = KernelCopies {
            kernel: self.kernel_out.as_deref(),
            ramdisk: self.ramdisk_out.as_deref(),
        };
        let total = prepared.summary().to_read;
        let bar = session.output.bar("writing", total).stopped_by(stop);
        let made = prepared.write(output, existing, copies, &bar);
        bar.clear();
        made.map_err(failure)
    }
}

/// An error with its exit code and what to try next.
fn failure(error: MakeError) -> anyhow::Error {
    // Errors of images have hints of their own.
    let error = match error {
        MakeError::Image(error) => return error.into(),
        error => error,
    };
    let mut failure = Failure::new(error.fault().into(), error.to_string());
    if let Some(hint) = error.hint() {
        failure = failure.hint(hint);
    }
    match error {
        MakeError::Tree(error) => with_cause(failure, &error),
        MakeError::Ext(error) => with_cause(failure, &error),
        error => with_cause(failure, &error),
    }
    .into()
}

/// Adds what led to an error whose own words are said already.
fn with_cause(failure: Failure, error: &dyn std::error::Error) -> Failure {
    match error.source() {
        Some(source) => {
            let mut causes = vec![source.to_string()];
            let mut next = source.source();
            while let Some(cause) = next {
                causes.push(cause.to_string());
                next = cause.source();
            }
            let causes = causes.into_iter().rev();
            let chain = causes.fold(None, |below: Option<anyhow::Error>, cause| {
                Some(match below {
                    None => anyhow::Error::msg(cause),
                    Some(below) => below.context(cause),
                })
            });
            match chain {
                Some(chain) => failure.because(chain),
                None => failure,
            }
        }
        None => failure,
    }
}

fn report_plan(output: &Output, summary: &Summary) -> Result<(), anyhow::Error> {
    tell(output, summary, &summary.notes);
    let mut json = described(summary, &summary.notes);
    json["dry_run"] = true.into();
    let size = ByteSize(summary.size);
    output.result(
        &json,
        &Lines::one(format!("an image of {size}, {} bytes", summary.size)),
    )
}

fn report(
    output: &Output,
    path: &Path,
    summary: &Summary,
    made: &Made,
) -> Result<(), anyhow::Error> {
    tell(output, summary, &made.notes);
    let mut json = described(summary, &made.notes);
    json["image"] = path.to_string_lossy().into();
    json["free"] = made.free.into();
    json["checked"] = made.checked.into();
    output.result(&json, &Lines::one(path.display()))
}

fn described(summary: &Summary, notes: &Notes) -> Value {
    let kernel = summary.kernels.first();
    let ramdisk = kernel.and_then(|kernel| kernel.ramdisk.as_ref());
    let counts: serde_json::Map<_, _> = notes
        .counts()
        .map(|(kind, count)| (kind.as_str().to_owned(), count.into()))
        .collect();
    json!({
        "size": summary.size,
        "used": summary.used,
        "bytes": summary.bytes,
        "files": summary.files,
        "file_system": summary.file_system_name(),
        "uuid": summary.uuid,
        "label": summary.label,
        "kernel": kernel.map(|kernel| shown(&kernel.path)),
        "ramdisk": ramdisk.map(|(path, _)| shown(path)),
        "clamped_times": summary.clamped_times,
        "counts": counts,
        "notes": notes.list().iter().map(note).collect::<Vec<_>>(),
    })
}

fn note(note: &Note) -> Value {
    json!({
        "kind": note.kind.as_str(),
        "path": shown(&note.path),
        "reason": note.reason,
    })
}

/// A path in the image as it can be printed.
fn shown(path: &[u8]) -> String {
    format!("/{}", path.escape_ascii())
}

/// Says what the image is, and what was left out, removed or changed.
fn tell(output: &Output, summary: &Summary, notes: &Notes) {
    let label = match summary.label.as_str() {
        "" => String::new(),
        label => format!(", label {label}"),
    };
    output.say(format!(
        "{} files with {}; {} of {}, UUID {}{label}",
        summary.files,
        ByteSize(summary.bytes),
        summary.file_system_name(),
        ByteSize(summary.size),
        summary.uuid,
    ));
    match summary.kernels.first() {
        None => output.say("no kernel in /boot: an instance needs one that is registered apart"),
        Some(kernel) => {
            let ramdisk = match &kernel.ramdisk {
                Some((path, _)) => format!(" with {}", shown(path)),
                None => ", without a ramdisk".to_owned(),
            };
            output.say(format!("kernel {}{ramdisk}", shown(&kernel.path)));
        }
    }
    if summary.clamped_times > 0 {
        Output::warn(format!(
            "{} files have times that the file system cannot have; they get the nearest ones",
            summary.clamped_times
        ));
    }
    for (kind, count) in notes.counts() {
        let text = format!("{count} {}", heading(kind));
        let is_warning = matches!(
            kind,
            NoteKind::Changed | NoteKind::Shortened | NoteKind::Xattr
        );
        if is_warning {
            Output::warn(text);
        } else {
            output.say(text);
        }
        let of_kind = notes.list().iter().filter(|note| note.kind == kind);
        for note in of_kind.take(LISTED) {
            let reason = match note.reason.as_str() {
                "" => String::new(),
                reason => format!(" ({reason})"),
            };
            output.say(format!("  {}{reason}", shown(&note.path)));
        }
    }
}

/// What a number of notes is about.
fn heading(kind: NoteKind) -> &'static str {
    match kind {
        NoteKind::Excluded => "excluded by patterns",
        NoteKind::OtherFileSystem => "left out because another file system is mounted there",
        NoteKind::Volatile => "directories left empty",
        NoteKind::Swap => "left out because they are swap space",
        NoteKind::Output => "left out because they are being written",
        NoteKind::Device => "devices left out",
        NoteKind::Vanished => "removed by others while the source was read",
        NoteKind::Changed => "changed while they were read",
        NoteKind::Shortened => "became shorter while they were read; the rest is zeros",
        NoteKind::Duplicate => "several times in the archive; the last one counts",
        NoteKind::MadeDirectory => "directories made that the archive does not have",
        NoteKind::Xattr => "extended attributes left out that ext file systems do not have",
        NoteKind::Removed => "removed because they are secret or of one machine",
        NoteKind::Emptied => "emptied because they are secret or of one machine",
        NoteKind::Edited => "changed to fit the image",
        // What is to be looked at, and kinds that came later.
        _ => "to be looked at",
    }
}

fn platform(text: &str) -> Result<ContainerChoice, String> {
    let mut fields = text.split('/').map(str::to_owned);
    let fields = (fields.next(), fields.next(), fields.next(), fields.next());
    match fields {
        (Some(os), Some(architecture), variant, None)
            if !os.is_empty() && !architecture.is_empty() =>
        {
            Ok(ContainerChoice {
                image: None,
                os,
                architecture,
                variant,
            })
        }
        _ => Err("a platform has the form linux/amd64 or linux/arm/v7".to_owned()),
    }
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

/// `LOCAL:/PATH[:MODE]`
fn addition(text: &str) -> Result<Addition, String> {
    let wrong = || {
        "a file to add has the form LOCAL:/PATH or LOCAL:/PATH:MODE, as in motd:/etc/motd:644"
            .to_owned()
    };
    let (local, rest) = text.split_once(":/").ok_or_else(wrong)?;
    let (path, mode) = match rest.rsplit_once(':') {
        None => (rest, None),
        Some((path, mode)) => (
            path,
            Some(u16::from_str_radix(mode, 8).map_err(|_| wrong())?),
        ),
    };
    if local.is_empty() || path.is_empty() || mode.is_some_and(|mode| mode > 0o7777) {
        return Err(wrong());
    }
    Ok(Addition {
        local: PathBuf::from(local),
        path: path.as_bytes().to_vec(),
        permissions: mode,
    })
}

/// A path in a volume, without the slash at its beginning.
pub(crate) fn path_in_volume(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().to_owned().into_vec();
    let trimmed = bytes.as_slice().trim_ascii_end();
    let names = trimmed.split(|byte| *byte == b'/');
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    names.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_have_a_place_and_perhaps_a_mode() {
        let read = |text: &str| {
            let addition = addition(text).unwrap();
            let path = String::from_utf8(addition.path).unwrap();
            (
                addition.local.display().to_string(),
                path,
                addition.permissions,
            )
        };
        let plain = ("motd".to_owned(), "etc/motd".to_owned(), None);
        assert_eq!(read("motd:/etc/motd"), plain);
        let all = ("/a/key".to_owned(), "root/key".to_owned(), Some(0o600));
        assert_eq!(read("/a/key:/root/key:600"), all);
        for wrong in [
            "motd",
            "motd:etc/motd",
            ":/x",
            "x:/",
            "x:/y:9",
            "x:/y:10000",
        ] {
            assert!(addition(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn platforms_and_uuids() {
        let arm = platform("linux/arm/v7").unwrap();
        assert_eq!(
            (arm.architecture.as_str(), arm.variant.as_deref()),
            ("arm", Some("v7"))
        );
        for wrong in ["linux", "linux/", "/amd64", "linux/arm/v7/x"] {
            assert!(platform(wrong).is_err(), "{wrong}");
        }
        assert_eq!(uuid("random"), Ok(UuidChoice::Of(FileSystemUuid::Random)));
        let given = uuid("00000000-0000-0000-0000-0000000000ff").unwrap();
        assert!(matches!(
            given,
            UuidChoice::Of(FileSystemUuid::Given([.., 0xff]))
        ));
        assert!(uuid("none").is_err());
    }

    #[test]
    fn paths_in_a_volume_have_no_slash_at_the_beginning() {
        assert_eq!(path_in_volume(Path::new("/home/")), b"home");
        assert_eq!(path_in_volume(Path::new("srv//www")), b"srv/www");
    }
}
