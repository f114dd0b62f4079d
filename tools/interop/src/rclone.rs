//! rclone: both signature versions, uploads in parts, and a comparison of its own.

use anyhow::ensure;
use support::compare;
use support::report::Steps;
use support::workspace::without_foreign_settings;
use xshell::{Cmd, cmd};

use crate::{Scene, WRONG_SECRET, refused};

/// Above the 5 MiB from which on it sends parts here.
const LARGE: usize = 12 << 20;

pub(super) fn check(scene: &Scene, steps: &mut Steps) {
    for version in ["v4", "v2"] {
        steps.check(
            &format!("rclone {version}: copy, check, list, delete"),
            || objects(scene, version),
        );
        steps.check(&format!("rclone {version}: wrong secret refused"), || {
            let list = rclone(scene, version, WRONG_SECRET, &["lsd", "cloud:"]);
            refused(list, &["SignatureDoesNotMatch"])
        });
    }
}

/// The settings go through the environment: keys do not belong on a command line.
fn rclone<'a>(scene: &'a Scene, version: &str, secret: &str, arguments: &[&str]) -> Cmd<'a> {
    let program = scene.environment.program("rclone");
    let fixed = [
        "--config",
        "/dev/null",
        "--retries",
        "1",
        "--low-level-retries",
        "1",
        "--s3-upload-cutoff",
        "5M",
        "--s3-chunk-size",
        "5M",
    ];
    let command = cmd!(scene.shell, "{program} {fixed...} {arguments...}");
    without_foreign_settings(command)
        .env("RCLONE_CONFIG_CLOUD_TYPE", "s3")
        .env("RCLONE_CONFIG_CLOUD_PROVIDER", "Other")
        .env("RCLONE_CONFIG_CLOUD_ENDPOINT", &scene.endpoint)
        .env("RCLONE_CONFIG_CLOUD_ACCESS_KEY_ID", &scene.access_key)
        .env("RCLONE_CONFIG_CLOUD_SECRET_ACCESS_KEY", secret)
        .env("RCLONE_CONFIG_CLOUD_V2_AUTH", (version == "v2").to_string())
}

fn objects(scene: &Scene, version: &str) -> anyhow::Result<()> {
    let rclone = |arguments: &[&str]| rclone(scene, version, &scene.secret_key, arguments);
    let (folder, back) = (
        format!("rclone-{version}"),
        format!("rclone-{version}-back"),
    );
    fs_err::create_dir(scene.folder.join(&folder))?;
    let large = scene.file(&format!("{folder}/large"), LARGE)?;
    scene.file(&format!("{folder}/a name+more"), 70_000)?;
    let remote = format!("cloud:rclone-{version}/folder");
    rclone(&["copy", &folder, &remote]).run()?;
    rclone(&["check", "--download", &folder, &remote]).run()?;
    rclone(&["copy", &remote, &back]).run()?;
    compare::identical(&large, &scene.folder.join(&back).join("large"))?;
    let listed = rclone(&["lsf", &remote]).read()?;
    ensure!(listed == "a name+more\nlarge", "listed {listed:?}");
    rclone(&["deletefile", &format!("{remote}/large")]).run()?;
    let left = rclone(&["lsf", &remote]).read()?;
    ensure!(left == "a name+more", "still lists {left:?}");
    rclone(&["purge", &format!("cloud:rclone-{version}")]).run()?;
    Ok(())
}
