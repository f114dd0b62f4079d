//! Any bytes are a tar archive that becomes a tree, and the tree becomes a file system.

use std::collections::HashSet;
use std::io::Read as _;

use gumnut_ext::{Options, Plan, Size};
use gumnut_tree::{
    FileKind, FileTree, Layers, Layout, Notes, Patterns, Seen, TarReader, Whiteouts,
};

use crate::tar::LIMITS;

/// Reads the bytes as layers of a container, each with the same members, and edits and plans the tree.
///
/// # Panics
/// When a walk through the tree finds a path twice or one that cannot be found, a file is kept that an edit has removed, or the
/// file system is smaller than its files.
pub fn plan(bytes: &[u8]) {
    for whiteouts in [Whiteouts::Kept, Whiteouts::Applied] {
        let mut layers = Layers::new(whiteouts, LIMITS.members);
        add(bytes, &mut layers);
        layers.next_archive();
        add(bytes, &mut layers);
        let (mut tree, mut notes) = layers.finish();
        check(&tree);
        let patterns = Patterns::new(["*.bak", "/a/*"]);
        let patterns = patterns.unwrap_or_else(|error| panic!("the patterns are good: {error}"));
        tree.exclude(&patterns, &mut notes);
        tree.remove_devices(&mut notes);
        // Files with passwords can be too large for it.
        let _ = tree.seal(&Patterns::default(), &mut notes);
        tree.kernels();
        check(&tree);
        let mut walk = tree.walk();
        while let Some((path, id)) = walk.next_file() {
            assert!(!patterns.covers(path), "what is excluded is gone");
            let kind = &tree.entry(id).kind;
            let is_device = matches!(
                kind,
                FileKind::CharacterDevice { .. } | FileKind::BlockDevice { .. }
            );
            assert!(!is_device, "devices are gone");
        }
        plan_file_system(&tree, &mut notes);
    }
}

fn add(bytes: &[u8], layers: &mut Layers) {
    let mut reader = TarReader::new(bytes, LIMITS);
    while let Ok(Some(member)) = reader.next_member() {
        let mut content = Vec::new();
        if reader.read_to_end(&mut content).is_err() {
            break;
        }
        let seen = Seen {
            text: Some(content.into()),
            has_private_key: member.length == 7,
        };
        if layers.add(member, seen).is_err() {
            break;
        }
    }
}

/// Every path of a walk occurs once, and no name on it is one that leads elsewhere.
pub(crate) fn check(tree: &FileTree) {
    let mut paths = HashSet::new();
    let mut walk = tree.walk();
    while let Some((path, id)) = walk.next_file() {
        assert!(paths.insert(path.to_vec()), "no path occurs twice");
        let mut names = path.split(|byte| *byte == b'/');
        assert!(
            names.all(|name| !matches!(name, b"" | b"." | b"..")),
            "{} is a path in the tree",
            path.escape_ascii()
        );
        assert_eq!(tree.find_name(path), Some(id), "the path leads to the file");
    }
}

/// The space that a file system reports is enough for its files.
fn plan_file_system(tree: &FileTree, notes: &mut Notes) {
    let Ok((_, ext)) = Layout::new(tree, notes) else {
        return;
    };
    let options = Options {
        size: Size::Free {
            percent: 0,
            at_least: 0,
        },
        ..Options::new([7; 16], 1_750_000_000)
    };
    if let Ok(plan) = Plan::new(ext, options) {
        assert!(plan.used() <= plan.size(), "the files have room");
    }
}
