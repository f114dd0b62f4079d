//! The jobs as each contender does them, on one image.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use support::workspace::Workspace;
use support::{cloud, compare};
use xshell::{Shell, cmd};

use crate::measure::{Sample, measure};

/// The bundles' key and iv. They are not secret: they are for benchmarks alone, and equal, so that gumnut can be given a
/// manifest for the parts that the shell made.
const KEY: &str = "00112233445566778899aabbccddeeff";

/// What the tools of 2010 did, with pigz in gzip's place.
const SHELL_BUNDLE: &str = "set -euo pipefail
tar -c -C \"$(dirname \"$1\")\" \"$(basename \"$1\")\" | tee >(sha1sum > \"$2/digest\") | pigz -c \
| openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 00112233445566778899aabbccddeeff \
| split -b 10M -d -a 4 - \"$2/part.\"";
const SHELL_UNBUNDLE: &str = "set -euo pipefail
cat \"$1\"/part.* \
| openssl enc -d -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 00112233445566778899aabbccddeeff \
| pigz -dc | tar -x -C \"$2\"";

/// Who does a job, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// With these options.
    Gumnut(&'static [&'static str]),
    /// tar, sha1sum, pigz, openssl and split in a pipeline.
    Shell,
}

/// Whose parts a job reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    Gumnut,
    Shell,
}

/// One image, and a directory for what is made of it.
pub(crate) struct Bed {
    shell: Shell,
    program: PathBuf,
    image: PathBuf,
    folder: PathBuf,
    eucarc: PathBuf,
}

impl Contender {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Gumnut(options) => [&["gumnut"], options].concat().join(" "),
            Self::Shell => "shell".to_owned(),
        }
    }
}

impl Bed {
    /// Makes keys, and reads the image, so that the page cache has it.
    pub(crate) fn new(
        workspace: &Workspace,
        program: &Path,
        image: PathBuf,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let shell = workspace.shell()?;
        shell.change_dir(folder);
        let eucarc = cloud::credentials_only(program, &folder.join("cloud"))?;
        fs_err::write(folder.join("key"), KEY)?;
        cmd!(shell, "cat {image}").quiet().ignore_stdout().run()?;
        Ok(Self {
            shell,
            program: program.to_owned(),
            image,
            folder: folder.to_owned(),
            eucarc,
        })
    }

    /// Processor time that SHA-1 of the image takes, in seconds.
    pub(crate) fn sha1(&self) -> anyhow::Result<f64> {
        let image = text(&self.image)?;
        let command = ["openssl", "dgst", "-sha1", &image].map(str::to_owned);
        Ok(measure(&self.shell, &self.record(), &command)?.user)
    }

    /// Image to parts.
    pub(crate) fn bundle(&self, contender: Contender) -> anyhow::Result<Sample> {
        let maker = contender.maker();
        let parts = self.empty(maker.folder())?;
        let command = match contender {
            Contender::Gumnut(options) => {
                let (image, parts) = (text(&self.image)?, text(&parts)?);
                let fixed = [
                    "bundle", &image, "-d", &parts, "--arch", "x86_64", "--key", "key", "--iv",
                    "key",
                ];
                self.gumnut(&[&fixed, options].concat())?
            }
            Contender::Shell => pipeline(SHELL_BUNDLE, &self.image, &parts)?,
        };
        let mut sample = measure(&self.shell, &self.record(), &command)?;
        sample.output = parts_size(&parts)?;
        Ok(sample)
    }

    /// Parts to image. A wrong result has no time.
    pub(crate) fn unbundle(&self, contender: Contender, maker: Maker) -> anyhow::Result<Sample> {
        let parts = self.folder.join(maker.folder());
        let restored = self.empty("restored")?;
        let name = self.image.file_name().context("the image has a name")?;
        let image = restored.join(name);
        let command = match contender {
            Contender::Gumnut(options) => {
                let (manifest, image) = (text(&self.manifest(maker)?)?, text(&image)?);
                let fixed = ["unbundle", &manifest, "-o", &image];
                self.gumnut(&[&fixed, options].concat())?
            }
            Contender::Shell => pipeline(SHELL_UNBUNDLE, &parts, &restored)?,
        };
        let mut sample = measure(&self.shell, &self.record(), &command)?;
        compare::identical(&self.image, &image)?;
        sample.output = allocated(&image)?;
        Ok(sample)
    }

    /// Our parts checked, nothing written.
    pub(crate) fn verify(&self) -> anyhow::Result<Sample> {
        let manifest = text(&self.manifest(Maker::Gumnut)?)?;
        measure(
            &self.shell,
            &self.record(),
            &self.gumnut(&["verify", &manifest])?,
        )
    }

