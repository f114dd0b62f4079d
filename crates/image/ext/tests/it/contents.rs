//! Contents of files: short, long, with holes, in every form of map.

use std::io::Write as _;

use gumnut_ext::{Content, ExtError, FileShape, FileSystem, Options, Plan, Size};

use crate::judge::{Files, Image, attributes, options, tree};

const FORMS: [FileSystem; 3] = [
    FileSystem::Ext3,
    FileSystem::Ext4,
    FileSystem::Ext4Checksums,
];

fn of(file_system: FileSystem) -> Options {
    Options {
        file_system,
        ..options()
    }
}

/// Bytes without blocks of zeros.
fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| (index / 7 % 251) as u8 + 1)
        .collect()
}

#[test]
fn files_of_many_lengths_are_read_back() {
    let lengths = [
        0,
        1,
        4095,
        4096,
        4097,
        12 * 4096,
        12 * 4096 + 1,
        1036 * 4096 + 5,
        9 << 20,
    ];
    for file_system in FORMS {
        let mut files = Files::new();
        for length in lengths {
            files.file(files.root(), &format!("file-{length}"), &pattern(length));
        }
        let image = files.write(of(file_system));
        let view = image.view();
        for length in lengths {
            let content = view.read(format!("/file-{length}").as_str()).unwrap();
            assert!(
                content == pattern(length),
                "{file_system:?}: {length} bytes"
            );
        }
    }
}

#[test]
fn zeros_become_holes() {
    let mut content = pattern(100 * 4096);
    content[10 * 4096..90 * 4096].fill(0);
    for file_system in FORMS {
        let mut files = Files::new();
        files.file(files.root(), "sparse", &content);
        let image = files.write(of(file_system));
        assert!(image.view().read("/sparse").unwrap() == content);
        let sectors = match file_system {
            FileSystem::Ext3 => (20 + 1) * 8,
            FileSystem::Ext4 | FileSystem::Ext4Checksums => 20 * 8,
        };
        let stat = image.debugfs("stat /sparse");
        assert!(stat.contains(&format!("Blockcount: {sectors}\n")), "{stat}");
    }
}

#[test]
fn a_sparse_file_needs_only_its_data() {
    for file_system in FORMS {
        // In ext3, the ends of this file are below three different tables of the highest level.
        let (length, at) = (20 << 30, [0_u64, 5 << 20, 3 << 30, 10 << 30]);
        let data = at.map(|start| start..start + 4096);
        let shape = FileShape::sparse(length, data).unwrap();
        let mut tree = tree();
        let node = tree
            .add(
                tree.root(),
                b"islands",
                Content::File(shape),
                &attributes(0o600),
            )
            .unwrap();
        let plan = Plan::new(tree, of(file_system)).unwrap();
        assert!(plan.size() < 16 << 20, "{file_system:?}: {}", plan.size());
        let mut writer = plan.write(Vec::new()).unwrap();
        let mut file = writer.file(node).unwrap();
        let mut end = 0;
        for start in at {
            file.hole(start - end).unwrap();
            file.write_all(&[7; 4096]).unwrap();
            end = start + 4096;
        }
        file.hole(length - end).unwrap();
        file.finish().unwrap();
        let image = Image::from_bytes(&writer.finish().unwrap().output);
        image.assert_clean();
        let bytes = image.bytes();
        for start in at {
            let block = start / 4096;
            let physical = image.block_of("/islands", block) * 4096;
            let island = &bytes[physical..physical + 4096];
            assert!(
                physical != 0 && island == [7; 4096],
                "{file_system:?} at {start}"
            );
            assert_eq!(image.block_of("/islands", block + 1), 0);
        }
    }
}

#[test]
fn a_file_with_a_thousand_holes_has_a_tree_of_extents() {
    let mut content = vec![0; 2 * 4096 * 3000];
    for block in content.chunks_mut(2 * 4096) {
        block[..4096].fill(9);
    }
    for file_system in FORMS {
        let mut files = Files::new();
        files.file(files.root(), "comb", &content);
        let image = files.write(of(file_system));
        assert!(
            image.view().read("/comb").unwrap() == content,
            "{file_system:?}"
        );
    }
}

