//! The package in a Debian that has nothing else.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use support::system;
use support::workspace::is_root;
use xshell::{Shell, cmd};

use super::{Making, package};

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
    let scratch = making.workspace.scratch("root")?;
    let root = NewRoot::make(making, scratch.path())?;
    root.install(package)?;
    let said = root.run(JOB)?;
    println!("{said}");
    ensure!(said.ends_with("the whole job is done"), "it ended early");
    Ok(())
}

/// Asks the cloud for a page, as a load balancer does. The first argument is what the cloud has printed when it started.
const READY: &str = r#"
ready() {
    port=$(sed -n 's/.*"endpoint":"http:\/\/127.0.0.1:\([0-9]*\)".*/\1/p' "$1")
    exec 3<> "/dev/tcp/127.0.0.1/$port"
    printf 'GET /readyz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n' >&3
    cat <&3
    exec 3>&-
}
"#;

/// Starts the service's command as its user, as systemd would, does something with the cloud, and ends it.
const SERVE: &str = r#"
set -eu
export HOME=/root LC_ALL=C.UTF-8
cd /
install -d -o gumnut -g gumnut -m 0700 /var/lib/gumnut
command=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/gumnut-cloud.service)
rm -f /tmp/listening
mkfifo /tmp/listening
setpriv --reuid=gumnut --regid=gumnut --clear-groups --no-new-privs --bounding-set=-all \
    env -i PATH="$PATH" ${command%% *} --json ${command#* } < /dev/null > /tmp/listening &
cloud=$!
trap 'kill "$cloud" 2> /dev/null || true' EXIT
exec 4< /tmp/listening
read -r line <&4
echo "$line" > /tmp/said
ready /tmp/said > /tmp/ready
grep '^HTTP/1.1 200' /tmp/ready
grep '^ready' /tmp/ready
test "$(stat -c '%U %a' /var/lib/gumnut)" = 'gumnut 700'
test -z "$(find /var/lib/gumnut ! -user gumnut)"
set -a
. /var/lib/gumnut/credentials/eucarc
set +a
gumnut -q --json whoami > /dev/null
if [ "$1" = first ]; then
    head -c 3000000 /dev/urandom > /root/vmlinuz-check
    cd /root
    gumnut -q bundle vmlinuz-check --kind kernel --arch x86_64
    gumnut -q upload vmlinuz-check.manifest.xml -b kernels
    gumnut -q register kernels/vmlinuz-check.manifest.xml
fi
gumnut -q images | grep kernels/vmlinuz-check.manifest.xml
kill "$cloud"
wait "$cloud"
trap - EXIT
echo "the service has done its work"
"#;

/// Installs the package, runs the service, upgrades, removes and purges.
pub(super) fn service(making: &Making<'_>, out: &Path) -> anyhow::Result<()> {
    let shell = &making.shell;
    let scratch = making.workspace.scratch("root")?;
    let root = NewRoot::make(making, scratch.path())?;
    root.install(&making.package(out))?;
    judge(making, scratch.path())?;
    let serve = format!("{READY}{SERVE}");
    // A change of the administrator, which later packages leave alone. Another cloud may have the usual port.
    root.run("sed -i 's/^#listen = .*/listen = \"127.0.0.1:0\"/' /etc/gumnut/cloud.toml")?;
    let said = root.bash(&serve, "first")?;
    ensure!(
        said.ends_with("has done its work"),
        "it ended early: {said}"
    );

    let next = scratch.path().join("next.deb");
    let program = scratch.path().join("usr/bin/gumnut");
    package::make(making, &program, &next, &format!("{}+next", making.version))?;
    root.install(&next)?;
    let said = root.run("dpkg-query --show gumnut; grep '^listen' /etc/gumnut/cloud.toml")?;
    ensure!(
        said.contains("+next") && said.ends_with("listen = \"127.0.0.1:0\""),
        "the upgrade has changed the configuration: {said}"
    );
    let said = root.bash(&serve, "again")?;
    ensure!(
        said.ends_with("has done its work"),
        "it ended early: {said}"
    );

    root.run("dpkg --remove gumnut")?;
    let after = "test ! -e /usr/bin/gumnut && test -s /etc/gumnut/cloud.toml && test -s /var/lib/gumnut/catalogue.sqlite \
        && test ! -e /usr/lib/systemd/system/gumnut-cloud.service && id gumnut";
    root.run(after)?;
    let said = root.run("dpkg --purge gumnut 2>&1")?;
    ensure!(
        said.contains("/var/lib/gumnut is kept"),
        "nothing is said of the data: {said}"
    );
    root.run("test ! -e /etc/gumnut && test -s /var/lib/gumnut/catalogue.sqlite && id gumnut")?;

    // Where there is nothing to keep, nothing is kept.
    root.install(&making.package(out))?;
    root.run("rm -r /var/lib/gumnut && dpkg --purge gumnut && test ! -e /etc/gumnut")?;
    // But for what the job has left at the top and in the home directory of its user.
    let script =
        "cd \"$0\" && find . -mindepth 2 -name '*gumnut*' ! -path './root/*' ! -path './tmp/*'";
    let path = scratch.path();
    let left = cmd!(shell, "sh -c {script} {path}").quiet().read()?;
    let others: Vec<_> = left.lines().collect();
    ensure!(others.is_empty(), "something is left: {others:#?}");
    Ok(())
}

/// What systemd says of the service: whether it understands the unit, and how much it may do.
fn judge(making: &Making<'_>, root: &Path) -> anyhow::Result<()> {
    let shell = &making.shell;
    system::program(shell, "systemd-analyze", "systemd")?;
    // Systemd is not in the new root, and the program is not on this machine.
    let program = root.join("usr/bin/gumnut").display().to_string();
    let unit = root.join("tmp/gumnut-cloud.service");
    fs_err::write(&unit, package::SERVICE.replace("/usr/bin/gumnut", &program))?;
    cmd!(shell, "systemd-analyze verify --man=no {unit}").run()?;
    // In tenths: a service without any restriction has 9.6, and one whose exposure is below 2.0 is called OK.
    let security = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    cmd!(shell, "systemd-analyze {security...} {unit}")
        .ignore_stdout()
        .run()?;
    Ok(())
}

/// A Debian in a directory, with no setting of this machine: its certificates and clouds are not there.
struct NewRoot<'a> {
    shell: &'a Shell,
    path: &'a Path,
}

