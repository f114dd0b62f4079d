//! s3cmd: both signature versions, and ACLs.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use fs_err::OpenOptions;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use support::compare;
use support::report::Steps;
use support::workspace::without_foreign_settings;
use xshell::{Cmd, cmd};

use crate::{Scene, WRONG_SECRET, refused};

pub(super) fn check(scene: &Scene, steps: &mut Steps) {
    for version in ["v4", "v2"] {
        steps.check(
            &format!("s3cmd {version}: mb, put, get, ls, del, rb"),
            || objects(scene, version),
        );
        steps.check(&format!("s3cmd {version}: wrong secret refused"), || {
            let config = config(scene, version, WRONG_SECRET)?;
            refused(s3cmd(scene, &config, &["ls"]), &["SignatureDoesNotMatch"])
        });
    }
}

/// A file with the settings: keys do not belong on a command line.
fn config(scene: &Scene, version: &str, secret: &str) -> anyhow::Result<PathBuf> {
    let path = scene.folder.join("s3cfg");
    let text = format!(
        "[default]\naccess_key = {}\nsecret_key = {secret}\nhost_base = {host}\nhost_bucket = {host}\n\
         use_https = False\nsignature_v2 = {v2}\nbucket_location = us-east-1\nmax_retries = 0\n",
        scene.access_key,
        host = scene.authority(),
        v2 = if version == "v2" { "True" } else { "False" },
    );
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&path)?.write_all(text.as_bytes())?;
    Ok(path)
}

fn s3cmd<'a>(scene: &'a Scene, config: &Path, arguments: &[&str]) -> Cmd<'a> {
    let program = scene.environment.program("s3cmd");
    let quiet = ["--no-progress", "--no-check-certificate"];
    let command = cmd!(
        scene.shell,
        "{program} -c {config} {quiet...} {arguments...}"
    );
    without_foreign_settings(command).env("PYTHONWARNINGS", "ignore")
}

fn objects(scene: &Scene, version: &str) -> anyhow::Result<()> {
    let config = config(scene, version, &scene.secret_key)?;
    let s3cmd = |arguments: &[&str]| s3cmd(scene, &config, arguments);
    let bucket = format!("s3://s3cmd-{version}");
    let key = format!("{bucket}/folder/a key+more");
    let (file, back) = (
        scene.file("s3cmd", 200_000)?,
        scene.folder.join("s3cmd.back"),
    );
    s3cmd(&["mb", &bucket]).run()?;
    s3cmd(&["put", "--acl-private", "s3cmd", &key]).run()?;
    s3cmd(&["get", "--force", &key, "s3cmd.back"]).run()?;
    compare::identical(&file, &back)?;
    let listed = s3cmd(&["ls", "--recursive", &bucket]).read()?;
    ensure!(listed.trim_end().ends_with(&key), "listed {listed:?}");
    s3cmd(&["del", &key]).run()?;
    let left = s3cmd(&["ls", "--recursive", &bucket]).read()?;
    ensure!(left.trim().is_empty(), "still lists {left:?}");
    s3cmd(&["rb", &bucket]).run()?;
    Ok(())
}
