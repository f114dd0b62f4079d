//! Trees of archives: what order, links and doubles mean, and what is refused.

use std::os::unix::fs::FileExt as _;

use gumnut_tree::{
    ArchiveOptions, ArchiveSource, FileTree, Layout, Look, NoteKind, Notes, Patterns, Source,
    TarLimits, TreeError,
};
use gumnut_types::{Fault, NoProgress};

use crate::judge::{Image, names, plan_archive, plan_archive_with, write};
use crate::made::Archive;

fn archive(build: impl FnOnce(&mut Archive)) -> Vec<u8> {
    let mut archive = Archive::default();
    build(&mut archive);
    archive.0
}

fn link(archive: &mut Archive, name: &str, kind: u8, target: &str) {
    archive.pax(&[("linkpath", target.as_bytes())]);
    archive.member(name.as_bytes(), kind, b"");
}

fn plan(build: impl FnOnce(&mut Archive)) -> (FileTree, Notes, Image) {
    let (source, tree, mut notes) = plan_archive(&archive(build)).unwrap();
    let image = write(&source, &tree, &mut notes).unwrap();
    (tree, notes, image)
}

fn error(build: impl FnOnce(&mut Archive)) -> String {
    let error = plan_archive(&archive(build)).map(|_| ()).unwrap_err();
    assert!(error.fault() == Fault::Input, "{error}");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    [error.to_string()]
        .into_iter()
        .chain(source)
        .collect::<Vec<_>>()
        .join(": ")
}

fn paths(image: &Image) -> Vec<String> {
    let mut paths: Vec<_> = names(&image.view())
        .into_iter()
        .map(|path| String::from_utf8_lossy(&path).into_owned())
        .filter(|path| path != "lost+found")
        .collect();
    paths.sort();
    paths
}

fn read(image: &Image, path: &str) -> String {
    let content = image.view().read(path).unwrap();
    String::from_utf8(content).unwrap()
}

#[test]
fn absolute_names_begin_at_the_root_and_parents_are_made() {
    let (_, notes, image) = plan(|archive| {
        archive.member(b"/abs/x", b'0', b"x");
        archive.member(b"p/q/r", b'0', b"r");
        archive.member(b"./.", b'5', b"");
        archive.member(b"a/./b", b'0', b"b");
    });
    let expected = ["a", "a/b", "abs", "abs/x", "p", "p/q", "p/q/r"];
    assert_eq!(paths(&image), expected);
    assert_eq!(notes.number(NoteKind::MadeDirectory), 4);
}

#[test]
fn parents_that_are_links_are_followed_inside_of_the_tree() {
    let (_, _, image) = plan(|archive| {
        link(archive, "l", b'2', "/etc");
        archive.member(b"l/x", b'0', b"inside");
        link(archive, "up", b'2', "../../../etc/deep/../new");
        archive.member(b"up/y", b'0', b"y");
    });
    assert_eq!(read(&image, "/etc/x"), "inside");
    assert_eq!(read(&image, "/etc/new/y"), "y");
    let circle = error(|archive| {
        link(archive, "a", b'2', "b");
        link(archive, "b", b'2', "a");
        archive.member(b"a/x", b'0', b"");
    });
    assert_eq!(
        circle,
        "a leads through more than 40 links or 2048 directories"
    );
}

#[test]
fn of_two_members_with_one_name_the_last_counts() {
    let (_, notes, image) = plan(|archive| {
        archive.member(b"a", b'0', b"1");
        archive.member(b"a", b'0', b"22");
        archive.member(b"dir", b'5', b"");
        archive.member(b"dir/in", b'0', b"in");
        archive.member(b"dir", b'5', b"");
        archive.member(b"gone", b'5', b"");
        archive.member(b"gone/in", b'0', b"in");
        archive.member(b"gone", b'0', b"a file");
        archive.member(b"late", b'0', b"1");
        archive.member(b"late", b'5', b"");
        archive.member(b"late/in", b'0', b"2");
    });
    assert_eq!(read(&image, "/a"), "22");
    assert_eq!(read(&image, "/gone"), "a file");
    let all = ["a", "dir", "dir/in", "gone", "late", "late/in"];
    assert_eq!(paths(&image), all);
    assert_eq!(notes.number(NoteKind::Duplicate), 3);
}

