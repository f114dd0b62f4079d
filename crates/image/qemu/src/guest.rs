//! A guest that lasts, as qemu's command line: its disk is written, it has a network and a monitor.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use gumnut_types::Architecture;

use crate::error::BootError;
use crate::machine::{Accelerator, Bus, SANDBOX, escaped};

/// A guest. Its files are in the directory in which qemu is started, under the names below: a Unix socket's name has room for 107
/// bytes, and directories can have longer ones.
#[derive(Clone, Debug)]
pub struct Guest {
    /// `I386` or `X86_64`.
    pub architecture: Architecture,
    /// Where the disk [`Guest::DISK`] is attached.
    pub bus: Bus,
    /// The network card.
    pub card: Card,
    /// The address of the network card.
    pub mac: [u8; 6],
    /// How [`Guest::KERNEL`] is started; `None`: the boot loader on the disk.
    pub kernel: Option<GuestKernel>,
    /// Memory in bytes, counted down to whole MiB.
    pub memory: u64,
    /// Processors.
    pub processors: u32,
    /// What the guest learns of itself from its firmware.
    pub identity: Identity,
}

/// How the kernel of a guest is started.
#[derive(Clone, Debug)]
pub struct GuestKernel {
    /// Whether there is a [`Guest::RAMDISK`].
    pub ramdisk: bool,
    /// The kernel's command line.
    pub command_line: String,
}

/// A network card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Card {
    /// virtio.
    Virtio,
    /// Intel's of 2000, for which old kernels have drivers.
    E1000,
}

/// What a guest learns of itself from its firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Such as `Gumnut`.
    pub manufacturer: String,
    /// Such as `m1.small`.
    pub product: String,
    /// The system's UUID and serial number.
    pub uuid: SystemUuid,
}

/// The UUID of a system. cloud-init takes a system for an instance of EC2 if its UUID begins with `ec2` and is its serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemUuid(String);

impl SystemUuid {
    /// The UUID of an instance: `ec2`, the hex digits of its id, and zeros. `None` unless there are 1 to 29 digits.
    pub fn of_instance(digits: &str) -> Option<Self> {
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || !(1..=29).contains(&digits.len()) {
            return None;
        }
        let all = format!("ec2{:0<29}", digits.to_ascii_lowercase());
        let groups = [
            &all[..8],
            &all[8..12],
            &all[12..16],
            &all[16..20],
            &all[20..],
        ];
        Some(Self(groups.join("-")))
    }

    /// In groups of 8, 4, 4, 4 and 12 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Guest {
    /// The disk, raw.
    pub const DISK: &'static str = "disk.img";
    /// The kernel.
    pub const KERNEL: &'static str = "kernel";
    /// The ramdisk.
    pub const RAMDISK: &'static str = "ramdisk";
    /// The monitor, a socket that qemu makes.
    pub const MONITOR: &'static str = "qmp.sock";
    /// The socket that qemu makes for frames to the guest.
    pub const FRAMES_IN: &'static str = "qemu.sock";
    /// The socket to which qemu sends frames of the guest.
    pub const FRAMES_OUT: &'static str = "net.sock";

    /// The arguments of qemu.
    ///
    /// # Errors
    /// When the architecture is one for which there is no emulator.
    pub fn arguments(&self, accelerator: Accelerator) -> Result<Vec<OsString>, BootError> {
        if !matches!(self.architecture, Architecture::I386 | Architecture::X86_64) {
            return Err(BootError::Architecture(self.architecture));
        }
        // Without a kernel the firmware speaks first, and would do so on a screen.
        let board = if self.kernel.is_some() {
            "pc"
        } else {
            "pc,graphics=off"
        };
        let uuid = self.identity.uuid.as_str();
        let words = [
            "-no-user-config".to_owned(),
            "-nodefaults".to_owned(),
            "-display".to_owned(),
            "none".to_owned(),
            "-sandbox".to_owned(),
            SANDBOX.to_owned(),
            "-machine".to_owned(),
            board.to_owned(),
            "-accel".to_owned(),
            translations(accelerator).to_owned(),
            "-cpu".to_owned(),
            accelerator.processor().to_owned(),
            "-smp".to_owned(),
            self.processors.to_string(),
            "-m".to_owned(),
            format!("{}M", self.memory >> 20),
            "-uuid".to_owned(),
            uuid.to_owned(),
            "-drive".to_owned(),
            format!(
                "if=none,id=root,werror=enospc,driver=raw,file.driver=file,file.filename={}",
                Self::DISK
            ),
            "-device".to_owned(),
            self.bus.model().to_owned(),
            "-netdev".to_owned(),
            format!(
                "dgram,id=net,local.type=unix,local.path={},remote.type=unix,remote.path={}",
                Self::FRAMES_IN,
                Self::FRAMES_OUT
            ),
            "-device".to_owned(),
            self.card(),
            "-object".to_owned(),
            "rng-random,id=rng,filename=/dev/urandom".to_owned(),
            "-device".to_owned(),
            "virtio-rng-pci,rng=rng".to_owned(),
            "-chardev".to_owned(),
            "stdio,id=console,signal=off".to_owned(),
            "-serial".to_owned(),
            "chardev:console".to_owned(),
            "-qmp".to_owned(),
            format!("unix:{},server=on,wait=off", Self::MONITOR),
        ];
        let mut arguments: Vec<OsString> = words.into_iter().map(OsString::from).collect();
        arguments.extend(["-smbios".into(), self.firmware()]);
        if let Some(kernel) = &self.kernel {
            arguments.extend(["-kernel".into(), Self::KERNEL.into()]);
            if kernel.ramdisk {
                arguments.extend(["-initrd".into(), Self::RAMDISK.into()]);
            }
            arguments.extend(["-append".into(), kernel.command_line.clone().into()]);
        }
        Ok(arguments)
    }

