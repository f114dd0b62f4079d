//! Owners, permissions, times, extended attributes, special files.

use gumnut_ext::{
    Attributes, Content, FileShape, FileSystem, InodeSize, Label, Options, Plan, Time,
};

use crate::judge::{Files, Image, attributes, options, tree};

const NANOSECONDS: u32 = 123_456_789;

#[test]
fn owners_and_permissions_have_all_their_bits() {
    let mut files = Files::new();
    let odd = Attributes {
        user: 70_000,
        group: 4_000_000_000,
        ..attributes(0o6751)
    };
    files.file_with(files.root(), b"odd", b"x", &odd);
    let image = files.write(options());
    let metadata = image.view().metadata("/odd").unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (70_000, 4_000_000_000));
    assert_eq!(metadata.mode(), 0o6751);
}

#[test]
fn times_have_nanoseconds_and_end_in_2446() {
    let cases = [
        (-2_147_483_648, 0x8000_0000_u32, 0),
        (-5, 0xffff_fffb, 0),
        (2_524_608_000, 0x967a_7600, 1),
        (15_032_385_535, 0x7fff_ffff, 3),
    ];
    let mut files = Files::new();
    for (index, (seconds, ..)) in cases.iter().enumerate() {
        let modified = Time {
            seconds: *seconds,
            nanoseconds: NANOSECONDS,
        };
        let attributes = Attributes {
            modified,
            ..attributes(0o644)
        };
        files.file_with(
            files.root(),
            format!("{index}").as_bytes(),
            b"",
            &attributes,
        );
    }
    let image = files.write(options());
    for (index, (_, low, era)) in cases.iter().enumerate() {
        let path = format!("/{index}");
        let stat = image.debugfs(&format!("stat {path}"));
        let extra = NANOSECONDS << 2 | era;
        assert!(
            stat.contains(&format!("mtime: 0x{low:08x}:{extra:08x}")),
            "{stat}"
        );
    }
}

#[test]
fn times_that_inodes_cannot_store_are_counted() {
    let mut files = Files::new();
    let late = Time::from_seconds(2_524_608_000);
    files.file_with(
        files.root(),
        b"2050",
        b"",
        &Attributes::of_root(0o644, late),
    );
    files.file(files.root(), "now", b"");
    let small = Options {
        inode_size: InodeSize::Bytes128,
        ..options()
    };
    let plan = Plan::new(files.tree, small).unwrap();
    assert_eq!(plan.clamped_times(), 1);
    let image = Image::from_bytes(&plan.write(Vec::new()).unwrap().finish().unwrap().output);
    image.assert_clean();
    let stat = image.debugfs("stat /2050");
    assert!(stat.contains("mtime: 0x7fffffff"), "{stat}");
}

#[test]
fn devices_fifos_and_sockets() {
    let mut tree = tree();
    let nodes = [
        (
            "null",
            Content::CharacterDevice { major: 1, minor: 3 },
            "character special",
            "01:03",
        ),
        (
            "large",
            Content::BlockDevice {
                major: 259,
                minor: 0xf_ffff,
            },
            "block special",
            "1048575",
        ),
        ("fifo", Content::Fifo, "FIFO", ""),
        ("socket", Content::Socket, "socket", ""),
    ];
    for (name, content, _, _) in nodes {
        tree.add(tree.root(), name.as_bytes(), content, &attributes(0o620))
            .unwrap();
    }
    let image = Image::write(tree, options(), &[]);
    for (name, _, kind, numbers) in nodes {
        let stat = image.debugfs(&format!("stat /{name}"));
        assert!(
            stat.contains(&format!("Type: {kind}")) && stat.contains(numbers),
            "{stat}"
        );
        assert_eq!(
            image
                .view()
                .metadata(format!("/{name}").as_str())
                .unwrap()
                .mode()
                & 0o7777,
            0o620
        );
    }
}

#[test]
fn links_of_every_length() {
    let lengths = [1, 59, 60, 61, 4000, 4095];
    // A name between slashes has at most 255 bytes.
    let target = |length| -> Vec<u8> { b"to/".iter().copied().cycle().take(length).collect() };
    for file_system in [FileSystem::Ext3, FileSystem::Ext4Checksums] {
        let mut tree = tree();
        for length in lengths {
            let (name, target) = (format!("{length}"), target(length));
            tree.add(
                tree.root(),
                name.as_bytes(),
                Content::Symlink(&target),
                &attributes(0o777),
            )
            .unwrap();
        }
        let image = Image::write(
            tree,
            Options {
                file_system,
                ..options()
            },
            &[],
        );
        for length in lengths {
            let found = image
                .view()
                .read_link(format!("/{length}").as_str())
                .unwrap();
            let found: &[u8] = found.as_ref();
            assert_eq!(found, target(length), "{file_system:?}");
        }
    }
}

#[test]
fn hard_links_are_one_file() {
    let mut files = Files::new();
    let directory = files.directory(files.root(), "a");
    let node = files.file(directory, "one", b"content");
    files.tree.link(files.root(), b"two", node).unwrap();
    let image = files.write(options());
    let inode = |path: &str| {
        let stat = image.debugfs(&format!("stat {path}"));
        assert!(stat.contains("Links: 2 "), "{stat}");
        stat.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(inode("/a/one"), inode("/two"));
}

/// `user::rw-, user:1000:r--, mask::r--, other::---` as `getxattr(2)` returns it.
const ACL: [u8; 44] = [
    2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0, 4, 0, 4, 0, 255, 255,
    255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
];

/// `ACL` in the form of an ext file system.
const EXT_ACL: [u8; 28] = [
    1, 0, 0, 0, 1, 0, 6, 0, 2, 0, 4, 0, 232, 3, 0, 0, 4, 0, 4, 0, 16, 0, 4, 0, 32, 0, 0, 0,
];

fn with_xattrs(xattrs: &[(&str, &[u8])]) -> Attributes {
    let owned = xattrs
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()));
    Attributes {
        xattrs: owned.collect(),
        ..attributes(0o640)
    }
}

