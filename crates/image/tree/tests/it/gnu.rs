//! Archives as GNU tar writes them.

use std::path::Path;
use std::process::Command;

use gumnut_tree::{Member, MemberKind, TarLimits, Time};

use crate::made::{Archive, read};

fn tar(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("tar")
        .arg("--create")
        .args(arguments)
        .args(["--file=-", "."])
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("tar (cargo xtask setup): {error}"));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn find<'a>(members: &'a [(Member, Vec<u8>)], path: &str) -> &'a (Member, Vec<u8>) {
    let mut all = members.iter();
    all.find(|(member, _)| member.path == path.as_bytes())
        .unwrap_or_else(|| panic!("no {path}"))
}

#[test]
fn every_format_has_files_directories_and_links() {
    let folder = tempfile::tempdir().unwrap();
    let long = "n".repeat(120);
    fs_err::create_dir(folder.path().join("etc")).unwrap();
    fs_err::write(folder.path().join("etc/one"), "content").unwrap();
    fs_err::hard_link(folder.path().join("etc/one"), folder.path().join("etc/two")).unwrap();
    fs_err::write(folder.path().join("empty"), "").unwrap();
    std::os::unix::fs::symlink("etc/one", folder.path().join("link")).unwrap();
    let target = "t".repeat(150);
    for format in ["v7", "ustar", "gnu", "pax", "oldgnu"] {
        if matches!(format, "gnu" | "pax" | "oldgnu") {
            fs_err::write(folder.path().join(&long), "long").unwrap();
            let _ = std::os::unix::fs::symlink(&target, folder.path().join("long-link"));
        }
        let arguments = [
            &*format!("--format={format}"),
            "--sort=name",
            "--mtime=@1234567890",
        ];
        let archive = tar(
            folder.path(),
            &[&arguments[..], &["--owner=:70000", "--group=:12"]].concat(),
        );
        let members = read(&archive, TarLimits::default()).unwrap();
        assert_eq!(find(&members, "").0.kind, MemberKind::Directory, "{format}");
        assert_eq!(
            find(&members, "etc").0.kind,
            MemberKind::Directory,
            "{format}"
        );
        let (one, content) = find(&members, "etc/one");
        assert_eq!(
            (one.kind.clone(), &content[..]),
            (MemberKind::File, &b"content"[..])
        );
        assert_eq!(
            (one.user, one.group, one.length),
            (70_000, 12, 7),
            "{format}"
        );
        assert_eq!(
            one.modified,
            Time {
                seconds: 1_234_567_890,
                nanoseconds: 0
            }
        );
        assert_eq!(
            find(&members, "etc/two").0.kind,
            MemberKind::HardLink(b"etc/one".to_vec())
        );
        assert_eq!(
            find(&members, "link").0.kind,
            MemberKind::Symlink(b"etc/one".to_vec())
        );
        assert!(find(&members, "empty").0.data.is_empty());
        if matches!(format, "gnu" | "pax" | "oldgnu") {
            assert_eq!(find(&members, &long).1, b"long");
            let kind = MemberKind::Symlink(target.clone().into_bytes());
            assert_eq!(find(&members, "long-link").0.kind, kind);
        } else {
            assert_eq!(members.len(), 6, "{format}");
        }
        let _ = fs_err::remove_file(folder.path().join(&long));
        let _ = fs_err::remove_file(folder.path().join("long-link"));
    }
}

#[test]
fn sparse_files_of_every_version() {
    use std::os::unix::fs::FileExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = fs_err::File::create(folder.path().join("islands")).unwrap();
    // More islands than an old header has room for.
    let islands: Vec<u64> = (0..40).map(|index| index * (1 << 20)).collect();
    for start in &islands {
        file.file().write_all_at(&[7; 4096], *start).unwrap();
    }
    file.set_len(100 << 20).unwrap();
    let forms: [&[&str]; 4] = [
        &["--format=gnu"],
        &["--format=pax", "--sparse-version=0.0"],
        &["--format=pax", "--sparse-version=0.1"],
        &["--format=pax", "--sparse-version=1.0"],
    ];
    for form in forms {
        let archive = tar(folder.path(), &[form, &["--sparse"]].concat());
        let members = read(&archive, TarLimits::default()).unwrap();
        let (member, data) = find(&members, "islands");
        let expected: Vec<_> = islands.iter().map(|start| *start..start + 4096).collect();
        assert_eq!(
            (member.length, &member.data),
            (100 << 20, &expected),
            "{form:?}"
        );
        assert!(*data == vec![7; 40 * 4096], "{form:?}");
    }
}

