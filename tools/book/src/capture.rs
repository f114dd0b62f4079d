//! What a terminal shows at three moments of a publish of 1 GiB, as text in `docs/publish.md`.

use std::path::Path;

use anyhow::{Context as _, ensure};
use support::fixture::{self, Unpacked};
use support::noise;
use support::workspace::Workspace;
use vt100::Parser;
use xshell::cmd;

use crate::record::recorded;
use crate::screen::Event;

/// The size of the terminal, in characters.
const WIDTH: u16 = 100;
const HEIGHT: u16 = 24;
const COMMAND: &str = "gumnut publish web.img --kernel vmlinuz --ramdisk initrd.img";
/// The size of the disk, for `gumnut resize`.
const SIZE: &str = "1G";
/// Bytes that are written into its file system, so that they have to be read, compressed and sent.
const DATA: usize = 880 << 20;
const PAGE: &str = "publish.md";

/// Publishes a disk of 1 GiB and writes what was on the screen into the blocks of `docs/publish.md`.
pub(crate) fn run(workspace: &Workspace, program: &Path, docs: &Path) -> anyhow::Result<()> {
    let events = recorded(workspace, program, (WIDTH, HEIGHT), &[COMMAND], |work| {
        prepare(workspace, program, work)
    })?;
    let moments = moments(&events, WIDTH, HEIGHT)?;
    let page = docs.join(PAGE);
    let text = with_moments(&fs_err::read_to_string(&page)?, &moments)?;
    Ok(fs_err::write(&page, text)?)
}

/// The kernel and the ramdisk of the small fixture, and its disk, enlarged and filled.
fn prepare(workspace: &Workspace, program: &Path, work: &Path) -> anyhow::Result<()> {
    let scratch = workspace.scratch("capture")?;
    let shell = workspace.shell()?;
    let tarball = fixture::small(workspace)?;
    let unpacked = Unpacked::from(&shell, &tarball, scratch.path())?;
    fs_err::copy(&unpacked.kernel, work.join("vmlinuz"))?;
    fs_err::copy(&unpacked.ramdisk, work.join("initrd.img"))?;
    let (small, disk) = (&unpacked.image, work.join("web.img"));
    cmd!(
        shell,
        "{program} --quiet resize {small} --size {SIZE} -o {disk}"
    )
    .quiet()
    .ignore_stdout()
    .run()?;
    let data = scratch.path().join("data");
    fs_err::write(&data, noise(DATA))?;
    let request = format!("write {} data", data.display());
    cmd!(shell, "debugfs -w -R {request} {disk}")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()?;
    let space = std::os::unix::fs::MetadataExt::blocks(&fs_err::metadata(&disk)?) * 512;
    let written = u64::try_from(DATA)?;
    ensure!(space > written, "debugfs has not filled the disk");
    Ok(())
}

/// A moment of the recording.
#[derive(Debug, PartialEq, Eq)]
struct Moment {
    /// The text of the page above its block.
    above: &'static str,
    /// The rows of the screen.
    screen: String,
}

/// The screen while the disk is bundled, while the last parts are uploaded, and at the end.
fn moments(events: &[Event], width: u16, height: u16) -> anyhow::Result<[Moment; 3]> {
    let mut terminal = Parser::new(height, width, 0);
    let (mut bundling, mut uploading) = (Vec::new(), None);
    for event in events {
        terminal.process(event.text.as_bytes());
        let screen = shown(&terminal);
        let Some(frame) = screen
            .lines()
            .find(|line| line.contains("] bundling the disk"))
        else {
            continue;
        };
        if frame.contains("waiting for the cloud") {
            uploading = Some(screen);
        } else if frame.contains(" left") {
            bundling.push(screen);
        }
    }
    let middle = bundling.len() / 2;
    let bundling = bundling.into_iter().nth(middle);
    Ok([
        Moment {
            above: "While the disk is bundled, and its parts are uploaded:",
            screen: bundling.context("no time left was shown while the disk was bundled")?,
        },
        Moment {
            above: "When the whole disk has been read, and the last parts are uploaded:",
            screen: uploading.context("nothing was shown while the last parts were uploaded")?,
        },
        Moment {
            above: "At the end:",
            screen: shown(&terminal),
        },
    ])
}

/// The screen without the spaces and rows behind the text.
fn shown(terminal: &Parser) -> String {
    let text = terminal.screen().contents();
    let rows: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    rows.join("\n")
}

/// The page with new blocks below the texts of the moments.
fn with_moments(page: &str, moments: &[Moment]) -> anyhow::Result<String> {
    let mut page = page.to_owned();
    for Moment { above, screen } in moments {
        let open = format!("{above}\n\n```console\n");
        let start = page
            .find(&open)
            .with_context(|| format!("{PAGE} has no block below {above:?}"))?
            + open.len();
        let length = page[start..]
            .find("\n```\n")
            .with_context(|| format!("the block below {above:?} has no end"))?;
        page.replace_range(start..start + length, screen);
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Event {
        Event {
            at: 0.0,
            text: text.to_owned(),
        }
    }

    #[test]
    fn three_moments_are_taken_from_the_recording() {
        let events = [
            event("$ x\r\n"),
            event("[1/9] bundling the kernel  1 MiB of 2 MiB  1 s left"),
            event("\r\x1b[2K[2/9] bundling the disk  1 MiB of 3 MiB  2 s left "),
            event("\r\x1b[2K[2/9] bundling the disk  2 MiB of 3 MiB  1 s left "),
            event("\r\x1b[2K[2/9] bundling the disk  3 MiB  waiting for the cloud"),
            event("\r\x1b[2Kpublished 3 images in 1 s\r\n"),
        ];
        let moments = moments(&events, 80, 5).unwrap();
        let screens = moments.each_ref().map(|moment| moment.screen.as_str());
        assert_eq!(
            screens,
            [
                "$ x\n[2/9] bundling the disk  2 MiB of 3 MiB  1 s left",
                "$ x\n[2/9] bundling the disk  3 MiB  waiting for the cloud",
                "$ x\npublished 3 images in 1 s",
            ]
        );
        assert!(super::moments(&events[..4], 80, 5).is_err());
        let page = moments.each_ref().map(|moment| {
            let above = moment.above;
            format!("{above}\n\n```console\nold\n```\n\n")
        });
        let page = with_moments(&page.concat(), &moments).unwrap();
        assert!(!page.contains("old"), "{page}");
        assert!(
            page.ends_with("At the end:\n\n```console\n$ x\npublished 3 images in 1 s\n```\n\n"),
            "{page}"
        );
        assert!(with_moments("", &moments).is_err());
    }
}
