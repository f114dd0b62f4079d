//! From a source to an image: plan, edit, write, check.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use data_encoding::HEXLOWER;
use gumnut_disk_image::{DiskImageError, Partial, find_program};
use gumnut_ext::{FileSystem, InodeSize, Options, Plan};
use gumnut_tree::{
    ContainerConfig, FileContent, FileEntry, FileId, FileKind, FileTree, Layout, NoteKind, Notes,
    Source, Time,
};
use gumnut_types::{Existing, Progress};
use sha2::{Digest as _, Sha256};

use crate::error::MakeError;
use crate::fstab::{Root, other_mounts};
use crate::identity;
use crate::init;
use crate::open::{Input, open};
use crate::options::{FileSystemUuid, Fstab, MakeOptions};
use crate::summary::Summary;

/// A file to be added is not larger: it is in memory until it is written.
const MAX_ADDITION: u64 = 256 << 20;

/// A source that has been read and planned: its contents are still to be written.
pub struct Prepared {
    source: Source,
    tree: FileTree,
    layout: Layout,
    plan: Plan,
    summary: Summary,
    strict: bool,
}

/// A finished image.
#[derive(Debug)]
#[non_exhaustive]
pub struct Made {
    /// Bytes of the file system that are free.
    pub free: u64,
    /// What was left out, removed and changed on the whole way.
    pub notes: Notes,
    /// Whether e2fsck has found the file system clean; `false` if it is not installed.
    pub checked: bool,
}

/// Reads names and attributes of a source, edits the tree and plans the file system. Nothing is written.
///
/// # Errors
/// When the source cannot be read or is refused, when the tree cannot be started and should be, and when it does not fit into
/// the file system.
pub fn prepare(
    input: Input<'_>,
    options: &MakeOptions,
    progress: &dyn Progress,
) -> Result<Prepared, MakeError> {
    let mut opened = open(input, options, progress)?;
    let (tree, notes) = (&mut opened.tree, &mut opened.notes);
    if options.owner_root {
        give_to_root(tree);
    }
    if !options.devices {
        tree.remove_devices(notes);
    }
    if let Some(filter) = &options.filter {
        tree.filter(&filter.names, &filter.private_keys, &options.keep, notes);
    }
    if options.seal {
        tree.seal(&options.keep, notes)?;
    }
    let epoch = options.epoch.unwrap_or_else(|| newest(tree));
    let time = Time {
        seconds: epoch.into(),
        nanoseconds: 0,
    };
    if options.running.is_some() {
        make_volatile(tree, time)?;
    }
    add_files(tree, options, time)?;
    make_init(tree, options, opened.config.as_ref(), time)?;
    if options.needs_init && !options.only_file_system && !init::has_init(tree) {
        return Err(MakeError::NoInit);
    }
    let uuid = match options.uuid {
        FileSystemUuid::Given(uuid) => uuid,
        FileSystemUuid::OfSource => identity::uuid_of(tree),
        FileSystemUuid::Random => {
            let mut uuid = [0; 16];
            getrandom::fill(&mut uuid).map_err(MakeError::Random)?;
            identity::marked(uuid, 4)
        }
    };
    if !options.only_file_system {
        edit_fstab(tree, options, uuid, time, notes)?;
        relabel(tree, time)?;
    }
    let (layout, ext) = Layout::new(tree, notes)?;
    let plan = Plan::new(ext, ext_options(options, uuid, epoch))?;
    let summary = summary(tree, &plan, options, uuid, notes);
    Ok(Prepared {
        source: opened.source,
        tree: opened.tree,
        layout,
        plan,
        summary,
        strict: options.strict,
    })
}

impl Prepared {
    /// What the image will be like.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What sources that give equal images have in common, and others do not, as hexadecimal digits. All of the source is read for it.
    ///
    /// # Errors
    /// When reading fails.
    pub fn digest(&self, progress: &dyn Progress) -> Result<String, MakeError> {
        let contents = self.source.digest(&self.tree, progress)?;
        let summary = &self.summary;
        let (size, kind) = (summary.size, summary.file_system_name());
        let options = format!("{size} {kind} {} {}", summary.uuid, summary.label);
        let mut hash = Sha256::new();
        hash.update(identity::digest_of(&self.tree));
        hash.update(contents);
        hash.update(options);
        Ok(HEXLOWER.encode(&hash.finalize()))
    }

