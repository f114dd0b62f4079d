//! Checking a data directory: does the catalogue hold together, and is each file that it names there and whole.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use data_encoding::HEXLOWER;
use fs_err as fs;
use gumnut_cloud_catalogue::{Catalogue, CatalogueError, Clock, Instance, KnownBlob};
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_types::Progress;
use md5::{Digest as _, Md5};

use super::report::{Finding, Report};
use crate::data_dir::known_files;
use crate::error::CloudError;
use crate::machines::INSTANCES;

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;
/// Blobs that are asked for at a time.
const BLOBS_AT_ONCE: usize = 10_000;
/// Where files go that belong to nothing, below the data directory.
const ORPHANS: &str = "orphans";

/// Checks a data directory that no cloud uses, and changes nothing in it. It blocks.
pub(crate) fn check(
    data_dir: &Path,
    catalogue: &Path,
    progress: &dyn Progress,
) -> Result<Report, CloudError> {
    let files = |doing| move |source| CloudError::Files { doing, source };
    // SQLite writes beside a file that it reads, and brings old tables up to date.
    let copies =
        tempfile::tempdir().map_err(files("create a directory for a copy of the catalogue"))?;
    let opened = SqliteCatalogue::open_copy(catalogue, copies.path(), Clock::system());
    let (copy, mismatch) = match opened {
        Err(CatalogueError::Damaged { reason }) => {
            return Ok(Report::of_catalogue(damaged(&reason)));
        }
        Err(CatalogueError::Mismatch(mismatch)) => {
            let count = known_files(data_dir, usize::MAX)?;
            let waiting = format!("{mismatch}, but there are {count} files with objects and keys");
            return Ok(Report::of_catalogue(waiting));
        }
        opened => opened.map_err(|error| CloudError::of_catalogue(catalogue, error))?,
    };
    let copy = Catalogue::new(copy);
    let mut report = Report::default();
    let read = async {
        report.check_inline(&copy).await?;
        let (faults, known) = (copy.faults().await?, known_blobs(&copy).await?);
        Ok::<_, CatalogueError>((faults, known, copy.instances(None).await?))
    };
    let (faults, known, instances) = match futures::executor::block_on(read) {
        Err(CatalogueError::Damaged { reason }) => {
            return Ok(Report::of_catalogue(damaged(&reason)));
        }
        read => read?,
    };
    let faults = faults.iter().map(|reason| damaged(reason));
    let mismatch = mismatch.map(|mismatch| mismatch.to_string());
    let of_catalogue = mismatch.into_iter().chain(faults);
    report.findings.extend(of_catalogue.map(Finding::Catalogue));
    let known: HashMap<_, _> = known
        .into_iter()
        .map(|blob| (blob.name.clone(), blob))
        .collect();
    check_files(data_dir, &known, &mut report, progress)
        .map_err(files("read the directories of the object store"))?;
    check_instances(data_dir, &instances, &mut report)
        .map_err(files("read the directories of the instances"))?;
    report.findings.sort_by_key(ToString::to_string);
    Ok(report)
}

/// Finds directories of instances that have ended. Those of instances that were running when the cloud was killed go at its next start.
fn check_instances(data_dir: &Path, instances: &[Instance], report: &mut Report) -> io::Result<()> {
    let live = instances.iter().filter(|it| it.state.takes_disk());
    for name in names(&data_dir.join(INSTANCES))? {
        let is_unfinished = name.starts_with('.');
        let has_row = live
            .clone()
            .any(|instance| instance.id.eq_ignore_ascii_case(&name));
        if !is_unfinished && !has_row {
            let file = format!("{INSTANCES}/{name}");
            report.findings.push(Finding::Orphan { file });
        }
    }
    Ok(())
}

/// Every blob that rows of a catalogue name, in the order of their names.
pub(crate) async fn known_blobs(catalogue: &Catalogue) -> Result<Vec<KnownBlob>, CatalogueError> {
    let mut known: Vec<KnownBlob> = Vec::new();
    loop {
        let after = known.last().map_or("", |blob| &blob.name);
        let page = catalogue.known_blobs(after, BLOBS_AT_ONCE).await?;
        if page.is_empty() {
            return Ok(known);
        }
        known.extend(page);
    }
}

fn damaged(reason: &str) -> String {
    format!("is damaged: {reason}")
}

/// Moves the files of a report that belong to nothing to a directory of their own, unless it is the catalogue that is wrong.
pub(crate) fn move_orphans(data_dir: &Path, mut report: Report) -> Result<Report, CloudError> {
    let is_wrong = |finding: &Finding| matches!(finding, Finding::Catalogue(_));
    if report.findings.iter().any(is_wrong) {
        return Ok(report);
    }
    for finding in &mut report.findings {
        if let Finding::Orphan { file } = finding {
            let to = put_aside(data_dir, file).map_err(|source| CloudError::Files {
                doing: "move a file that the catalogue does not know",
                source,
            })?;
            let file = std::mem::take(file);
            *finding = Finding::Moved { file, to };
        }
    }
    Ok(report)
}

/// Puts bodies aside that were being received, or whose rows an accepted catalogue does not have: the next start would remove them.
pub(crate) fn put_unfinished_aside(
    data_dir: &Path,
    catalogue: &Catalogue,
) -> Result<(), CloudError> {
    let files = |source| CloudError::Files {
        doing: "move the files of unfinished uploads",
        source,
    };
    let unfinished = names(&data_dir.join("tmp")).map_err(files)?;
    let named = catalogue.named_blobs(unfinished.clone());
    let named = futures::executor::block_on(named)?;
    for name in unfinished.iter().filter(|name| !named.contains(*name)) {
        put_aside(data_dir, &format!("tmp/{name}")).map_err(files)?;
    }
    Ok(())
}

/// Moves a file to the directory for those that belong to nothing; gives its new path. Both are below the data directory.
fn put_aside(data_dir: &Path, file: &str) -> io::Result<String> {
    let to = format!("{ORPHANS}/{file}");
    let target = data_dir.join(&to);
    if target.exists() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{to} exists already"),
        ));
    }
    if let Some(folder) = target.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder)?;
    }
    fs::rename(data_dir.join(file), target)?;
    Ok(to)
}

fn check_files(
    data_dir: &Path,
    known: &HashMap<String, KnownBlob>,
    report: &mut Report,
    progress: &dyn Progress,
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
        report.findings.extend(fault(data_dir, blob, progress)?);
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

/// Opens the file of a blob. One whose row was committed right before the cloud was killed may still be where it was written;
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
pub(crate) fn fault(
    data_dir: &Path,
    blob: &KnownBlob,
    progress: &dyn Progress,
) -> io::Result<Option<Finding>> {
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
                progress.advance(count as u64);
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
