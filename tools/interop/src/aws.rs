//! awscli: Signature Version 4, multipart uploads, checksums, and EC2 by POST.

use anyhow::ensure;
use support::compare;
use support::report::Steps;
use support::workspace::without_foreign_settings;
use xshell::{Cmd, cmd};

use crate::{Scene, WRONG_SECRET, refused};

/// Above the 8 MiB from which on awscli sends parts.
const LARGE: usize = 20 << 20;

pub(super) fn check(scene: &Scene, steps: &mut Steps) {
    steps.check("awscli: put, get, list, delete", || objects(scene));
    steps.check("awscli: multipart", || multipart(scene));
    steps.check("awscli: register, describe, deregister", || images(scene));
    steps.check("awscli: key pairs", || key_pairs(scene));
    steps.check("awscli: wrong secret refused", || wrong_secret(scene));
}

fn aws<'a>(scene: &'a Scene, service: &str, secret: &str, arguments: &[&str]) -> Cmd<'a> {
    let program = scene.environment.program("aws");
    let endpoint = format!("{}/services/{service}", scene.endpoint);
    let command = cmd!(
        scene.shell,
        "{program} --endpoint-url {endpoint} --output text {arguments...}"
    );
    without_foreign_settings(command)
        .env("AWS_ACCESS_KEY_ID", &scene.access_key)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_PAGER", "")
}

fn s3<'a>(scene: &'a Scene, arguments: &[&str]) -> Cmd<'a> {
    aws(scene, "objectstorage", &scene.secret_key, arguments)
}

fn ec2<'a>(scene: &'a Scene, arguments: &[&str]) -> Cmd<'a> {
    aws(scene, "compute", &scene.secret_key, arguments)
}

fn objects(scene: &Scene) -> anyhow::Result<()> {
    let file = scene.file("aws-small", 70_000)?;
    s3(scene, &["s3api", "create-bucket", "--bucket", "aws-bucket"])
        .ignore_stdout()
        .run()?;
    let bucket = ["--bucket", "aws-bucket"];
    for key in ["one", "folder/two and+more"] {
        let put = ["s3api", "put-object", "--body", "aws-small"];
        s3(scene, &[&put[..], &bucket, &["--key", key]].concat())
            .ignore_stdout()
            .run()?;
        let get = [
            &["s3api", "get-object"],
            &bucket[..],
            &["--key", key, "aws-small.back"],
        ]
        .concat();
        s3(scene, &get).ignore_stdout().run()?;
        compare::identical(&file, &scene.folder.join("aws-small.back"))?;
    }
    let list = [
        "s3api",
        "list-objects-v2",
        "--bucket",
        "aws-bucket",
        "--query",
        "Contents[].Key",
    ];
    let listed = s3(scene, &list).read()?;
    ensure!(listed == "folder/two and+more\tone", "listed {listed:?}");
    s3(
        scene,
        &["s3", "rm", "--quiet", "--recursive", "s3://aws-bucket"],
    )
    .run()?;
    refused(
        s3(
            scene,
            &[&["s3api", "head-object"], &bucket[..], &["--key", "one"]].concat(),
        ),
        &["404"],
    )?;
    s3(scene, &["s3api", "delete-bucket", "--bucket", "aws-bucket"]).run()?;
    Ok(())
}

fn multipart(scene: &Scene) -> anyhow::Result<()> {
    let (large, back) = (
        scene.file("aws-large", LARGE)?,
        scene.folder.join("aws-large.back"),
    );
    s3(scene, &["s3", "mb", "s3://aws-large"])
        .ignore_stdout()
        .run()?;
    s3(
        scene,
        &[
            "s3",
            "cp",
            "--no-progress",
            "aws-large",
            "s3://aws-large/it",
        ],
    )
    .run()?;
    let head = [
        "s3api",
        "head-object",
        "--bucket",
        "aws-large",
        "--key",
        "it",
        "--query",
        "ETag",
    ];
    let tag = s3(scene, &head).read()?;
    ensure!(
        tag.trim_matches('"').ends_with("-3"),
        "{tag} is no tag of an object of three parts"
    );
    s3(
        scene,
        &[
            "s3",
            "cp",
            "--no-progress",
            "s3://aws-large/it",
            "aws-large.back",
        ],
    )
    .run()?;
    compare::identical(&large, &back)?;
    s3(scene, &["s3", "rb", "--force", "s3://aws-large"])
        .ignore_stdout()
        .run()?;
    Ok(())
}

