//! Directories from empty ones to such as have an index of two levels.

use std::collections::BTreeSet;

use ext4_view::Ext4;
use gumnut_ext::{Content, ExtError, FileShape, FileSystem, NodeId, Options, Plan, Tree};

use crate::judge::{Files, Image, attributes, options, tree};

fn empty_file(tree: &mut Tree, directory: NodeId, name: &[u8]) -> NodeId {
    let content = Content::File(FileShape::whole(0));
    tree.add(directory, name, content, &attributes(0o644))
        .unwrap()
}

fn names(view: &Ext4, path: &str) -> BTreeSet<Vec<u8>> {
    let entries = view.read_dir(path).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().as_ref().to_vec());
    names
        .filter(|name: &Vec<u8>| name != b"." && name != b"..")
        .collect()
}

fn directory_of(count: usize, width: usize, file_system: FileSystem) -> Image {
    let mut tree = tree();
    let directory = tree
        .add(tree.root(), b"many", Content::Directory, &attributes(0o755))
        .unwrap();
    for index in 0..count {
        empty_file(&mut tree, directory, format!("{index:0width$}").as_bytes());
    }
    Image::write(
        tree,
        Options {
            file_system,
            ..options()
        },
        &[],
    )
}

#[test]
fn directories_of_many_sizes_are_clean_and_complete() {
    let systems = [
        FileSystem::Ext3,
        FileSystem::Ext4,
        FileSystem::Ext4Checksums,
    ];
    for file_system in systems {
        // Checksums take 12 bytes of each block.
        let room = if file_system == FileSystem::Ext4Checksums {
            4084
        } else {
            4096
        };
        for (count, width) in [
            (0, 1),
            (1, 255),
            (15, 255),
            (16, 255),
            (254, 5),
            (255, 5),
            (5000, 20),
        ] {
            let image = directory_of(count, width, file_system);
            let found = names(&image.view(), "/many");
            assert_eq!(
                found.len(),
                count,
                "{file_system:?}: {count} names of {width}"
            );
            let indexed = image.debugfs("stat /many").contains("Flags: 0x1000")
                || image.debugfs("stat /many").contains("Flags: 0x81000");
            let fits = 24 + count * (8 + width.next_multiple_of(4)) <= room;
            assert_eq!(indexed, !fits && count > 0, "{count} names of {width}");
        }
    }
}

#[test]
fn an_index_has_two_levels_when_one_is_not_enough() {
    for file_system in [FileSystem::Ext3, FileSystem::Ext4Checksums] {
        // 15 names in a leaf, 508 leaves below the first level.
        let image = directory_of(9000, 255, file_system);
        let index = image.debugfs("htree_dump /many");
        assert!(index.contains("Indirect levels: 1"), "{}", &index[..1000]);
        assert_eq!(names(&image.view(), "/many").len(), 9000);
    }
}

#[test]
fn e2fsprogs_computes_the_same_hashes() {
    let mut files = Files::new();
    let seed = [9; 16];
    let names = [
        "a",
        "initrd.img-2.6.18-164.el5",
        "a name that has more than 32 bytes, and some",
    ];
    for name in names {
        files.file(files.root(), name, b"");
    }
    for index in 0..300 {
        files.file(files.root(), &format!("other-{index}"), b"");
    }
    let image = files.write(Options {
        hash_seed: seed,
        ..options()
    });
    // The index maps each hash to a leaf: the kernel, and this command, find a name only by a correct hash.
    let dump = image.debugfs("htree_dump /");
    for name in names {
        let hash = image.debugfs(&format!(
            "dx_hash -h half_md4 -s 09090909-0909-0909-0909-090909090909 \"{name}\""
        ));
        let hash = hash.split("is ").nth(1).unwrap().split(' ').next().unwrap();
        let number = u64::from_str_radix(hash.trim_start_matches("0x"), 16).unwrap();
        let leaf = leaf_for(&dump, number);
        assert!(
            leaf.contains(name),
            "{name} with hash {hash} is not in its leaf"
        );
    }
}

