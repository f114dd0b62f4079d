//! `cargo xtask e2e`: the tutorial from its first line to its last, and back.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;
use support::cloud::Cloud;
use support::compare;
use support::fixture::Unpacked;
use support::gumnut::{Choice, Gumnut, Profile};
use support::python::Environment;
use support::report::Steps;
use support::shared::Shared;
use support::system;
use support::workspace::Workspace;
use xshell::cmd;

use crate::fixture::{Architecture, Source};

/// Do the whole job on the embedded cloud: unpack a certified image, grow and check its root disk, bundle, upload and
/// register kernel, ramdisk and disk, fetch and restore all three, compare them byte for byte, and clean up.
#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(crate) struct EndToEnd {
    #[command(flatten)]
    source: Source,
    /// New size of the root disk
    #[arg(long, default_value = "4G")]
    size: String,
    #[command(flatten)]
    program: Choice,
    /// Start the image that comes out of the cloud, and check what it says of itself
    #[arg(long)]
    boot: bool,
    /// Use the release build instead of the dev build
    #[arg(long)]
    release: bool,
    /// Use a cloud with its catalogue in PostgreSQL and its objects in a bucket of rclone's server
    #[arg(long)]
    shared: bool,
    /// Keep the directory with everything that was made
    #[arg(long)]
    keep: bool,
}

/// One of the three images on its way.
struct Part {
    kind: &'static str,
    file: PathBuf,
    bucket: &'static str,
    location: String,
    id: String,
}

/// The program that prints the marker, in place of init.
const INIT: &str = "quiet init=/sbin/euca-boot-marker";
const MARKER: &str = "EUCA-BOOT-OK";
/// In seconds; a busy machine that translates every instruction takes its time.
const BOOT_LIMIT: &str = "600";

