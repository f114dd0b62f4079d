//! `gumnut boot`

mod check;
mod console;
mod fetch;
mod files;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use console::{Console, Keyboard};
use gumnut_qemu::{Acceleration, BootError, Bus, DirectKernel, Ended, Machine, Qemu, Watch};
use gumnut_terminal::{Exit, Failure, Lines, Session, Stop};
use gumnut_types::{Architecture, ByteSize, ImageId, SizeRangeError};
use serde_json::json;

use self::fetch::Instead;
use self::files::Files;
use super::trust::Trust;
use crate::values::Starter;

/// Start an image in qemu, with its serial console on this terminal.
///
/// If you pass an id, the machine image, its kernel and its ramdisk are first downloaded, verified and restored to a
/// temporary directory. The disk is never written: what the machine writes is lost when it ends. It has no network. It
/// ends when it powers off, or with ^C.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut boot emi-9FE813FD
  gumnut boot disk.img --kernel vmlinuz --ramdisk initrd.img --expect 'login: ' --timeout 60")]
pub(crate) struct Boot {
    /// A raw disk image, or the id of a machine image in the cloud
    #[arg(value_name = "DISK|ID")]
    what: What,
    /// Kernel, instead of the one that the cloud names: a file, or its id; without any, the boot loader on the disk is started
    #[arg(long, value_name = "FILE|EKI", value_parser = Starter::kernel)]
    kernel: Option<Starter>,
    /// Ramdisk, instead of the one that the cloud names: a file, or its id
    #[arg(long, value_name = "FILE|ERI", value_parser = Starter::ramdisk)]
    ramdisk: Option<Starter>,
    /// Architecture of the machine [default: that of the kernel or image, otherwise `x86_64`]
    #[arg(long, value_name = "ARCH", value_parser = Architecture::from_common_name)]
    arch: Option<Architecture>,
    /// Root device on the kernel's command line [default: the disk, or its first partition]
    #[arg(long, value_name = "DEVICE")]
    root: Option<String>,
    /// Text to append to the kernel's command line
    #[arg(long, value_name = "TEXT")]
    append: Option<String>,
    /// Memory of the machine
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = memory)]
    memory: ByteSize,
    /// How the disk is attached: kernels without virtio drivers need ide
    #[arg(long, value_name = "BUS", default_value = "virtio")]
    bus: BusName,
    /// Accelerator of qemu
    #[arg(long, value_name = "WHAT", default_value = "auto")]
    accel: Accel,
    /// Exit when a line on the console contains this text; exit code 6 if the machine ends first
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    expect: Option<String>,
    /// How long to wait for the text, in seconds, before exit code 6
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 120,
        requires = "expect"
    )]
    timeout: u32,
    #[command(flatten)]
    trust: Trust,
}

/// Where a machine gets its files.
struct Place<'a> {
    session: &'a Session,
    /// The temporary directory.
    folder: &'a Path,
    stop: &'a Stop,
}

/// What is to be started.
#[derive(Clone)]
enum What {
    Disk(PathBuf),
    Image(ImageId),
}

impl FromStr for What {
    type Err = std::convert::Infallible;

    /// A file that is named like an id is meant by `./emi-9FE813FD`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text
            .parse()
            .map_or_else(|_| Self::Disk(text.into()), Self::Image))
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum BusName {
    /// /dev/vda
    Virtio,
    /// /dev/sda
    Ide,
}

#[derive(Clone, Copy, ValueEnum)]
enum Accel {
    /// KVM where it works, otherwise tcg
    Auto,
    /// The processor, through /dev/kvm
    Kvm,
    /// qemu's translator, which works everywhere
    Tcg,
}

/// No kernel starts with less.
const LEAST_MEMORY: u64 = 16 << 20;
/// More than any machine has that this runs on.
const MOST_MEMORY: u64 = 16 << 40;

fn memory(text: &str) -> Result<ByteSize, SizeRangeError> {
    ByteSize::parse_between(text, ByteSize(LEAST_MEMORY), ByteSize(MOST_MEMORY), "M")
}

