//! Several handles on one file in one process.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::tools::{make, open};

/// How many locks this process has on a file, as Linux lists them: `5: POSIX  ADVISORY  READ ID DEVICE:INODE FROM TO`.
fn locks(file: &Path) -> usize {
    let inode = format!(":{}", fs_err::metadata(file).unwrap().ino());
    let process = std::process::id().to_string();
    let all = fs_err::read_to_string("/proc/locks").unwrap();
    let own = all.lines().filter(|line| {
        let mut words = line.split_whitespace().skip(4);
        words.next() == Some(process.as_str())
            && words.next().is_some_and(|it| it.ends_with(&inode))
    });
    own.count()
}

#[test]
fn a_second_handle_of_a_process_leaves_the_first_its_locks() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    let file = folder.path().join("catalogue.sqlite");
    let first = open(folder.path()).unwrap();
    // Without it another process would take itself for the only one that has the file.
    assert_eq!(locks(&file), 1);
    let second = open(folder.path()).unwrap();
    assert_eq!(locks(&file), 1, "opening it again");
    drop(second);
    assert_eq!(locks(&file), 1, "closing one of two");
    drop(first);
    assert_eq!(locks(&file), 0);
}