/// The part of a dump of an index that shows the leaf for a hash.
fn leaf_for(dump: &str, hash: u64) -> &str {
    let mut found = "";
    for part in dump.split("Entry #").skip(1) {
        let Some((_, rest)) = part.split_once("Hash 0x") else {
            continue;
        };
        let Some((first, _)) = rest.split_once([',', ' ']) else {
            continue;
        };
        if u64::from_str_radix(first, 16).is_ok_and(|first| first <= hash) {
            found = part;
        }
    }
    let block = found.split("block ").nth(1).unwrap();
    let block = block.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    let leaf = dump.split("Reading directory block ").skip(1);
    leaf.filter(|leaf| leaf.starts_with(&format!("{block},")))
        .last()
        .unwrap()
}

#[test]
fn names_of_any_bytes_are_kept() {
    let mut tree = tree();
    let root = tree.root();
    let odd: [&[u8]; 5] = [
        b"\xff\xfe",
        b"new\nline",
        b" ",
        b"\x80\x81\x82",
        &[b'n'; 255],
    ];
    for name in odd {
        empty_file(&mut tree, root, name);
    }
    // Enough of them that the index has hashes of bytes above 127.
    for index in 0..=u16::MAX / 64 {
        let [high, low] = index.to_be_bytes();
        let name = [0xc0 | high, 0x80 | low, b'-', 0xf0 ^ high, 0xff - low % 64];
        empty_file(
            &mut tree,
            root,
            &[&name[..], format!("{index}").as_bytes()].concat(),
        );
    }
    let image = Image::write(tree, options(), &[]);
    let found = names(&image.view(), "/");
    assert_eq!(found.len(), 5 + 1024 + 1);
    assert!(odd.iter().all(|name| found.contains(*name)));
}

#[test]
fn lost_and_found_has_room_for_names() {
    let image = Image::write(tree(), options(), &[]);
    let stat = image.debugfs("stat <11>");
    assert!(
        stat.contains("Size: 16384") && stat.contains("Mode:  0700"),
        "{stat}"
    );
    assert!(names(&image.view(), "/lost+found").is_empty());
}

#[test]
fn lost_and_found_of_the_tree_is_used() {
    let mut files = Files::new();
    let lost = files.tree.add(
        files.root(),
        b"lost+found",
        Content::Directory,
        &attributes(0o711),
    );
    files.file(lost.unwrap(), "#12", b"found");
    let image = files.write(options());
    assert!(image.debugfs("stat /lost+found").contains("Inode: 11 "));
    assert_eq!(
        image.view().metadata("/lost+found").unwrap().mode() & 0o7777,
        0o711
    );
    assert_eq!(
        image.view().read_to_string("/lost+found/#12").unwrap(),
        "found"
    );
}

#[test]
fn lost_and_found_must_be_a_directory() {
    let mut tree = tree();
    let root = tree.root();
    empty_file(&mut tree, root, b"lost+found");
    let error = Plan::new(tree, options()).err().unwrap();
    assert!(matches!(error, ExtError::LostAndFound));
}

#[test]
fn a_directory_has_many_subdirectories_in_ext4_only() {
    let build = || {
        let mut tree = tree();
        for index in 0..66_000 {
            let name = format!("{index}");
            let attributes = attributes(0o700);
            tree.add(
                tree.root(),
                name.as_bytes(),
                Content::Directory,
                &attributes,
            )
            .unwrap();
        }
        tree
    };
    let image = Image::write(build(), options(), &[]);
    assert!(image.debugfs("stat /").contains("Links: 1 "));
    let options = Options {
        file_system: FileSystem::Ext3,
        ..options()
    };
    let error = Plan::new(build(), options).err().unwrap();
    assert_eq!(
        error.to_string(),
        "/ has 66003 links, more than the 32000 that are possible"
    );
}
