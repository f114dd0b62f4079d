//! gumnut's own client against Ceph's gateway, which refuses the ACL that clouds of images want.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use support::ceph::{Ceph, User};
use support::gumnut::{self, Gumnut, Profile};
use support::noise;
use support::report::Steps;
use support::workspace::{Workspace, without_foreign_settings};
use support::{cloud, compare};
use xshell::cmd;

use crate::refused;

/// Length of the image: three parts of 10 MiB.
const LENGTH: usize = 25 << 20;
const MANIFEST: &str = "vmlinuz-ceph.manifest.xml";

pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let mut steps = Steps::new();
    let scratch = workspace.scratch("ceph")?;
    let folder = scratch.path();
    let program = steps.run("build gumnut", || gumnut::build(workspace, Profile::Dev))?;
    let ceph = steps.run("a Ceph cluster", || {
        Ceph::start(workspace, &folder.join("cluster"))
    })?;
    let eucarc = steps.run("its user", || {
        eucarc(&program, folder, &ceph.endpoint(), &ceph.user("gumnut")?)
    })?;
    let shell = workspace.shell()?;
    shell.change_dir(folder);
    let gumnut = Gumnut {
        shell: &shell,
        program: &program,
        eucarc: &eucarc,
    };
    steps.run("bundle", || bundle(&gumnut, folder))?;
    steps.check("the ACL of images is refused, with the way out", || {
        let upload = [MANIFEST, "-b", "refused"];
        let command = cmd!(
            shell,
            "{program} --config {eucarc} --no-progress upload {upload...}"
        );
        refused(without_foreign_settings(command), &["--acl none"])
    });
    for version in ["v4", "v2"] {
        let step = format!("{version}: upload, download, verify, delete");
        steps.check(&step, || round_trip(&gumnut, folder, version));
    }
    steps.check("publish without registering, twice; verify; fetch", || {
        publish(&gumnut, folder)
    });
    drop(ceph);
    steps.finish()
}

/// The settings of a user of the gateway, with the keys and certificates of a cloud that is not started.
fn eucarc(program: &Path, folder: &Path, endpoint: &str, user: &User) -> anyhow::Result<PathBuf> {
    let eucarc = cloud::credentials_only(program, folder)?;
    let replaced = [
        ("export S3_URL=", endpoint),
        ("export EC2_ACCESS_KEY=", &user.access_key),
        ("export EC2_SECRET_KEY=", &user.secret_key),
    ];
    let text = fs_err::read_to_string(&eucarc)?;
    let lines = text.lines().map(|line| {
        let found = replaced.iter().find(|(start, _)| line.starts_with(start));
        found.map_or_else(
            || line.to_owned(),
            |(start, value)| format!("{start}'{value}'"),
        )
    });
    fs_err::write(&eucarc, lines.collect::<Vec<_>>().join("\n") + "\n")?;
    Ok(eucarc)
}

fn bundle(gumnut: &Gumnut<'_>, folder: &Path) -> anyhow::Result<()> {
    fs_err::write(folder.join("vmlinuz-ceph"), noise(LENGTH))?;
    let bundle = ["bundle", "vmlinuz-ceph", "--kind", "kernel"];
    gumnut.json(&[&bundle[..], &["--arch", "x86_64"]].concat())?;
    Ok(())
}

fn publish(gumnut: &Gumnut<'_>, folder: &Path) -> anyhow::Result<()> {
    let _state = gumnut
        .shell
        .push_env("XDG_STATE_HOME", folder.join("state"));
    let publish = [
        "publish",
        "vmlinuz-ceph",
        "--arch",
        "x86_64",
        "--ignore-checks",
    ];
    let stored = ["--no-register", "--acl", "none", "--bucket", "published"];
    let publish = [&publish[..], &stored].concat();
    let first = gumnut.json(&publish)?;
    let second = gumnut.json(&publish)?;
    ensure!(
        first["changed"] == true && second["changed"] == false,
        "the second run was not like the first: {first} {second}"
    );
    let location = "published/vmlinuz-ceph.manifest.xml";
    gumnut.json(&["verify", location])?;
    gumnut.json(&["fetch", location, "-o", "fetched"])?;
    compare::identical(&folder.join("vmlinuz-ceph"), &folder.join("fetched"))
}

fn round_trip(gumnut: &Gumnut<'_>, folder: &Path, version: &str) -> anyhow::Result<()> {
    let (bucket, back) = (format!("ceph-{version}"), format!("back-{version}"));
    let signed = ["--signature", version];
    let json = |arguments: &[&str]| gumnut.json(&[&signed, arguments].concat());
    let upload = json(&["upload", MANIFEST, "-b", &bucket, "--acl", "none"])?;
    let location = upload["location"].as_str().context("no location")?;
    json(&["download", location, "-d", &back])?;
    json(&["verify", &format!("{back}/{MANIFEST}")])?;
    let mut parts = 0;
    for entry in fs_err::read_dir(folder.join(&back))? {
        let file = entry?.path();
        let name = file.file_name().context("a file has a name")?;
        compare::identical(&folder.join(name), &file)?;
        parts += 1;
    }
    ensure!(
        parts == 4,
        "{parts} files came back, and not three parts and a manifest"
    );
    json(&["delete", location])?;
    let gone = json(&["download", location, "-d", "gone"]);
    ensure!(gone.is_err(), "the bundle is still there");
    Ok(())
}