    /// Writes the image. The file has `.partial` at the end of its name until it is complete and checked. The best kernel and
    /// its ramdisk are also copied to the files in `copies`.
    ///
    /// # Errors
    /// When reading or writing fails, when a source that must not change does, when a kernel or ramdisk is missing, and when the
    /// target exists and must not be replaced.
    pub fn write(
        self,
        target: &Path,
        existing: Existing,
        copies: KernelCopies<'_>,
        progress: &dyn Progress,
    ) -> Result<Made, MakeError> {
        let kernel = copies
            .kernel
            .map(|path| self.copy(path, existing, "kernel"));
        let ramdisk = copies
            .ramdisk
            .map(|path| self.copy(path, existing, "ramdisk"));
        let apart: Vec<_> = [kernel, ramdisk]
            .into_iter()
            .flatten()
            .collect::<Result<_, _>>()?;
        let absolute = absolute(target, existing)?;
        let partial = Partial::create(&absolute, None)?;
        let mut files = HashMap::new();
        for (id, copy) in &apart {
            files.insert(*id, duplicate(copy)?);
        }
        let mut writer = self.plan.write(duplicate(&partial)?)?;
        let mut notes = self.summary.notes;
        let layout = &self.layout;
        notes.extend(layout.write(&self.source, &self.tree, &mut writer, files, progress)?);
        let kinds = [NoteKind::Changed, NoteKind::Shortened, NoteKind::Vanished];
        let changed = kinds.iter().map(|kind| notes.number(*kind)).sum();
        if self.strict && changed > 0 {
            return Err(MakeError::Changed(changed));
        }
        let free = writer.finish()?.free;
        let checked = check(&partial)?;
        for (_, copy) in apart {
            copy.commit(existing)?;
        }
        partial.commit(existing)?;
        Ok(Made {
            free,
            notes,
            checked,
        })
    }

    /// The temporary file for a copy, and what is copied to it.
    fn copy(
        &self,
        path: &Path,
        existing: Existing,
        what: &'static str,
    ) -> Result<(FileId, Partial), MakeError> {
        let kernel = self.summary.kernels.first();
        let id = match what {
            "kernel" => kernel.map(|kernel| kernel.file),
            _ => kernel.and_then(|kernel| Some(kernel.ramdisk.as_ref()?.1)),
        };
        let id = id.ok_or(MakeError::NoKernel(what))?;
        let partial = Partial::create(&absolute(path, existing)?, None)?;
        Ok((id, partial))
    }
}

/// Where the kernel and its ramdisk are copied to.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelCopies<'a> {
    /// File for the kernel.
    pub kernel: Option<&'a Path>,
    /// File for the ramdisk.
    pub ramdisk: Option<&'a Path>,
}

/// The absolute path of a new file.
fn absolute(target: &Path, existing: Existing) -> Result<std::path::PathBuf, MakeError> {
    let path = std::path::absolute(target).map_err(|source| MakeError::Read {
        path: target.to_owned(),
        source,
    })?;
    if existing == Existing::Refuse && path.symlink_metadata().is_ok() {
        return Err(DiskImageError::Exists { path }.into());
    }
    Ok(path)
}

fn duplicate(partial: &Partial) -> Result<File, MakeError> {
    let file = partial.file().file().try_clone();
    file.map_err(|source| MakeError::Read {
        path: partial.path().to_owned(),
        source,
    })
}

/// Lets e2fsck judge the image, if it is installed.
fn check(image: &Partial) -> Result<bool, MakeError> {
    let Some(program) = find_program("e2fsck") else {
        return Ok(false);
    };
    let output = Command::new(program)
        .arg("-fn")
        .arg(image.path())
        .env("LC_ALL", "C")
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|source| MakeError::Read {
            path: image.path().to_owned(),
            source,
        })?;
    if output.status.success() {
        return Ok(true);
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = said
        .lines()
        .filter(|line| !line.is_empty())
        .take(3)
        .collect();
    Err(MakeError::NotClean(lines.join("; ")))
}

