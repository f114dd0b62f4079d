//! How large images are: exactly as large as the files need, and never too small.

use gumnut_ext::{Content, ExtError, FileShape, FileSystem, InodeSize, Options, Plan, Size, Tree};

use crate::judge::{Files, Image, attributes, options, run, tree};

fn files_of(bytes: usize) -> Files {
    let mut files = Files::new();
    files.file(files.root(), "file", &vec![3; bytes]);
    files
}

#[test]
fn the_size_that_an_error_names_is_enough_and_a_block_less_is_not() {
    for file_system in [FileSystem::Ext3, FileSystem::Ext4] {
        for bytes in [0, 1 << 20, 8 << 20, 140 << 20] {
            let with = |size| {
                Plan::new(
                    files_of(bytes).tree,
                    Options {
                        size,
                        file_system,
                        ..options()
                    },
                )
            };
            let error = with(Size::Bytes(4096)).err().unwrap();
            let ExtError::TooSmall { size: 4096, needed } = error else {
                panic!("{error}");
            };
            let size = Size::Bytes(needed);
            assert_eq!(with(size).unwrap().size(), needed);
            let image = files_of(bytes).write(Options {
                size,
                file_system,
                ..options()
            });
            assert_eq!(image.bytes().len() as u64, needed);
            // Sizes are searched in steps of 1 MiB, so that the smallest one is not much less.
            assert!(
                needed < (bytes as u64 + bytes as u64 / 64) + (22 << 20),
                "{needed}"
            );
            let less = needed.saturating_sub(2 << 20);
            assert!(
                with(Size::Bytes(less)).is_err(),
                "{bytes} also fit into {less}"
            );
        }
    }
}

#[test]
fn a_given_size_is_kept() {
    for size in [16 << 20, 100 << 20, (128 << 20) + 8192, 3 << 30] {
        let options = Options {
            size: Size::Bytes(size),
            ..options()
        };
        let image = Image::write(tree(), options, &[]);
        assert_eq!(fs_err::metadata(image.path()).unwrap().len(), size);
    }
}

#[test]
fn free_space_is_a_percentage_or_a_minimum() {
    let free = |percent, at_least| {
        let size = Size::Free { percent, at_least };
        let plan = Plan::new(files_of(50 << 20).tree, Options { size, ..options() }).unwrap();
        let mut writer = plan.write(Vec::new()).unwrap();
        let node = Files::new().root();
        assert!(writer.file(node).is_err(), "the root is no file");
        let file = files_of(50 << 20).contents.remove(0);
        writer.copy(file.0, &file.1[..]).unwrap();
        writer.finish().unwrap().free >> 20
    };
    assert!((50..60).contains(&free(100, 0)), "{}", free(100, 0));
    assert!((200..210).contains(&free(100, 200 << 20)));
}

#[test]
fn the_journal_and_the_inodes_grow_as_with_mke2fs() {
    for megabytes in [4, 64, 300, 1100, 2100] {
        let size = Size::Bytes(megabytes << 20);
        let image = Image::write(tree(), Options { size, ..options() }, &[]);
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other");
        fs_err::File::create(&other)
            .unwrap()
            .set_len(megabytes << 20)
            .unwrap();
        let features = "^64bit,^metadata_csum,^flex_bg,^orphan_file,^metadata_csum_seed";
        let arguments = [
            "-q", "-t", "ext4", "-b", "4096", "-i", "16384", "-I", "256", "-O", features,
        ];
        assert!(run("mke2fs", &arguments, &other).status.success());
        let theirs = String::from_utf8(run("dumpe2fs", &["-h"], &other).stdout).unwrap();
        let value = |all: &str, field: &str| {
            let line = all.lines().find(|line| line.starts_with(field));
            line.map(|line| line.split_once(':').unwrap().1.trim().to_owned())
        };
        let ours = image.superblock();
        let fields = [
            "Block count",
            "Inode count",
            "Reserved GDT blocks",
            "Inodes per group",
            "Total journal blocks",
            "Reserved block count",
            "First inode",
            "Default directory hash",
            "Required extra isize",
        ];
        for field in fields {
            assert_eq!(
                value(&ours, field),
                value(&theirs, field),
                "{field}, {megabytes} MiB"
            );
        }
    }
}

#[test]
fn half_a_million_files_take_memory_and_time_in_proportion() {
    let build = |count: u32| -> Tree {
        let mut tree = tree();
        let mut directory = tree.root();
        for index in 0..count {
            if index % 5000 == 0 {
                let name = format!("d{index}");
                directory = tree
                    .add(
                        tree.root(),
                        name.as_bytes(),
                        Content::Directory,
                        &attributes(0o755),
                    )
                    .unwrap();
            }
            let content = Content::File(FileShape::whole(0));
            let name = format!("file-{index}");
            tree.add(directory, name.as_bytes(), content, &attributes(0o644))
                .unwrap();
        }
        tree
    };
    let image = Image::write(build(500_000), options(), &[]);
    let view = image.view();
    assert!(view.exists("/d495000/file-499999").unwrap());
    assert_eq!(view.read_dir("/d5000").unwrap().count(), 5002);
}

#[test]
fn old_boot_loaders_get_small_inodes() {
    let options = Options {
        file_system: FileSystem::Ext3,
        inode_size: InodeSize::Bytes128,
        size: Size::Bytes(16 << 20),
        ..options()
    };
    let image = files_of(100_000).write(options);
    image.assert_superblock("Inode size", "128");
    let features = "has_journal ext_attr resize_inode dir_index filetype sparse_super large_file";
    image.assert_superblock("Filesystem features", features);
}
