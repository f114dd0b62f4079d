//! Checking a data folder: does the catalogue hold together, and is each file that it names there and whole.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::path::Path;

use data_encoding::HEXLOWER;
use fs_err as fs;
use md5::{Digest as _, Md5};
use rusqlite::{Connection, ErrorCode};

use crate::CloudError;
use crate::catalogue::Catalogue;
use crate::catalogue::objects::{KnownBlob, known_blobs};

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
    /// A file that belongs to nothing. A cloud that was killed leaves such files, and removes them when it starts.
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

/// Checks a data folder that no cloud uses, and changes nothing in it.
pub(crate) fn check(data_dir: &Path, catalogue: &Catalogue) -> Result<Report, CloudError> {
    let mut report = Report::default();
    let read = catalogue.read_blocking(|connection: &Connection| {
        Ok::<_, rusqlite::Error>((integrity(connection)?, known_blobs(connection)?))
    });
    let (faults, known) = match read {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            return Ok(Report::of_damage(error.to_string()));
        }
        read => read?,
    };
    report
        .findings
        .extend(faults.into_iter().map(Finding::Catalogue));
    let known: HashMap<_, _> = known
        .into_iter()
        .map(|blob| (blob.name.clone(), blob))
        .collect();
    let files = |source| CloudError::Files {
        doing: "read the folders of the object store",
        source,
    };
    for folder in ["objects", "tmp"] {
        for name in names(&data_dir.join(folder)).map_err(files)? {
            if folder == "tmp" || !known.contains_key(&name) {
                let file = format!("{folder}/{name}");
                report.findings.push(Finding::Orphan { file });
            }
        }
    }
    for blob in known.values() {
        report.files += 1;
        report.bytes += blob.size;
        report
            .findings
            .extend(fault(data_dir, blob).map_err(files)?);
    }
    report.findings.sort_by_key(ToString::to_string);
    Ok(report)
}

fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    connection.pragma_query(None, "integrity_check", |row| {
        lines.push(row.get(0)?);
        Ok(())
    })?;
    lines.retain(|line| line != "ok");
    connection.pragma_query(None, "foreign_key_check", |row| {
        let table: String = row.get(0)?;
        lines.push(format!("a row of {table} refers to nothing"));
        Ok(())
    })?;
    Ok(lines)
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let name =
        |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    entries.map(name).collect()
}

/// What is wrong with a file.
fn fault(data_dir: &Path, blob: &KnownBlob) -> io::Result<Option<Finding>> {
    let (object, file) = (blob.object.clone(), format!("objects/{}", blob.name));
    let mut opened = match fs::File::open(data_dir.join(&file)) {
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
