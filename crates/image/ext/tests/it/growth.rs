//! Images can grow: offline by resize2fs, and their layout is the one that growing online needs.

use gumnut_ext::{FileSystem, InodeSize, Options, Size};

use crate::judge::{Files, run, text};

#[test]
fn images_grow_to_three_times_their_size_and_shrink_again() {
    // The reader knows no checksums in inodes of 128 bytes.
    let forms = [
        (FileSystem::Ext3, InodeSize::Bytes128),
        (FileSystem::Ext4, InodeSize::Bytes256),
        (FileSystem::Ext4Checksums, InodeSize::Bytes256),
    ];
    for (file_system, inode_size) in forms {
        let mut files = Files::new();
        let content: Vec<_> = (0..40_u32 << 20).map(|index| (index >> 12) as u8).collect();
        files.file(files.root(), "file", &content);
        let many = files.directory(files.root(), "many");
        for index in 0..2000 {
            files.file(
                many,
                &format!("file-{index}"),
                format!("{index}").as_bytes(),
            );
        }
        let size = Size::Bytes(200 << 20);
        let options = Options {
            file_system,
            inode_size,
            size,
            ..crate::judge::options()
        };
        let image = files.write(options);
        for megabytes in [600, 300] {
            let file = fs_err::OpenOptions::new()
                .write(true)
                .open(image.path())
                .unwrap();
            if megabytes == 600 {
                file.set_len(600 << 20).unwrap();
            }
            let output = std::process::Command::new("/usr/sbin/resize2fs")
                .arg(image.path())
                .arg(format!("{megabytes}M"))
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", text(&output));
            let output = run("e2fsck", &["-fn"], &image.path());
            assert!(output.status.success(), "{}", text(&output));
            let view = image.view();
            assert!(view.read("/file").unwrap() == content);
            assert_eq!(view.read_to_string("/many/file-1999").unwrap(), "1999");
        }
    }
}

#[test]
fn the_blocks_for_growth_are_where_mke2fs_has_them() {
    let size = Size::Bytes(600 << 20);
    let options = Options {
        file_system: FileSystem::Ext3,
        size,
        ..crate::judge::options()
    };
    let image = Files::new().write(options);
    let other = tempfile::NamedTempFile::new().unwrap();
    other.as_file().set_len(600 << 20).unwrap();
    let arguments = ["-q", "-t", "ext3", "-b", "4096", "-i", "16384", "-I", "256"];
    assert!(run("mke2fs", &arguments, other.path()).status.success());
    let inode = |path: &std::path::Path| {
        let output = run("debugfs", &["-R", "stat <7>"], path);
        let all = String::from_utf8(output.stdout).unwrap();
        let field = |name: &str| {
            let rest = all.split(name).nth(1).unwrap();
            rest.split_whitespace().next().unwrap().to_owned()
        };
        let blocks = all.split("BLOCKS:").nth(1).unwrap();
        // The number of the double indirect block, the first one, may differ.
        let blocks = blocks.split_once("(IND)").unwrap().1.to_owned();
        (
            field("Size:"),
            field("Blockcount:"),
            field("Links:"),
            blocks,
        )
    };
    assert_eq!(inode(&image.path()), inode(other.path()));
}
