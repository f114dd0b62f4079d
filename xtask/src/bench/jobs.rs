//! The jobs as each contender does them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use xshell::Shell;

use super::Job;
use super::measure::{Sample, measure};
use crate::workspace::Workspace;
use crate::{cloud, compare};

/// Who does a job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    Gumnut,
    /// tar, sha1sum, pigz, openssl and split in a pipeline.
    Shell,
}

/// Everything that the jobs need, in one folder.
pub(crate) struct Bench {
    shell: Shell,
    program: PathBuf,
    image: PathBuf,
    folder: PathBuf,
    eucarc: PathBuf,
}

/// What the tools of 2010 did, with pigz in gzip's place. The key is not secret: it is for this alone.
const SHELL_BUNDLE: &str = "set -euo pipefail
tar -c -C \"$(dirname \"$1\")\" \"$(basename \"$1\")\" | tee >(sha1sum > digest) | pigz -c \
| openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 00112233445566778899aabbccddeeff \
| split -b 10M - \"$2/part.\"";
const SHELL_UNBUNDLE: &str = "set -euo pipefail
cat \"$1\"/part.* \
| openssl enc -d -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 00112233445566778899aabbccddeeff \
| pigz -dc | tar -x -C \"$2\"";

impl Contender {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gumnut => "gumnut",
            Self::Shell => "shell",
        }
    }
}

impl Bench {
    /// Makes keys, and a bundle of the image by each contender for the jobs that read one.
    pub(crate) fn new(
        workspace: &Workspace,
        program: PathBuf,
        image: PathBuf,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let shell = workspace.shell()?;
        shell.change_dir(folder);
        let eucarc = cloud::credentials_only(&program, &folder.join("cloud"))?;
        let bench = Self {
            shell,
            program,
            image,
            folder: folder.to_owned(),
            eucarc,
        };
        for contender in [Contender::Gumnut, Contender::Shell] {
            bench.run(Job::Bundle, contender)?;
        }
        Ok(bench)
    }

    pub(crate) fn image(&self) -> &Path {
        &self.image
    }

    /// Does a job once.
    pub(crate) fn run(&self, job: Job, contender: Contender) -> anyhow::Result<Sample> {
        let parts = self.folder.join(format!("{}-parts", contender.name()));
        let restored = self.folder.join("restored");
        let output = if job == Job::Bundle {
            &parts
        } else {
            &restored
        };
        if output.exists() {
            fs_err::remove_dir_all(output)?;
        }
        if job != Job::Verify {
            fs_err::create_dir(output)?;
        }
        let command = match contender {
            Contender::Gumnut => self.gumnut(job, &parts, &restored)?,
            Contender::Shell => self.pipeline(job, &parts, &restored)?,
        };
        let mut sample = measure(&self.shell, &self.folder.join("time"), &command)?;
        match job {
            Job::Bundle => sample.output = size(&parts)?,
            Job::Unbundle => {
                let name = self.image.file_name().context("the image has a name")?;
                // A wrong result has no time.
                compare::identical(&self.image, &restored.join(name))?;
            }
            Job::Verify => {}
        }
        Ok(sample)
    }

    fn gumnut(&self, job: Job, parts: &Path, restored: &Path) -> anyhow::Result<Vec<String>> {
        let name = self
            .image
            .file_name()
            .context("the image has a name")?
            .to_string_lossy();
        let (image, restored) = (text(&self.image)?, text(&restored.join(&*name))?);
        let manifest = text(&parts.join(format!("{name}.manifest.xml")))?;
        let parts = text(parts)?;
        let words = match job {
            Job::Bundle => vec!["bundle", &image, "-d", &parts, "--arch", "x86_64"],
            Job::Unbundle => vec!["unbundle", &manifest, "-o", &restored],
            Job::Verify => vec!["verify", &manifest],
        };
        let (program, eucarc) = (text(&self.program)?, text(&self.eucarc)?);
        let start = [&program, "--config", &eucarc, "--quiet", "--no-progress"];
        Ok(start.into_iter().chain(words).map(str::to_owned).collect())
    }

    fn pipeline(&self, job: Job, parts: &Path, restored: &Path) -> anyhow::Result<Vec<String>> {
        let (script, from, to) = match job {
            Job::Bundle => (SHELL_BUNDLE, self.image.as_path(), parts),
            _ => (SHELL_UNBUNDLE, parts, restored),
        };
        Ok(vec![
            "bash".into(),
            "-c".into(),
            script.into(),
            "bench".into(),
            text(from)?,
            text(to)?,
        ])
    }
}

/// Bytes in the files of a folder.
fn size(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs_err::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    ensure!(bytes > 0, "nothing was written to {}", folder.display());
    Ok(bytes)
}

fn text(path: &Path) -> anyhow::Result<String> {
    Ok(path
        .to_str()
        .with_context(|| format!("{} is no text", path.display()))?
        .to_owned())
}