impl EndToEnd {
    pub(crate) fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        let mut steps = Steps::new();
        let mut scratch = workspace.scratch("e2e")?;
        scratch.disable_cleanup(self.keep);
        if self.keep {
            println!("everything is in {}", scratch.path().display());
        }
        // The table is worth having when a step has failed, too; then its error is the one to report.
        let result = self.tutorial(workspace, scratch.path(), &mut steps);
        steps.finish().and(result)
    }

    fn tutorial(
        &self,
        workspace: &Workspace,
        folder: &Path,
        steps: &mut Steps,
    ) -> anyhow::Result<()> {
        let shell = workspace.shell()?;
        shell.change_dir(folder);
        steps.run("set up", || system::all(workspace))?;
        let profile = if self.release {
            Profile::Release
        } else {
            Profile::Dev
        };
        let program = steps.run("build gumnut", || self.program.get(workspace, profile))?;
        let tarball = steps.run("fixture", || self.source.get(workspace))?;
        let unpacked = steps.run("unpack", || {
            cmd!(shell, "{program} unpack {tarball} -d {folder}").run()?;
            let unpacked = Unpacked::below(folder)?;
            println!("{unpacked}");
            Ok(unpacked)
        })?;
        let shared = if self.shared {
            let start = || {
                let clients = Environment::of_clients(workspace)?;
                Shared::start(workspace, &clients, &folder.join("shared"))
            };
            Some(steps.run("PostgreSQL and a bucket", start)?)
        } else {
            None
        };
        let cloud = steps.run("start the cloud", || {
            let cloud = Cloud::start_shared(&program, &folder.join("cloud"), shared.as_ref())?;
            println!("    {}", cloud.endpoint());
            Ok(cloud)
        })?;
        let gumnut = Gumnut {
            shell: &shell,
            program: &program,
            eucarc: cloud.eucarc(),
        };
        let disk = steps.run("resize the root disk", || self.resize(&gumnut, &unpacked))?;
        steps.run("check", || self.check(&gumnut, &unpacked, &disk))?;
        let parts = self.publish(&gumnut, steps, &unpacked, disk)?;
        steps.run("describe", || describe(&gumnut, &parts))?;
        for part in &parts {
            steps.run(&format!("restore the {}", part.kind), || {
                restore(&gumnut, part)
            })?;
        }
        if self.boot {
            steps.run("boot what the cloud holds", || boot(&gumnut, &parts))?;
        }
        steps.run("publish the tarball in one go", || {
            self.publish_at_once(&gumnut, &tarball, folder)
        })?;
        steps.run("deregister", || deregister(&gumnut, &parts))?;
        steps.run("delete the bundles", || delete(&gumnut, &parts))?;
        steps.run("stop the cloud", || cloud.stop())
    }

    /// The whole job in one command, of which a second run changes nothing; then restoring and removing.
    fn publish_at_once(
        &self,
        gumnut: &Gumnut<'_>,
        tarball: &Path,
        folder: &Path,
    ) -> anyhow::Result<()> {
        let _state = gumnut
            .shell
            .push_env("XDG_STATE_HOME", folder.join("state"));
        let publish = ["publish", text(tarball)?, "--size", &self.size];
        let first = gumnut.json(&publish)?;
        let second = gumnut.json(&publish)?;
        ensure!(
            first["changed"] == true && second["changed"] == false,
            "the second run was not like the first: {first} {second}"
        );
        for name in ["kernel_id", "ramdisk_id", "image_id"] {
            ensure!(
                first[name].is_string() && second[name] == first[name],
                "{name} is another one: {second}"
            );
            println!("    {name}: {}", first[name]);
        }
        let image = first["image_id"].as_str().unwrap_or_default();
        gumnut.show(&["verify", image])?;
        let fetched = folder.join("fetched.img");
        gumnut.show(&["fetch", image, "-o", text(&fetched)?])?;
        let shell = gumnut.shell;
        cmd!(shell, "e2fsck -fn {fetched}")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()?;
        gumnut.show(&["retire", image, "--with-kernel-and-ramdisk"])
    }

    fn resize(&self, gumnut: &Gumnut<'_>, unpacked: &Unpacked) -> anyhow::Result<PathBuf> {
        let name = file_name(&unpacked.image)?;
        let new = unpacked.image.with_file_name(format!("new_{name}"));
        let size = self.size.as_str();
        gumnut.show(&[
            "resize",
            text(&unpacked.image)?,
            "--size",
            size,
            "-o",
            text(&new)?,
        ])?;
        let shell = gumnut.shell;
        cmd!(shell, "e2fsck -fn {new}")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()?;
        Ok(new)
    }

    /// Fails if the check finds what would keep the disk from starting.
    fn check(&self, gumnut: &Gumnut<'_>, unpacked: &Unpacked, disk: &Path) -> anyhow::Result<()> {
        gumnut.show(&[
            "check",
            text(disk)?,
            "--kernel",
            text(&unpacked.kernel)?,
            "--ramdisk",
            text(&unpacked.ramdisk)?,
            "--arch",
            self.architecture(unpacked),
        ])
    }

    fn architecture(&self, unpacked: &Unpacked) -> &'static str {
        let named = self.source.arch.map(Architecture::manifest);
        named.unwrap_or(unpacked.architecture)
    }

    /// Bundles, uploads and registers kernel, ramdisk and disk, the disk with the ids of the others.
    fn publish(
        &self,
        gumnut: &Gumnut<'_>,
        steps: &mut Steps,
        unpacked: &Unpacked,
        disk: PathBuf,
    ) -> anyhow::Result<Vec<Part>> {
        let architecture = self.architecture(unpacked);
        let mut parts: Vec<Part> = Vec::new();
        for (kind, bucket, file) in [
            ("kernel", "kernel-bucket", unpacked.kernel.clone()),
            ("ramdisk", "ramdisk-bucket", unpacked.ramdisk.clone()),
            ("machine", "image-bucket", disk),
        ] {
            let mut bundle = vec![
                "bundle",
                text(&file)?,
                "--kind",
                kind,
                "--arch",
                architecture,
            ];
            if let [kernel, ramdisk] = parts.as_slice() {
                bundle.extend(["--kernel", &kernel.id, "--ramdisk", &ramdisk.id]);
            }
            bundle.extend(["-d", "bundles"]);
            let manifest = steps.run(&format!("bundle the {kind}"), || {
                gumnut.text(&bundle, "manifest")
            })?;
            let location = steps.run(&format!("upload the {kind}"), || {
                gumnut.text(&["upload", &manifest, "-b", bucket], "location")
            })?;
            let id = steps.run(&format!("register the {kind}"), || {
                gumnut.text(&["register", &location], "image_id")
            })?;
            parts.push(Part {
                kind,
                file,
                bucket,
                location,
                id,
            });
        }
        Ok(parts)
    }
}