    fn card(&self) -> String {
        let model = match self.card {
            // Large packets: the system holds few frames between the emulator and the network.
            Card::Virtio => "virtio-net-pci,host_mtu=9000",
            Card::E1000 => "e1000",
        };
        let mac = self.mac.map(|byte| format!("{byte:02x}")).join(":");
        // Without the program that starts over the network.
        format!("{model},netdev=net,romfile=,mac={mac}")
    }

    fn firmware(&self) -> OsString {
        let Identity {
            manufacturer,
            product,
            uuid,
        } = &self.identity;
        let mut value = b"type=1,manufacturer=".to_vec();
        value.extend(escaped(manufacturer.as_ref()));
        value.extend(b",product=");
        value.extend(escaped(product.as_ref()));
        let uuid = uuid.as_str();
        value.extend(format!(",uuid={uuid},serial={uuid}").bytes());
        OsString::from_vec(value)
    }
}

/// Unless it is bounded, the translator keeps a gigabyte of translations for each guest.
fn translations(accelerator: Accelerator) -> &'static str {
    match accelerator {
        Accelerator::Kvm => "kvm",
        Accelerator::Tcg => "tcg,tb-size=64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest() -> Guest {
        Guest {
            architecture: Architecture::X86_64,
            bus: Bus::Ide,
            card: Card::Virtio,
            mac: [0xd0, 0x0d, 0x12, 0x34, 0xab, 0xcd],
            kernel: None,
            memory: 128 << 20,
            processors: 1,
            identity: Identity {
                manufacturer: "Gumnut".to_owned(),
                product: "m1.small,uuid=x".to_owned(),
                uuid: SystemUuid::of_instance("1234ABCD").unwrap(),
            },
        }
    }

    fn arguments(guest: &Guest) -> Vec<String> {
        let arguments = guest.arguments(Accelerator::Tcg).unwrap().into_iter();
        arguments.map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn a_system_is_known_as_one_of_ec2() {
        let uuid = |digits| SystemUuid::of_instance(digits).map(|uuid| uuid.0);
        assert_eq!(
            uuid("1234ABCD").as_deref(),
            Some("ec21234a-bcd0-0000-0000-000000000000")
        );
        assert_eq!(
            uuid("0123456789abcdef0").as_deref(),
            Some("ec201234-5678-9abc-def0-000000000000")
        );
        for digits in ["", "12g", &"0".repeat(30)] {
            assert_eq!(uuid(digits), None, "{digits:?}");
        }
        let arguments = arguments(&guest());
        let smbios = arguments
            .iter()
            .find(|word| word.starts_with("type=1,"))
            .unwrap();
        assert!(
            smbios.contains(",product=m1.small,,uuid=x,uuid=ec21234a-"),
            "{smbios}"
        );
        assert!(
            smbios.ends_with(",serial=ec21234a-bcd0-0000-0000-000000000000"),
            "{smbios}"
        );
    }

    #[test]
    fn the_disk_is_written_and_the_names_are_short() {
        let arguments = arguments(&guest());
        assert!(!arguments.iter().any(|word| word.contains("snapshot")
            || word.contains('/') && !word.contains("/dev/urandom")));
        assert!(
            arguments
                .iter()
                .any(|word| word.ends_with("file.filename=disk.img"))
        );
        assert!(
            !arguments.contains(&"-kernel".to_owned())
                && !arguments.contains(&"-no-reboot".to_owned())
        );
        assert!(arguments.contains(
            &"virtio-net-pci,host_mtu=9000,netdev=net,romfile=,mac=d0:0d:12:34:ab:cd".to_owned()
        ));
    }

    #[test]
    fn only_guests_for_an_emulator_are_started() {
        let mut guest = guest();
        guest.architecture = Architecture::Arm64;
        let error = guest.arguments(Accelerator::Tcg).unwrap_err();
        assert!(matches!(
            error,
            BootError::Architecture(Architecture::Arm64)
        ));
    }
}
