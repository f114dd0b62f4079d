//! Identifies a tree by its names and attributes.

use gumnut_tree::{FileEntry, FileKind, FileTree, Origin};
use sha2::{Digest as _, Sha256};

/// A UUID that equal trees have in common: of version 8, from the digest of all names and attributes.
pub(crate) fn uuid_of(tree: &FileTree) -> [u8; 16] {
    let digest = digest_of(tree);
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&digest[..16]);
    marked(uuid, 8)
}

/// The SHA-256 of all names and attributes. Contents are not in it, except those that are in memory.
pub(crate) fn digest_of(tree: &FileTree) -> [u8; 32] {
    let mut hash = Sha256::new();
    add(&mut hash, b"", tree.entry(tree.root()));
    let mut walk = tree.walk();
    while let Some((path, id)) = walk.next_file() {
        add(&mut hash, path, tree.entry(id));
    }
    hash.finalize().into()
}

/// With the version and the variant in the bits for them.
pub(crate) fn marked(mut uuid: [u8; 16], version: u8) -> [u8; 16] {
    uuid[6] = uuid[6] & 0x0f | version << 4;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

/// The usual form of a UUID.
pub(crate) fn text(uuid: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(uuid));
    let pieces = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    pieces.map(|(start, end)| &digits[start..end]).join("-")
}

fn add(hash: &mut Sha256, path: &[u8], entry: &FileEntry) {
    field(hash, path);
    let numbers = [entry.permissions.into(), entry.user, entry.group];
    for number in numbers {
        hash.update(number.to_le_bytes());
    }
    // Reading changes the time of the last access, and unpacking that of the last change of the attributes.
    hash.update(entry.modified.seconds.to_le_bytes());
    hash.update(entry.modified.nanoseconds.to_le_bytes());
    for (name, value) in &entry.xattrs {
        field(hash, name);
        field(hash, value);
    }
    match &entry.kind {
        FileKind::Directory => hash.update(b"d"),
        FileKind::File(content) => {
            hash.update(b"f");
            hash.update(content.length.to_le_bytes());
            if let Origin::Memory(bytes) = &content.origin {
                field(hash, bytes);
            }
        }
        FileKind::Symlink(target) => {
            hash.update(b"l");
            field(hash, target);
        }
        FileKind::Fifo => hash.update(b"p"),
        FileKind::Socket => hash.update(b"s"),
        FileKind::CharacterDevice { major, minor } => device(hash, b"c", *major, *minor),
        FileKind::BlockDevice { major, minor } => device(hash, b"b", *major, *minor),
    }
}

fn device(hash: &mut Sha256, kind: &[u8], major: u32, minor: u32) {
    hash.update(kind);
    hash.update(major.to_le_bytes());
    hash.update(minor.to_le_bytes());
}

/// Bytes with their length in front, so that no two sequences of fields look alike.
fn field(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumnut_tree::{FileContent, Time};

    #[test]
    fn trees_with_other_names_or_attributes_have_other_uuids() {
        let entry = |kind| FileEntry::of_root(kind, 0o755, Time::default());
        let tree = |path: &str, permissions| {
            let mut tree = FileTree::new(entry(FileKind::Directory));
            let mut file = entry(FileKind::File(FileContent::of(b"x")));
            file.permissions = permissions;
            tree.set(path.as_bytes(), file).unwrap();
            uuid_of(&tree)
        };
        assert_eq!(tree("a", 0o644), tree("a", 0o644));
        assert_ne!(tree("a", 0o644), tree("b", 0o644));
        assert_ne!(tree("a", 0o644), tree("a", 0o600));
        assert_eq!(tree("a", 0o644)[6] >> 4, 8);
    }

    #[test]
    fn uuids_have_five_groups_of_digits() {
        let uuid = marked([0xff; 16], 4);
        assert_eq!(text(uuid), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(text([0; 16]), "00000000-0000-0000-0000-000000000000");
    }
}
