//! What is not complete is never taken for a file system.

use std::io;

use gumnut_ext::{ExtError, Output, Plan};

use crate::judge::{Files, Image, options, run};

/// An output that fails after so many writes.
struct Failing<'a> {
    bytes: &'a mut Vec<u8>,
    left: usize,
    writes: usize,
}

impl Output for Failing<'_> {
    fn set_size(&mut self, bytes: u64) -> io::Result<()> {
        self.bytes.set_size(bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.left == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.left -= 1;
        self.writes += 1;
        self.bytes.write_at(offset, bytes)
    }
}

fn files() -> Files {
    let mut files = Files::new();
    for index in 0..50_u8 {
        files.file(
            files.root(),
            &format!("file-{index}"),
            &vec![index + 1; 50_000],
        );
    }
    files
}

fn write_until(bytes: &mut Vec<u8>, left: usize) -> Result<usize, ExtError> {
    let files = files();
    let plan = Plan::new(files.tree, options())?;
    let mut writer = plan.write(Failing {
        bytes,
        left,
        writes: 0,
    })?;
    for (node, content) in &files.contents {
        writer.copy(*node, &content[..])?;
    }
    Ok(writer.finish()?.output.writes)
}

#[test]
fn without_its_last_write_an_image_is_no_file_system() {
    let mut bytes = Vec::new();
    let writes = write_until(&mut bytes, usize::MAX).unwrap();
    Image::from_bytes(&bytes).assert_clean();
    assert!(writes > 10);
    for left in 0..writes {
        let mut bytes = Vec::new();
        let error = write_until(&mut bytes, left).unwrap_err();
        assert!(matches!(error, ExtError::Write(_)), "{error}");
        assert_ne!(
            bytes[1024 + 56..1024 + 58],
            [0x53, 0xef],
            "after {left} writes"
        );
    }
}

#[test]
fn nothing_but_the_superblock_is_missing_before_the_last_write() {
    let mut complete = Vec::new();
    let writes = write_until(&mut complete, usize::MAX).unwrap();
    let mut bytes = Vec::new();
    write_until(&mut bytes, writes - 1).unwrap_err();
    complete[1024..2048].fill(0);
    assert!(bytes == complete);
    let output = run("dumpe2fs", &["-h"], &Image::from_bytes(&bytes).path());
    assert!(!output.status.success());
}
