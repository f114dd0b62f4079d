//! What a file system cannot have is refused before anything is written.

use gumnut_ext::{
    Attributes, Content, ExtError, FileShape, FileSystem, InodeSize, Label, Options, Plan, Size,
    Time,
};

use crate::judge::{Files, attributes, options, tree};

const EMPTY: fn() -> Content<'static> = || Content::File(FileShape::whole(0));

#[test]
fn names_that_no_file_can_have() {
    let long = [b'n'; 256];
    let names: [&[u8]; 6] = [b"", b".", b"..", b"a/b", b"a\0b", &long];
    for name in names {
        let mut tree = tree();
        let error = tree
            .add(tree.root(), name, EMPTY(), &attributes(0o644))
            .unwrap_err();
        assert!(matches!(error, ExtError::Name { .. }), "{error}");
    }
}

#[test]
fn one_name_for_two_files() {
    let mut files = Files::new();
    let etc = files.directory(files.root(), "etc");
    files.file(etc, "passwd", b"one");
    files.file(etc, "passwd", b"two");
    let error = Plan::new(files.tree, options()).err().unwrap();
    assert_eq!(error.to_string(), "/etc/passwd is in the tree twice");
}

#[test]
fn files_in_files_and_links_to_directories() {
    let mut files = Files::new();
    let file = files.file(files.root(), "file", b"");
    let error = files
        .tree
        .add(file, b"in", EMPTY(), &attributes(0o644))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"in\" cannot be in /file, which is not a directory"
    );
    let directory = files.directory(files.root(), "dir");
    let error = files
        .tree
        .link(files.root(), b"link", directory)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"link\" cannot be a hard link to a directory"
    );
}

#[test]
fn symbolic_links_have_a_target_of_up_to_4095_bytes() {
    let long = vec![b'x'; 4096];
    for target in [&b""[..], b"a\0b", &long] {
        let mut tree = tree();
        let content = Content::Symlink(target);
        let error = tree
            .add(tree.root(), b"link", content, &attributes(0o777))
            .unwrap_err();
        assert!(matches!(error, ExtError::Symlink { .. }), "{error}");
    }
}

#[test]
fn numbers_of_devices_have_12_and_20_bits() {
    for (major, minor) in [(4096, 0), (0, 1 << 20)] {
        let mut tree = tree();
        let content = Content::BlockDevice { major, minor };
        let error = tree
            .add(tree.root(), b"disk", content, &attributes(0o600))
            .unwrap_err();
        assert!(matches!(error, ExtError::Device { .. }), "{error}");
    }
}

#[test]
fn attributes_that_no_file_can_have() {
    let nanoseconds = Time {
        seconds: 0,
        nanoseconds: 1_000_000_000,
    };
    let wrong = [
        Attributes {
            permissions: 0o10_000,
            ..attributes(0)
        },
        Attributes {
            modified: nanoseconds,
            ..attributes(0)
        },
    ];
    for attributes in wrong {
        let mut tree = tree();
        let error = tree
            .add(tree.root(), b"file", EMPTY(), &attributes)
            .unwrap_err();
        assert!(matches!(error, ExtError::Attributes { .. }), "{error}");
    }
}

#[test]
fn sixty_five_thousand_links_are_possible_and_one_more_is_not() {
    let build = |links: u32| {
        let mut files = Files::new();
        let directory = files.directory(files.root(), "links");
        let node = files.file(directory, "0", b"content");
        for index in 1..links {
            let name = format!("{index}");
            files.tree.link(directory, name.as_bytes(), node).unwrap();
        }
        files
    };
    let image = build(65_000).write(options());
    assert!(image.debugfs("stat /links/0").contains("Links: 65000 "));
    assert_eq!(
        image.view().read_to_string("/links/64999").unwrap(),
        "content"
    );
    let error = Plan::new(build(65_001).tree, options()).err().unwrap();
    let message = "/links/0 has 65001 links, more than the 65000 that are possible";
    assert_eq!(error.to_string(), message);
    let ext3 = Options {
        file_system: FileSystem::Ext3,
        ..options()
    };
    assert!(Plan::new(build(32_000).tree, ext3.clone()).is_ok());
    let error = Plan::new(build(32_001).tree, ext3).err().unwrap();
    assert!(matches!(error, ExtError::TooManyLinks { .. }), "{error}");
}