#[test]
fn hard_links_share_a_file_whatever_happens_to_its_first_name() {
    let (tree, _, image) = plan(|archive| {
        archive.member(b"one", b'0', b"first");
        link(archive, "two", b'1', "./one");
        archive.member(b"one", b'0', b"second");
        link(archive, "soft", b'2', "one");
        link(archive, "hard", b'1', "soft");
    });
    assert_eq!(read(&image, "/two"), "first");
    assert_eq!(read(&image, "/one"), "second");
    assert_eq!(tree.find_name(b"hard"), tree.find_name(b"soft"));
    assert!(
        image
            .view()
            .symlink_metadata("/hard")
            .unwrap()
            .file_type()
            .is_symlink()
    );
}

#[test]
fn links_that_cannot_be() {
    let nothing = error(|archive| link(archive, "h", b'1', "nope"));
    assert_eq!(nothing, "h is a hard link to nope, which is not there");
    let directory = error(|archive| {
        archive.member(b"d", b'5', b"");
        link(archive, "h", b'1', "d");
    });
    assert_eq!(directory, "h is a hard link to d, which is a directory");
    let itself = error(|archive| {
        archive.member(b"h", b'0', b"");
        link(archive, "h", b'1', "h");
    });
    assert_eq!(itself, "h is a hard link to itself");
    let through = error(|archive| {
        archive.member(b"a", b'0', b"1");
        archive.member(b"a/b", b'0', b"2");
    });
    assert_eq!(through, "a leads through a file that is not a directory");
    let root = error(|archive| archive.member(b"./", b'6', b""));
    assert_eq!(root, "/ leads through a file that is not a directory");
    let outside = error(|archive| archive.member(b"../../x", b'0', b"x"));
    assert_eq!(
        outside,
        "the archive cannot be read as a tar archive: ../../x contains `..`"
    );
}

#[test]
fn names_and_targets_that_no_file_system_has() {
    let refused = |build: fn(&mut Archive)| {
        let (_, tree, mut notes) = plan_archive(&archive(build)).unwrap();
        let error = Layout::new(&tree, &mut notes).map(|_| ()).unwrap_err();
        assert!(error.fault() == Fault::Input);
        let source = std::error::Error::source(&error).unwrap();
        format!("{error}: {source}")
    };
    let long = refused(|archive| {
        archive.pax(&[("path", [b"d/".as_slice(), &[b'n'; 256]].concat().as_slice())]);
        archive.member(b"x", b'0', b"");
    });
    assert!(long.ends_with("it has more than 255 bytes"), "{long}");
    assert!(long.starts_with("d/nnn"), "{long}");
    let nul = refused(|archive| {
        archive.pax(&[("path", b"a\0b")]);
        archive.member(b"x", b'0', b"");
    });
    assert!(nul.ends_with("it contains a NUL"), "{nul}");
    let target = refused(|archive| {
        archive.pax(&[("linkpath", &[b'x'; 4096])]);
        archive.member(b"l", b'2', b"");
    });
    assert!(target.ends_with("has more than 4095 bytes"), "{target}");
    let xattrs = {
        let (source, tree, mut notes) = plan_archive(&archive(|archive| {
            archive.pax(&[("SCHILY.xattr.user.large", &[7; 4096])]);
            archive.member(b"x", b'0', b"");
        }))
        .unwrap();
        write(&source, &tree, &mut notes).map(|_| ()).unwrap_err()
    };
    let expected = "the extended attributes of /x need 4120 bytes, but there are 4060";
    assert_eq!(xattrs.to_string(), expected);
}

#[test]
fn attributes_that_ext_does_not_have_are_left_out_and_noted() {
    let (_, notes, image) = plan(|archive| {
        archive.pax(&[
            ("SCHILY.xattr.com.apple.quarantine", b"q"),
            ("SCHILY.xattr.user.kept", b"k"),
        ]);
        archive.member(b"x", b'0', b"");
    });
    let note = &notes.list()[0];
    assert_eq!((note.kind, &note.path[..]), (NoteKind::Xattr, &b"x"[..]));
    assert_eq!(note.reason, "com.apple.quarantine");
    assert!(image.debugfs("ea_list /x").contains("user.kept"));
}

#[test]
fn lost_and_found_of_the_source_is_used() {
    let (_, _, image) = plan(|archive| {
        archive.member(b"lost+found", b'5', b"");
        archive.member(b"lost+found/x", b'0', b"q");
    });
    assert_eq!(read(&image, "/lost+found/x"), "q");
}

