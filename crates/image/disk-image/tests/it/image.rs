//! Small real images, made by `mke2fs` from a directory.

use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fs_err::{File, OpenOptions};
use tempfile::TempDir;

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const UUID: &str = "6d1b1b1e-0000-4000-8000-000000000002";
pub(crate) const LABEL: &str = "euca-root";
/// Length of the images in bytes.
pub(crate) const LENGTH: u64 = 8 * MIB;

const EXT3: [&str; 7] = [
    "-I",
    "128",
    "-j",
    "-J",
    "size=1",
    "-O",
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,sparse_super",
];
const EXT4: [&str; 6] = [
    "-I",
    "256",
    "-J",
    "size=1",
    "-O",
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,sparse_super,extent,64bit,flex_bg,\
     large_file,huge_file,dir_nlink,extra_isize,metadata_csum",
];

/// A directory of its own with one image in it.
pub(crate) struct Image {
    pub(crate) folder: TempDir,
    pub(crate) path: PathBuf,
}

/// Runs a program of e2fsprogs; it must be there.
pub(crate) fn e2fs(program: &str, arguments: &[&str], file: &Path) -> Output {
    let folders = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    Command::new("/usr/bin/env")
        .env("PATH", folders)
        .env("LC_ALL", "C")
        .env("MKE2FS_CONFIG", "/dev/null")
        .arg(program)
        .args(arguments)
        .arg(file)
        .output()
        .unwrap_or_else(|error| panic!("{program} (apt-get install e2fsprogs): {error}"))
}

pub(crate) fn succeed(program: &str, arguments: &[&str], file: &Path) -> String {
    let output = e2fs(program, arguments, file);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} (apt-get install e2fsprogs): {stderr}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A root directory as of 2009 with the modules of two kernels; `/sbin/init` is this test program.
fn root(folder: &Path) {
    for path in [
        "usr/sbin",
        "etc",
        "lib/modules/2.6.24-19-xen",
        "lib/modules/2.6.28-11-server",
    ] {
        fs_err::create_dir_all(folder.join(path)).unwrap();
    }
    symlink("usr/sbin", folder.join("sbin")).unwrap();
    let program = fs_err::read(std::env::current_exe().unwrap()).unwrap();
    fs_err::write(folder.join("usr/sbin/systemd"), &program[..4096]).unwrap();
    symlink("/sbin/systemd", folder.join("usr/sbin/init")).unwrap();
    let fstab = "# made by hand\nproc /proc proc defaults 0 0\n/dev/sda1 / ext3 defaults 1 1\n";
    fs_err::write(folder.join("etc/fstab"), fstab).unwrap();
    fs_err::write(
        folder.join("etc/redhat-release"),
        "CentOS release 5.3 (Final)\n",
    )
    .unwrap();
}

impl Image {
    /// An image of [`LENGTH`] bytes, as `mke2fs` of 2009 made ext3.
    pub(crate) fn ext3() -> Self {
        Self::made(&EXT3)
    }

    /// An image with the features that mke2fs gives to ext4 today.
    pub(crate) fn ext4() -> Self {
        Self::made(&EXT4)
    }

    pub(crate) fn ext2() -> Self {
        Self::made(&["-I", "128", "-O", "none,filetype,sparse_super,resize_inode"])
    }

    /// An image of [`LENGTH`] bytes that mke2fs makes with these options.
    pub(crate) fn of(arguments: &[&str]) -> Self {
        Self::made(arguments)
    }

    fn made(arguments: &[&str]) -> Self {
        Self::with(arguments, |_| {})
    }

    /// An ext3 image whose root directory `change` has changed.
    pub(crate) fn ext3_with(change: impl FnOnce(&Path)) -> Self {
        Self::with(&EXT3, change)
    }

    fn with(arguments: &[&str], change: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.img");
        let tree = folder.path().join("tree");
        root(&tree);
        change(&tree);
        File::create(&path).unwrap().set_len(LENGTH).unwrap();
        let tree = tree.to_str().unwrap();
        let common = [
            "-q",
            "-F",
            "-b",
            "1024",
            "-U",
            UUID,
            "-L",
            LABEL,
            "-E",
            "lazy_itable_init=0",
        ];
        succeed(
            "mke2fs",
            &[&common, arguments, &["-d", tree]].concat(),
            &path,
        );
        Self { folder, path }
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Overwrites bytes of the image.
    pub(crate) fn patch(&self, offset: u64, bytes: &[u8]) {
        let mut file = OpenOptions::new().write(true).open(&self.path).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// Asks `debugfs` to change something, such as `set_super_value`.
    pub(crate) fn debugfs(&self, request: &str) {
        succeed("debugfs", &["-w", "-R", request], &self.path);
    }

    /// Puts a transaction into the journal that writes `bytes` to `block`, as a crash leaves it.
    pub(crate) fn leave_in_journal(&self, block: u64, bytes: &[u8]) {
        let (data, requests) = (self.join("data"), self.join("requests"));
        fs_err::write(&data, bytes).unwrap();
        fs_err::write(
            &requests,
            format!("jo\njw -b {block} {}\njc\n", data.display()),
        )
        .unwrap();
        succeed(
            "debugfs",
            &["-w", "-f", requests.to_str().unwrap()],
            &self.path,
        );
        fs_err::remove_file(data).unwrap();
        fs_err::remove_file(requests).unwrap();
    }
}

/// A field that `dumpe2fs -h` prints.
pub(crate) fn dumpe2fs(path: &Path, field: &str) -> String {
    let text = succeed("dumpe2fs", &["-h"], path);
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(name, _)| *name == field);
    found
        .unwrap_or_else(|| panic!("no {field} in {text}"))
        .1
        .trim()
        .to_owned()
}
