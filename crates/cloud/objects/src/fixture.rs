//! What the tests of decisions begin with.

use std::collections::HashMap;

use gumnut_cloud_catalogue::{
    AccountName, Acl, Bucket, BucketSettings, Caller, Identity, Initiator, Key, KeyState,
    KnownAccounts, ObjectHeaders, ObjectVersion, Owner, TagsAndLock, Upload, Versioning,
};

/// The time at which decisions are made, in milliseconds since 1970.
pub(crate) const NOW: i64 = 1_000_000;

fn user(user_id: i64, name: &str, account: &str) -> Identity {
    Identity::User(Caller {
        user_id,
        user: name.to_owned(),
        account: account.parse().unwrap(),
        account_name: name.to_owned(),
        canonical_id: format!("{name}-id"),
        admin: false,
    })
}

fn owner(name: &str) -> Owner {
    Owner {
        id: format!("{name}-id"),
        name: name.to_owned(),
    }
}

/// Whose the bucket is.
pub(crate) fn alice() -> Identity {
    user(1, "alice", "111111111111")
}

/// Somebody else.
pub(crate) fn bob() -> Identity {
    user(2, "bob", "222222222222")
}

/// Another user of Bob's account.
pub(crate) fn carol() -> Identity {
    match bob() {
        Identity::User(bob) => Identity::User(Caller {
            user_id: 3,
            user: "carol".to_owned(),
            ..bob
        }),
        other => other,
    }
}

/// Who begins an upload; `None` for a request without a signature.
pub(crate) fn initiator(who: &Identity) -> Option<Initiator> {
    who.user().map(|user| Initiator {
        user_id: user.user_id,
        account: owner(&user.account_name),
    })
}

/// A key, which is short.
pub(crate) fn key(key: &str) -> Key {
    Key::new(key).unwrap()
}

/// Bob, by both names.
pub(crate) fn known_accounts() -> KnownAccounts {
    KnownAccounts(HashMap::from([
        (AccountName::Id("bob-id".to_owned()), owner("bob")),
        (
            AccountName::Email("bob@example.org".to_owned()),
            owner("bob"),
        ),
    ]))
}

/// A private bucket of Alice.
pub(crate) fn bucket() -> Bucket {
    Bucket {
        name: "bucket".to_owned(),
        account: "111111111111".to_owned(),
        owner: owner("alice"),
        acl: Acl::private("alice-id"),
        created: 0,
        settings: BucketSettings::default(),
    }
}

/// A private object of Alice that was made without versioning at this time.
pub(crate) fn object(modified: i64) -> ObjectVersion {
    ObjectVersion {
        id: 7,
        version: "null".to_owned(),
        current: true,
        marker: false,
        owner: owner("alice"),
        acl: Acl::private("alice-id"),
        size: 3,
        etag: "900150983cd24fb0d6963f7d28e17f72".to_owned(),
        headers: ObjectHeaders::default(),
        tags_and_lock: TagsAndLock::default(),
        modified,
    }
}

/// Nothing but the bucket.
pub(crate) fn state(versioning: Versioning) -> KeyState {
    let mut bucket = bucket();
    bucket.settings.versioning = versioning;
    KeyState {
        bucket: Some(bucket),
        now: NOW,
        ..KeyState::default()
    }
}

/// An upload of Alice.
pub(crate) fn upload() -> Upload {
    Upload {
        id: "upload".to_owned(),
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
        account: "111111111111".to_owned(),
        owner: owner("alice"),
        initiator: initiator(&alice()),
        acl: Acl::private("alice-id"),
        headers: ObjectHeaders::default(),
        tags_and_lock: TagsAndLock::default(),
        checksum: None,
        started: 0,
    }
}
