//! Instances that run: boto3, boto 2.49 and awscli start, describe, watch and terminate one in a cloud of their own.

use std::path::Path;

use anyhow::Context as _;
use support::cloud::Cloud;
use support::fixture::{self, Unpacked};
use support::gumnut::Gumnut;
use support::python::Environment;
use support::report::Steps;
use support::workspace::Workspace;

use crate::{Scene, aws, scripts};

/// Publishes the small fixture in a cloud that runs instances, and lets the clients run it.
pub(super) fn check(workspace: &Workspace, folder: &Path, program: &Path, steps: &mut Steps) {
    let (cloud, scene) = match set(workspace, folder, program) {
        Ok(set) => set,
        Err(error) => return steps.check("a cloud that runs instances", || Err(error)),
    };
    for (step, script) in [
        ("boto3: an instance runs", "boto3_client"),
        ("boto: an instance runs", "boto_client"),
    ] {
        steps.check(step, || scripts::run(workspace, &scene, script, "run"));
    }
    steps.check("awscli: an instance runs", || aws::instance(&scene));
    steps.check("stop the cloud that runs instances", || cloud.stop());
}

fn set(workspace: &Workspace, folder: &Path, program: &Path) -> anyhow::Result<(Cloud, Scene)> {
    let folder = folder.join("machines");
    fs_err::create_dir(&folder)?;
    let cloud = Cloud::start_with(program, &folder, &["--instances"])?;
    let shell = workspace.shell()?;
    // The cloud has directories beside it.
    let images = folder.join("images");
    fs_err::create_dir(&images)?;
    let unpacked = Unpacked::from(&shell, &fixture::small(workspace)?, &images)?;
    let gumnut = Gumnut {
        shell: &shell,
        program,
        eucarc: cloud.eucarc(),
    };
    let _state = shell.push_env("XDG_STATE_HOME", folder.join("state"));
    let [image, kernel, ramdisk] = [&unpacked.image, &unpacked.kernel, &unpacked.ramdisk]
        .map(|path| path.to_str().context("a path is not text"));
    let publish = [
        "publish",
        image?,
        "--kernel",
        kernel?,
        "--ramdisk",
        ramdisk?,
        "-b",
        "machines",
    ];
    let image = gumnut.text(&publish, "image_id")?;
    let environment = Environment::of_clients(workspace)?;
    let scene = Scene::of(workspace, &folder, environment, &cloud, image)?;
    Ok((cloud, scene))
}
