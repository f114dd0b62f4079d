//! Any tree gives a clean file system that contains the tree.

use std::collections::BTreeMap;

use ext4_view::Ext4;
use gumnut_ext::{Attributes, Content, FileShape, FileSystem, InodeSize, NodeId, Options, Time};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::judge::{Files, options};

#[derive(Clone, Debug)]
enum Item {
    Directory(BTreeMap<Vec<u8>, (Item, Meta)>),
    File(Vec<u8>),
    Link(Vec<u8>),
    Fifo,
    Device(u32, u32),
}

#[derive(Clone, Debug)]
struct Meta {
    permissions: u16,
    user: u32,
    group: u32,
    seconds: i64,
    xattrs: BTreeMap<String, Vec<u8>>,
}

fn meta() -> impl Strategy<Value = Meta> {
    let xattrs = btree_map(
        "(user|trusted|security)\\.[a-z]{1,20}",
        vec(any::<u8>(), 0..300),
        0..4,
    );
    // The reader knows no times before 1970 and few after 2038.
    let seconds = 0_i64..1 << 31;
    (0_u16..0o10_000, any::<u32>(), any::<u32>(), seconds, xattrs).prop_map(
        |(permissions, user, group, seconds, xattrs)| Meta {
            permissions,
            user,
            group,
            seconds,
            xattrs,
        },
    )
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![1_u8..b'/', b'0'..];
    vec(byte, 1..256).prop_filter("a name", |name| name != b"." && name != b"..")
}

/// Blocks, many of them zeros, and the beginning of another one.
fn content() -> impl Strategy<Value = Vec<u8>> {
    (vec((any::<u8>(), prop::bool::ANY), 0..40), 0_usize..4096).prop_map(|(blocks, rest)| {
        let mut bytes = Vec::new();
        for (byte, is_hole) in blocks {
            bytes.extend([if is_hole { 0 } else { byte }; 4096]);
        }
        bytes.extend(vec![7; rest]);
        bytes
    })
}

fn item() -> impl Strategy<Value = Item> {
    let leaf = prop_oneof![
        4 => content().prop_map(Item::File),
        2 => vec(1_u8.., 1..200).prop_map(Item::Link),
        1 => Just(Item::Fifo),
        1 => (0_u32..4096, 0_u32..1 << 20).prop_map(|(major, minor)| Item::Device(major, minor)),
    ];
    leaf.prop_recursive(4, 60, 20, |inner| {
        btree_map(name(), (inner, meta()), 0..20).prop_map(Item::Directory)
    })
}

fn add(files: &mut Files, parent: NodeId, children: &BTreeMap<Vec<u8>, (Item, Meta)>) {
    for (name, (item, meta)) in children {
        let xattrs = meta
            .xattrs
            .iter()
            .map(|(name, value)| (name.clone().into_bytes(), value.clone()));
        let attributes = Attributes {
            user: meta.user,
            group: meta.group,
            xattrs: xattrs.collect(),
            ..Attributes::of_root(meta.permissions, Time::from_seconds(meta.seconds))
        };
        let content = match item {
            Item::Directory(_) => Content::Directory,
            Item::File(bytes) => Content::File(FileShape::whole(bytes.len() as u64)),
            Item::Link(target) => Content::Symlink(target),
            Item::Fifo => Content::Fifo,
            Item::Device(major, minor) => Content::CharacterDevice {
                major: *major,
                minor: *minor,
            },
        };
        let node = files.tree.add(parent, name, content, &attributes).unwrap();
        match item {
            Item::Directory(children) => add(files, node, children),
            Item::File(bytes) => files.contents.push((node, bytes.clone())),
            _ => {}
        }
    }
}

fn compare(view: &Ext4, path: &ext4_view::PathBuf, children: &BTreeMap<Vec<u8>, (Item, Meta)>) {
    let mut found = 0;
    for entry in view.read_dir(path).unwrap() {
        let entry = entry.unwrap();
        let name: Vec<u8> = entry.file_name().as_ref().to_vec();
        if matches!(&name[..], b"." | b".." | b"lost+found") {
            continue;
        }
        found += 1;
        let (item, meta) = &children[&name];
        let path = entry.path();
        let metadata = view.symlink_metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (meta.user, meta.group));
        assert_eq!(metadata.mode() & 0o7777, meta.permissions);
        match item {
            Item::Directory(children) => compare(view, &path, children),
            Item::File(bytes) => assert!(view.read(&path).unwrap() == *bytes),
            Item::Link(target) => {
                let found = view.read_link(&path).unwrap();
                assert_eq!(<ext4_view::PathBuf as AsRef<[u8]>>::as_ref(&found), target);
            }
            Item::Fifo => assert!(metadata.file_type().is_fifo()),
            Item::Device(_, _) => assert!(metadata.file_type().is_char_dev()),
        }
    }
    assert_eq!(found, children.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_tree_is_clean_and_read_back(
        children in btree_map(name(), (item(), meta()), 0..20),
        (file_system, inode_size) in prop_oneof![
            Just((FileSystem::Ext3, InodeSize::Bytes128)),
            Just((FileSystem::Ext3, InodeSize::Bytes256)),
            Just((FileSystem::Ext4, InodeSize::Bytes128)),
            Just((FileSystem::Ext4, InodeSize::Bytes256)),
            Just((FileSystem::Ext4Checksums, InodeSize::Bytes256)),
        ],
    ) {
        let mut files = Files::new();
        let root = files.root();
        add(&mut files, root, &children);
        let image = files.write(Options { file_system, inode_size, ..options() });
        compare(&image.view(), &ext4_view::PathBuf::new("/"), &children);
    }
}