#[test]
fn more_than_the_limits_allow() {
    let limits = |limits| ArchiveOptions {
        limits,
        ..ArchiveOptions::default()
    };
    let bytes = archive(|archive| {
        for name in [&b"a"[..], b"b/c/d", b"e"] {
            archive.member(name, b'0', b"123");
        }
    });
    let refused = |options| {
        let error = plan_archive_with(&bytes, &options).map(|_| ()).unwrap_err();
        assert!(error.fault() == Fault::Input, "{error}");
        error
    };
    let members = refused(limits(TarLimits {
        members: 2,
        ..TarLimits::default()
    }));
    assert!(matches!(
        members,
        TreeError::Archive { .. } | TreeError::TooManyFiles(_)
    ));
    let sum = refused(limits(TarLimits {
        bytes: 8,
        ..TarLimits::default()
    }));
    assert!(matches!(sum, TreeError::Archive { .. }), "{sum}");
}

#[test]
fn a_compressed_archive_is_read_twice() {
    let plain = archive(|archive| archive.member(b"x", b'0', &vec![b'z'; 100_000]));
    for program in ["gzip", "xz", "zstd", "bzip2"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tar");
        fs_err::write(&path, &plain).unwrap();
        let packed = std::process::Command::new(program)
            .arg("-c")
            .arg(&path)
            .output()
            .unwrap();
        assert!(packed.status.success());
        let (source, tree, mut notes) = plan_archive(&packed.stdout).unwrap();
        let image = write(&source, &tree, &mut notes).unwrap();
        assert_eq!(read(&image, "/x").len(), 100_000, "{program}");
    }
}

#[test]
fn an_archive_that_changes_meanwhile_is_an_error() {
    let bytes = archive(|archive| {
        archive.member(b"one", b'0', b"content");
        archive.member(b"two", b'0', b"content");
    });
    // Another name and length, another content, a shorter file.
    let changes: [fn(&std::fs::File); 3] = [
        |file| {
            let other = archive(|it| it.member(b"one", b'0', b"longer than before"));
            file.write_all_at(&other, 0).unwrap();
        },
        |file| file.write_all_at(b"C", 512).unwrap(),
        |file| file.set_len(1024).unwrap(),
    ];
    for change in changes {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tar");
        fs_err::write(&path, &bytes).unwrap();
        let file = fs_err::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let source = ArchiveSource::new(file.file().try_clone().unwrap()).unwrap();
        let (tree, mut notes) = source
            .plan(&ArchiveOptions::default(), &NoProgress)
            .unwrap();
        change(file.file());
        let source = Source::Archives(source);
        let error = write(&source, &tree, &mut notes).map(|_| ()).unwrap_err();
        assert!(
            error.fault() == Fault::Input || matches!(error, TreeError::Read(_)),
            "{error}"
        );
    }
}

#[test]
fn excluded_and_sealed_files_are_in_no_block() {
    let key = b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n";
    let bytes = archive(|archive| {
        archive.member(b"var/cache/x", b'0', b"EXCLUDED MARKER");
        archive.member(b"etc/ssl/certs/mine.pem", b'0', key);
        archive.member(b"home/ann/.bash_history", b'0', b"TYPED MARKER");
        archive.member(b"dev/sda", b'4', b"");
        archive.member(b"kept", b'0', b"KEPT MARKER");
    });
    let options = ArchiveOptions {
        look: Look { private_keys: true },
        ..ArchiveOptions::default()
    };
    let (source, mut tree, mut notes) = plan_archive_with(&bytes, &options).unwrap();
    let patterns = Patterns::new(["/var/cache/*"]).unwrap();
    tree.exclude(&patterns, &mut notes);
    tree.seal(&Patterns::default(), &mut notes).unwrap();
    tree.remove_devices(&mut notes);
    let image = write(&source, &tree, &mut notes).unwrap();
    let content = fs_err::read(image.path()).unwrap();
    let contains = |text: &[u8]| content.windows(text.len()).any(|window| window == text);
    assert!(contains(b"KEPT MARKER"));
    for gone in [&b"EXCLUDED MARKER"[..], b"TYPED MARKER", b"PRIVATE KEY"] {
        assert!(!contains(gone), "{}", gone.escape_ascii());
    }
    assert_eq!(notes.number(NoteKind::Removed), 2);
    assert_eq!(notes.number(NoteKind::Device), 1);
    assert_eq!(tree.find(b"dev/sda"), None);
}
