//! s5cmd: many requests at a time, large objects in parts.

use anyhow::ensure;
use support::compare;
use support::report::Steps;
use support::workspace::without_foreign_settings;
use xshell::{Cmd, cmd};

use crate::{Scene, WRONG_SECRET, refused};

/// Length of the large object: four parts of 5 MiB.
const LARGE: usize = 20 << 20;
/// How many small objects there are.
const SMALL: usize = 40;

pub(super) fn check(scene: &Scene, steps: &mut Steps) {
    steps.check("s5cmd: mb, cp, ls, rm, rb", || objects(scene));
    steps.check("s5cmd: wrong secret refused", || {
        let list = s5cmd(scene, WRONG_SECRET, &["ls"]);
        refused(list, &["SignatureDoesNotMatch"])
    });
}

fn s5cmd<'a>(scene: &'a Scene, secret: &str, arguments: &[&str]) -> Cmd<'a> {
    let program = scene.environment.program("s5cmd");
    let command = cmd!(scene.shell, "{program} --retry-count 0 {arguments...}");
    without_foreign_settings(command)
        .env("S3_ENDPOINT_URL", &scene.endpoint)
        .env("AWS_ACCESS_KEY_ID", &scene.access_key)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
}

fn objects(scene: &Scene) -> anyhow::Result<()> {
    let s5cmd = |arguments: &[&str]| s5cmd(scene, &scene.secret_key, arguments);
    let large = scene.file("s5cmd-large", LARGE)?;
    fs_err::create_dir(scene.folder.join("s5cmd"))?;
    for number in 0..SMALL {
        scene.file(&format!("s5cmd/{number:02}"), 1000 + number)?;
    }
    s5cmd(&["mb", "s3://s5cmd-bucket"]).ignore_stdout().run()?;
    let parts = ["--part-size", "5", "--concurrency", "4"];
    let up = ["s5cmd-large", "s3://s5cmd-bucket/large"];
    s5cmd(&[&["cp"], &parts[..], &up].concat())
        .ignore_stdout()
        .run()?;
    let down = ["s3://s5cmd-bucket/large", "s5cmd-large.back"];
    s5cmd(&[&["cp"], &parts[..], &down].concat())
        .ignore_stdout()
        .run()?;
    compare::identical(&large, &scene.folder.join("s5cmd-large.back"))?;
    s5cmd(&["cp", "s5cmd/", "s3://s5cmd-bucket/small/"])
        .ignore_stdout()
        .run()?;
    let listed = s5cmd(&["ls", "s3://s5cmd-bucket/small/*"]).read()?;
    let count = listed.lines().count();
    ensure!(count == SMALL, "{count} objects of {SMALL} are listed");
    s5cmd(&["rm", "s3://s5cmd-bucket/*"])
        .ignore_stdout()
        .run()?;
    s5cmd(&["rb", "s3://s5cmd-bucket"]).ignore_stdout().run()?;
    Ok(())
}