/// Starts the machine image by its id, and prints the line that it prints: kernel, architecture, size.
fn boot(gumnut: &Gumnut<'_>, parts: &[Part]) -> anyhow::Result<()> {
    let machine = parts.iter().find(|part| part.kind == "machine");
    let machine = machine.context("a machine image was registered")?;
    let mut arguments = vec!["boot", &machine.id, "--append", INIT];
    arguments.extend(["--expect", MARKER, "--timeout", BOOT_LIMIT]);
    let line = gumnut.text(&arguments, "line")?;
    let size = fs_err::metadata(&machine.file)?.len();
    let told = told_size(&line).with_context(|| format!("no size in {line:?}"))?;
    // The file system keeps some of the disk for its own tables.
    let enough = told <= size && told >= size - size / 20;
    ensure!(
        enough,
        "the instance sees {told} bytes, the disk has {size}"
    );
    Ok(())
}

/// The size in a marker line, in bytes.
fn told_size(line: &str) -> Option<u64> {
    let mut words = line.split_whitespace();
    let size = words.find_map(|word| word.strip_prefix("size=")?.strip_suffix("KiB"))?;
    Some(size.parse::<u64>().ok()? << 10)
}

/// Shows the images, and checks that all of them are there and available.
fn describe(gumnut: &Gumnut<'_>, parts: &[Part]) -> anyhow::Result<()> {
    gumnut.show(&["images"])?;
    let described = gumnut.json(&["images"])?;
    let images = described["images"].as_array().context("images is a list")?;
    ensure!(
        images.len() == parts.len(),
        "{} images, not {}",
        images.len(),
        parts.len()
    );
    for part in parts {
        let image = images
            .iter()
            .find(|image| image["image_id"] == part.id.as_str())
            .with_context(|| format!("{} is not described", part.id))?;
        ensure!(
            image["state"] == "available",
            "{} is {}",
            part.id,
            image["state"]
        );
        ensure!(
            image["location"] == part.location.as_str(),
            "{} is elsewhere",
            part.id
        );
        if part.kind == "machine" {
            ensure!(
                image["kernel_id"] == parts[0].id.as_str(),
                "it has another kernel"
            );
            ensure!(
                image["ramdisk_id"] == parts[1].id.as_str(),
                "it has another ramdisk"
            );
        }
    }
    Ok(())
}

/// Downloads, verifies and unbundles an image, and compares it with the original.
fn restore(gumnut: &Gumnut<'_>, part: &Part) -> anyhow::Result<()> {
    let folder = format!("restored-{}", part.bucket);
    let manifest = gumnut.text(&["download", &part.location, "-d", &folder], "manifest")?;
    gumnut.show(&["verify", &manifest])?;
    let output = format!("{folder}/{}", file_name(&part.file)?);
    gumnut.show(&["unbundle", &manifest, "-o", &output])?;
    let restored = gumnut.shell.current_dir().join(output);
    compare::identical(&part.file, &restored)?;
    println!("    identical to {}", file_name(&part.file)?);
    sparse(&restored, &part.file)
}

/// Holes must come back as holes: the disk of the tutorial is mostly nothing.
fn sparse(restored: &Path, original: &Path) -> anyhow::Result<()> {
    let before = fs_err::metadata(original)?.blocks() * 512;
    let after = fs_err::metadata(restored)?.blocks() * 512;
    let few_more = before + before / 50 + (1 << 20);
    ensure!(
        after <= few_more,
        "it takes {after} bytes on disk, the original {before}"
    );
    Ok(())
}

/// Twice each: the first call retires an image, the second forgets it.
fn deregister(gumnut: &Gumnut<'_>, parts: &[Part]) -> anyhow::Result<()> {
    for part in parts.iter().rev() {
        gumnut.show(&["deregister", &part.id])?;
        gumnut.show(&["deregister", &part.id])?;
    }
    let left = gumnut.json(&["images"])?;
    ensure!(
        left["images"].as_array().is_some_and(Vec::is_empty),
        "images are left: {left}"
    );
    Ok(())
}

fn delete(gumnut: &Gumnut<'_>, parts: &[Part]) -> anyhow::Result<()> {
    for part in parts {
        gumnut.show(&["delete", &part.location])?;
    }
    Ok(())
}

fn file_name(path: &Path) -> anyhow::Result<&str> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.with_context(|| format!("{} has no name", path.display()))
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is no text", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_marker_line_is_read() {
        let line = "EUCA-BOOT-OK 6.1.0 i686 root=/dev/vda size=991264KiB id=small-i386-1";
        assert_eq!(told_size(line), Some(991_264 << 10));
        assert_eq!(told_size("EUCA-BOOT-OK 6.1.0 i686 root=/dev/vda"), None);
    }
}
