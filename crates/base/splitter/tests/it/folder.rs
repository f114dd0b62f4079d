//! A directory gets a whole bundle or nothing, and only regular files in it are read.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use fs_err as fs;
use gumnut_splitter::{
    Committed, Existing, FolderSink, FolderSource, Joiner, PartRecord, SplitterError,
};

use crate::{expected, names, splitter};

const DATA: &[u8] = b"fourteen bytes";

fn files(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
    all.sort();
    all.into_iter()
        .map(|name| name.into_string().unwrap())
        .collect()
}

fn sink(folder: &Path, existing: Existing) -> Result<FolderSink, SplitterError> {
    FolderSink::create(folder, names("image"), existing)
}

/// Writes the parts, of 10 bytes each, and does not commit.
fn write(sink: FolderSink, data: &[u8]) -> std::io::Result<(FolderSink, Vec<PartRecord>)> {
    let mut splitter = splitter(sink, 10);
    splitter.write_all(data)?;
    splitter.finish()
}

fn commit(folder: &Path, existing: Existing, data: &[u8]) -> (Committed, Vec<PartRecord>) {
    let (sink, records) = write(sink(folder, existing).unwrap(), data).unwrap();
    (sink.commit(b"<manifest/>").unwrap(), records)
}

fn read(folder: &Path, records: &[PartRecord], size: u64) -> Result<Vec<u8>, SplitterError> {
    let source = FolderSource::open(folder).unwrap();
    let mut joiner = Joiner::new(source, expected(records), size, 1 << 20);
    joiner.check_sizes()?;
    let mut bytes = Vec::new();
    joiner
        .read_to_end(&mut bytes)
        .map_err(SplitterError::from_io)?;
    Ok(bytes)
}

#[test]
fn a_committed_bundle_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (committed, records) = commit(folder.path(), Existing::Refuse, DATA);
    assert_eq!(
        files(folder.path()),
        ["image.manifest.xml", "image.part.00", "image.part.01"]
    );
    assert_eq!(fs::read(&committed.manifest).unwrap(), b"<manifest/>");
    assert_eq!(committed.parts[1], folder.path().join("image.part.01"));
    assert_eq!(read(folder.path(), &records, 14).unwrap(), DATA);
}

#[test]
fn new_files_have_the_usual_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("usual"), b"").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    let (committed, _) = commit(folder.path(), Existing::Refuse, DATA);
    assert_eq!(
        mode(&committed.parts[0]),
        mode(&folder.path().join("usual"))
    );
}

#[test]
fn without_a_commit_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, _) = write(sink(folder.path(), Existing::Refuse).unwrap(), DATA).unwrap();
    assert!(
        files(folder.path())
            .iter()
            .all(|name| name.starts_with(".gumnut-"))
    );
    drop(sink);
    assert_eq!(files(folder.path()), [""; 0]);
}

#[test]
fn files_that_exist_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("image.manifest.xml");
    fs::write(&manifest, b"old").unwrap();
    let error = sink(folder.path(), Existing::Refuse).unwrap_err();
    assert!(matches!(error, SplitterError::Exists { path } if path == manifest));
    fs::remove_file(&manifest).unwrap();

    fs::write(folder.path().join("image.part.01"), b"old").unwrap();
    let error = write(sink(folder.path(), Existing::Refuse).unwrap(), DATA).unwrap_err();
    let error = SplitterError::from_io(error);
    assert!(matches!(error, SplitterError::Exists { path } if path.ends_with("image.part.01")));
}

#[test]
fn a_file_that_appears_meanwhile_undoes_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (sink, _) = write(sink(folder.path(), Existing::Refuse).unwrap(), DATA).unwrap();
    fs::write(folder.path().join("image.manifest.xml"), b"stranger").unwrap();
    let error = sink.commit(b"<manifest/>").unwrap_err();
    assert!(matches!(error, SplitterError::Exists { .. }));
    assert_eq!(files(folder.path()), ["image.manifest.xml"]);
    assert_eq!(
        fs::read(folder.path().join("image.manifest.xml")).unwrap(),
        b"stranger"
    );
}

#[test]
fn files_that_exist_are_replaced_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let _ = commit(folder.path(), Existing::Refuse, b"old bytes");
    let (_, records) = commit(folder.path(), Existing::Replace, DATA);
    assert_eq!(read(folder.path(), &records, 14).unwrap(), DATA);
}

#[test]
fn a_folder_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for path in [&file, &folder.path().join("nowhere")] {
        assert!(matches!(
            sink(path, Existing::Refuse),
            Err(SplitterError::Folder { .. })
        ));
        assert!(matches!(
            FolderSource::open(path),
            Err(SplitterError::Folder { .. })
        ));
    }
}

#[test]
fn links_folders_pipes_and_sockets_are_no_parts() {
    let folder = tempfile::tempdir().unwrap();
    let (committed, records) = commit(folder.path(), Existing::Refuse, DATA);
    let part = &committed.parts[1];
    let error = |make: &dyn Fn(&Path)| {
        make(part);
        let error = read(folder.path(), &records, 14).unwrap_err();
        if part.is_dir() {
            fs::remove_dir(part)
        } else {
            fs::remove_file(part)
        }
        .unwrap();
        error
    };
    let not_regular = |error| matches!(error, SplitterError::NotRegular { name } if name.as_str() == "image.part.01");
    let other = folder.path().join("other");
    fs::rename(part, &other).unwrap();
    assert!(not_regular(error(&|path| symlink(&other, path).unwrap())));
    assert!(not_regular(error(&|path| fs::create_dir(path).unwrap())));
    assert!(not_regular(error(&|path| drop(
        UnixListener::bind(path).unwrap()
    ))));
    assert!(not_regular(error(&|path| {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    })));
    let missing = read(folder.path(), &records, 14).unwrap_err();
    assert!(
        matches!(missing, SplitterError::Missing { name, .. } if name.as_str() == "image.part.01")
    );
}
