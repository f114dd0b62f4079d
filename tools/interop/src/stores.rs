//! Foreign stores that the objects of a cloud can be in, put to the tests of the contract of blobs.

use anyhow::ensure;
use support::report::Steps;
use support::stores::Store;
use support::workspace::Workspace;
use xshell::cmd;

use crate::Scene;

pub(super) fn check(workspace: &Workspace, scene: &Scene, steps: &mut Steps) {
    let clients = &scene.environment;
    steps.check("a bucket in moto: the contract of blobs", || {
        let folder = scene.folder.join("moto");
        contract(workspace, &Store::moto(workspace, clients, &folder)?)
    });
    steps.check("a bucket in rclone: the contract of blobs", || {
        let folder = scene.folder.join("rclone");
        contract(workspace, &Store::rclone(clients, &folder)?)
    });
}

/// Runs all tests of the contract on the bucket of a store.
fn contract(workspace: &Workspace, store: &Store) -> anyhow::Result<()> {
    let (shell, url) = (workspace.shell()?, store.blobs("contract"));
    let output = cmd!(
        shell,
        "cargo run --quiet -p gumnut-cloud-bucket --example contract -- {url}"
    )
    .env("GUMNUT_BLOBS_KEY_FILE", store.key_file())
    .ignore_status()
    .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_default();
    ensure!(
        output.status.success() && last.starts_with("all passed"),
        "{last}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
