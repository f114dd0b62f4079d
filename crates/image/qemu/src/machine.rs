//! A machine as qemu's command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use gumnut_types::Architecture;

/// A machine with one disk and a serial console.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `I386` or `X86_64`.
    pub architecture: Architecture,
    /// The disk, a raw image. An absolute path, as all here: qemu takes `a:b` for a protocol.
    pub disk: PathBuf,
    /// Where the disk is attached.
    pub bus: Bus,
    /// What is started; `None`: the boot loader on the disk.
    pub kernel: Option<DirectKernel>,
    /// Memory in bytes, counted down to whole MiB.
    pub memory: u64,
}

/// A kernel that is started without a boot loader.
#[derive(Clone, Debug)]
pub struct DirectKernel {
    /// The kernel, as boot loaders take it.
    pub image: PathBuf,
    /// The ramdisk.
    pub ramdisk: Option<PathBuf>,
    /// The kernel's command line.
    pub command_line: String,
}

/// How the disk is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bus {
    /// virtio: `/dev/vda`.
    Virtio,
    /// IDE: `/dev/sda`, or `/dev/hda` with drivers older than libata.
    Ide,
}

/// What runs the machine's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accelerator {
    /// The processor.
    Kvm,
    /// qemu's translator, which works everywhere.
    Tcg,
}

/// Images come from strangers: the emulator may start nothing and gain nothing.
pub(crate) const SANDBOX: &str =
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

impl Bus {
    /// The disk's name in the machine.
    pub fn device(self) -> &'static str {
        match self {
            Self::Virtio => "/dev/vda",
            Self::Ide => "/dev/sda",
        }
    }

    pub(crate) fn model(self) -> &'static str {
        match self {
            Self::Virtio => "virtio-blk-pci,drive=root",
            Self::Ide => "ide-hd,bus=ide.0,drive=root",
        }
    }
}

impl Accelerator {
    /// `kvm` or `tcg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    /// The processor with the most that can be had: new systems do not start on an old one.
    pub(crate) fn processor(self) -> &'static str {
        match self {
            Self::Kvm => "host",
            Self::Tcg => "max",
        }
    }
}

impl Machine {
    /// The arguments of qemu.
    pub fn arguments(&self, accelerator: Accelerator) -> Vec<OsString> {
        // Without a kernel the firmware speaks first, and would do so on a screen.
        let board = if self.kernel.is_some() {
            "pc"
        } else {
            "pc,graphics=off"
        };
        let memory = format!("{}M", self.memory >> 20);
        let words = [
            "-no-user-config",
            "-nodefaults",
            "-no-reboot",
            "-display",
            "none",
            "-sandbox",
            SANDBOX,
            "-machine",
            board,
            "-accel",
            accelerator.as_str(),
            "-cpu",
            accelerator.processor(),
            "-m",
            &memory,
            "-chardev",
            "stdio,id=console,signal=off",
            "-serial",
            "chardev:console",
            "-device",
            self.bus.model(),
            "-drive",
        ];
        let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        arguments.push(self.drive());
        if let Some(kernel) = &self.kernel {
            kernel.add_to(&mut arguments);
        }
        arguments
    }

    /// The disk: raw whatever it looks like, and never written.
    fn drive(&self) -> OsString {
        let mut drive =
            b"if=none,id=root,snapshot=on,driver=raw,file.driver=file,file.filename=".to_vec();
        drive.extend(escaped(self.disk.as_os_str()));
        OsString::from_vec(drive)
    }
}

impl DirectKernel {
    fn add_to(&self, arguments: &mut Vec<OsString>) {
        arguments.extend(["-kernel".into(), self.image.clone().into()]);
        if let Some(ramdisk) = &self.ramdisk {
            arguments.extend(["-initrd".into(), ramdisk.clone().into()]);
        }
        arguments.extend(["-append".into(), self.command_line.clone().into()]);
    }
}

/// A comma in a value is written twice.
pub(crate) fn escaped(value: &OsStr) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(value.len());
    for byte in value.as_bytes() {
        if *byte == b',' {
            escaped.push(b',');
        }
        escaped.push(*byte);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(kernel: bool) -> Vec<String> {
        let machine = Machine {
            architecture: Architecture::X86_64,
            disk: "/a,file.locking=off/b:c.img".into(),
            bus: Bus::Virtio,
            kernel: kernel.then(|| DirectKernel {
                image: "/k".into(),
                ramdisk: None,
                command_line: "root=/dev/vda, -S".to_owned(),
            }),
            memory: (512 << 20) + 5,
        };
        let arguments = machine.arguments(Accelerator::Tcg).into_iter();
        arguments.map(|word| word.into_string().unwrap()).collect()
    }

    fn value<'a>(arguments: &'a [String], option: &str) -> &'a str {
        let at = arguments.iter().position(|word| word == option).unwrap();
        &arguments[at + 1]
    }

    #[test]
    fn a_path_cannot_become_an_option_and_the_disk_is_never_written() {
        let arguments = machine(true);
        let drive = value(&arguments, "-drive");
        assert!(drive.ends_with("=/a,,file.locking=off/b:c.img"), "{drive}");
        assert!(drive.contains(",snapshot=on,"), "{drive}");
        assert_eq!(value(&arguments, "-append"), "root=/dev/vda, -S");
        assert_eq!(value(&arguments, "-m"), "512M");
        assert!(!arguments.contains(&"-initrd".to_owned()));
    }

    #[test]
    fn without_a_kernel_the_firmware_starts_the_disk() {
        let arguments = machine(false);
        assert!(!arguments.contains(&"-kernel".to_owned()));
        assert_eq!(value(&arguments, "-machine"), "pc,graphics=off");
    }
}
