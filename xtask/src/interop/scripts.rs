//! boto 2.49: an independent signer of version 2 for S3, and an odd scope of version 4 for EC2.

use anyhow::Context as _;
use xshell::cmd;

use super::Scene;
use crate::report::Steps;
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace, scene: &Scene, steps: &mut Steps) {
    for (name, task) in [
        ("boto: put, get, list, delete with SigV2", "s3"),
        ("boto: register, describe, deregister", "ec2"),
        ("boto: wrong secret refused", "wrong-secret"),
    ] {
        steps.check(name, || run(workspace, scene, task));
    }
}

fn run(workspace: &Workspace, scene: &Scene, task: &str) -> anyhow::Result<()> {
    let python = scene.environment.program("python");
    let script = workspace.root().join("xtask/interop/boto_client.py");
    let (host, port) = scene
        .authority()
        .split_once(':')
        .context("the endpoint has a port")?;
    cmd!(scene.shell, "{python} {script} {task}")
        .env("BOTO_CONFIG", "/dev/null")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONWARNINGS", "ignore")
        .env("HOST", host)
        .env("PORT", port)
        .env("ACCESS_KEY", &scene.access_key)
        .env("SECRET_KEY", &scene.secret_key)
        .env("LOCATION", &scene.location)
        .run()?;
    Ok(())
}
