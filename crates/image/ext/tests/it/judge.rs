//! Makes images, and lets e2fsprogs and ext4-view judge them.

use std::path::Path;
use std::process::{Command, Output};

use ext4_view::Ext4;
use gumnut_ext::{Attributes, Content, FileShape, NodeId, Options, Plan, Size, Time, Tree};
use tempfile::TempDir;

pub(crate) const UUID: [u8; 16] = *b"0123456789abcdef";
pub(crate) const NOW: u32 = 1_750_000_000;

/// A file system in a temporary directory.
pub(crate) struct Image {
    folder: TempDir,
}

pub(crate) fn options() -> Options {
    Options {
        size: Size::Free {
            percent: 0,
            at_least: 1 << 20,
        },
        ..Options::new(UUID, NOW)
    }
}

pub(crate) fn attributes(permissions: u16) -> Attributes {
    Attributes::of_root(permissions, Time::from_seconds(1_600_000_000))
}

pub(crate) fn tree() -> Tree {
    Tree::new(&attributes(0o755)).unwrap()
}

/// A tree together with the contents of its files.
pub(crate) struct Files {
    pub(crate) tree: Tree,
    pub(crate) contents: Vec<(NodeId, Vec<u8>)>,
}

impl Files {
    pub(crate) fn new() -> Self {
        Self {
            tree: tree(),
            contents: Vec::new(),
        }
    }

    pub(crate) fn root(&self) -> NodeId {
        self.tree.root()
    }

    pub(crate) fn file(&mut self, parent: NodeId, name: &str, content: &[u8]) -> NodeId {
        self.file_with(parent, name.as_bytes(), content, &attributes(0o644))
    }

    pub(crate) fn file_with(
        &mut self,
        parent: NodeId,
        name: &[u8],
        content: &[u8],
        attributes: &Attributes,
    ) -> NodeId {
        let shape = FileShape::whole(content.len() as u64);
        let node = self
            .tree
            .add(parent, name, Content::File(shape), attributes)
            .unwrap();
        self.contents.push((node, content.to_vec()));
        node
    }

    pub(crate) fn directory(&mut self, parent: NodeId, name: &str) -> NodeId {
        let attributes = attributes(0o755);
        self.tree
            .add(parent, name.as_bytes(), Content::Directory, &attributes)
            .unwrap()
    }

    pub(crate) fn write(self, options: Options) -> Image {
        Image::write(self.tree, options, &self.contents)
    }
}

impl Image {
    pub(crate) fn write(tree: Tree, options: Options, contents: &[(NodeId, Vec<u8>)]) -> Self {
        let plan = Plan::new(tree, options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = fs_err::File::create(folder.path().join("image")).unwrap();
        let mut writer = plan.write(file.into_file()).unwrap();
        for (node, content) in contents {
            writer.copy(*node, &content[..]).unwrap();
        }
        writer.finish().unwrap();
        let image = Self { folder };
        image.assert_clean();
        image
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("image"), bytes).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("image")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs_err::read(self.path()).unwrap()
    }

    /// e2fsck finds nothing to report, and nothing to change.
    pub(crate) fn assert_clean(&self) {
        let output = run("e2fsck", &["-fn"], &self.path());
        assert!(output.status.success(), "{}", text(&output));
        if fs_err::metadata(self.path()).unwrap().len() > 256 << 20 {
            return;
        }
        let copy = Self::from_bytes(&self.bytes());
        let output = run("e2fsck", &["-fy"], &copy.path());
        assert!(output.status.success(), "{}", text(&output));
        let (mut ours, mut theirs) = (self.bytes(), copy.bytes());
        // e2fsck records in the superblock when it has checked.
        ours[1024..2048].fill(0);
        theirs[1024..2048].fill(0);
        let changed = ours
            .iter()
            .zip(&theirs)
            .position(|(ours, theirs)| ours != theirs);
        assert_eq!(changed, None, "e2fsck has changed something");
    }

    pub(crate) fn view(&self) -> Ext4 {
        Ext4::load_from_path(self.path()).unwrap()
    }

    /// What a command of debugfs prints.
    pub(crate) fn debugfs(&self, command: &str) -> String {
        let output = run("debugfs", &["-R", command], &self.path());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The block of the image in which a block of a file is; 0 for a hole.
    pub(crate) fn block_of(&self, path: &str, block: u64) -> usize {
        let output = self.debugfs(&format!("bmap {path} {block}"));
        output.trim().parse().unwrap_or_else(|_| panic!("{output}"))
    }

    /// What dumpe2fs prints of the superblock.
    pub(crate) fn superblock(&self) -> String {
        let output = run("dumpe2fs", &["-h"], &self.path());
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn assert_superblock(&self, field: &str, value: &str) {
        let all = self.superblock();
        let line = all
            .lines()
            .find(|line| line.starts_with(&format!("{field}:")));
        let found = line.unwrap_or_else(|| panic!("no {field} in {all}"));
        assert_eq!(found.split_once(':').unwrap().1.trim(), value, "{field}");
    }
}

pub(crate) fn run(program: &str, arguments: &[&str], image: &Path) -> Output {
    Command::new(program)
        .args(arguments)
        .arg(image)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .output()
        .unwrap_or_else(|error| panic!("{program} (cargo xtask setup): {error}"))
}

pub(crate) fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}
