//! The emulator: where it is, what it can use, how it is started.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gumnut_types::Architecture;

use crate::error::BootError;
use crate::guest::Guest;
use crate::machine::{Accelerator, Machine};
use crate::running::Running;
use crate::running_guest::RunningGuest;

/// An emulator that is installed.
#[derive(Clone, Debug)]
pub struct Qemu {
    program: PathBuf,
    /// util-linux' `setpriv`, under which the emulator gets a signal when this process dies, however it dies. `None`: it is
    /// not installed, or does not know how.
    setpriv: Option<PathBuf>,
}

/// What runs the machine's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acceleration {
    /// KVM where it works, otherwise the translator.
    Auto,
    /// KVM, or an error.
    Kvm,
    /// The translator.
    Tcg,
}

/// Both emulators are in it.
const PACKAGE: &str = "qemu-system-x86";
const KVM: &str = "/dev/kvm";
/// An empty machine gives up after a fifth of a second; under a broken KVM it never does.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
const PROBE_TICK: Duration = Duration::from_millis(10);
/// A machine without anything to start, which then ends.
const PROBE: [&str; 12] = [
    "-no-user-config",
    "-nodefaults",
    "-no-reboot",
    "-display",
    "none",
    "-machine",
    "pc",
    "-m",
    "16M",
    "-boot",
    "reboot-timeout=0",
    "-accel",
];
/// Options of `setpriv`: the program that follows is killed when its parent dies.
const PARENT_DEATH_SIGNAL: [&str; 3] = ["--pdeathsig", "KILL", "--"];

impl Qemu {
    /// Looks the emulator for an architecture up in `PATH`.
    ///
    /// # Errors
    /// When it is not installed, or there is none for this architecture.
    pub fn find(architecture: Architecture) -> Result<Self, BootError> {
        let program = match architecture {
            Architecture::I386 => "qemu-system-i386",
            Architecture::X86_64 => "qemu-system-x86_64",
            other => return Err(BootError::Architecture(other)),
        };
        let found = find(program).ok_or(BootError::ProgramMissing {
            program,
            package: PACKAGE,
        })?;
        Ok(Self {
            setpriv: find("setpriv").filter(|setpriv| works(setpriv, &found)),
            program: found,
        })
    }

    /// Finds out what runs the machine's instructions. `Auto` takes KVM only when an empty machine ends under
    /// it: nested KVM can be there and hang. `folder` is for temporary files.
    pub fn accelerator(&self, wanted: Acceleration, folder: &Path) -> Accelerator {
        match wanted {
            Acceleration::Kvm => Accelerator::Kvm,
            Acceleration::Auto if self.kvm_works(folder) => Accelerator::Kvm,
            Acceleration::Auto | Acceleration::Tcg => Accelerator::Tcg,
        }
    }

    fn kvm_works(&self, folder: &Path) -> bool {
        let mut device = fs_err::OpenOptions::new();
        if device.read(true).write(true).open(KVM).is_err() {
            return false;
        }
        let kvm = [
            Accelerator::Kvm.as_str(),
            "-cpu",
            Accelerator::Kvm.processor(),
        ];
        let mut command = self.command(PROBE.iter().chain(&kvm).map(OsString::from), folder);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().is_ok_and(ends_well)
    }

    /// Starts a machine. What it writes goes to `folder`, which should be for this machine alone.
    ///
    /// # Errors
    /// When the emulator cannot be run.
    pub fn start(
        &self,
        machine: &Machine,
        accelerator: Accelerator,
        folder: &Path,
    ) -> Result<Running, BootError> {
        let mut command = self.command(machine.arguments(accelerator), folder);
        let process = self.spawned(command.stdin(Stdio::piped()))?;
        Ok(Running::new(process, self.program.clone()))
    }

    /// Starts a guest whose files are in `folder`. The emulator is killed when the thread that calls this ends: it should be one that lives
    /// as long as its guests.
    ///
    /// # Errors
    /// When the emulator cannot be run, or there is none for the guest.
    pub fn start_guest(
        &self,
        guest: &Guest,
        accelerator: Accelerator,
        folder: &Path,
    ) -> Result<RunningGuest, BootError> {
        for socket in [Guest::MONITOR, Guest::FRAMES_IN] {
            // Of an emulator before this one; the new one does not bind where something is.
            let _ = fs_err::remove_file(folder.join(socket));
        }
        let mut command = self.command(guest.arguments(accelerator)?, folder);
        let process = self.spawned(command.current_dir(folder).stdin(Stdio::null()))?;
        Ok(RunningGuest::new(process, self.program.clone(), folder))
    }

    /// The process of an emulator, whose output and messages are the caller's.
    fn spawned(&self, command: &mut Command) -> Result<Child, BootError> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().map_err(|source| BootError::System {
            doing: "run",
            path: self.program.clone(),
            source,
        })
    }

    /// The emulator with nothing of this environment, in a process group of its own: ^C is for the caller,
    /// who decides.
    fn command(&self, arguments: impl IntoIterator<Item = OsString>, folder: &Path) -> Command {
        let mut command = match &self.setpriv {
            Some(setpriv) => Command::new(setpriv),
            None => Command::new(&self.program),
        };
        if self.setpriv.is_some() {
            command.args(PARENT_DEATH_SIGNAL).arg(&self.program);
        }
        command
            .args(arguments)
            .env_clear()
            .env("LC_ALL", "C")
            .env("TMPDIR", folder)
            .process_group(0);
        command
    }
}

/// Whether the process ends soon and without an error; afterwards it has ended in any case.
fn ends_well(mut process: Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < PROBE_LIMIT {
        match process.try_wait() {
            Ok(None) => thread::sleep(PROBE_TICK),
            Ok(Some(status)) => return status.success(),
            Err(_) => break,
        }
    }
    // It may have ended by now.
    let _ = process.kill();
    let _ = process.wait();
    false
}

/// Whether this `setpriv` knows how; that of busybox does not.
fn works(setpriv: &Path, program: &Path) -> bool {
    let mut command = Command::new(setpriv);
    command
        .args(PARENT_DEATH_SIGNAL)
        .arg(program)
        .arg("--version");
    let quiet: io::Result<_> = command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut candidates = env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name));
    candidates.find(|program| {
        let file = fs_err::metadata(program);
        file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}
