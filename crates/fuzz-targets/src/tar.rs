//! Any bytes are a tar archive of a tree.

use std::io::Read as _;

use gumnut_tree::{Member, MemberKind, TarLimits, TarReader};

pub(crate) const LIMITS: TarLimits = TarLimits {
    members: 1000,
    bytes: 1 << 30,
    header: 64 << 10,
    segments: 4096,
    path: 4096,
};

/// Reads the bytes as a tar archive, up to the first error.
///
/// # Panics
/// When a path leads out of the tree, ranges of data overlap or end behind their file, more is read than the archive or the limits have, or the
/// bytes read differently a second time.
pub fn tar(bytes: &[u8]) {
    let members = members(bytes);
    assert!(
        members.len() as u64 <= LIMITS.members,
        "the members are bounded"
    );
    let total: u64 = members.iter().map(|(member, _)| member.length).sum();
    assert!(total <= LIMITS.bytes, "the lengths are bounded");
    for (member, stored) in &members {
        assert_inside(&member.path);
        if let MemberKind::HardLink(path) = &member.kind {
            assert_inside(path);
        }
        let data: u64 = member
            .data
            .iter()
            .map(|range| range.end - range.start)
            .sum();
        let ends = member
            .data
            .windows(2)
            .all(|pair| pair[0].end <= pair[1].start);
        let last = member.data.last().map_or(0, |last| last.end);
        assert!(ends && last <= member.length, "the ranges are in the file");
        assert!(
            stored.is_none_or(|stored| stored == data),
            "the ranges are what is stored"
        );
    }
    assert_eq!(
        self::members(bytes),
        members,
        "the bytes read the same twice"
    );
}

/// The members up to the first error, and how many bytes of each file could be read; `None` if the archive ends too early.
fn members(bytes: &[u8]) -> Vec<(Member, Option<u64>)> {
    let mut reader = TarReader::new(bytes, LIMITS);
    let mut members = Vec::new();
    while let Ok(Some(member)) = reader.next_member() {
        let mut stored = Vec::new();
        let count = reader.read_to_end(&mut stored).ok();
        let is_file = member.kind == MemberKind::File;
        let counted = count.filter(|_| is_file).map(|count| count as u64);
        assert!(
            stored.len() <= bytes.len(),
            "no more comes out than is there"
        );
        members.push((member, counted));
    }
    members
}

fn assert_inside(path: &[u8]) {
    let mut names = path.split(|byte| *byte == b'/');
    let inside = path.is_empty() || names.all(|name| !matches!(name, b"" | b"." | b".."));
    assert!(inside, "{} is inside of the tree", path.escape_ascii());
}