#[test]
fn files_of_16_tib_or_2_tib() {
    let build = |length| {
        let mut tree = tree();
        let content = Content::File(FileShape::sparse(length, []).unwrap());
        tree.add(tree.root(), b"file", content, &attributes(0o600))
            .unwrap();
        tree
    };
    let ext3 = Options {
        file_system: FileSystem::Ext3,
        ..options()
    };
    for (options, limit) in [(options(), (16 << 40) - 4096), (ext3, (2 << 40) - 4096)] {
        assert!(Plan::new(build(limit), options.clone()).is_ok());
        let error = Plan::new(build(limit + 1), options).err().unwrap();
        assert!(matches!(error, ExtError::FileTooLarge { .. }), "{error}");
    }
}

#[test]
fn more_data_than_any_image_holds() {
    let mut tree = tree();
    for name in [b"a", b"b"] {
        let content = Content::File(FileShape::whole(15 << 40));
        tree.add(tree.root(), name, content, &attributes(0o600))
            .unwrap();
    }
    let error = Plan::new(tree, options()).err().unwrap();
    assert!(matches!(error, ExtError::TooLarge(_)), "{error}");
}

#[test]
fn extended_attributes_that_do_not_fit() {
    let build = |bytes| {
        let mut tree = tree();
        let xattrs = vec![(b"user.large".to_vec(), vec![1; bytes])];
        let attributes = Attributes {
            xattrs,
            ..attributes(0o644)
        };
        tree.add(tree.root(), b"file", EMPTY(), &attributes)
            .unwrap();
        tree
    };
    for inode_size in [InodeSize::Bytes128, InodeSize::Bytes256] {
        let options = Options {
            inode_size,
            ..options()
        };
        assert!(Plan::new(build(4036), options.clone()).is_ok());
        let error = Plan::new(build(4037), options).err().unwrap();
        let message = "the extended attributes of /file need 4064 bytes, but there are 4060";
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn extended_attributes_of_other_namespaces() {
    let long = [b"user.".to_vec(), vec![b'n'; 256]].concat();
    let names: [&[u8]; 5] = [
        b"system.nfs4_acl",
        b"btrfs.compression",
        b"user.",
        b"nothing",
        &long,
    ];
    for name in names {
        let mut tree = tree();
        let xattrs = vec![(name.to_vec(), b"x".to_vec())];
        let attributes = Attributes {
            xattrs,
            ..attributes(0o644)
        };
        let error = tree
            .add(tree.root(), b"file", EMPTY(), &attributes)
            .unwrap_err();
        assert!(matches!(error, ExtError::Xattr { .. }), "{error}");
    }
    for acl in [&b"short"[..], b"\x03\0\0\0", b"\x02\0\0\0\x01\0\x06"] {
        let mut tree = tree();
        let xattrs = vec![(b"system.posix_acl_access".to_vec(), acl.to_vec())];
        let attributes = Attributes {
            xattrs,
            ..attributes(0o644)
        };
        let error = tree
            .add(tree.root(), b"file", EMPTY(), &attributes)
            .unwrap_err();
        assert!(error.to_string().contains("is not an ACL"), "{error}");
    }
}

#[test]
fn a_label_has_16_bytes() {
    assert_eq!(
        Label::new("sixteen bytes!!!").unwrap().as_str(),
        "sixteen bytes!!!"
    );
    assert!(Label::new("seventeen bytes!!").is_err());
    assert!(Label::new("a\0b").is_err());
}

#[test]
fn too_few_or_too_many_inodes() {
    let build = || {
        let mut files = Files::new();
        for index in 0..100 {
            files.file(files.root(), &format!("{index}"), b"");
        }
        files.tree
    };
    let with = |inodes, size| {
        let options = Options {
            inodes: Some(inodes),
            size,
            ..options()
        };
        Plan::new(build(), options).map(|plan| plan.inodes())
    };
    let size = Size::Bytes(64 << 20);
    assert_eq!(with(5000, size).unwrap(), 5008);
    assert_eq!(with(111, size).unwrap(), 112);
    let error = with(110, size).unwrap_err();
    let message = "110 inodes are not possible: 111 are needed, and 32768 are the maximum";
    assert_eq!(error.to_string(), message);
    assert!(with(40_000, size).is_err());
    // An image without a given size gets the groups that the inodes need.
    let free = Size::Free {
        percent: 0,
        at_least: 0,
    };
    assert_eq!(with(40_000, free).unwrap(), 40_000);
}
