//! The Debian package.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use support::system;
use xshell::cmd;

use super::Making;

/// The service that runs the cloud.
pub(super) const SERVICE: &str = include_str!("gumnut-cloud.service");
/// The configuration of the service.
const CONFIG: &str = include_str!("cloud.toml");
/// What `dpkg` runs.
const SCRIPTS: [(&str, &str); 3] = [
    ("postinst", include_str!("debian/postinst")),
    ("prerm", include_str!("debian/prerm")),
    ("postrm", include_str!("debian/postrm")),
];
/// Pages of the guide for who runs the service.
const PAGES: [&str; 2] = ["cloud-config.md", "operate.md"];

/// Makes the package of a version: binary, compatibility commands, manual pages, completions, service, and what Debian wants to know.
pub(super) fn make(
    making: &Making<'_>,
    program: &Path,
    package: &Path,
    version: &str,
) -> anyhow::Result<()> {
    let shell = &making.shell;
    system::program(shell, "dpkg-deb", "dpkg")?;
    let stage = making.workspace.scratch("deb")?;
    let root = stage.path().join("root");
    let bin = folder(&root, "usr/bin")?;
    fs_err::copy(program, bin.join("gumnut"))?;
    let pages = folder(&root, "usr/share/man/man1")?;
    cmd!(shell, "{program} --quiet man {pages}")
        .quiet()
        .ignore_stdout()
        .run()?;
    for name in old_names(making, program, stage.path())? {
        symlink("gumnut", bin.join(&name))?;
        symlink("gumnut-compat.1.gz", pages.join(format!("{name}.1.gz")))?;
    }
    completions(making, program, &root)?;
    let about = folder(&root, "usr/share/doc/gumnut")?;
    let source = making.workspace.root();
    fs_err::copy(source.join("README.md"), about.join("README.md"))?;
    fs_err::copy(source.join("CHANGELOG.md"), about.join("changelog"))?;
    fs_err::write(about.join("copyright"), copyright(source)?)?;
    for page in PAGES {
        fs_err::copy(source.join("docs").join(page), about.join(page))?;
    }
    service(&root)?;
    // Without names and times, gzip is the same each time.
    let script = "gzip -9n \"$0\"/*.1 \"$1/changelog\"";
    cmd!(shell, "sh -c {script} {pages} {about}")
        .quiet()
        .run()?;

    let control = folder(&root, "DEBIAN")?;
    for (name, script) in SCRIPTS {
        let path = control.join(name);
        fs_err::write(&path, script)?;
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    }
    fs_err::write(control.join("conffiles"), "/etc/gumnut/cloud.toml\n")?;
    cmd!(shell, "chmod -R u=rwX,go=rX {root}").quiet().run()?;
    let script = "cd \"$0\" && find usr -type f | LC_ALL=C sort | xargs md5sum > DEBIAN/md5sums";
    cmd!(shell, "sh -c {script} {root}").quiet().run()?;
    let usage = cmd!(shell, "du -sk --apparent-size {root}/usr")
        .quiet()
        .read()?;
    let kilobytes = usage.split_whitespace().next().unwrap_or("0");
    fs_err::write(control.join("control"), text(version, kilobytes))?;
    // One thread, because more of them cut the data elsewhere.
    let options = ["--root-owner-group", "-Zxz", "--threads-max=1", "--build"];
    cmd!(shell, "dpkg-deb {options...} {root} {package}")
        .quiet()
        .ignore_stdout()
        .run()?;
    Ok(())
}

/// The service, and its configuration, which belongs to the administrator once it is installed.
fn service(root: &Path) -> anyhow::Result<()> {
    let units = folder(root, "usr/lib/systemd/system")?;
    fs_err::write(units.join("gumnut-cloud.service"), SERVICE)?;
    let settings = folder(root, "etc/gumnut")?;
    fs_err::write(settings.join("cloud.toml"), CONFIG)?;
    Ok(())
}

/// The names of euca2ools and ec2-ami-tools that gumnut answers to.
fn old_names(making: &Making<'_>, program: &Path, scratch: &Path) -> anyhow::Result<Vec<String>> {
    let links = scratch.join("links");
    cmd!(making.shell, "{program} --quiet compat install {links}")
        .quiet()
        .ignore_stdout()
        .run()?;
    let mut names = Vec::new();
    for entry in fs_err::read_dir(links)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn completions(making: &Making<'_>, program: &Path, root: &Path) -> anyhow::Result<()> {
    for (shell, file) in [
        ("bash", "usr/share/bash-completion/completions/gumnut"),
        ("zsh", "usr/share/zsh/vendor-completions/_gumnut"),
        ("fish", "usr/share/fish/vendor_completions.d/gumnut.fish"),
    ] {
        let path = root.join(file);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        let script = cmd!(making.shell, "{program} completions {shell}");
        fs_err::write(path, script.quiet().read()? + "\n")?;
    }
    Ok(())
}

/// A new directory below `root`.
fn folder(root: &Path, path: &str) -> anyhow::Result<PathBuf> {
    let folder = root.join(path);
    fs_err::create_dir_all(&folder)?;
    Ok(folder)
}

fn copyright(source: &Path) -> anyhow::Result<String> {
    let mit = fs_err::read_to_string(source.join("LICENSE-MIT"))?;
    let apache = fs_err::read_to_string(source.join("LICENSE-APACHE"))?;
    Ok(format!(
        "gumnut is under MIT or Apache-2.0, at your choice.\n\n{mit}\n\n{apache}"
    ))
}

fn text(version: &str, kilobytes: &str) -> String {
    format!(
        "Package: gumnut\n\
         Version: {version}\n\
         Architecture: amd64\n\
         Maintainer: the gumnut developers\n\
         Installed-Size: {kilobytes}\n\
         Depends: adduser, e2fsprogs\n\
         Recommends: ca-certificates, qemu-utils\n\
         Suggests: qemu-system-x86\n\
         Conflicts: ec2-ami-tools, euca2ools\n\
         Section: admin\n\
         Priority: optional\n\
         Homepage: https://github.com/gumnut/gumnut\n\
         Description: bundle, upload, register and restore machine images\n \
         gumnut bundles machine images, uploads the bundles to a cloud's object\n \
         store and registers them, and downloads and restores images: for Eucalyptus\n \
         and other clouds with an EC2 and S3 API. It provides the commands of\n \
         euca2ools and ec2-ami-tools, and has a cloud of its own, which the service\n \
         gumnut-cloud runs once it is enabled.\n"
    )
}