    /// Bytes that the image takes on the disk.
    pub(crate) fn allocated(&self) -> anyhow::Result<u64> {
        allocated(&self.image)
    }

    /// A manifest for the parts that the shell made: ours, which has the same key, with other parts and no valid
    /// signature any more.
    pub(crate) fn describe_shell_parts(&self) -> anyhow::Result<()> {
        let ours = fs_err::read_to_string(self.manifest(Maker::Gumnut)?)?;
        let folder = self.folder.join(Maker::Shell.folder());
        let sum = fs_err::read_to_string(folder.join("digest"))?;
        let digest = sum.split(' ').next().unwrap_or_default();
        let size = parts_size(&folder)?;
        let text = replace(&ours, "<parts ", "</parts>", &self.parts(&folder)?)?;
        let text = replace(
            &text,
            "<bundled_size>",
            "<",
            &format!("<bundled_size>{size}"),
        )?;
        let image_digest = format!("<digest algorithm=\"SHA1\">{digest}");
        let text = replace(&text, "<digest algorithm=\"SHA1\">", "<", &image_digest)?;
        Ok(fs_err::write(self.manifest(Maker::Shell)?, text)?)
    }

    /// The element of the shell's parts, up to its end tag.
    fn parts(&self, folder: &Path) -> anyhow::Result<String> {
        let files = self.shell.read_dir(folder)?;
        let parts: Vec<_> = files
            .iter()
            .filter(|file| file.extension().is_some())
            .collect();
        let count = parts.len();
        let shell = &self.shell;
        let digests = cmd!(shell, "sha1sum {parts...}").quiet().read()?;
        let mut text = format!("<parts count=\"{count}\">");
        for (index, line) in digests.lines().enumerate() {
            let (digest, path) = line.split_once("  ").context("sha1sum prints two words")?;
            let name = path.rsplit('/').next().unwrap_or(path);
            // Writing into a text cannot fail.
            let _ = write!(
                text,
                "<part index=\"{index}\"><filename>{name}</filename><digest algorithm=\"SHA1\">{digest}</digest></part>"
            );
        }
        Ok(text)
    }

    fn gumnut(&self, words: &[&str]) -> anyhow::Result<Vec<String>> {
        let (program, eucarc) = (text(&self.program)?, text(&self.eucarc)?);
        let start = [&program, "--config", &eucarc, "--quiet", "--no-progress"];
        Ok(start
            .iter()
            .chain(words)
            .map(|word| (*word).to_owned())
            .collect())
    }

    fn manifest(&self, maker: Maker) -> anyhow::Result<PathBuf> {
        let name = self.image.file_name().context("the image has a name")?;
        let file = format!("{}.manifest.xml", name.to_string_lossy());
        Ok(self.folder.join(maker.folder()).join(file))
    }

    fn record(&self) -> PathBuf {
        self.folder.join("time")
    }

    fn empty(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            fs_err::remove_dir_all(&folder)?;
        }
        fs_err::create_dir(&folder)?;
        Ok(folder)
    }
}

impl Contender {
    fn maker(self) -> Maker {
        match self {
            Self::Gumnut(_) => Maker::Gumnut,
            Self::Shell => Maker::Shell,
        }
    }
}

impl Maker {
    fn folder(self) -> &'static str {
        match self {
            Self::Gumnut => "gumnut-parts",
            Self::Shell => "shell-parts",
        }
    }
}

pub(crate) fn pipeline(script: &str, from: &Path, to: &Path) -> anyhow::Result<Vec<String>> {
    let words = ["bash", "-c", script, "bench", &text(from)?, &text(to)?];
    Ok(words.map(str::to_owned).into())
}

/// `text` with `new` in the place of everything from the first `start` up to the next `end`.
fn replace(text: &str, start: &str, end: &str, new: &str) -> anyhow::Result<String> {
    let (before, rest) = text
        .split_once(start)
        .with_context(|| format!("no {start} in the manifest"))?;
    let at = rest
        .find(end)
        .with_context(|| format!("no {end} in the manifest"))?;
    Ok(format!("{before}{new}{}", &rest[at..]))
}

/// Bytes in the parts of a directory.
fn parts_size(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().contains("part.") {
            bytes += entry.metadata()?.len();
        }
    }
    ensure!(bytes > 0, "nothing was written to {}", folder.display());
    Ok(bytes)
}

fn allocated(file: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    /// The unit in which systems count what a file takes, in bytes.
    const SECTOR: u64 = 512;
    Ok(fs_err::metadata(file)?.blocks() * SECTOR)
}

fn text(path: &Path) -> anyhow::Result<String> {
    Ok(path
        .to_str()
        .with_context(|| format!("{} is no text", path.display()))?
        .to_owned())
}
