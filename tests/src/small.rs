//! The small fixture: a real kernel, a ramdisk and a root disk that boots in seconds.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::{Program, tool};

/// The fixture, unpacked in the directory of a program.
#[derive(Debug)]
pub struct SmallImage {
    /// 1001 MiB of ext3, mostly a hole.
    pub disk: PathBuf,
    /// Linux.
    pub kernel: PathBuf,
    /// Its ramdisk.
    pub ramdisk: PathBuf,
}

impl SmallImage {
    /// Unpacks the fixture, which is built by `cargo xtask fixture` when it is not there.
    #[must_use]
    pub fn unpack(program: &Program) -> Self {
        let folder = program.path("small");
        fs_err::create_dir(&folder).expect("a new folder");
        let place = folder.to_str().expect("the path is text");
        let strip = "--strip-components=1";
        tool("tar", &["-xzf", small_tarball(), strip, "-C", place]);
        let only = |folder: &str, prefix: &str| {
            let folder = program.path(folder);
            let mut names = Program::files(&folder).into_iter();
            let name = names.find(|name| name.starts_with(prefix));
            folder.join(name.expect("the fixture has the certified layout"))
        };
        Self {
            disk: only("small", "busybox."),
            kernel: only("small/kvm-kernel", "vmlinuz-"),
            ramdisk: only("small/kvm-kernel", "initrd.img-"),
        }
    }
}

/// The tarball of the fixture, which is built by `cargo xtask fixture` when it is not there.
#[must_use]
pub fn small_tarball() -> &'static str {
    static TARBALL: OnceLock<String> = OnceLock::new();
    TARBALL.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["run", "--quiet", "--package", "xtask", "--", "fixture"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .output()
            .expect("cargo starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo xtask fixture: {said}");
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().expect("it names the tarball");
        last.to_owned()
    })
}
