//! Makes an ext4 image of a directory: `cargo run --example folder -- DIRECTORY IMAGE`.
//!
//! Files, directories, symbolic links, fifos and hard links, with owners, permissions and times; devices and sockets are an error.
#![expect(clippy::print_stdout, reason = "a program")]

use std::collections::HashMap;
use std::error::Error;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use gumnut_ext::{Attributes, Content, FileShape, NodeId, Options, Plan, Time, Tree};

/// A tree, and where the contents of its files are.
struct Walk {
    tree: Tree,
    files: HashMap<NodeId, PathBuf>,
    /// Files with several names, by device and inode.
    linked: HashMap<(u64, u64), NodeId>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(directory), Some(image)) = (arguments.next(), arguments.next()) else {
        return Err("two arguments are needed: a directory and an image".into());
    };
    let root = attributes(&fs_err::metadata(&directory)?)?;
    let mut walk = Walk {
        tree: Tree::new(&root)?,
        files: HashMap::new(),
        linked: HashMap::new(),
    };
    walk.directory(walk.tree.root(), Path::new(&directory))?;

    let time = u32::try_from(root.modified.seconds)?;
    let plan = Plan::new(walk.tree, Options::new(*b"an example's id!", time))?;
    println!("{} bytes, of which {} are needed", plan.size(), plan.used());
    let files: Vec<_> = plan.files().collect();
    let mut writer = plan.write(fs_err::File::create_new(image)?.into_file())?;
    for file in files {
        writer.copy(file, fs_err::File::open(&walk.files[&file])?)?;
    }
    let written = writer.finish()?;
    println!("{} files, {} bytes are free", written.files, written.free);
    Ok(())
}

impl Walk {
    fn directory(&mut self, node: NodeId, path: &Path) -> Result<(), Box<dyn Error>> {
        for entry in fs_err::read_dir(path)? {
            let entry = entry?;
            let (name, path) = (entry.file_name(), entry.path());
            let metadata = entry.metadata()?;
            let identity = (metadata.dev(), metadata.ino());
            if let Some(first) = self.linked.get(&identity) {
                self.tree.link(node, name.as_bytes(), *first)?;
                continue;
            }
            let target;
            let content = if metadata.is_dir() {
                Content::Directory
            } else if metadata.is_symlink() {
                target = fs_err::read_link(&path)?;
                Content::Symlink(target.as_os_str().as_bytes())
            } else if metadata.is_file() {
                Content::File(FileShape::whole(metadata.len()))
            } else if metadata.file_type().is_fifo() {
                Content::Fifo
            } else {
                return Err(format!("{} is a device or socket", path.display()).into());
            };
            let attributes = attributes(&metadata)?;
            let added = self.tree.add(node, name.as_bytes(), content, &attributes)?;
            if metadata.is_dir() {
                self.directory(added, &path)?;
            } else if metadata.nlink() > 1 {
                self.linked.insert(identity, added);
            }
            if metadata.is_file() {
                self.files.insert(added, path);
            }
        }
        Ok(())
    }
}

fn attributes(metadata: &Metadata) -> Result<Attributes, Box<dyn Error>> {
    let time = |seconds, nanoseconds: i64| -> Result<Time, Box<dyn Error>> {
        Ok(Time {
            seconds,
            nanoseconds: u32::try_from(nanoseconds)?,
        })
    };
    Ok(Attributes {
        permissions: u16::try_from(metadata.mode() & 0o7777)?,
        user: metadata.uid(),
        group: metadata.gid(),
        accessed: time(metadata.atime(), metadata.atime_nsec())?,
        modified: time(metadata.mtime(), metadata.mtime_nsec())?,
        changed: time(metadata.ctime(), metadata.ctime_nsec())?,
        xattrs: Vec::new(),
    })
}
