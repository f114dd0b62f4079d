//! Any archive gives an error, or a clean file system that contains its tree.

use gumnut_tree::{FileContent, Origin};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::judge::{KINDS, plan_archive, write_as};
use crate::made::Archive;

#[derive(Clone, Debug)]
enum Step {
    File(usize, bool),
    Directory,
    Symlink(Vec<u8>),
    HardLink(Vec<u8>),
    Fifo,
    Device(u8),
}

/// Few names, so that members meet.
fn path() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        8 => "[abc]".prop_map(String::into_bytes),
        1 => Just(b"lost+found".to_vec()),
        1 => Just(b"\xff\n".to_vec()),
    ];
    vec(name, 1..5).prop_map(|names| names.join(&b'/'))
}

fn target() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        path(),
        path().prop_map(|path| [b"/", &path[..]].concat()),
        path().prop_map(|path| [b"../", &path[..]].concat()),
        Just(vec![b'x'; 100]),
    ]
}

fn step() -> impl Strategy<Value = (Vec<u8>, Step)> {
    let step = prop_oneof![
        4 => (0_usize..20_000, any::<bool>()).prop_map(|(length, zeros)| Step::File(length, zeros)),
        4 => Just(Step::Directory),
        2 => target().prop_map(Step::Symlink),
        2 => path().prop_map(Step::HardLink),
        1 => Just(Step::Fifo),
        1 => prop_oneof![Just(b'3'), Just(b'4')].prop_map(Step::Device),
    ];
    (path(), step)
}

/// Content of the member with this number.
fn content(number: u64, length: usize, zeros: bool) -> Vec<u8> {
    let mut content: Vec<u8> = (0..length as u64)
        .map(|at| (at / 512 * 7 + number).to_le_bytes()[0] | 1)
        .collect();
    if zeros {
        let end = length.min(8192);
        content[..end].fill(0);
    }
    content
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_archive_is_refused_or_read_back(steps in vec(step(), 0..40), kind in 0_usize..3) {
        let mut archive = Archive::default();
        let mut contents = Vec::new();
        for (number, (path, step)) in (0..).zip(&steps) {
            let mut bytes = Vec::new();
            archive.pax(&[("path", path)]);
            match step {
                Step::File(length, zeros) => {
                    bytes = content(number, *length, *zeros);
                    archive.member(b"x", b'0', &bytes);
                }
                Step::Directory => archive.member(b"x", b'5', b""),
                Step::Fifo => archive.member(b"x", b'6', b""),
                Step::Device(kind) => archive.member(b"x", *kind, b""),
                Step::Symlink(target) | Step::HardLink(target) => {
                    let kind = if matches!(step, Step::Symlink(_)) { b'2' } else { b'1' };
                    archive.pax(&[("path", path), ("linkpath", target)]);
                    archive.member(b"x", kind, b"");
                }
            }
            contents.push(bytes);
        }
        if archive.0.is_empty() {
            archive.0.extend([0; 1024]);
        }
        let Ok((source, tree, mut notes)) = plan_archive(&archive.0) else {
            return Ok(());
        };
        // Only a file in place of /lost+found can be refused now.
        let is_file = tree.find_name(b"lost+found").is_some_and(|id| !tree.is_directory(id));
        let image = match write_as(&source, &tree, &mut notes, KINDS[kind]) {
            Ok(image) => image,
            Err(error) => {
                prop_assert!(is_file, "{error}");
                return Ok(());
            }
        };
        image.assert_is(&tree, |content: &FileContent| match content.origin {
            Origin::Member { member, .. } => contents[usize::try_from(member).unwrap()].clone(),
            _ => panic!("{content:?} is in the archive"),
        });
    }
}
