//! Archives that are damaged, or that ask for too much.

use gumnut_tree::{TarError, TarLimits};
use gumnut_types::Fault;
use proptest::prelude::*;

use crate::made::{Archive, read};

fn error(build: impl FnOnce(&mut Archive)) -> TarError {
    error_with(TarLimits::default(), build)
}

fn error_with(limits: TarLimits, build: impl FnOnce(&mut Archive)) -> TarError {
    let mut archive = Archive::default();
    build(&mut archive);
    let error = read(&archive.0, limits).unwrap_err();
    assert!(error.fault() == Fault::Input, "{error}");
    error
}

#[test]
fn paths_that_lead_out_of_the_tree() {
    for name in [&b"../x"[..], b"a/../../x", b"/../etc/passwd"] {
        assert!(matches!(
            error(|archive| archive.member(name, b'0', b"")),
            TarError::Outside(_)
        ));
    }
    let linked = error(|archive| {
        archive.pax(&[("linkpath", b"../../etc/shadow")]);
        archive.member(b"link", b'1', b"");
    });
    assert_eq!(linked.to_string(), "../../etc/shadow contains `..`");
    let long = error(|archive| {
        archive.member(b"long", b'L', b"a/../../b\0");
        archive.member(b"short", b'0', b"");
    });
    assert!(matches!(long, TarError::Outside(_)));
}

#[test]
fn lengths_that_no_archive_has() {
    let large = error(|archive| {
        archive.header(b"file", b'0', 1 << 32, |header| {
            header[124..136].copy_from_slice(b"\x80\0\0\0\0\0\x40\0\0\0\0\0");
        });
    });
    let message = "bytes of all files up to the end of file exceed the limit of 68719476736";
    assert_eq!(large.to_string(), message);
    let sparse = error(|archive| {
        archive.pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"file"),
            ("GNU.sparse.realsize", b"8000000000000000000"),
        ]);
        archive.member(b"file", b'0', b"1\n0\n0\n");
    });
    assert!(
        matches!(sparse, TarError::Limit { .. } | TarError::Sparse(_)),
        "{sparse}"
    );
    let header = error(|archive| archive.header(b"pax", b'x', 2 << 20, |_| ()));
    assert!(
        matches!(
            header,
            TarError::Limit {
                limit: 1_048_576,
                ..
            }
        ),
        "{header}"
    );
}

#[test]
fn more_members_than_allowed() {
    let limits = TarLimits {
        members: 2,
        ..TarLimits::default()
    };
    let error = error_with(limits, |archive| {
        for name in [b"a", b"b", b"c"] {
            archive.member(name, b'0', b"");
        }
    });
    assert_eq!(
        error.to_string(),
        "members up to it of c exceed the limit of 2"
    );
}

#[test]
fn maps_that_overlap_or_do_not_fit() {
    for map in [
        "10,5,12,5",
        "0,5,5",
        "0,x",
        "0,18446744073709551615,5,5",
        "90,20",
        "0,3",
    ] {
        let wrong = error(|archive| {
            archive.pax(&[
                ("GNU.sparse.size", b"100"),
                ("GNU.sparse.map", map.as_bytes()),
            ]);
            archive.member(b"file", b'0', b"0123456789");
        });
        assert!(matches!(wrong, TarError::Sparse(_)), "{map}: {wrong}");
    }
    let limits = TarLimits {
        segments: 2,
        ..TarLimits::default()
    };
    let many = error_with(limits, |archive| {
        let map = b"0,1,2,1,4,1";
        archive.pax(&[("GNU.sparse.size", b"100"), ("GNU.sparse.map", map)]);
        archive.member(b"file", b'0', b"012");
    });
    assert!(matches!(many, TarError::Limit { .. }), "{many}");
}

#[test]
fn damaged_and_truncated_archives() {
    let mut archive = Archive::default();
    archive.member(b"file", b'0', &[1; 2000]);
    for length in [1, 511, 513, 1000, 2500] {
        let cut = read(&archive.0[..length], TarLimits::default()).unwrap_err();
        let end = matches!(&cut, TarError::Truncated(_) | TarError::Read(_));
        assert!(end, "{length}: {cut}");
    }
    let damaged = error(|archive| {
        archive.member(b"file", b'0', b"");
        archive.0[5] ^= 1;
    });
    assert!(matches!(damaged, TarError::Checksum(0)), "{damaged}");
    let text = error(|archive| archive.0.extend([b'x'; 1024]));
    assert!(matches!(text, TarError::Checksum(0)), "{text}");
    let empty = read(b"", TarLimits::default()).unwrap_err();
    assert!(matches!(empty, TarError::Truncated(_)), "{empty}");
}

#[test]
fn attributes_that_cannot_be_understood() {
    let records: [(&str, &[u8]); 6] = [
        ("mtime", b"yesterday"),
        ("uid", b"-1"),
        ("gid", b"4294967296"),
        ("SCHILY.acl.access", b"user::rwq"),
        ("LIBARCHIVE.xattr.user.x", b"***"),
        ("size", b"1e9"),
    ];
    for (key, value) in records {
        let wrong = error(|archive| {
            archive.pax(&[(key, value)]);
            archive.member(b"file", b'0', b"");
        });
        assert_eq!(
            wrong.to_string(),
            format!("{key} of file cannot be understood")
        );
    }
    let named = error(|archive| {
        archive.pax(&[("SCHILY.acl.access", b"user:ann:rwx")]);
        archive.member(b"file", b'0', b"");
    });
    assert_eq!(
        named.to_string(),
        "an ACL of file names \"ann\" without a number"
    );
    let kind = error(|archive| archive.member(b"file", b'M', b""));
    assert_eq!(
        kind.to_string(),
        "file is of the type 'M', which is not supported"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..2048),
        records in "[0-9a-zA-Z .=\n]{0,200}",
        kind in any::<u8>(),
    ) {
        let mut archive = Archive::default();
        archive.member(b"pax", b'x', records.as_bytes());
        archive.member(b"file", kind, &bytes);
        archive.0.extend(&bytes);
        let limits = TarLimits { bytes: 1 << 20, ..TarLimits::default() };
        // Whatever comes out: all of it fits into what the limits allow.
        if let Ok(members) = read(&archive.0, limits) {
            prop_assert!(members.iter().all(|(member, _)| member.length <= 1 << 20));
        }
    }
}
