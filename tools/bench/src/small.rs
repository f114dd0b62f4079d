//! Many small bundles: what a run costs besides its data.

use std::path::Path;

use anyhow::Context as _;
use support::cloud;
use xshell::{Shell, cmd};

use crate::contenders::{Contender, pipeline};
use crate::input::Input;
use crate::measure::{Sample, measure};
use crate::row::{Row, heading};
use crate::suites::{Run, Suites, in_turn};

/// Bundles that each contender makes, in all rounds together.
const BUNDLES: usize = 10_000;
/// Length of an image, in bytes.
const LENGTH: &str = "64K";

const GUMNUT: &str = "set -euo pipefail
for image in \"$1\"/*; do
  \"$PROGRAM\" --config \"$EUCARC\" --quiet --no-progress bundle \"$image\" -d \"$2\" --arch x86_64 > /dev/null
done";
const SHELL: &str = "set -euo pipefail
for image in \"$1\"/*; do
  name=$(basename \"$image\")
  tar -c -C \"$1\" \"$name\" | tee >(sha1sum > \"$2/$name.digest\") | pigz -c \
  | openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 00112233445566778899aabbccddeeff \
  | split -b 10M -d - \"$2/$name.part.\"
done";

pub(crate) fn run(suites: &Suites<'_>) -> anyhow::Result<Vec<Row>> {
    heading();
    let scratch = suites.folder()?;
    let folder = scratch.path();
    let images = folder.join("images");
    let count = BUNDLES.div_ceil(suites.rounds);
    make(suites, &images, count)?;
    let eucarc = cloud::credentials_only(suites.program(), &folder.join("cloud"))?;
    let shell = suites.workspace.shell()?;
    shell.set_var("PROGRAM", suites.program());
    shell.set_var("EUCARC", &eucarc);
    let runs: [Run<'_>; 2] = [
        (
            Contender::Gumnut(&[]).name(),
            Box::new(|| bundle(&shell, GUMNUT, folder)),
        ),
        (
            Contender::Shell.name(),
            Box::new(|| bundle(&shell, SHELL, folder)),
        ),
    ];
    let samples = in_turn(suites.rounds, &runs)?;
    let input = format!("{count} x 64 KiB");
    let rows = vec![
        suites.row(("bundle", &input, &runs[0].0), &samples[0], &samples[1]),
        suites.row(("bundle", &input, &runs[1].0), &samples[1], &[]),
    ];
    rows.iter().for_each(Row::print);
    Ok(rows)
}

/// Bundles all images of a directory.
fn bundle(shell: &Shell, script: &str, folder: &Path) -> anyhow::Result<Sample> {
    let parts = folder.join("parts");
    fs_err::create_dir(&parts)?;
    let command = pipeline(script, &folder.join("images"), &parts)?;
    let sample = measure(shell, &folder.join("time"), &command);
    fs_err::remove_dir_all(&parts)?;
    sample
}

/// Pieces of an image with files, each an image of its own.
fn make(suites: &Suites<'_>, folder: &Path, count: usize) -> anyhow::Result<()> {
    fs_err::create_dir(folder)?;
    let files = Input::Files.path(suites.workspace)?;
    let shell = suites.workspace.shell()?;
    let path = folder.join("image-");
    let prefix = path.to_str().context("the directory's name is no text")?;
    let script = "head -c $(($1 * 65536)) \"$2\" | split -b \"$3\" -d -a 5 - \"$4\"";
    let count = count.to_string();
    cmd!(
        shell,
        "bash -c {script} bench {count} {files} {LENGTH} {prefix}"
    )
    .run()?;
    Ok(())
}