#[test]
fn extended_attributes_and_acls() {
    let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let large = [b'v'; 3000];
    let label = b"system_u:object_r:etc_t:s0\0";
    let all: [(&str, &[u8]); 7] = [
        ("user.note", b"12345678"),
        ("security.selinux", label),
        ("security.capability", &capability),
        ("system.posix_acl_access", &ACL),
        ("system.posix_acl_default", &ACL),
        ("trusted.overlay", b""),
        ("user.large", &large),
    ];
    for file_system in [
        FileSystem::Ext3,
        FileSystem::Ext4,
        FileSystem::Ext4Checksums,
    ] {
        for inode_size in [InodeSize::Bytes128, InodeSize::Bytes256] {
            let mut files = Files::new();
            let attributes = with_xattrs(&all);
            files.file_with(files.root(), b"file", b"content", &attributes);
            let content = Content::Directory;
            files
                .tree
                .add(files.root(), b"dir", content, &attributes)
                .unwrap();
            let content = Content::Symlink(b"short");
            let labelled = with_xattrs(&[("security.selinux", label)]);
            files
                .tree
                .add(files.root(), b"link", content, &labelled)
                .unwrap();
            let image = files.write(Options {
                file_system,
                inode_size,
                ..options()
            });
            for path in ["/file", "/dir"] {
                let names = image.debugfs(&format!("ea_list {path}"));
                assert_eq!(names.matches(" (").count(), all.len(), "{names}");
                for (name, value) in all {
                    let length = if value == ACL {
                        EXT_ACL.len()
                    } else {
                        value.len()
                    };
                    assert!(
                        names.contains(&format!("{name} ({length})")),
                        "{name}: {names}"
                    );
                }
                assert!(names.contains("user.note (8) = \"12345678\""), "{names}");
                let hex = EXT_ACL.map(|byte| format!("{byte:02x} ")).concat();
                for acl in ["access", "default"] {
                    let line = format!("system.posix_acl_{acl} (28) = {hex}");
                    assert!(names.contains(&line), "{names}");
                }
                let found = image.debugfs(&format!("ea_get {path} user.large"));
                assert!(found.contains(&"v".repeat(3000)));
            }
            let found = image.debugfs("ea_get /link security.selinux");
            assert!(found.contains("system_u:object_r:etc_t:s0"), "{found}");
        }
    }
}

#[test]
fn equal_attributes_share_a_block_of_up_to_1024_files() {
    let mut files = Files::new();
    let attributes = with_xattrs(&[("user.large", &[b'v'; 1000])]);
    for index in 0..2500 {
        files.file_with(
            files.root(),
            format!("{index}").as_bytes(),
            b"",
            &attributes,
        );
    }
    let image = files.write(options());
    let block = |path: &str| {
        let stat = image.debugfs(&format!("stat {path}"));
        let block = stat.split("File ACL: ").nth(1).unwrap();
        block
            .split_whitespace()
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let mut blocks: Vec<_> = (0..2500)
        .step_by(50)
        .map(|index| block(&format!("/{index}")))
        .collect();
    blocks.sort_unstable();
    blocks.dedup();
    assert_eq!(blocks.len(), 3);
}

#[test]
fn the_superblock_says_what_was_asked_for() {
    let options = Options {
        label: Label::new("cloudimg-rootfs").unwrap(),
        ..options()
    };
    let image = Image::write(tree(), options, &[]);
    image.assert_superblock("Filesystem volume name", "cloudimg-rootfs");
    image.assert_superblock("Filesystem UUID", "30313233-3435-3637-3839-616263646566");
    image.assert_superblock("Filesystem created", "Sun Jun 15 15:06:40 2025");
    image.assert_superblock("Filesystem state", "clean");
    image.assert_superblock("Default mount options", "user_xattr acl");
}

#[test]
fn equal_trees_give_equal_bytes() {
    let build = || {
        let mut files = Files::new();
        for index in 0..500 {
            let (name, content) = (
                format!("{}", index * 7919 % 500),
                format!("content {index}"),
            );
            let attributes = with_xattrs(&[("user.index", content.as_bytes())]);
            files.file_with(
                files.root(),
                name.as_bytes(),
                content.as_bytes(),
                &attributes,
            );
        }
        files.file(files.root(), "large", &vec![1; 200_000]);
        files.write(options()).bytes()
    };
    assert!(build() == build());
}

#[test]
fn the_order_of_adding_files_does_not_matter() {
    let build = |reverse: bool| {
        let mut names: Vec<_> = (0..1000).map(|index| format!("name-{index}")).collect();
        if reverse {
            names.reverse();
        }
        let mut tree = tree();
        for name in names {
            let content = Content::File(FileShape::whole(0));
            tree.add(tree.root(), name.as_bytes(), content, &attributes(0o644))
                .unwrap();
        }
        Image::write(tree, options(), &[]).bytes()
    };
    assert!(build(true) == build(false));
}
