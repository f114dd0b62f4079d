//! Makes file systems of trees, and lets e2fsprogs and ext4-view judge them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use ext4_view::Ext4;
use gumnut_ext::{FileSystem, InodeSize, Options, Plan, Size};
use gumnut_tree::{
    ArchiveOptions, ArchiveSource, FileContent, FileKind, FileTree, Layout, Notes, Origin, Source,
    TreeError,
};
use gumnut_types::NoProgress;
use tempfile::TempDir;

/// A file system in a temporary directory.
pub(crate) struct Image {
    folder: TempDir,
}

pub(crate) const KINDS: [(FileSystem, InodeSize); 3] = [
    (FileSystem::Ext4, InodeSize::Bytes256),
    (FileSystem::Ext3, InodeSize::Bytes128),
    (FileSystem::Ext3, InodeSize::Bytes256),
];

/// Writes a tree; e2fsck must find it clean.
pub(crate) fn write(
    source: &Source,
    tree: &FileTree,
    notes: &mut Notes,
) -> Result<Image, TreeError> {
    write_as(source, tree, notes, KINDS[0])
}

pub(crate) fn write_as(
    source: &Source,
    tree: &FileTree,
    notes: &mut Notes,
    (file_system, inode_size): (FileSystem, InodeSize),
) -> Result<Image, TreeError> {
    let (layout, ext) = Layout::new(tree, notes)?;
    let options = Options {
        file_system,
        inode_size,
        size: Size::Free {
            percent: 0,
            at_least: 1 << 20,
        },
        ..Options::new(*b"0123456789abcdef", 1_750_000_000)
    };
    let folder = tempfile::tempdir().unwrap();
    let file = fs_err::File::create(folder.path().join("image")).unwrap();
    let mut writer = Plan::new(ext, options)?.write(file.into_file())?;
    let written = layout.write(source, tree, &mut writer, HashMap::new(), &NoProgress)?;
    notes.extend(written);
    writer.finish()?;
    let image = Image { folder };
    image.assert_clean();
    Ok(image)
}

/// The tree of an archive, and where its contents are.
pub(crate) fn plan_archive(bytes: &[u8]) -> Result<(Source, FileTree, Notes), TreeError> {
    plan_archive_with(bytes, &ArchiveOptions::default())
}

pub(crate) fn plan_archive_with(
    bytes: &[u8],
    options: &ArchiveOptions,
) -> Result<(Source, FileTree, Notes), TreeError> {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    let source = ArchiveSource::new(file)?;
    let (tree, notes) = source.plan(options, &NoProgress)?;
    Ok((Source::Archives(source), tree, notes))
}

impl Image {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn assert_clean(&self) {
        let output = run("e2fsck", &["-fn"], &self.path());
        assert!(output.0, "{}", output.1);
    }

    pub(crate) fn view(&self) -> Ext4 {
        Ext4::load_from_path(self.path()).unwrap()
    }

    /// What a command of debugfs prints.
    pub(crate) fn debugfs(&self, command: &str) -> String {
        run("debugfs", &["-R", command], &self.path()).1
    }

    /// Compares all names, owners, permissions, times, contents and targets with those of a tree.
    pub(crate) fn assert_is(&self, tree: &FileTree, content: impl Fn(&FileContent) -> Vec<u8>) {
        let view = self.view();
        let mut expected = Vec::new();
        let mut links = HashMap::new();
        let mut walk = tree.walk();
        while let Some((path, id)) = walk.next_file() {
            expected.push(path.to_vec());
            *links.entry(id).or_insert(0_u16) += 1;
        }
        let mut walk = tree.walk();
        while let Some((path, id)) = walk.next_file() {
            let entry = tree.entry(id);
            let at = ext4_view::PathBuf::try_from([b"/", path].concat()).unwrap();
            let found = view
                .symlink_metadata(&at)
                .unwrap_or_else(|error| panic!("{}: {error}", path.escape_ascii()));
            let message = path.escape_ascii().to_string();
            assert_eq!(
                (found.uid(), found.gid()),
                (entry.user, entry.group),
                "{message}"
            );
            assert_eq!(found.mode() & 0o7777, entry.permissions, "{message}");
            let kind = found.file_type();
            match &entry.kind {
                FileKind::Directory => assert!(kind.is_dir(), "{message}"),
                FileKind::File(planned) => {
                    assert!(view.read(&at).unwrap() == content(planned), "{message}");
                    assert_eq!(found.len(), planned.length, "{message}");
                }
                FileKind::Symlink(target) => {
                    let found = view.read_link(&at).unwrap();
                    let found = <ext4_view::PathBuf as AsRef<[u8]>>::as_ref(&found);
                    assert_eq!(found, &target[..], "{message}");
                }
                FileKind::Fifo => assert!(kind.is_fifo(), "{message}"),
                FileKind::Socket => assert!(kind.is_socket(), "{message}"),
                FileKind::CharacterDevice { .. } => assert!(kind.is_char_dev(), "{message}"),
                FileKind::BlockDevice { .. } => assert!(kind.is_block_dev(), "{message}"),
            }
        }
        let mut found = names(&view);
        found.retain(|path| path != b"lost+found" || expected.contains(path));
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
}

/// All paths of an image.
pub(crate) fn names(view: &Ext4) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut pending = vec![ext4_view::PathBuf::new("/")];
    while let Some(directory) = pending.pop() {
        for entry in view.read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let name: &[u8] = name.as_ref();
            if name == b"." || name == b".." {
                continue;
            }
            let path = entry.path();
            let bytes = <ext4_view::PathBuf as AsRef<[u8]>>::as_ref(&path);
            found.push(bytes[1..].to_vec());
            if entry.file_type().unwrap().is_dir() {
                pending.push(path);
            }
        }
    }
    found
}

/// Content of a file that is not in an archive.
pub(crate) fn in_memory(content: &FileContent) -> Vec<u8> {
    match &content.origin {
        Origin::Memory(bytes) => bytes.clone(),
        origin => panic!("{origin:?} is not in memory"),
    }
}

fn run(program: &str, arguments: &[&str], image: &Path) -> (bool, String) {
    let output = Command::new(program)
        .args(arguments)
        .arg(image)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .output()
        .unwrap_or_else(|error| panic!("{program} (cargo xtask setup): {error}"));
    let all = [&output.stdout[..], &output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&all).into_owned(),
    )
}