#[test]
fn holes_and_writes_of_any_length_join() {
    let mut tree = tree();
    let shape = FileShape::whole(30_000);
    let node = tree
        .add(tree.root(), b"f", Content::File(shape), &attributes(0o600))
        .unwrap();
    let mut writer = Plan::new(tree, options())
        .unwrap()
        .write(Vec::new())
        .unwrap();
    let mut file = writer.file(node).unwrap();
    let mut expected = Vec::new();
    let pieces = [
        (5, 3),
        (4000, 100),
        (0, 9000),
        (1, 4095),
        (4096, 4096),
        (10, 4594),
    ];
    for (data, hole) in pieces {
        file.write_all(&vec![b'x'; data]).unwrap();
        file.hole(hole as u64).unwrap();
        expected.extend(vec![b'x'; data]);
        expected.extend(vec![0; hole]);
    }
    file.finish().unwrap();
    let image = Image::from_bytes(&writer.finish().unwrap().output);
    image.assert_clean();
    assert_eq!(expected.len(), 30_000);
    assert!(image.view().read("/f").unwrap() == expected);
}

#[test]
fn files_can_be_written_in_any_order() {
    let mut files = Files::new();
    for name in ["a", "b", "c", "d"] {
        files.file(files.root(), name, name.repeat(10_000).as_bytes());
    }
    files.contents.reverse();
    let view = files.write(options()).view();
    for name in ["a", "b", "c", "d"] {
        let path = format!("/{name}");
        assert_eq!(
            view.read_to_string(path.as_str()).unwrap(),
            name.repeat(10_000)
        );
    }
}

#[test]
fn content_that_is_too_short_or_too_long_is_refused() {
    let mut tree = tree();
    let content = Content::File(FileShape::whole(100));
    let node = tree
        .add(tree.root(), b"f", content, &attributes(0o600))
        .unwrap();
    let mut writer = Plan::new(tree, options())
        .unwrap()
        .write(Vec::new())
        .unwrap();
    let error = writer.copy(node, &[1; 99][..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/f should have 100 bytes, but 99 were written"
    );
    let error = writer.file(node).unwrap().write_all(&[1; 101]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/f should have 100 bytes, but 101 were written"
    );
    let error = writer.file(node).unwrap().hole(u64::MAX).unwrap_err();
    assert!(matches!(error, ExtError::Length { .. }));
    writer.copy(node, &[1; 500][..]).unwrap();
    let error = writer.copy(node, &[1; 100][..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/f is not a regular file whose content is missing"
    );
}

#[test]
fn a_file_without_content_is_an_error() {
    let mut tree = tree();
    let content = Content::File(FileShape::whole(100));
    tree.add(tree.root(), b"f", content, &attributes(0o600))
        .unwrap();
    let writer = Plan::new(tree, options())
        .unwrap()
        .write(Vec::new())
        .unwrap();
    let error = writer.finish().unwrap_err();
    assert_eq!(error.to_string(), "the content of /f was not written");
}

#[test]
fn a_file_that_is_left_out_leaves_no_trace() {
    let mut files = Files::new();
    let etc = files.directory(files.root(), "etc");
    let content = Content::File(FileShape::whole(100));
    let gone = files
        .tree
        .add(etc, b"gone", content, &attributes(0o600))
        .unwrap();
    files.tree.link(files.root(), b"link", gone).unwrap();
    files.file(etc, "kept", b"kept");
    let mut writer = Plan::new(files.tree, options())
        .unwrap()
        .write(Vec::new())
        .unwrap();
    writer.leave_out(gone).unwrap();
    writer.copy(files.contents[0].0, &b"kept"[..]).unwrap();
    let written = writer.finish().unwrap();
    assert_eq!(written.files, 4, "/, /etc, /etc/kept and /lost+found");
    let image = Image::from_bytes(&written.output);
    image.assert_clean();
    let view = image.view();
    assert!(!view.exists("/etc/gone").unwrap() && !view.exists("/link").unwrap());
    assert_eq!(view.read_to_string("/etc/kept").unwrap(), "kept");
}

#[test]
fn a_large_file_crosses_groups() {
    for file_system in FORMS {
        let length = 300 << 20;
        let mut tree = tree();
        let content = Content::File(FileShape::whole(length));
        let node = tree
            .add(tree.root(), b"big", content, &attributes(0o600))
            .unwrap();
        let size = Size::Free {
            percent: 0,
            at_least: 0,
        };
        let plan = Plan::new(
            tree,
            Options {
                size,
                ..of(file_system)
            },
        )
        .unwrap();
        let mut writer = plan.write(Vec::new()).unwrap();
        writer
            .copy(node, std::io::Read::take(std::io::repeat(5), length))
            .unwrap();
        let image = Image::from_bytes(&writer.finish().unwrap().output);
        image.assert_clean();
        let content = image.view().read("/big").unwrap();
        assert!(content.len() as u64 == length && content.iter().all(|byte| *byte == 5));
    }
}
