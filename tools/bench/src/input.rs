//! Images and trees of files to measure with, made once and kept.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use support::workspace::Workspace;
use xshell::cmd;

const GIB: u64 = 1 << 30;
/// How much of an image of files is files: as full as a root disk is.
const FILLED: u64 = 850 << 20;
/// Smaller files are left out: `mke2fs` takes minutes for many of them.
const SMALLEST: u64 = 64 << 10;

/// What an image holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// 1 GiB ext3 with files of this machine's /usr.
    Files,
    /// The file system of `Files` grown to 4 GiB, a sparse file.
    Grown,
    /// 1 GiB that cannot be compressed.
    Noise,
    /// 1 GiB of zeros that are stored, no holes.
    Zeros,
    /// The image of files, with a hole behind it up to so many GiB.
    Length(u64),
}

impl Input {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Files => "1 GiB files".to_owned(),
            Self::Grown => "4 GiB sparse".to_owned(),
            Self::Noise => "1 GiB noise".to_owned(),
            Self::Zeros => "1 GiB zeros".to_owned(),
            Self::Length(length) => format!("length {length} GiB"),
        }
    }

    /// The image's file, made if it is not there.
    pub(crate) fn path(self, workspace: &Workspace) -> anyhow::Result<PathBuf> {
        let file = match self {
            Self::Files => "files.img".to_owned(),
            Self::Grown => "grown.img".to_owned(),
            Self::Noise => "noise.img".to_owned(),
            Self::Zeros => "zeros.img".to_owned(),
            Self::Length(length) => format!("length-{length}.img"),
        };
        let image = workspace.kept("bench").join(file);
        if !image.is_file() {
            println!("making {}", image.display());
            fs_err::create_dir_all(workspace.kept("bench"))?;
            let partial = image.with_extension("partial");
            self.make(workspace, &partial)?;
            fs_err::rename(&partial, &image)?;
        }
        Ok(image)
    }

    fn make(self, workspace: &Workspace, target: &Path) -> anyhow::Result<()> {
        let shell = workspace.shell()?;
        match self {
            Self::Files => return of_files(workspace, target),
            Self::Grown => {
                copy_of_files(workspace, target)?;
                fs_err::OpenOptions::new()
                    .write(true)
                    .open(target)?
                    .set_len(4 * GIB)?;
                cmd!(shell, "resize2fs -f {target}")
                    .quiet()
                    .ignore_stderr()
                    .run()?;
            }
            Self::Noise => {
                let script = "head -c 1G /dev/zero \
                    | openssl enc -aes-128-ctr -K 67756d6e757467756d6e757467756d6e -iv 00000000000000000000000000000000 > \"$1\"";
                cmd!(shell, "bash -c {script} bench {target}").run()?;
            }
            Self::Zeros => {
                let script = "head -c 1G /dev/zero > \"$1\"";
                cmd!(shell, "bash -c {script} bench {target}").run()?;
            }
            Self::Length(length) => {
                copy_of_files(workspace, target)?;
                fs_err::OpenOptions::new()
                    .write(true)
                    .open(target)?
                    .set_len(length * GIB)?;
            }
        }
        Ok(())
    }
}

/// 1 GiB of files of this machine's /usr, small ones, too.
pub(crate) struct Tree {
    pub(crate) directory: PathBuf,
    /// A tar archive of the directory, not compressed.
    pub(crate) archive: PathBuf,
}

impl Tree {
    /// The directory and its archive, made if they are not there.
    pub(crate) fn get(workspace: &Workspace) -> anyhow::Result<Self> {
        let kept = workspace.kept("bench");
        let (directory, archive) = (kept.join("tree"), kept.join("tree.tar"));
        if !archive.is_file() {
            println!("making {}", archive.display());
            fs_err::create_dir_all(&kept)?;
            if directory.exists() {
                fs_err::remove_dir_all(&directory)?;
            }
            fs_err::create_dir(&directory)?;
            let mut left = GIB;
            copy_from(Path::new("/usr"), &directory, 0, &mut left)?;
            ensure!(left < GIB / 2, "this machine's /usr has too few files");
            let (shell, partial) = (workspace.shell()?, archive.with_extension("partial"));
            cmd!(
                shell,
                "tar -c -f {partial} --sort=name --owner=0 --group=0 --numeric-owner -C {directory} ."
            )
            .run()?;
            fs_err::rename(&partial, &archive)?;
        }
        Ok(Self { directory, archive })
    }
}

/// A copy of the image of files, with its holes.
fn copy_of_files(workspace: &Workspace, target: &Path) -> anyhow::Result<()> {
    let (shell, files) = (workspace.shell()?, Input::Files.path(workspace)?);
    Ok(cmd!(shell, "cp --sparse=always {files} {target}").run()?)
}

/// An ext3 image with files from this machine's /usr.
fn of_files(workspace: &Workspace, target: &Path) -> anyhow::Result<()> {
    let scratch = workspace.scratch("files")?;
    let tree = scratch.path().join("usr");
    fs_err::create_dir(&tree)?;
    let mut left = FILLED;
    copy_from(Path::new("/usr"), &tree, SMALLEST, &mut left)?;
    ensure!(
        left < FILLED / 2,
        "this machine's /usr has too few files; use --image"
    );
    fs_err::File::create(target)?.set_len(GIB)?;
    let shell = workspace.shell()?;
    let options = [
        "-q",
        "-F",
        "-j",
        "-b",
        "4096",
        "-I",
        "128",
        "-O",
        "^64bit,^metadata_csum,^extent",
    ];
    cmd!(shell, "mke2fs -t ext3 {options...} -d {tree} {target}").run()?;
    Ok(())
}

/// Copies regular files that are not smaller, in the order of their names, until `left` is used up.
fn copy_from(folder: &Path, target: &Path, smallest: u64, left: &mut u64) -> anyhow::Result<()> {
    let mut entries: Vec<_> = fs_err::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs_err::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        let place = target.join(entry.file_name());
        if kind.is_dir() {
            fs_err::create_dir(&place)?;
            copy_from(&path, &place, smallest, left)?;
        } else if kind.is_file() {
            let length = entry.metadata()?.len();
            // Some files are for root only.
            if length >= smallest && length <= *left && fs_err::copy(&path, &place).is_ok() {
                *left -= length;
            }
        }
    }
    Ok(())
}