fn images(scene: &Scene) -> anyhow::Result<()> {
    let register = [
        "ec2",
        "register-image",
        "--name",
        "awscli-image",
        "--image-location",
        &scene.location,
    ];
    let id = ec2(scene, &register).read()?;
    ensure!(id.starts_with("eki-"), "{id:?} is no id of a kernel");
    let query = [
        "--query",
        "Images[].[ImageId,ImageLocation,State,Architecture]",
    ];
    let describe = [
        "ec2",
        "describe-images",
        "--owners",
        "self",
        "--image-ids",
        &id,
    ];
    let described = ec2(scene, &[&describe[..], &query].concat()).read()?;
    let expected = format!("{id}\t{}\tavailable\tx86_64", scene.location);
    ensure!(described == expected, "described as {described:?}");
    // The first call retires the image, the second forgets it.
    for _ in 0..2 {
        ec2(scene, &["ec2", "deregister-image", "--image-id", &id])
            .ignore_stdout()
            .run()?;
    }
    let gone = ["ec2", "deregister-image", "--image-id", &id];
    refused(ec2(scene, &gone), &["InvalidAMIID.NotFound"])
}

fn key_pairs(scene: &Scene) -> anyhow::Result<()> {
    let name = ["--key-name", "awscli-key"];
    let create = [
        &["ec2", "create-key-pair"][..],
        &name,
        &["--query", "KeyMaterial"],
    ];
    let material = ec2(scene, &create.concat()).quiet().read()?;
    ensure!(
        material.starts_with("-----BEGIN RSA PRIVATE KEY-----"),
        "that is not a private key"
    );
    refused(ec2(scene, &create.concat()), &["InvalidKeyPair.Duplicate"])?;
    let describe = [
        &["ec2", "describe-key-pairs", "--query", "KeyPairs[].KeyName"][..],
        &["--key-names", "awscli-key"],
    ];
    let described = ec2(scene, &describe.concat()).read()?;
    ensure!(described == "awscli-key", "described as {described:?}");
    ec2(scene, &[&["ec2", "delete-key-pair"][..], &name].concat())
        .ignore_stdout()
        .run()?;
    refused(ec2(scene, &describe.concat()), &["InvalidKeyPair.NotFound"])
}

/// Runs an instance of the image whose id is the location of the scene, and ends it.
pub(super) fn instance(scene: &Scene) -> anyhow::Result<()> {
    let run = [
        "ec2",
        "run-instances",
        "--image-id",
        &scene.location,
        "--instance-type",
        "m1.small",
        "--query",
        "Instances[].InstanceId",
    ];
    let id = ec2(scene, &run).read()?;
    ensure!(id.starts_with("i-"), "{id:?} is no id of an instance");
    let named = |words: &[&str]| {
        let id = ["--instance-ids", &id];
        ec2(scene, &[&["ec2"], words, &id].concat()).read()
    };
    named(&["wait", "instance-running"])?;
    let state = "Reservations[].Instances[].[State.Name,PublicIpAddress]";
    let shown = named(&["describe-instances", "--query", state])?;
    ensure!(
        shown.starts_with("running\t127.31."),
        "described as {shown:?}"
    );
    let console = ["ec2", "get-console-output", "--instance-id", &id];
    let console = ec2(scene, &console).read()?;
    ensure!(console.starts_with(&id), "the console is {console:?}");
    let change = "TerminatingInstances[].PreviousState.Name";
    let ended = named(&["terminate-instances", "--query", change])?;
    ensure!(ended == "running", "it was {ended:?}");
    named(&["wait", "instance-terminated"])?;
    let absent = ["ec2", "terminate-instances", "--instance-ids", "i-00000000"];
    refused(ec2(scene, &absent), &["InvalidInstanceID.NotFound"])
}

fn wrong_secret(scene: &Scene) -> anyhow::Result<()> {
    let list = ["s3api", "list-buckets"];
    refused(
        aws(scene, "objectstorage", WRONG_SECRET, &list),
        &["SignatureDoesNotMatch"],
    )?;
    let describe = ["ec2", "describe-images"];
    let words = ["AuthFailure", "SignatureDoesNotMatch"];
    refused(aws(scene, "compute", WRONG_SECRET, &describe), &words)
}