impl Boot {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let stop = Stop::on_interrupt().context("cannot watch for ^C")?;
        let folder = tempfile::Builder::new()
            .prefix("gumnut-boot-")
            .tempdir()
            .context("cannot create a temporary directory; TMPDIR sets its place")?;
        let place = Place {
            session,
            folder: folder.path(),
            stop: &stop,
        };
        let files = match &self.what {
            What::Disk(disk) => self.local(disk, &place)?,
            What::Image(id) => self.fetched(id, &place)?,
        };
        let machine = self.machine(&files)?;
        let qemu = Qemu::find(machine.architecture).map_err(missing)?;
        let wanted = match self.accel {
            Accel::Auto => Acceleration::Auto,
            Accel::Kvm => Acceleration::Kvm,
            Accel::Tcg => Acceleration::Tcg,
        };
        let accelerator = qemu.accelerator(wanted, folder.path());
        session.output.say(format!(
            "starting {} for {} with {}; ^C ends it",
            machine.disk.display(),
            machine.architecture,
            accelerator.as_str()
        ));
        let start = Instant::now();
        let mut running = qemu.start(&machine, accelerator, folder.path())?;
        let keyboard = Keyboard::connect(running.keyboard());
        let mut console = Console::new(session, self.expect.is_none());
        let gone = console.gone();
        let mut watch = Watch {
            expect: self.expect.as_deref(),
            timeout: self
                .expect
                .is_some()
                .then(|| Duration::from_secs(self.timeout.into())),
            console: &mut console,
            cancelled: &|| stop.asked() || gone.get(),
        };
        let ended = running.watch(&mut watch);
        drop(keyboard);
        let ended = ended?;
        if stop.asked() {
            return Err(Failure::new(Exit::Interrupted, "interrupted").into());
        }
        let line = self.judge(&ended)?;
        let json = json!({
            "line": line,
            "accelerator": accelerator.as_str(),
            "seconds": start.elapsed().as_secs(),
        });
        session.output.result(&json, &Lines::default())
    }

    fn fetched(&self, id: &ImageId, place: &Place<'_>) -> Result<Files, anyhow::Error> {
        let kernel = self.starter("kernel", self.kernel.as_ref(), place)?;
        let ramdisk = self.starter("ramdisk", self.ramdisk.as_ref(), place)?;
        let instead = Instead {
            kernel: kernel.as_deref(),
            ramdisk: ramdisk.as_deref(),
            trust: &self.trust,
        };
        fetch::run(&instead, place.session, id, place.folder, place.stop)
    }

    fn local(&self, disk: &Path, place: &Place<'_>) -> Result<Files, anyhow::Error> {
        Ok(Files {
            disk: check::absolute("disk image", disk)?,
            kernel: self.starter("kernel", self.kernel.as_ref(), place)?,
            ramdisk: self.starter("ramdisk", self.ramdisk.as_ref(), place)?,
            architecture: None,
        })
    }

    /// A kernel or ramdisk that was given, as a file.
    fn starter(
        &self,
        what: &'static str,
        starter: Option<&Starter>,
        place: &Place<'_>,
    ) -> Result<Option<PathBuf>, anyhow::Error> {
        match starter {
            None => Ok(None),
            Some(Starter::File(path)) => Ok(Some(check::absolute(what, path)?)),
            Some(Starter::Id(id)) => {
                let instead = Instead {
                    kernel: None,
                    ramdisk: None,
                    trust: &self.trust,
                };
                let (folder, stop) = (place.folder, place.stop);
                fetch::starter(&instead, place.session, (what, id), folder, stop).map(Some)
            }
        }
    }

    /// Looks at the files, refuses what cannot work, and puts the machine together.
    fn machine(&self, files: &Files) -> Result<Machine, anyhow::Error> {
        let disk = check::disk(&files.disk, files.kernel.is_some())?;
        let kernel = files.kernel.as_deref().map(check::kernel).transpose()?;
        if let Some(ramdisk) = &files.ramdisk {
            check::ramdisk(ramdisk, files.kernel.is_some())?;
        }
        let bus = match self.bus {
            BusName::Virtio => Bus::Virtio,
            BusName::Ide => Bus::Ide,
        };
        let found = kernel
            .flatten()
            .or(files.architecture)
            .or(disk.architecture);
        Ok(Machine {
            architecture: self.arch.or(found).unwrap_or(Architecture::X86_64),
            disk: files.disk.clone(),
            bus,
            kernel: files.kernel.as_ref().map(|image| DirectKernel {
                image: image.clone(),
                ramdisk: files.ramdisk.clone(),
                command_line: self.command_line(bus, disk.partitioned),
            }),
            memory: self.memory.bytes(),
        })
    }

    /// A kernel that panics ends the machine instead of standing still. Translated on a busy host, timers are
    /// late, which a kernel that tests them takes for broken ones.
    fn command_line(&self, bus: Bus, partitioned: bool) -> String {
        let partition = if partitioned { "1" } else { "" };
        let root = match &self.root {
            Some(root) => root.clone(),
            None => format!("{}{partition}", bus.device()),
        };
        let own = format!("console=ttyS0 root={root} ro panic=-1 no_timer_check");
        match &self.append {
            Some(more) => format!("{own} {more}"),
            None => own,
        }
    }

    /// The line with the expected text, if one was expected.
    fn judge<'a>(&self, ended: &'a Ended) -> Result<Option<&'a str>, Failure> {
        let Some(text) = &self.expect else {
            return Ok(None);
        };
        let how = match ended {
            Ended::Seen(line) => return Ok(Some(line)),
            Ended::TimedOut => format!("did not print {text:?} within {} seconds", self.timeout),
            _ => format!("ended without printing {text:?}"),
        };
        Err(Failure::new(Exit::NotSeen, format!("the machine {how}"))
            .hint("its console is above; without --expect you can use the machine"))
    }
}

fn missing(error: BootError) -> anyhow::Error {
    match error {
        BootError::ProgramMissing { package, .. } => {
            Failure::new(Exit::Unexpected, "qemu is missing")
                .because(error)
                .hint(format!("apt-get install {package}"))
                .into()
        }
        other => other.into(),
    }
}
