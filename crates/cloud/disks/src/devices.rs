//! How the disk and the network card of a machine are attached: by what its kernel and ramdisk have drivers for.

use gumnut_cloud_instances::{Bus, Card};
use gumnut_disk_image::Drivers;

/// What is known of the drivers of a machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// Those that are there before the root file system: in the kernel and the ramdisk. `None`: the form of the kernel does not show it,
    /// which is so before Linux 2.6.26, or the boot loader on the disk finds the kernel.
    pub(crate) early: Option<Drivers>,
    /// Those in the ramdisk.
    pub(crate) ramdisk: Drivers,
    /// Those on the root file system. `None`: it cannot be read.
    pub(crate) root: Option<Drivers>,
}

/// The disk of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RootDisk {
    pub(crate) bus: Bus,
    /// What the kernel calls its first partition.
    pub(crate) device: &'static str,
}

/// Attaches a disk for a kernel that is started directly. What `/etc/fstab` calls the root decides, where there is a driver for it.
pub(crate) fn root_disk(known: &Known, fstab: Option<&str>) -> RootDisk {
    let early = known.early.unwrap_or_default() | known.ramdisk;
    let may_be_ide = early.ide || known.early.is_none();
    let is_called = |prefix: &str| fstab.is_some_and(|device| device.starts_with(prefix));
    let ide = |device| RootDisk {
        bus: Bus::Ide,
        device,
    };
    if is_called("/dev/hd") && may_be_ide {
        ide("/dev/hda1")
    } else if is_called("/dev/sd") && may_be_ide || !early.virtio_blk {
        ide("/dev/sda1")
    } else {
        RootDisk {
            bus: Bus::Virtio,
            device: "/dev/vda1",
        }
    }
}

/// Attaches a whole disk, from which its boot loader starts a kernel.
pub(crate) fn whole_disk(known: &Known) -> Bus {
    match known.root {
        Some(drivers) if !drivers.virtio_blk => Bus::Ide,
        _ => Bus::Virtio,
    }
}

/// The network card, whose driver may be on the root file system.
pub(crate) fn card(known: &Known) -> Card {
    let all = known.early.unwrap_or_default() | known.ramdisk | known.root.unwrap_or_default();
    let nothing_is_known = known.early.is_none() && known.root.is_none();
    if all.virtio_net || (nothing_is_known && !all.e1000) {
        Card::Virtio
    } else {
        Card::E1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Drivers = Drivers::NONE;
    const IDE: Drivers = Drivers { ide: true, ..NONE };
    const VIRTIO: Drivers = Drivers {
        virtio_blk: true,
        virtio_net: true,
        ..NONE
    };

    #[test]
    fn the_disk_is_called_as_fstab_says_where_there_is_a_driver() {
        let with = |early: Option<Drivers>, ramdisk: Drivers| Known {
            early,
            ramdisk,
            root: None,
        };
        let of_2009 = with(Some(NONE), IDE | VIRTIO);
        assert_eq!(root_disk(&of_2009, Some("/dev/sda1")).device, "/dev/sda1");
        assert_eq!(root_disk(&of_2009, Some("LABEL=/")).device, "/dev/vda1");
        let of_today = with(Some(VIRTIO), NONE);
        assert_eq!(root_disk(&of_today, Some("/dev/sda1")).device, "/dev/vda1");
        assert_eq!(root_disk(&of_today, None).bus, Bus::Virtio);
        let of_2007 = with(None, NONE);
        assert_eq!(root_disk(&of_2007, Some("/dev/hda1")).device, "/dev/hda1");
        assert_eq!(root_disk(&of_2007, None).device, "/dev/sda1");
        let without = with(Some(NONE), NONE);
        assert_eq!(root_disk(&without, Some("/dev/vda1")).device, "/dev/sda1");
    }

    #[test]
    fn the_driver_of_the_card_may_be_on_the_root() {
        let known = |early, root| Known {
            early,
            ramdisk: NONE,
            root,
        };
        assert_eq!(card(&known(Some(NONE), Some(VIRTIO))), Card::Virtio);
        assert_eq!(card(&known(Some(VIRTIO), Some(NONE))), Card::Virtio);
        assert_eq!(card(&known(Some(NONE), Some(NONE))), Card::E1000);
        assert_eq!(card(&known(None, Some(NONE))), Card::E1000);
        assert_eq!(card(&known(None, None)), Card::Virtio);
        assert_eq!(whole_disk(&known(None, Some(IDE))), Bus::Ide);
        assert_eq!(whole_disk(&known(None, None)), Bus::Virtio);
    }
}
