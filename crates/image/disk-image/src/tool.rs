//! Running the programs of e2fsprogs and `qemu-img`: by an absolute path, with an environment of ours.

use std::collections::VecDeque;
use std::env;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use gumnut_signatures::printable;

use crate::error::{DiskImageError, ToolFailure};

/// A program that is started for what it does better than gumnut could.
pub(crate) struct Tool {
    name: &'static str,
    program: PathBuf,
}

/// How much of what a program prints is kept: the end, in bytes.
const KEPT: usize = 8 << 10;
/// Where e2fsprogs are installed; the search path of a normal user often lacks these.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The bits of an `e2fsck` exit status.
const E2FSCK_BITS: [(i32, &str); 7] = [
    (1, "errors corrected"),
    (2, "errors corrected, reboot wanted"),
    (4, "errors left uncorrected"),
    (8, "operational error"),
    (16, "usage error"),
    (32, "cancelled"),
    (128, "shared library error"),
];

impl Tool {
    /// A program of e2fsprogs.
    pub(crate) fn e2fs(name: &'static str) -> Result<Self, DiskImageError> {
        Self::find(name, "e2fsprogs")
    }

    /// The program that knows disk formats.
    pub(crate) fn qemu_img() -> Result<Self, DiskImageError> {
        Self::find("qemu-img", "qemu-utils")
    }

    /// Looks the program up in `PATH` and in the directories of system programs.
    fn find(name: &'static str, package: &'static str) -> Result<Self, DiskImageError> {
        match find_program(name) {
            Some(program) => Ok(Self { name, program }),
            None => Err(DiskImageError::ToolMissing {
                tool: name,
                package,
            }),
        }
    }

    /// Runs the program on `file`, a copy of `image`; gives its exit status, one of `accepted`.
    pub(crate) fn run(
        &self,
        arguments: &[&str],
        file: &Path,
        image: &Path,
        accepted: &[i32],
    ) -> Result<i32, DiskImageError> {
        self.accepted(arguments, &[file], image, accepted)
            .map(|(code, _)| code)
    }

    /// Runs the program in a directory, where files have short names, for `image`; gives its exit status, one of `accepted`.
    pub(crate) fn run_in(
        &self,
        folder: &Path,
        arguments: &[&str],
        image: &Path,
        accepted: &[i32],
    ) -> Result<i32, DiskImageError> {
        let output = self.output(arguments, &[], Some(folder));
        self.judged(arguments, image, accepted, output)
            .map(|(code, _)| code)
    }

    /// Runs the program on `files`, which must succeed, for `image`; gives the end of what it prints.
    pub(crate) fn run_on(
        &self,
        arguments: &[&str],
        files: &[&Path],
        image: &Path,
    ) -> Result<String, DiskImageError> {
        self.accepted(arguments, files, image, &[0])
            .map(|(_, output)| output)
    }

    fn accepted(
        &self,
        arguments: &[&str],
        files: &[&Path],
        image: &Path,
        accepted: &[i32],
    ) -> Result<(i32, String), DiskImageError> {
        let output = self.output(arguments, files, None);
        self.judged(arguments, image, accepted, output)
    }

    /// The exit status, if it is one of `accepted`, and the end of what the program printed.
    fn judged(
        &self,
        arguments: &[&str],
        image: &Path,
        accepted: &[i32],
        output: io::Result<(ExitStatus, String)>,
    ) -> Result<(i32, String), DiskImageError> {
        let failed = |source| DiskImageError::System {
            doing: "run",
            path: self.program.clone(),
            source,
        };
        let (status, output) = output.map_err(failed)?;
        if let Some(code) = status.code().filter(|code| accepted.contains(code)) {
            return Ok((code, output));
        }
        if output.contains("No space left on device") {
            return Err(failed(io::ErrorKind::StorageFull.into()));
        }
        let command: Vec<&str> = [self.name].iter().chain(arguments).copied().collect();
        Err(DiskImageError::Tool(Box::new(ToolFailure {
            command: command.join(" "),
            path: image.to_owned(),
            status: self.describe(status),
            output,
        })))
    }

    /// Exit status and the end of both outputs in the order in which they were written.
    fn output(
        &self,
        arguments: &[&str],
        files: &[&Path],
        folder: Option<&Path>,
    ) -> io::Result<(ExitStatus, String)> {
        let (reader, writer) = io::pipe()?;
        let mut command = Command::new(&self.program);
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        command
            .args(arguments)
            .args(files)
            // Nobody's settings, preloaded libraries or language.
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let mut child = command.spawn()?;
        // With the command our ends of the pipe for writing go.
        drop(command);
        let tail = tail(reader);
        let status = child.wait()?;
        Ok((status, tail?))
    }

    fn describe(&self, status: ExitStatus) -> String {
        match (status.code(), status.signal()) {
            (Some(code), _) if self.name == "e2fsck" => format!("{code} ({})", bits(code)),
            (Some(code), _) => code.to_string(),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "an unknown status".to_owned(),
        }
    }
}

/// A program of the system, from `PATH` or the directories of system programs.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    let mut candidates = folders.map(|folder| folder.join(name));
    candidates.find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn bits(code: i32) -> String {
    let set = E2FSCK_BITS.iter().filter(|(bit, _)| code & bit != 0);
    let names: Vec<&str> = set.map(|(_, name)| *name).collect();
    if names.is_empty() {
        "no error".to_owned()
    } else {
        names.join(", ")
    }
}

/// Reads to the end and keeps the last bytes: a broken image can make `e2fsck` print gigabytes.
fn tail(mut reader: impl Read) -> io::Result<String> {
    let mut kept = VecDeque::with_capacity(2 * KEPT);
    let mut buffer = [0; 4096];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => kept.extend(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    let lines: Vec<String> = kept
        .make_contiguous()
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .map(|line| printable(line, KEPT))
        .collect();
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_the_status_is_named() {
        assert_eq!(bits(12), "errors left uncorrected, operational error");
        assert_eq!(bits(0), "no error");
    }

    #[test]
    fn only_the_end_of_a_long_output_is_kept() {
        let mut long = vec![b'x'; 1 << 20];
        long.extend(b"\nthe last line\x1b[0m\n");
        let kept = tail(long.as_slice()).unwrap();
        assert!(kept.len() <= KEPT + 8);
        assert!(kept.ends_with("the last line\u{fffd}[0m\n"), "{kept}");
    }
}