impl<'a> NewRoot<'a> {
    fn make(making: &'a Making<'_>, path: &'a Path) -> anyhow::Result<Self> {
        let shell = &making.shell;
        ensure!(is_root(shell)?, "chroot needs root: run it with sudo");
        let base = base(making)?;
        cmd!(
            shell,
            "tar --extract --numeric-owner --file {base} --directory {path}"
        )
        .quiet()
        .run()?;
        Ok(Self { shell, path })
    }

    fn install(&self, package: &Path) -> anyhow::Result<()> {
        let root = self.path;
        fs_err::copy(package, root.join("gumnut.deb"))?;
        Ok(cmd!(self.shell, "chroot {root} dpkg --install /gumnut.deb").run()?)
    }

    /// Runs a script and gives what it prints.
    fn run(&self, script: &str) -> anyhow::Result<String> {
        self.with("sh", script, "")
    }

    /// Runs a script of bash with an argument and gives what it prints.
    fn bash(&self, script: &str, argument: &str) -> anyhow::Result<String> {
        self.with("bash", script, argument)
    }

    fn with(&self, interpreter: &str, script: &str, argument: &str) -> anyhow::Result<String> {
        let root = self.path;
        // resize2fs asks /proc whether the image is mounted.
        let proc = format!("--mount-proc={}/proc", root.display());
        let job = cmd!(
            self.shell,
            "unshare --mount --pid --fork {proc} chroot {root} env -i {PATH} {interpreter} -c {script} {interpreter} {argument}"
        );
        Ok(job.quiet().read()?)
    }
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