fn give_to_root(tree: &mut FileTree) {
    let mut ids = vec![tree.root()];
    let mut walk = tree.walk();
    while let Some((_, id)) = walk.next_file() {
        ids.push(id);
    }
    for id in ids {
        let entry = tree.entry_mut(id);
        (entry.user, entry.group) = (0, 0);
    }
}

/// The last change of any file, in seconds since 1970, as far as a superblock can have it.
fn newest(tree: &FileTree) -> u32 {
    let mut newest = tree.entry(tree.root()).modified.seconds;
    let mut walk = tree.walk();
    while let Some((_, id)) = walk.next_file() {
        newest = newest.max(tree.entry(id).modified.seconds);
    }
    u32::try_from(newest.max(0)).unwrap_or(u32::MAX)
}

/// Directories and devices that a system needs before it makes them.
fn make_volatile(tree: &mut FileTree, time: Time) -> Result<(), MakeError> {
    const DIRECTORIES: [(&[u8], u16); 8] = [
        (b"dev", 0o755),
        (b"media", 0o755),
        (b"mnt", 0o755),
        (b"proc", 0o555),
        (b"run", 0o755),
        (b"sys", 0o555),
        (b"tmp", 0o1777),
        (b"var/tmp", 0o1777),
    ];
    const DEVICES: [(&[u8], u32, u32, u16); 4] = [
        (b"dev/console", 5, 1, 0o600),
        (b"dev/null", 1, 3, 0o666),
        (b"dev/tty", 5, 0, 0o666),
        (b"dev/zero", 1, 5, 0o666),
    ];
    for (path, permissions) in DIRECTORIES {
        // What is mounted there has other attributes than the directory below.
        if tree.find(path).is_none() {
            let entry = FileEntry::of_root(FileKind::Directory, permissions, time);
            tree.set(path, entry)?;
        }
    }
    for (path, major, minor, permissions) in DEVICES {
        if tree.find(path).is_none() {
            let kind = FileKind::CharacterDevice { major, minor };
            tree.set(path, FileEntry::of_root(kind, permissions, time))?;
        }
    }
    Ok(())
}

fn add_files(tree: &mut FileTree, options: &MakeOptions, time: Time) -> Result<(), MakeError> {
    for addition in &options.additions {
        let failed = |source| MakeError::Read {
            path: addition.local.clone(),
            source,
        };
        let metadata = fs_err::metadata(&addition.local).map_err(failed)?;
        if !metadata.is_file() || metadata.size() > MAX_ADDITION {
            return Err(MakeError::Addition(addition.local.clone()));
        }
        let content = fs_err::read(&addition.local).map_err(failed)?;
        let own = (metadata.permissions().mode() & 0o7777) as u16;
        let permissions = addition.permissions.unwrap_or(own);
        set_file(tree, &addition.path, &content, permissions, time)?;
    }
    Ok(())
}

fn set_file(
    tree: &mut FileTree,
    path: &[u8],
    content: &[u8],
    permissions: u16,
    time: Time,
) -> Result<(), MakeError> {
    let kind = FileKind::File(FileContent::of(content));
    tree.set(path, FileEntry::of_root(kind, permissions, time))?;
    Ok(())
}

fn make_init(
    tree: &mut FileTree,
    options: &MakeOptions,
    config: Option<&ContainerConfig>,
    time: Time,
) -> Result<(), MakeError> {
    let Some(wanted) = &options.init else {
        return Ok(());
    };
    let script = init::script(wanted, config, tree)?;
    for path in [&b"proc"[..], b"sys", b"dev"] {
        if tree.find(path).is_none() {
            tree.set(path, FileEntry::of_root(FileKind::Directory, 0o755, time))?;
        }
    }
    // A link to an init system that is not wanted is not followed.
    tree.remove(b"sbin/init");
    set_file(tree, b"sbin/init", &script, 0o755, time)
}

