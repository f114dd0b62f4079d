//! Drivers for the devices that emulators have.

use std::io::{self, Read};
use std::ops::BitOr;

use gumnut_compression::{Compression, Member};

use crate::text::{le16, le32};
use crate::window::Window;

/// Drivers for disks and network cards that were found somewhere: in a ramdisk, on a root file system, or in a kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each driver is there or is not"
)]
pub struct Drivers {
    /// For disks on virtio.
    pub virtio_blk: bool,
    /// For network cards on virtio.
    pub virtio_net: bool,
    /// For Intel's network card of 2000.
    pub e1000: bool,
    /// For Intel's IDE controller, on which disks are called `sda`, or `hda` before 2007.
    pub ide: bool,
}

/// All that is decompressed of a kernel, in bytes.
const MAX_PLAIN: u64 = 256 << 20;
/// The version of the boot protocol since when a kernel says where its compressed part is.
const WITH_PAYLOAD: u16 = 0x0208;
/// What a driver in a kernel is found by: its name and the end of the text.
const NAMES: [(&[u8], Drivers); 5] = [
    (
        b"virtio_blk\0",
        Drivers {
            virtio_blk: true,
            ..Drivers::NONE
        },
    ),
    (
        b"virtio_net\0",
        Drivers {
            virtio_net: true,
            ..Drivers::NONE
        },
    ),
    (
        b"e1000\0",
        Drivers {
            e1000: true,
            ..Drivers::NONE
        },
    ),
    (
        b"ata_piix\0",
        Drivers {
            ide: true,
            ..Drivers::NONE
        },
    ),
    (
        b"PIIX_IDE\0",
        Drivers {
            ide: true,
            ..Drivers::NONE
        },
    ),
];
/// Bytes that are searched at once.
const PIECE: usize = 1 << 20;

impl Drivers {
    /// None of them.
    pub const NONE: Self = Self {
        virtio_blk: false,
        virtio_net: false,
        e1000: false,
        ide: false,
    };

    /// The driver in a module with this path, such as `kernel/drivers/block/virtio_blk.ko.xz`.
    pub fn of_module(path: &[u8]) -> Self {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let Some(end) = name.windows(3).position(|part| part == b".ko") else {
            return Self::NONE;
        };
        match &name[..end] {
            b"virtio_blk" => Self {
                virtio_blk: true,
                ..Self::NONE
            },
            b"virtio_net" => Self {
                virtio_net: true,
                ..Self::NONE
            },
            b"e1000" => Self {
                e1000: true,
                ..Self::NONE
            },
            b"ata_piix" | b"piix" => Self {
                ide: true,
                ..Self::NONE
            },
            _ => Self::NONE,
        }
    }

    /// The drivers in a text that lists modules, as `modules.dep` and `modules.builtin` do.
    pub fn of_list(text: &[u8]) -> Self {
        let words = text.split(|byte| byte.is_ascii_whitespace() || *byte == b':');
        words.fold(Self::NONE, |all, path| all | Self::of_module(path))
    }

    /// The drivers that are built into a kernel for x86. `None`: its form does not show it, as that of kernels before 2008.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn built_in(kernel: &Window) -> io::Result<Option<Self>> {
        let head = kernel.read_up_to(0, 0x250)?;
        let is_kernel = head.get(0x202..0x206) == Some(b"HdrS");
        if !is_kernel || head.len() < 0x250 || le16(&head, 0x206) < WITH_PAYLOAD {
            return Ok(None);
        }
        // The compressed part begins behind the sectors of the set-up code and the boot sector.
        let setup = match head[0x1F1] {
            0 => 5,
            sectors => u64::from(sectors) + 1,
        };
        let start = setup * 512 + u64::from(le32(&head, 0x248));
        let payload = kernel.part(start, le32(&head, 0x24C).into())?;
        let magic = payload.read_up_to(0, 16)?;
        let Some(compression) = Compression::recognise(&magic) else {
            return Ok(None);
        };
        let plain = Member::new(compression, io::BufReader::new(payload.reader()))?;
        Ok(Some(search(plain.take(MAX_PLAIN))))
    }
}

impl BitOr for Drivers {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            virtio_blk: self.virtio_blk || other.virtio_blk,
            virtio_net: self.virtio_net || other.virtio_net,
            e1000: self.e1000 || other.e1000,
            ide: self.ide || other.ide,
        }
    }
}

/// Searches a kernel for names; one that ends early or is damaged shows what was found before.
fn search(mut plain: impl Read) -> Drivers {
    let longest = NAMES.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut found = Drivers::NONE;
    let mut buffer = Vec::new();
    loop {
        let piece = plain.by_ref().take(PIECE as u64);
        let ended = !matches!({ piece }.read_to_end(&mut buffer), Ok(1..));
        for (name, drivers) in NAMES {
            if buffer.windows(name.len()).any(|part| part == name) {
                found = found | drivers;
            }
        }
        if ended {
            return found;
        }
        // A name may be on both sides of the end of a piece.
        buffer.drain(..buffer.len().saturating_sub(longest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_known_by_their_file_names() {
        let list = b"kernel/drivers/block/virtio_blk.ko.xz: kernel/drivers/virtio/virtio.ko\n\
            /lib/modules/2.6.18/kernel/drivers/net/e1000/e1000.ko:\nkernel/x/virtio_network.ko:\n";
        let found = Drivers::of_list(list);
        assert!(found.virtio_blk && found.e1000 && !found.virtio_net && !found.ide);
        assert_eq!(Drivers::of_module(b"e1000"), Drivers::NONE);
        assert!(Drivers::of_module(b"lib/modules/6.1/kernel/drivers/ata/ata_piix.ko").ide);
    }

    #[test]
    fn names_are_found_across_pieces() {
        let mut kernel = vec![0; PIECE - 4];
        kernel.extend(b"virtio_net\0virtio_blk_");
        let found = search(&kernel[..]);
        assert!(found.virtio_net && !found.virtio_blk);
    }

    #[test]
    fn what_is_no_kernel_shows_nothing() {
        for bytes in [&b""[..], &[0; 4096]] {
            let window = Window::in_memory(bytes);
            assert_eq!(Drivers::built_in(&window).unwrap(), None);
        }
    }
}