#[test]
fn times_of_pax_have_nanoseconds() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("file"), "").unwrap();
    for (time, seconds, nanoseconds) in [
        ("@1234567890.123456789", 1_234_567_890, 123_456_789),
        ("@-5.75", -6, 250_000_000),
        ("@2524608000.5", 2_524_608_000, 500_000_000),
    ] {
        let archive = tar(folder.path(), &["--format=pax", &format!("--mtime={time}")]);
        let members = read(&archive, TarLimits::default()).unwrap();
        assert_eq!(
            find(&members, "file").0.modified,
            Time {
                seconds,
                nanoseconds
            },
            "{time}"
        );
    }
}

#[test]
fn names_of_any_bytes_and_devices() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["gnu", "pax"] {
        use std::os::unix::ffi::OsStrExt as _;
        let name = b"\xff\xfe new\nline";
        fs_err::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
        let archive = tar(folder.path(), &[&format!("--format={format}")]);
        let members = read(&archive, TarLimits::default()).unwrap();
        assert!(
            members.iter().any(|(member, _)| member.path == name),
            "{format}"
        );
    }
    let mut archive = Archive::default();
    for (name, kind) in [(b"null", b'3'), (b"disk", b'4'), (b"fifo", b'6')] {
        archive.header(name, kind, 0, |header| {
            header[329..337].copy_from_slice(b"0000403\0");
            header[337..345].copy_from_slice(b"3777777\0");
        });
    }
    let members = read(&archive.0, TarLimits::default()).unwrap();
    let (major, minor) = (259, 0xf_ffff);
    assert_eq!(
        find(&members, "null").0.kind,
        MemberKind::CharacterDevice { major, minor }
    );
    assert_eq!(
        find(&members, "disk").0.kind,
        MemberKind::BlockDevice { major, minor }
    );
    assert_eq!(find(&members, "fifo").0.kind, MemberKind::Fifo);
}

#[test]
fn attributes_in_the_spellings_of_three_programs() {
    let mut archive = Archive::default();
    archive.pax(&[
        ("SCHILY.xattr.user.binary", b"a\0b\nc=\xff"),
        (
            "SCHILY.acl.access",
            b"user::rw-\nuser:7:r--\ngroup::r--\nmask::r--\nother::---\n",
        ),
        ("RHT.security.selinux", b"system_u:object_r:etc_t:s0"),
        ("LIBARCHIVE.xattr.user.with%20space", b"dmFsdWU"),
        ("LIBARCHIVE.xattr.user.binary", b"b3RoZXI"),
        ("comment", b"means nothing"),
    ]);
    archive.member(b"file", b'0', b"x");
    archive.member(b"next", b'0', b"y");
    let members = read(&archive.0, TarLimits::default()).unwrap();
    let xattrs = &find(&members, "file").0.xattrs;
    let value = |name: &str| {
        let found = xattrs.iter().find(|(found, _)| found == name.as_bytes());
        &found.unwrap_or_else(|| panic!("no {name}")).1[..]
    };
    assert_eq!(value("user.binary"), b"a\0b\nc=\xff");
    assert_eq!(value("user.with space"), b"value");
    assert_eq!(value("security.selinux"), b"system_u:object_r:etc_t:s0\0");
    assert_eq!(value("system.posix_acl_access").len(), 4 + 5 * 8);
    assert_eq!(xattrs.len(), 4);
    assert!(find(&members, "next").0.xattrs.is_empty());
}

#[test]
fn global_headers_apply_to_all_that_follows() {
    let mut archive = Archive::default();
    archive.member(b"before", b'0', b"");
    archive.member(b"global", b'g', b"13 uid=70000\n");
    archive.member(b"one", b'0', b"");
    archive.pax(&[("uid", b"5")]);
    archive.member(b"two", b'0', b"");
    archive.member(b"three", b'0', b"");
    let members = read(&archive.0, TarLimits::default()).unwrap();
    let users: Vec<_> = members.iter().map(|(member, _)| member.user).collect();
    assert_eq!(users, [0, 70_000, 5, 70_000]);
}
