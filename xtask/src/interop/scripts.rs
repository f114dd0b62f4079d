//! Clients that are libraries of Python, each with a script: boto 2.49 (an independent signer of version 2 for S3, and an
//! odd scope of version 4 for EC2), boto3, libcloud's Eucalyptus driver (EC2 by GET with version 2), and minio-py.

use anyhow::Context as _;
use xshell::cmd;

use super::Scene;
use crate::report::Steps;
use crate::workspace::{Workspace, without_foreign_settings};

/// Step, script, and what the script is to do.
const STEPS: [(&str, &str, &str); 10] = [
    ("boto: put, get, list, delete with SigV2", "boto", "s3"),
    ("boto: register, describe, deregister", "boto", "ec2"),
    ("boto: wrong secret refused", "boto", "wrong-secret"),
    ("boto3: put, parts, get, list, delete", "boto3", "s3"),
    ("boto3: register, describe, deregister", "boto3", "ec2"),
    ("boto3: wrong secret refused", "boto3", "wrong-secret"),
    ("libcloud: register, list, delete image", "libcloud", "ec2"),
    ("libcloud: wrong secret refused", "libcloud", "wrong-secret"),
    ("minio-py: put, parts, get, copy, delete", "minio", "s3"),
    ("minio-py: wrong secret refused", "minio", "wrong-secret"),
];

pub(super) fn check(workspace: &Workspace, scene: &Scene, steps: &mut Steps) {
    for (step, client, task) in STEPS {
        steps.check(step, || run(workspace, scene, client, task));
    }
}

fn run(workspace: &Workspace, scene: &Scene, client: &str, task: &str) -> anyhow::Result<()> {
    let python = scene.environment.program("python");
    let script = workspace
        .root()
        .join(format!("xtask/interop/{client}_client.py"));
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
