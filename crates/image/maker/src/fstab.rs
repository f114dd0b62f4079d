//! The line of the root in `/etc/fstab`.

use gumnut_ext::{FileSystem, Label};

/// The file system of an image, as its own fstab names it.
pub(crate) struct Root<'a> {
    /// The UUID in its usual form.
    pub(crate) uuid: String,
    pub(crate) label: &'a Label,
    pub(crate) file_system: FileSystem,
}

impl Root<'_> {
    fn kind(&self) -> &'static str {
        match self.file_system {
            FileSystem::Ext3 => "ext3",
            FileSystem::Ext4 | FileSystem::Ext4Checksums => "ext4",
        }
    }

    /// An fstab with one line.
    pub(crate) fn only_line(&self) -> Vec<u8> {
        self.line("defaults").into_bytes()
    }

    fn line(&self, options: &str) -> String {
        format!("UUID={} / {} {options} 0 1\n", self.uuid, self.kind())
    }

    /// The fstab with a line for the root that fits. `None` if the one that it has does.
    pub(crate) fn fitted(&self, fstab: &[u8]) -> Option<Vec<u8>> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut found = false;
        for line in fstab.split_inclusive(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(line);
            let fields: Vec<_> = text.split_whitespace().collect();
            let is_root = fields.len() >= 2 && !fields[0].starts_with('#') && fields[1] == "/";
            if !is_root {
                lines.push(line.to_vec());
                continue;
            }
            if self.fits(fields[0], fields.get(2).copied().unwrap_or("auto")) {
                return None;
            }
            // Options of another type of file system may be unknown to this one.
            let is_ext = fields.get(2).is_some_and(|kind| kind.starts_with("ext"));
            let options = fields.get(3).filter(|_| is_ext).unwrap_or(&"defaults");
            lines.push(self.line(options).into_bytes());
            found = true;
        }
        if !found {
            let ends = fstab.is_empty() || fstab.ends_with(b"\n");
            if !ends {
                lines.push(b"\n".to_vec());
            }
            lines.push(self.only_line());
        }
        Some(lines.concat())
    }

    fn fits(&self, device: &str, kind: &str) -> bool {
        let unquoted = |text: &str| text.trim_matches('"').to_owned();
        let names_it = if let Some(uuid) = device.strip_prefix("UUID=") {
            unquoted(uuid).eq_ignore_ascii_case(&self.uuid)
        } else if let Some(label) = device.strip_prefix("LABEL=") {
            !label.is_empty() && unquoted(label) == self.label.as_str()
        } else {
            false
        };
        names_it && (kind == "auto" || kind == self.kind())
    }
}

/// Mount points that an fstab has beside the root, of file systems on disks.
pub(crate) fn other_mounts(fstab: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(fstab);
    let fields = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let on_disks = fields.filter(|fields| {
        let device = fields.first().copied().unwrap_or_default();
        let is_disk =
            device.starts_with("/dev/") || device.contains("UUID=") || device.contains("LABEL=");
        is_disk && !device.starts_with('#') && fields.get(1).is_some_and(|point| *point != "/")
    });
    on_disks.map(|fields| fields[1].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "11111111-2222-3333-4444-555555555555";

    fn fitted(fstab: &str, label: &str) -> Option<String> {
        let label = Label::new(label).unwrap();
        let root = Root {
            uuid: UUID.to_owned(),
            label: &label,
            file_system: FileSystem::Ext4,
        };
        let fitted = root.fitted(fstab.as_bytes())?;
        Some(String::from_utf8(fitted).unwrap())
    }

    #[test]
    fn a_line_that_fits_is_kept() {
        assert_eq!(
            fitted(&format!("UUID={UUID} / ext4 noatime 0 1\n"), ""),
            None
        );
        assert_eq!(fitted("LABEL=root\t/\tauto defaults 0 1\n", "root"), None);
        assert_eq!(fitted("LABEL=\"root\" / ext4 x 0 1", "root"), None);
    }

    #[test]
    fn a_line_that_does_not_fit_is_replaced() {
        let others = "# /dev/sda1 / old\nproc /proc proc defaults 0 0\n";
        let cases = [
            (
                "/dev/sda1 / ext3 errors=remount-ro 0 1\n",
                "errors=remount-ro",
            ),
            (
                "UUID=99999999-2222-3333-4444-555555555555 / ext4 noatime 0 1\n",
                "noatime",
            ),
            ("LABEL=other / ext4 defaults 0 1\n", "defaults"),
            ("/dev/mapper/vg-root / xfs inode64 0 0\n", "defaults"),
        ];
        for (line, options) in cases {
            let new = fitted(
                &format!("{others}{line}/dev/sdb /data ext4 x 0 2\n"),
                "root",
            )
            .unwrap();
            let expected =
                format!("{others}UUID={UUID} / ext4 {options} 0 1\n/dev/sdb /data ext4 x 0 2\n");
            assert_eq!(new, expected);
        }
    }

    #[test]
    fn a_line_is_added_where_there_is_none() {
        let line = format!("UUID={UUID} / ext4 defaults 0 1\n");
        assert_eq!(fitted("", "").unwrap(), line);
        assert_eq!(fitted("# none", "").unwrap(), format!("# none\n{line}"));
    }

    #[test]
    fn other_file_systems_are_found() {
        let fstab = "UUID=1 / ext4\nUUID=2 /boot ext4\n#/dev/sdc /x ext4\n/dev/sdb none swap\ntmpfs /tmp tmpfs\n";
        assert_eq!(other_mounts(fstab.as_bytes()), ["/boot", "none"]);
    }
}
