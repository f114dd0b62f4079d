//! Checking a data folder: does the catalogue hold together, and is each file that it names there and whole.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::path::Path;

use data_encoding::HEXLOWER;
use fs_err as fs;
use gumnut_cloud_catalogue::{Catalogue, CatalogueError, KnownBlob};
use md5::{Digest as _, Md5};

use crate::error::CloudError;

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// What a check has found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Files that the catalogue names.
    pub files: u64,
    /// What they hold, in bytes.
    pub bytes: u64,
    /// What is wrong; nothing in a sound folder.
    pub findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// The catalogue does not hold together.
    #[error("the catalogue is damaged: {0}")]
    Catalogue(String),
    /// A file that belongs to nothing. A cloud that was killed leaves such files in `tmp`, and removes them when it starts;
    /// elsewhere it leaves alone what it does not know.
    #[error("{file} belongs to nothing")]
    Orphan {
        /// Its path in the data folder.
        file: String,
    },
    /// A file is not there.
    #[error("{object}: the file {file} is missing")]
    Missing {
        /// What it belongs to.
        object: String,
        /// Its path in the data folder.
        file: String,
    },
    /// A file is shorter or longer than it was.
    #[error("{object}: the file {file} has {found} bytes, not {expected}")]
    Size {
        /// What it belongs to.
        object: String,
        /// Its path in the data folder.
        file: String,
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// The bytes of a file are not what they were.
    #[error("{object}: the file {file} is damaged, its digest is wrong")]
    Digest {
        /// What it belongs to.
        object: String,
        /// Its path in the data folder.
        file: String,
    },
}

impl Finding {
    /// A word for programs: `catalogue`, `orphan`, `missing`, `size`, `digest`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Catalogue(_) => "catalogue",
            Self::Orphan { .. } => "orphan",
            Self::Missing { .. } => "missing",
            Self::Size { .. } => "size",
            Self::Digest { .. } => "digest",
        }
    }
}

impl Report {
    /// What can be said of a folder whose catalogue cannot be read.
    pub(crate) fn of_damage(reason: String) -> Self {
        Self {
            findings: vec![Finding::Catalogue(reason)],
            ..Self::default()
        }
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Checks a data folder that no cloud uses, and changes nothing in it. It blocks.
pub(crate) fn check(data_dir: &Path, catalogue: &Catalogue) -> Result<Report, CloudError> {
    let (faults, known) = match futures::executor::block_on(read(catalogue)) {
        Err(CatalogueError::Damaged { reason }) => return Ok(Report::of_damage(reason)),
        read => read?,
    };
    let mut report = Report {
        findings: faults.into_iter().map(Finding::Catalogue).collect(),
        ..Report::default()
    };
    let known: HashMap<_, _> = known
        .into_iter()
        .map(|blob| (blob.name.clone(), blob))
        .collect();
    check_files(data_dir, &known, &mut report).map_err(|source| CloudError::Files {
        doing: "read the folders of the object store",
        source,
    })?;
    report.findings.sort_by_key(ToString::to_string);
    Ok(report)
}

async fn read(catalogue: &Catalogue) -> Result<(Vec<String>, Vec<KnownBlob>), CatalogueError> {
    Ok((catalogue.faults().await?, catalogue.known_blobs().await?))
}

fn check_files(
    data_dir: &Path,
    known: &HashMap<String, KnownBlob>,
    report: &mut Report,
) -> io::Result<()> {
    for folder in ["objects", "tmp"] {
        for name in names(&data_dir.join(folder))? {
            if !known.contains_key(&name) {
                let file = format!("{folder}/{name}");
                report.findings.push(Finding::Orphan { file });
            }
        }
    }
    for blob in known.values() {
        report.files += 1;
        report.bytes += blob.size;
        report.findings.extend(fault(data_dir, blob)?);
    }
    Ok(())
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// Opens the file of a blob. One whose row was committed right before the cloud was killed may lie where it was written still;
/// the next start brings it to its place.
fn open(data_dir: &Path, name: &str) -> io::Result<fs::File> {
    match fs::File::open(data_dir.join("objects").join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::File::open(data_dir.join("tmp").join(name))
        }
        opened => opened,
    }
}

/// What is wrong with the file of a blob; `None` when it is as it was.
fn fault(data_dir: &Path, blob: &KnownBlob) -> io::Result<Option<Finding>> {
    let (object, file) = (blob.object.clone(), format!("objects/{}", blob.name));
    let mut opened = match open(data_dir, &blob.name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some(Finding::Missing { object, file }));
        }
        opened => opened?,
    };
    let (mut md5, mut found) = (Md5::new(), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        match opened.read(&mut buffer)? {
            0 => break,
            count => {
                md5.update(&buffer[..count]);
                found += count as u64;
            }
        }
    }
    let expected = blob.size;
    if found != expected {
        return Ok(Some(Finding::Size {
            object,
            file,
            expected,
            found,
        }));
    }
    let right = HEXLOWER.encode(&md5.finalize()) == blob.md5;
    Ok((!right).then_some(Finding::Digest { object, file }))
}
