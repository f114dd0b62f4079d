//! The package in a Debian that has nothing else.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use support::system;
use support::workspace::is_root;
use xshell::cmd;

use super::Making;

const SUITE: &str = "bookworm";
const PATH: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

/// The whole job, as a user does it after installing. A pipe shows when the cloud listens.
const JOB: &str = r#"
set -eu
export HOME=/root LC_ALL=C.UTF-8
cd /root
gumnut --version
euca-bundle-image --help > /dev/null
ec2-bundle-image --help > /dev/null
test -s /usr/share/man/man1/gumnut-bundle.1.gz
mkfifo listening
gumnut --json cloud start --listen 127.0.0.1:0 > listening &
cloud=$!
trap 'kill "$cloud" 2> /dev/null || true' EXIT
read -r line < listening
echo "$line"
head -c 3000000 /dev/urandom > vmlinuz-check
gumnut -q bundle vmlinuz-check --kind kernel --arch x86_64
gumnut -q upload vmlinuz-check.manifest.xml -b kernels
gumnut -q register kernels/vmlinuz-check.manifest.xml
gumnut images
gumnut -q download kernels/vmlinuz-check.manifest.xml -d back
gumnut -q unbundle back/vmlinuz-check.manifest.xml -o restored
cmp vmlinuz-check restored
mke2fs -q -F -t ext3 disk.img 16m
gumnut -q resize disk.img --size 32M -o larger.img
e2fsck -fn larger.img > /dev/null 2>&1
if gumnut doctor --help > /dev/null 2>&1; then gumnut doctor; fi
kill "$cloud"
wait "$cloud"
echo "the whole job is done"
"#;

/// Installs the package and does the job.
pub(super) fn in_a_new_root(making: &Making<'_>, package: &Path) -> anyhow::Result<()> {
    let shell = &making.shell;
    ensure!(is_root(shell)?, "chroot needs root: run it with sudo");
    let base = base(making)?;
    let scratch = making.workspace.scratch("root")?;
    let root = scratch.path();
    cmd!(
        shell,
        "tar --extract --numeric-owner --file {base} --directory {root}"
    )
    .quiet()
    .run()?;
    fs_err::copy(package, root.join("gumnut.deb"))?;
    cmd!(shell, "chroot {root} dpkg --install /gumnut.deb").run()?;
    // With no setting of this machine: its certificates and clouds are not there.
    // resize2fs asks /proc whether the image is mounted.
    let proc = format!("--mount-proc={}/proc", root.display());
    let job = cmd!(
        shell,
        "unshare --mount --pid --fork {proc} chroot {root} env -i {PATH} sh -c {JOB}"
    );
    let said = job.quiet().read()?;
    println!("{said}");
    ensure!(said.ends_with("the whole job is done"), "it ended early");
    Ok(())
}

/// A Debian with what every Debian has, in a tarball that is kept.
fn base(making: &Making<'_>) -> anyhow::Result<PathBuf> {
    let (shell, tarball) = (&making.shell, making.folder.join(format!("{SUITE}.tar")));
    if tarball.exists() {
        return Ok(tarball);
    }
    system::program(shell, "debootstrap", "debootstrap")?;
    let scratch = making.workspace.scratch("debootstrap")?;
    let folder = scratch.path();
    cmd!(shell, "debootstrap --variant=minbase {SUITE} {folder}")
        .ignore_stdout()
        .run()?;
    let new = tarball.with_extension("new");
    cmd!(
        shell,
        "tar --create --numeric-owner --one-file-system --file {new} --directory {folder} ."
    )
    .run()?;
    fs_err::rename(&new, &tarball)?;
    Ok(tarball)
}
