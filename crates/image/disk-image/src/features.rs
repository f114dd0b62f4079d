//! Feature words of ext2, ext3 and ext4 by the names that e2fsprogs gives them.

use std::fmt;

/// The three feature words of a superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Features that a kernel may ignore.
    pub compatible: u32,
    /// Features that a kernel must know to mount at all.
    pub incompatible: u32,
    /// Features that a kernel must know to mount for writing.
    pub read_only_compatible: u32,
}

/// One bit of the words that matter for mounting.
#[derive(Clone, Copy)]
pub(crate) enum Feature {
    /// A kernel may mount without knowing it.
    Compatible(u32),
    /// Without it a kernel cannot mount at all.
    Incompatible(u32),
    /// Without it a kernel cannot mount for writing.
    ReadOnlyCompatible(u32),
}

impl Feature {
    /// The name that e2fsprogs give it.
    pub(crate) fn name(self) -> &'static str {
        let (table, bit) = match self {
            Self::Compatible(bit) => (COMPATIBLE, bit),
            Self::Incompatible(bit) => (INCOMPATIBLE, bit),
            Self::ReadOnlyCompatible(bit) => (READ_ONLY_COMPATIBLE, bit),
        };
        let known = table.iter().find(|(value, _)| *value == bit);
        known.map_or("an unknown feature", |(_, name)| *name)
    }
}

type Table = &'static [(u32, &'static str)];

const COMPATIBLE: Table = &[
    (0x1, "dir_prealloc"),
    (0x2, "imagic_inodes"),
    (0x4, "has_journal"),
    (0x8, "ext_attr"),
    (0x10, "resize_inode"),
    (0x20, "dir_index"),
    (0x200, "sparse_super2"),
    (0x400, "fast_commit"),
    (0x800, "stable_inodes"),
    (0x1000, "orphan_file"),
];

const INCOMPATIBLE: Table = &[
    (0x1, "compression"),
    (0x2, "filetype"),
    (0x4, "needs_recovery"),
    (0x8, "journal_dev"),
    (0x10, "meta_bg"),
    (0x40, "extent"),
    (0x80, "64bit"),
    (0x100, "mmp"),
    (0x200, "flex_bg"),
    (0x400, "ea_inode"),
    (0x1000, "dirdata"),
    (0x2000, "metadata_csum_seed"),
    (0x4000, "large_dir"),
    (0x8000, "inline_data"),
    (0x1_0000, "encrypt"),
    (0x2_0000, "casefold"),
];

const READ_ONLY_COMPATIBLE: Table = &[
    (0x1, "sparse_super"),
    (0x2, "large_file"),
    (0x8, "huge_file"),
    (0x10, "uninit_bg"),
    (0x20, "dir_nlink"),
    (0x40, "extra_isize"),
    (0x100, "quota"),
    (0x200, "bigalloc"),
    (0x400, "metadata_csum"),
    (0x1000, "read-only"),
    (0x2000, "project"),
    (0x4000, "shared_blocks"),
    (0x8000, "verity"),
    (0x1_0000, "orphan_present"),
];

impl Features {
    pub(crate) const HAS_JOURNAL: u32 = 0x4;
    pub(crate) const NEEDS_RECOVERY: u32 = 0x4;
    pub(crate) const IS_64BIT: u32 = 0x80;
    pub(crate) const ORPHAN_FILE: Feature = Feature::Compatible(0x1000);
    pub(crate) const STABLE_INODES: Feature = Feature::Compatible(0x800);
    pub(crate) const JOURNAL_DEVICE: Feature = Feature::Incompatible(0x8);
    pub(crate) const BIGALLOC: Feature = Feature::ReadOnlyCompatible(0x200);
    const EXTENTS: u32 = 0x40;
    const FLEX_BG: u32 = 0x200;
    const HUGE_FILE: u32 = 0x8;
    const METADATA_CSUM: u32 = 0x400;

    /// Features and the kernels that they came with, as those are announced in the kernel's history:
    /// ext4 was declared stable in 2.6.28, checksums of metadata came with 3.6.
    pub(crate) const SINCE: [(Feature, (u32, u32, u32)); 5] = [
        (Feature::Incompatible(Self::EXTENTS), (2, 6, 28)),
        (Feature::Incompatible(Self::IS_64BIT), (2, 6, 28)),
        (Feature::Incompatible(Self::FLEX_BG), (2, 6, 28)),
        (Feature::ReadOnlyCompatible(Self::HUGE_FILE), (2, 6, 28)),
        (Feature::ReadOnlyCompatible(Self::METADATA_CSUM), (3, 6, 0)),
    ];

    /// Whether a feature is set.
    pub(crate) fn has(self, feature: Feature) -> bool {
        match feature {
            Feature::Compatible(bit) => self.compatible & bit != 0,
            Feature::Incompatible(bit) => self.incompatible & bit != 0,
            Feature::ReadOnlyCompatible(bit) => self.read_only_compatible & bit != 0,
        }
    }

    /// Whether block numbers have 64 bits.
    pub(crate) fn is_64bit(self) -> bool {
        self.incompatible & Self::IS_64BIT != 0
    }

    /// Whether anything is set that ext3 does not have.
    pub(crate) fn beyond_ext3(self) -> bool {
        self.incompatible & (Self::EXTENTS | Self::IS_64BIT | Self::FLEX_BG) != 0
            || self.read_only_compatible & Self::HUGE_FILE != 0
    }

    /// The names of the features that are set, in the order in which `dumpe2fs` prints them; an
    /// unknown one as its word and bit, such as `incompat:0x800`.
    pub fn names(self) -> Vec<String> {
        let mut names = Vec::new();
        push_names(&mut names, self.compatible, COMPATIBLE, "compat");
        push_names(&mut names, self.incompatible, INCOMPATIBLE, "incompat");
        push_names(
            &mut names,
            self.read_only_compatible,
            READ_ONLY_COMPATIBLE,
            "ro_compat",
        );
        names
    }
}

fn push_names(names: &mut Vec<String>, word: u32, table: Table, unknown: &str) {
    for bit in (0..u32::BITS).map(|shift| 1 << shift) {
        if word & bit != 0 {
            let known = table.iter().find(|(value, _)| *value == bit);
            names.push(
                known.map_or_else(|| format!("{unknown}:{bit:#x}"), |(_, name)| (*name).into()),
            );
        }
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_2009_ext3_read_as_its_features() {
        let features = Features {
            compatible: 0x3c,
            incompatible: 0x2,
            read_only_compatible: 0x3,
        };
        assert_eq!(
            features.to_string(),
            "has_journal ext_attr resize_inode dir_index filetype sparse_super large_file"
        );
        assert!(!features.beyond_ext3());
    }

    #[test]
    fn unknown_bits_are_shown() {
        let features = Features {
            compatible: 0,
            incompatible: 0x8000_0800,
            read_only_compatible: 0,
        };
        assert_eq!(features.names(), ["incompat:0x800", "incompat:0x80000000"]);
    }
}
