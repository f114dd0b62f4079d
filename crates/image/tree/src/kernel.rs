//! Finds the kernel that a system would start with.

use std::cmp::Ordering;

use crate::file_tree::{FileId, FileTree};

/// A kernel in `/boot`, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its version as in the name of the file: `6.1.0-18-amd64`. Empty for a kernel without one.
    pub version: Vec<u8>,
    /// Path of the kernel, without a slash at the beginning.
    pub path: Vec<u8>,
    /// The kernel.
    pub file: FileId,
    /// The ramdisk with its path.
    pub ramdisk: Option<(Vec<u8>, FileId)>,
    /// Whether the tree has modules for it.
    pub has_modules: bool,
}

impl FileTree {
    /// The kernels in `/boot`, the best one first: with a ramdisk, with modules, of the highest version.
    pub fn kernels(&self) -> Vec<Kernel> {
        let Some(boot) = self.find(b"boot") else {
            return Vec::new();
        };
        let mut kernels = Vec::new();
        for (name, _) in self.children(boot) {
            let Some(version) = version(name) else {
                continue;
            };
            let path = [b"boot/", name].concat();
            let file = self.find(&path);
            let Some(file) = file.filter(|file| self.content(*file).is_some()) else {
                continue;
            };
            let modules = [&b"lib/modules/"[..], version].concat();
            kernels.push(Kernel {
                version: version.to_vec(),
                path,
                file,
                ramdisk: self.ramdisk(version),
                has_modules: !version.is_empty() && self.find(&modules).is_some(),
            });
        }
        // The one without a version is often a link to one with a version, which says more.
        kernels.sort_by(|one, other| {
            let rank = |kernel: &Kernel| (kernel.ramdisk.is_some(), kernel.has_modules);
            let versions = compare(&one.version, &other.version);
            rank(other).cmp(&rank(one)).then(versions.reverse())
        });
        kernels
    }

    fn ramdisk(&self, version: &[u8]) -> Option<(Vec<u8>, FileId)> {
        let dashed = |start: &[u8], end: &[u8]| match version {
            b"" => [b"boot/", start, end].concat(),
            _ => [b"boot/", start, b"-", version, end].concat(),
        };
        let paths = [
            dashed(b"initrd.img", b""),
            dashed(b"initramfs", b".img"),
            dashed(b"initramfs", b""),
            dashed(b"initrd", b""),
            dashed(b"initrd", b".img"),
        ];
        let mut found = paths.into_iter().filter_map(|path| {
            let file = self.find(&path)?;
            self.content(file).is_some().then_some((path, file))
        });
        found.next()
    }
}

/// The version in the name of a kernel. `None` if it is no kernel, or one to rescue a broken system.
fn version(name: &[u8]) -> Option<&[u8]> {
    const KERNELS: [&[u8]; 5] = [b"vmlinuz", b"vmlinux", b"bzImage", b"kernel", b"Image"];
    let rest = KERNELS
        .iter()
        .find_map(|kernel| name.strip_prefix(*kernel))?;
    let version = match rest {
        b"" => rest,
        _ => rest.strip_prefix(b"-")?,
    };
    let is_other = [&b".old"[..], b".bak", b".gz.sig", b".hmac", b".sig"]
        .iter()
        .any(|end| version.ends_with(end));
    (!is_other && !version.starts_with(b"0-rescue")).then_some(version)
}

/// Compares versions: numbers by their value, other text by its bytes.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match (digits(one), digits(other)) {
            (0, _) | (_, 0) => match (one, other) {
                ([first, rest @ ..], [second, others @ ..]) if first == second => {
                    (one, other) = (rest, others);
                }
                _ => return one.first().cmp(&other.first()),
            },
            (length, others) => {
                let (number, rest) = one.split_at(length);
                let (second, remaining) = other.split_at(others);
                let value = |digits: &[u8]| {
                    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
                    (digits.len() - zeros, digits[zeros..].to_vec())
                };
                match value(number).cmp(&value(second)) {
                    Ordering::Equal => (one, other) = (rest, remaining),
                    order => return order,
                }
            }
        }
        if one.is_empty() && other.is_empty() {
            return Ordering::Equal;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_tree::{FileContent, FileEntry, FileKind};
    use crate::member::Time;

    fn best(paths: &[&str]) -> Option<(String, Option<String>)> {
        let entry = |kind| FileEntry::of_root(kind, 0o755, Time::default());
        let mut tree = FileTree::new(entry(FileKind::Directory));
        for path in paths {
            let kind = match path.split_once(" -> ") {
                Some((_, target)) => FileKind::Symlink(target.as_bytes().into()),
                None if path.ends_with('/') => FileKind::Directory,
                None => FileKind::File(FileContent::of(b"x")),
            };
            let path = path.split(" -> ").next().unwrap().trim_end_matches('/');
            tree.set(path.as_bytes(), entry(kind)).unwrap();
        }
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let kernel = tree.kernels().into_iter().next()?;
        Some((
            text(&kernel.path),
            kernel.ramdisk.map(|(path, _)| text(&path)),
        ))
    }

    #[test]
    fn the_highest_version_with_ramdisk_and_modules_is_the_best() {
        let debian = best(&[
            "boot/vmlinuz-6.1.0-9-amd64",
            "boot/initrd.img-6.1.0-9-amd64",
            "boot/vmlinuz-6.1.0-18-amd64",
            "boot/initrd.img-6.1.0-18-amd64",
            "boot/vmlinuz-6.9.0-1-amd64",
            "boot/config-7.0",
            "usr/lib/modules/6.1.0-9-amd64/",
            "usr/lib/modules/6.1.0-18-amd64/",
            "lib -> usr/lib",
        ]);
        let initrd = "boot/initrd.img-6.1.0-18-amd64".to_owned();
        assert_eq!(
            debian,
            Some(("boot/vmlinuz-6.1.0-18-amd64".to_owned(), Some(initrd)))
        );
        let fedora = best(&[
            "boot/vmlinuz-0-rescue-abc",
            "boot/initramfs-0-rescue-abc.img",
            "boot/vmlinuz-6.8.5-301.fc40.x86_64",
            "boot/initramfs-6.8.5-301.fc40.x86_64.img",
        ]);
        assert_eq!(fedora.unwrap().0, "boot/vmlinuz-6.8.5-301.fc40.x86_64");
        let alpine = best(&["boot/vmlinuz-lts", "boot/initramfs-lts"]);
        assert_eq!(alpine.unwrap().1.unwrap(), "boot/initramfs-lts");
    }

    #[test]
    fn links_lead_to_kernels_and_what_is_none_is_not_found() {
        let link = best(&["vmlinuz-1", "boot/vmlinuz -> ../vmlinuz-1"]);
        assert_eq!(link, Some(("boot/vmlinuz".to_owned(), None)));
        assert_eq!(
            best(&["boot/vmlinuz-1 -> nowhere", "boot/vmlinuz-2.old"]),
            None
        );
        assert_eq!(best(&["vmlinuz"]), None);
        assert_eq!(best(&["boot/vmlinuz-1/"]), None);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let sorted = [
            &b""[..],
            b"2.6.9",
            b"2.6.18-8.el5",
            b"2.6.18-164.el5",
            b"6.1.0-9-amd64",
            b"6.1.0-18-amd64",
            b"6.10.0",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater);
        }
        assert_eq!(compare(b"6.01", b"6.1"), Ordering::Equal);
    }
}
