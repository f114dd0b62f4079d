//! A plain shell that has read the eucarc, and awscli without any setting of its own: over HTTP, and over HTTPS with an
//! authority that only the credentials carry.

use std::path::Path;

use anyhow::ensure;
use support::cloud::Cloud;
use support::report::Steps;
use support::workspace::without_foreign_settings;
use xshell::{Cmd, cmd};

use crate::{Scene, refused};

/// Puts an object, gets it back, and asks for the images.
const SCRIPT: &str = "set -e; . \"$1\"
    \"$0\" s3api create-bucket --bucket eucarc >/dev/null
    \"$0\" s3 cp --quiet eucarc-file s3://eucarc/it
    \"$0\" s3 cp --quiet s3://eucarc/it - | cmp - eucarc-file
    \"$0\" s3 rm --quiet s3://eucarc/it
    \"$0\" s3api delete-bucket --bucket eucarc
    \"$0\" ec2 describe-images --owners self --query 'length(Images)' --output text";

pub(super) fn check(scene: &Scene, program: &Path, plain: &Cloud, steps: &mut Steps) {
    steps.check("eucarc in sh, awscli: put, get, describe", || {
        round(scene, plain)
    });
    let tls = Cloud::start_with(program, &scene.folder.join("tls"), &["--tls"]);
    steps.check("the same over HTTPS, refused without the authority", || {
        let cloud = tls?;
        ensure!(cloud.endpoint().starts_with("https://"), "it speaks HTTP");
        round(scene, &cloud)?;
        let aws = scene.environment.program("aws");
        let (script, eucarc) = (
            ". \"$1\"; unset AWS_CA_BUNDLE; \"$0\" s3 ls",
            cloud.eucarc(),
        );
        let command = cmd!(scene.shell, "sh -c {script} {aws} {eucarc}");
        refused(bare(command), &["CERTIFICATE_VERIFY_FAILED"])?;
        cloud.stop()
    });
}

fn round(scene: &Scene, cloud: &Cloud) -> anyhow::Result<()> {
    scene.file("eucarc-file", 100_000)?;
    let (aws, eucarc) = (scene.environment.program("aws"), cloud.eucarc());
    let command = cmd!(scene.shell, "sh -c {SCRIPT} {aws} {eucarc}");
    let images = bare(command).read()?;
    ensure!(images.parse::<u32>().is_ok(), "described as {images:?}");
    Ok(())
}

/// A command without anybody's settings.
fn bare(command: Cmd<'_>) -> Cmd<'_> {
    without_foreign_settings(command)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_PAGER", "")
}
