//! The running system whose files become an image.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use gumnut_ext::{FileSystem, Label};

/// Directories whose content the kernel or the system makes at every start, or that others are mounted on.
const VOLATILE: [&[u8]; 6] = [b"dev", b"media", b"mnt", b"proc", b"run", b"sys"];

/// What a running system says about its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// UUID of the file system on which the files are. `None` if it is not known.
    pub uuid: Option<[u8; 16]>,
    /// Its label. `None` if it has none or one that is too long for ext.
    pub label: Option<Label>,
    /// Its type, such as `ext4` or `xfs`. `None` if it is not known.
    pub file_system: Option<String>,
    /// Files that are used as swap space.
    pub swap_files: Vec<PathBuf>,
}

impl Running {
    /// Asks the system about the file system on which `directory` is.
    pub fn of(directory: &Path) -> Self {
        let Ok(metadata) = fs_err::metadata(directory) else {
            return Self::default();
        };
        let device = metadata.dev();
        let mounts = fs_err::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let swaps = fs_err::read_to_string("/proc/swaps").unwrap_or_default();
        let uuid = name_of(Path::new("/dev/disk/by-uuid"), device);
        let label = name_of(Path::new("/dev/disk/by-label"), device);
        Self {
            uuid: uuid.as_deref().and_then(parse_uuid),
            label: label.and_then(|label| Label::new(&label).ok()),
            file_system: file_system(&mounts, device),
            swap_files: swap_files(&swaps),
        }
    }

    /// The file system that an image of it gets: ext3 remains ext3, with what ext2 becomes, everything else becomes ext4.
    pub fn image_file_system(&self) -> FileSystem {
        match self.file_system.as_deref() {
            Some("ext2" | "ext3") => FileSystem::Ext3,
            _ => FileSystem::Ext4,
        }
    }
}

/// Directories whose contents are not part of an image.
pub(crate) fn volatile() -> Vec<Vec<u8>> {
    VOLATILE.iter().map(|path| path.to_vec()).collect()
}

/// The name under which udev has a device; what is no letter is escaped as `\x20`.
fn name_of(directory: &Path, device: u64) -> Option<String> {
    for entry in fs_err::read_dir(directory).ok()? {
        let entry = entry.ok()?;
        let is_it = fs_err::metadata(entry.path()).is_ok_and(|found| found.rdev() == device);
        if is_it {
            return unescape(entry.file_name().as_bytes());
        }
    }
    None
}

fn unescape(name: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = name;
    while let Some((first, others)) = rest.split_first() {
        let escaped = others
            .strip_prefix(b"x")
            .filter(|_| *first == b'\\')
            .and_then(|digits| digits.split_at_checked(2));
        if let Some((digits, behind)) = escaped {
            bytes.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
            rest = behind;
        } else {
            bytes.push(*first);
            rest = others;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The 16 bytes of a UUID in hexadecimal digits. `None` for other identifiers, as FAT has them.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    Some(u128::from_str_radix(&digits, 16).ok()?.to_be_bytes())
}

/// A path of this machine as one in a volume, without a slash at the beginning.
pub fn path_in_volume(volume: &Path, path: &Path) -> Vec<u8> {
    let below = path.strip_prefix(volume).unwrap_or(path);
    let names = below.as_os_str().as_bytes().split(|byte| *byte == b'/');
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    names.join(&b'/')
}

/// The type of a file system by its device number, in the form of `/proc/self/mountinfo`.
fn file_system(mounts: &str, device: u64) -> Option<String> {
    let major = (device >> 8) & 0xfff | (device >> 32) & !0xfff;
    let minor = device & 0xff | (device >> 12) & 0xf_ff00;
    let number = format!("{major}:{minor}");
    let mut lines = mounts.lines();
    let line = lines.find(|line| line.split(' ').nth(2) == Some(&number))?;
    let (_, behind) = line.split_once(" - ")?;
    behind.split(' ').next().map(str::to_owned)
}

/// The files, not the partitions, in `/proc/swaps`.
fn swap_files(swaps: &str) -> Vec<PathBuf> {
    let lines = swaps.lines().skip(1);
    let files = lines.filter_map(|line| {
        let mut fields = line.split_whitespace();
        let path = fields.next()?;
        (fields.next() == Some("file")).then(|| PathBuf::from(path.replace("\\040", " ")))
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_read() {
        let mounts = "25 30 0:23 / /sys rw - sysfs sysfs rw\n28 1 254:1 / / rw,relatime shared:1 - ext3 /dev/vda1 rw\n";
        assert_eq!(file_system(mounts, 254 << 8 | 1).as_deref(), Some("ext3"));
        assert_eq!(file_system(mounts, 0x803), None);
        let swaps =
            "Filename\tType\tSize\n/dev/vda2 partition 1 0 -2\n/swap\\040file file 1 0 -3\n";
        assert_eq!(swap_files(swaps), [PathBuf::from("/swap file")]);
    }

    #[test]
    fn names_and_uuids_of_udev() {
        assert_eq!(unescape(br"my\x20root").as_deref(), Some("my root"));
        assert_eq!(unescape(br"a\b").as_deref(), Some(r"a\b"));
        let uuid = parse_uuid("01234567-89ab-cdef-0123-456789abcdef").unwrap();
        assert_eq!(uuid[..4], [0x01, 0x23, 0x45, 0x67]);
        assert_eq!(parse_uuid("1234-ABCD"), None);
        assert_eq!(parse_uuid("+1234567-89ab-cdef-0123-456789abcdef"), None);
    }

    #[test]
    fn paths_in_a_volume_have_no_slash_at_the_beginning() {
        let path = |path: &str| path_in_volume(Path::new("/"), Path::new(path));
        assert_eq!(path("/home/"), b"home");
        assert_eq!(path("srv//www"), b"srv/www");
        let below = path_in_volume(Path::new("/mnt"), Path::new("/mnt/boot"));
        assert_eq!(below, b"boot");
    }

    #[test]
    fn the_image_of_an_old_system_is_for_an_old_system() {
        let of = |kind: &str| {
            let file_system = Some(kind.to_owned());
            Running {
                file_system,
                ..Running::default()
            }
            .image_file_system()
        };
        assert_eq!(
            (of("ext2"), of("ext3")),
            (FileSystem::Ext3, FileSystem::Ext3)
        );
        assert_eq!(
            (of("ext4"), of("xfs")),
            (FileSystem::Ext4, FileSystem::Ext4)
        );
    }
}
