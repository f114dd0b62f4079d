//! Versions that are written in the place of others.

use bytes::Bytes;
use gumnut_cloud_catalogue::{
    CannedAcl, Key, KeyChange, KeyRef, NULL_VERSION, ObjectHeaders, TagsAndLock,
};
use tempfile::TempDir;

use super::*;
use crate::{schema, units};

/// A catalogue in a file, with two accounts and a bucket.
fn file() -> (TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = Connection::open(folder.path().join("test.sqlite")).unwrap();
    schema::prepare(&mut connection).unwrap();
    let rows = "INSERT INTO accounts VALUES ('1', 'a', 'owner-a', NULL, 0), ('2', 'b', 'owner-b', NULL, 0);
                INSERT INTO buckets (name, owner, acl, created) VALUES ('b', '1', '[]', 0);";
    connection.execute_batch(rows).unwrap();
    (folder, connection)
}

fn inline(version: &str, length: usize) -> NewVersion {
    NewVersion {
        version: version.to_owned(),
        marker: false,
        account: "1".to_owned(),
        acl: Acl::private("owner-a"),
        headers: ObjectHeaders::default(),
        tags_and_lock: TagsAndLock::default(),
        etag: format!("etag of {length}"),
        modified: 7,
        upload: None,
        content: Content::Inline(vec![b'x'; length].into()),
    }
}

/// Puts a version in the place of these, in a transaction.
fn put(connection: &mut Connection, delete: Vec<i64>, new: &NewVersion) -> i64 {
    let at = KeyRef {
        bucket: "b".to_owned(),
        key: Key::new("k".to_owned()).unwrap(),
        ..KeyRef::default()
    };
    let change = KeyChange {
        delete,
        insert: Some(new.clone()),
        ..KeyChange::default()
    };
    let transaction = connection.transaction().unwrap();
    units::change_key(&transaction, &at, &change, 9).unwrap();
    transaction.commit().unwrap();
    current(connection, "b", "k").unwrap().unwrap().id
}

/// The pages in the log of a catalogue, which are not yet brought into its file.
fn pages(folder: &TempDir) -> u64 {
    let log = fs_err::metadata(folder.path().join("test.sqlite-wal")).unwrap();
    // A page and what is said of it, behind the header of the log.
    (log.len() - 32) / (4096 + 24)
}

#[test]
fn a_small_object_is_replaced_in_its_place() {
    let (_folder, mut connection) = file();
    let old = put(&mut connection, Vec::new(), &inline(NULL_VERSION, 4096));
    let new = NewVersion {
        account: "2".to_owned(),
        acl: CannedAcl::PublicRead.grants("owner-b", "owner-a"),
        headers: ObjectHeaders {
            content_type: Some("text/plain".to_owned()),
            ..ObjectHeaders::default()
        },
        tags_and_lock: TagsAndLock {
            legal_hold: Some(true),
            ..TagsAndLock::default()
        },
        etag: "another".to_owned(),
        modified: 8,
        upload: None,
        version: NULL_VERSION.to_owned(),
        marker: false,
        content: Content::Inline(Bytes::from_static(b"other bytes")),
    };
    assert_eq!(put(&mut connection, vec![old], &new), old);
    let found = current(&connection, "b", "k").unwrap().unwrap();
    let expected = ObjectVersion {
        id: old,
        version: new.version,
        current: true,
        marker: false,
        owner: Owner {
            id: "owner-b".to_owned(),
            name: "b".to_owned(),
        },
        acl: new.acl,
        size: 11,
        etag: new.etag,
        headers: new.headers,
        tags_and_lock: new.tags_and_lock,
        modified: new.modified,
    };
    assert_eq!(found, expected);
    assert_eq!(content(&connection, old).unwrap(), new.content);
    assert_eq!(list(&connection, "b", "", 9).unwrap().len(), 1);
}

#[test]
fn a_commit_that_replaces_a_small_object_is_small() {
    let (folder, mut connection) = file();
    let old = put(&mut connection, Vec::new(), &inline(NULL_VERSION, 4096));
    let before = pages(&folder);
    let other = NewVersion {
        etag: "another".to_owned(),
        content: Content::Inline(vec![b'y'; 4096].into()),
        ..inline(NULL_VERSION, 0)
    };
    put(&mut connection, vec![old], &other);
    // The row, and the bytes in two pages.
    assert_eq!(pages(&folder) - before, 3);
}

#[test]
fn other_versions_get_rows_of_their_own() {
    let (_folder, mut connection) = file();
    let first = put(&mut connection, Vec::new(), &inline(NULL_VERSION, 1));
    let second = put(&mut connection, Vec::new(), &inline("v2", 2));
    assert!(second > first);
    // It is not the newest, and becomes that.
    let third = put(&mut connection, vec![first], &inline(NULL_VERSION, 3));
    assert!(third > second);
    let in_blobs = NewVersion {
        content: Content::default(),
        ..inline(NULL_VERSION, 0)
    };
    let fourth = put(&mut connection, vec![third], &in_blobs);
    assert_eq!(content(&connection, fourth).unwrap(), Content::default());
    let marker = NewVersion {
        marker: true,
        ..inline(NULL_VERSION, 0)
    };
    let fifth = put(&mut connection, vec![fourth], &marker);
    assert!(current(&connection, "b", "k").unwrap().unwrap().marker);
    // Another version id than that of the one that goes.
    let sixth = put(&mut connection, vec![fifth], &inline("v6", 6));
    let versions = list_versions(&connection, "b", ("", i64::MAX), 9).unwrap();
    let versions: Vec<_> = versions.iter().map(|it| (it.id, &it.version[..])).collect();
    assert_eq!(versions, [(sixth, "v6"), (second, "v2")]);
}
