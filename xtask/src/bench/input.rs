//! Images to measure with.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use xshell::cmd;

use crate::workspace::Workspace;

/// 1001 MiB, the length of the certified images.
const LENGTH: u64 = 1001 << 20;
/// How much of it is files: as full as a root disk is.
const FILLED: u64 = 800 << 20;
/// Smaller files are left out: `mke2fs` takes minutes for many of them.
const SMALLEST: u64 = 64 << 10;

/// An ext3 image with files from this machine's /usr; made once.
pub(crate) fn populated(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let image = workspace.kept("bench").join("populated.img");
    if image.is_file() {
        return Ok(image);
    }
    println!("making {}", image.display());
    fs_err::create_dir_all(workspace.kept("bench"))?;
    let scratch = workspace.scratch("populated")?;
    let tree = scratch.path().join("usr");
    fs_err::create_dir(&tree)?;
    let mut left = FILLED;
    copy_from(Path::new("/usr"), &tree, &mut left)?;
    ensure!(
        left < FILLED / 2,
        "this machine's /usr has too few files; use --image"
    );
    let partial = image.with_extension("partial");
    fs_err::File::create(&partial)?.set_len(LENGTH)?;
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
    cmd!(shell, "mke2fs -t ext3 {options...} -d {tree} {partial}").run()?;
    fs_err::rename(&partial, &image)?;
    Ok(image)
}

/// Copies regular files, in the order of their names, until `left` is used up.
fn copy_from(folder: &Path, target: &Path, left: &mut u64) -> anyhow::Result<()> {
    let mut entries: Vec<_> = fs_err::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs_err::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        let place = target.join(entry.file_name());
        if kind.is_dir() {
            fs_err::create_dir(&place)?;
            copy_from(&path, &place, left)?;
        } else if kind.is_file() {
            let length = entry.metadata()?.len();
            // Some files are for root only.
            if length >= SMALLEST && length <= *left && fs_err::copy(&path, &place).is_ok() {
                *left -= length;
            }
        }
    }
    Ok(())
}
