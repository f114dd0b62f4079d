//! Clients that are libraries of Python, each with a script: boto 2.49 (an independent signer of version 2 for S3, and an
//! odd scope of version 4 for EC2), boto3, libcloud's Eucalyptus driver (EC2 by GET with version 2), and minio-py.

use anyhow::Context as _;
use support::report::Steps;
use support::workspace::{Workspace, without_foreign_settings};
use xshell::cmd;

use crate::Scene;

/// Step, script, and what the script is to do.
const STEPS: [(&str, &str, &str); 16] = [
    (
        "boto: put, get, list, delete with SigV2",
        "boto_client",
        "s3",
    ),
    ("boto: register, describe, deregister", "boto_client", "ec2"),
    ("boto: wrong secret refused", "boto_client", "wrong-secret"),
    ("boto3: put, parts, get, list, delete", "boto3_client", "s3"),
    (
        "boto3: register, describe, deregister",
        "boto3_client",
        "ec2",
    ),
    (
        "boto3: key pairs, compared with ssh-keygen",
        "boto3_client",
        "key-pairs",
    ),
    ("boto3: security groups", "boto3_client", "groups"),
    (
        "boto3: instances, refused without machines",
        "boto3_client",
        "instances",
    ),
    (
        "boto3: wrong secret refused",
        "boto3_client",
        "wrong-secret",
    ),
    (
        "boto3: listings and their texts",
        "boto3_manners",
        "listings",
    ),
    (
        "boto3: addresses signed in advance",
        "boto3_manners",
        "signed",
    ),
    (
        "boto3: refusals and conditions",
        "boto3_manners",
        "refusals",
    ),
    (
        "libcloud: register, list, delete image",
        "libcloud_client",
        "ec2",
    ),
    (
        "libcloud: wrong secret refused",
        "libcloud_client",
        "wrong-secret",
    ),
    (
        "minio-py: put, parts, get, copy, delete",
        "minio_client",
        "s3",
    ),
    (
        "minio-py: wrong secret refused",
        "minio_client",
        "wrong-secret",
    ),
];

pub(super) fn check(workspace: &Workspace, scene: &Scene, steps: &mut Steps) {
    for (step, script, task) in STEPS {
        steps.check(step, || run(workspace, scene, script, task));
    }
}

pub(super) fn run(
    workspace: &Workspace,
    scene: &Scene,
    script: &str,
    task: &str,
) -> anyhow::Result<()> {
    let python = scene.environment.program("python");
    let script = workspace
        .root()
        .join(format!("tools/interop/scripts/{script}.py"));
    let (host, port) = scene
        .authority()
        .split_once(':')
        .context("the endpoint has a port")?;
    let command = cmd!(scene.shell, "{python} {script} {task}");
    without_foreign_settings(command)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
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