fn edit_fstab(
    tree: &mut FileTree,
    options: &MakeOptions,
    uuid: [u8; 16],
    time: Time,
    notes: &mut Notes,
) -> Result<(), MakeError> {
    const FSTAB: &[u8] = b"etc/fstab";
    let root = Root {
        uuid: identity::text(uuid),
        label: &options.label,
        file_system: options.file_system,
    };
    let old = tree.text(FSTAB).map(<[u8]>::to_vec);
    let new = match &options.fstab {
        Fstab::Keep => None,
        Fstab::Generate => Some(root.only_line()),
        Fstab::Content(content) => Some(content.clone()),
        // A tree without /etc is not a system.
        Fstab::Fit if tree.find(b"etc").is_none() => None,
        Fstab::Fit => root.fitted(old.as_deref().unwrap_or_default()),
    };
    let mounted = new.as_deref().or(old.as_deref()).unwrap_or_default();
    let others = other_mounts(mounted);
    if !others.is_empty() {
        let reason = format!("mounts what the image does not have: {}", others.join(", "));
        notes.add(NoteKind::Reported, FSTAB, reason);
    }
    let Some(new) = new else {
        return Ok(());
    };
    let reason = match old {
        None => "made",
        Some(old) => {
            set_file(tree, b"etc/fstab.gumnut", &old, 0o644, time)?;
            "the old one is etc/fstab.gumnut"
        }
    };
    notes.add(NoteKind::Edited, FSTAB, reason);
    set_file(tree, FSTAB, &new, 0o644, time)
}

/// Has `SELinux` label the files at the first start, if it insists on labels and there are none.
fn relabel(tree: &mut FileTree, time: Time) -> Result<(), MakeError> {
    let config = tree.text(b"etc/selinux/config").unwrap_or_default();
    let mut lines = config.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let is_enforced = lines.any(|line| line == b"SELINUX=enforcing");
    let xattrs = &tree.entry(tree.root()).xattrs;
    let is_labelled = xattrs.iter().any(|(name, _)| name == b"security.selinux");
    if is_enforced && !is_labelled {
        set_file(tree, b".autorelabel", b"", 0o644, time)?;
    }
    Ok(())
}

fn ext_options(options: &MakeOptions, uuid: [u8; 16], epoch: u32) -> Options {
    Options {
        file_system: options.file_system,
        // Boot loaders of the time of ext3 read no other inodes.
        inode_size: match options.file_system {
            FileSystem::Ext3 => InodeSize::Bytes128,
            FileSystem::Ext4 | FileSystem::Ext4Checksums => InodeSize::Bytes256,
        },
        size: options.size,
        label: options.label.clone(),
        inodes: options.inodes,
        ..Options::new(uuid, epoch)
    }
}

fn summary(
    tree: &FileTree,
    plan: &Plan,
    options: &MakeOptions,
    uuid: [u8; 16],
    notes: &Notes,
) -> Summary {
    let (mut bytes, mut to_read, mut files) = (0, 0, 1);
    let mut counted = std::collections::HashSet::new();
    let mut walk = tree.walk();
    while let Some((_, id)) = walk.next_file() {
        if counted.insert(id) {
            files += 1;
            if let Some(content) = tree.content(id) {
                bytes += content.length;
                let data = content.data.iter();
                to_read += data.map(|range| range.end - range.start).sum::<u64>();
            }
        }
    }
    let kernels = tree.kernels();
    let length = |id: Option<FileId>| {
        let content = id.and_then(|id| tree.content(id));
        content.map_or(0, |content| content.length)
    };
    let ramdisk = kernels.first().and_then(|kernel| kernel.ramdisk.as_ref());
    Summary {
        kernel_bytes: length(kernels.first().map(|kernel| kernel.file)),
        ramdisk_bytes: length(ramdisk.map(|(_, id)| *id)),
        size: plan.size(),
        used: plan.used(),
        bytes,
        to_read,
        files,
        file_system: options.file_system,
        uuid: identity::text(uuid),
        label: options.label.as_str().to_owned(),
        clamped_times: plan.clamped_times(),
        kernels,
        notes: notes.clone(),
    }
}
