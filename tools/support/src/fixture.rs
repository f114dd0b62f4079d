//! The fixture: a tarball in the layout that certified images came in.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use xshell::{Shell, cmd};

use crate::report::mebibytes;
use crate::workspace::Workspace;

/// The tarball of the small fixture, which `cargo xtask fixture` builds when it is not there.
pub fn small(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let shell = workspace.shell()?;
    let said = cmd!(shell, "cargo run --quiet --package xtask -- fixture")
        .quiet()
        .read()?;
    let last = said.lines().last();
    Ok(last
        .context("the fixture's last line names the tarball")?
        .into())
}

/// An unpacked tarball: one root image, and kernels with their ramdisks in directories.
pub struct Unpacked {
    /// The root disk.
    pub image: PathBuf,
    /// The kernel.
    pub kernel: PathBuf,
    /// Its ramdisk.
    pub ramdisk: PathBuf,
    /// The architecture that the directory's name ends in.
    pub architecture: &'static str,
}

/// In the order of preference; the tutorial takes the Xen kernel.
const KERNEL_FOLDERS: [&str; 2] = ["xen-kernel", "kvm-kernel"];

impl Unpacked {
    /// Unpacks `tarball` below `parent` and finds everything.
    pub fn from(shell: &Shell, tarball: &Path, parent: &Path) -> anyhow::Result<Self> {
        // GNU tar restores holes; other people's names and owners are left out.
        let safe = ["--no-same-owner", "--no-same-permissions"];
        cmd!(shell, "tar -xzf {tarball} {safe...} -C {parent}")
            .quiet()
            .run()?;
        Self::below(parent)
    }

    /// Finds everything in the one directory that was unpacked below `parent`.
    pub fn below(parent: &Path) -> anyhow::Result<Self> {
        let folder = only(parent, Path::is_dir).context("the tarball holds no directory")?;
        Self::find(&folder).with_context(|| format!("{} has another layout", folder.display()))
    }

    fn find(folder: &Path) -> anyhow::Result<Self> {
        let image = only(folder, |path| has_extension(path, "img"))?;
        for name in KERNEL_FOLDERS.map(|name| folder.join(name)) {
            if name.is_dir() {
                return Ok(Self {
                    image,
                    kernel: only(&name, |path| starts_with(path, "vmlinu"))?,
                    ramdisk: only(&name, |path| starts_with(path, "init"))?,
                    architecture: architecture(folder),
                });
            }
        }
        bail!(
            "it has neither of the directories {}",
            KERNEL_FOLDERS.join(", ")
        )
    }
}

impl fmt::Display for Unpacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, path) in [
            ("root disk", &self.image),
            ("kernel", &self.kernel),
            ("ramdisk", &self.ramdisk),
        ] {
            let size = path.metadata().map_err(|_| fmt::Error)?.len();
            let name = path.file_name().unwrap_or_default();
            writeln!(f, "{what:9}  {:>10}  {}", mebibytes(size), name.display())?;
        }
        write!(f, "{:9}  {:>10}", "for", self.architecture)
    }
}

fn architecture(folder: &Path) -> &'static str {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let is_32bit = ["i386", "i686", "x86-32"]
        .iter()
        .any(|part| name.contains(part));
    if is_32bit { "i386" } else { "x86_64" }
}

/// The only entry of a directory that fits.
fn only(folder: &Path, fits: impl Fn(&Path) -> bool) -> anyhow::Result<PathBuf> {
    let mut fitting = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if fits(&path) {
            fitting.push(path);
        }
    }
    match fitting.as_slice() {
        [path] => Ok(path.clone()),
        _ => bail!(
            "{} files of the wanted kind in {}, not 1",
            fitting.len(),
            folder.display()
        ),
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.is_file() && path.extension().is_some_and(|found| found == extension)
}

fn starts_with(path: &Path, prefix: &str) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(files: &[&str]) -> tempfile::TempDir {
        let parent = tempfile::tempdir().unwrap();
        for file in files {
            let path = parent.path().join("euca-centos-5.3-i386").join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "x").unwrap();
        }
        parent
    }

    #[test]
    fn the_tutorials_tarball_is_understood() {
        let parent = layout(&[
            "centos.5-3.x86.img",
            "kvm-kernel/vmlinuz-2.6.28-11-server",
            "kvm-kernel/initrd.img-2.6.28-11-server",
            "xen-kernel/vmlinuz-2.6.24-19-xen",
            "xen-kernel/initrd.img-2.6.24-19-xen",
        ]);
        let found = Unpacked::find(&parent.path().join("euca-centos-5.3-i386")).unwrap();
        assert!(found.image.ends_with("centos.5-3.x86.img"));
        assert!(found.kernel.ends_with("xen-kernel/vmlinuz-2.6.24-19-xen"));
        assert!(
            found
                .ramdisk
                .ends_with("xen-kernel/initrd.img-2.6.24-19-xen")
        );
        assert_eq!(found.architecture, "i386");
    }

    #[test]
    fn another_layout_is_refused() {
        for files in [
            &["a.img"][..],
            &["a.img", "b.img", "kvm-kernel/vmlinuz", "kvm-kernel/initrd"],
            &["a.img", "kvm-kernel/initrd"],
        ] {
            let parent = layout(files);
            assert!(Unpacked::find(&parent.path().join("euca-centos-5.3-i386")).is_err());
        }
    }
}
