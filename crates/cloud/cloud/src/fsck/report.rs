//! What a check has found.

use std::time::Duration;

use data_encoding::HEXLOWER;
use gumnut_cloud_catalogue::{Catalogue, CatalogueError};
use md5::{Digest as _, Md5};

/// Most findings that are kept of a store that several processes share. The others are counted.
pub(super) const MOST_FINDINGS: usize = 10_000;
/// Small objects that are held in memory at once.
const INLINE_AT_ONCE: usize = 100;

/// What to do to a data directory beside checking it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repair {
    /// Take the catalogue for the one that belongs to the directory, be it another one or an older state. What it does not know
    /// is kept: bodies in `tmp` go to `orphans`.
    pub accept_catalogue: bool,
    /// Move files that belong to nothing to the directory `orphans`, if the catalogue is right.
    pub move_orphans: bool,
}

/// What a check has found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Files or blobs that the catalogue names.
    pub files: u64,
    /// Small objects, whose bytes are in the catalogue.
    pub inline: u64,
    /// What the files and small objects hold, in bytes.
    pub bytes: u64,
    /// Blobs of a shared store that were given up, and that the collector deletes later.
    pub given_up: u64,
    /// Blobs of a shared store without a row that are so young that they may get one.
    pub recent: u64,
    /// Faults that are not among the findings, because those are many.
    pub omitted: usize,
    /// What is wrong; nothing in a sound directory.
    pub findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// The catalogue does not hold together.
    #[error("the catalogue {0}")]
    Catalogue(String),
    /// A file that belongs to nothing. A cloud that was killed leaves such files in `tmp`, and removes them when it starts;
    /// elsewhere it leaves alone what it does not know.
    #[error("{file} is not in the catalogue")]
    Orphan {
        /// Its path in the data directory.
        file: String,
    },
    /// A file that belonged to nothing and was moved to the directory `orphans`.
    #[error("{file} is not known to the catalogue and was moved to {to}")]
    Moved {
        /// Where it was in the data directory.
        file: String,
        /// Where it is in the data directory.
        to: String,
    },
    /// A file is not there.
    #[error("{object}: the file {file} is missing")]
    Missing {
        /// What it belongs to.
        object: String,
        /// Its path in the data directory.
        file: String,
    },
    /// A file is shorter or longer than it was.
    #[error("{object}: the file {file} has {found} bytes, not {expected}")]
    Size {
        /// What it belongs to.
        object: String,
        /// Its path in the data directory.
        file: String,
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// The bytes of a small object, which are in the catalogue, are not what they were.
    #[error("{object}: the bytes in the catalogue are damaged, their digest is wrong")]
    Inline {
        /// The object.
        object: String,
    },
    /// The bytes of a file are not what they were.
    #[error("{object}: the file {file} is damaged, its digest is wrong")]
    Digest {
        /// What it belongs to.
        object: String,
        /// Its path in the data directory.
        file: String,
    },
    /// A blob of a shared store is not there.
    #[error("{object}: the blob {blob} is missing")]
    BlobMissing {
        /// What it belongs to.
        object: String,
        /// Its name.
        blob: String,
    },
    /// A blob of a shared store is shorter or longer than it was.
    #[error("{object}: the blob {blob} has {found} bytes, not {expected}")]
    BlobSize {
        /// What it belongs to.
        object: String,
        /// Its name.
        blob: String,
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// The bytes of a blob of a shared store are not what they were.
    #[error("{object}: the blob {blob} is damaged, its digest is wrong")]
    BlobDigest {
        /// What it belongs to.
        object: String,
        /// Its name.
        blob: String,
    },
    /// A blob of a shared store that belongs to nothing. A front end that was killed leaves such blobs, and the collector deletes them.
    #[error("the blob {blob} ({size} bytes) is not in the catalogue; its age is {age} s", age = age.as_secs())]
    OrphanBlob {
        /// Its name.
        blob: String,
        /// Its size in bytes.
        size: u64,
        /// How long ago it was written.
        age: Duration,
    },
}

impl Finding {
    /// Whether something is wrong. A file that was moved is no longer a fault, and a blob that belongs to nothing is none.
    pub fn is_fault(&self) -> bool {
        !matches!(self, Self::Moved { .. } | Self::OrphanBlob { .. })
    }

    /// A word for programs: `catalogue`, `orphan`, `moved`, `missing`, `size`, `inline`, `digest`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Catalogue(_) => "catalogue",
            Self::Orphan { .. } | Self::OrphanBlob { .. } => "orphan",
            Self::Moved { .. } => "moved",
            Self::Missing { .. } | Self::BlobMissing { .. } => "missing",
            Self::Size { .. } | Self::BlobSize { .. } => "size",
            Self::Inline { .. } => "inline",
            Self::Digest { .. } | Self::BlobDigest { .. } => "digest",
        }
    }
}

impl Repair {
    /// Whether to accept the catalogue, and whether to move orphans.
    pub fn new(accept_catalogue: bool, move_orphans: bool) -> Self {
        Self {
            accept_catalogue,
            move_orphans,
        }
    }
}

impl Report {
    /// What can be said of a directory whose catalogue cannot be read.
    pub(super) fn of_catalogue(fault: String) -> Self {
        Self {
            findings: vec![Finding::Catalogue(fault)],
            ..Self::default()
        }
    }

    /// Reads the objects whose bytes are in the catalogue, some at a time.
    pub(super) async fn check_inline(
        &mut self,
        catalogue: &Catalogue,
    ) -> Result<(), CatalogueError> {
        let mut after = 0;
        loop {
            let page = catalogue.inline_objects(after, INLINE_AT_ONCE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = last.id;
            for found in page {
                self.inline += 1;
                self.bytes += found.bytes.len() as u64;
                if HEXLOWER.encode(&Md5::digest(&found.bytes)) != found.md5 {
                    let object = found.object;
                    self.add(Finding::Inline { object });
                }
            }
        }
    }

    /// Takes a finding down, as long as there is room.
    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        } else if finding.is_fault() {
            self.omitted += 1;
        }
    }

    /// How many faults there are, with those that are not among the findings.
    pub fn faults(&self) -> usize {
        let faults = self.findings.iter().filter(|finding| finding.is_fault());
        faults.count() + self.omitted
    }

    /// Whether there are no faults.
    pub fn is_clean(&self) -> bool {
        self.faults() == 0
    }
}
