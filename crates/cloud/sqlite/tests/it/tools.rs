//! A catalogue with a bucket, and what the tests do to it.

use std::path::Path;

use bytes::Bytes;
use futures::executor::block_on;
use gumnut_cloud_catalogue::{
    Account, AccountsChange, Acl, BucketChange, BucketRef, BucketSettings, Catalogue,
    CatalogueError, Clock, Content, Key, KeyChange, KeyRef, NULL_VERSION, NewBucket, NewUser,
    NewVersion, ObjectHeaders, TagsAndLock,
};
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_types::SecretString;

pub(crate) const BUCKET: &str = "bucket";
const ACCOUNT: &str = "123456789012";

/// Opens the catalogue in a directory.
pub(crate) fn open(directory: &Path) -> Result<SqliteCatalogue, CatalogueError> {
    SqliteCatalogue::open(&directory.join("catalogue.sqlite"), Clock::system())
}

/// Makes a catalogue with an account and its bucket.
pub(crate) fn make(directory: &Path) {
    let catalogue = Catalogue::new(open(directory).unwrap());
    let add = NewUser {
        account: Account {
            number: ACCOUNT.parse().unwrap(),
            name: "nursery".to_owned(),
            canonical_id: "owner".to_owned(),
            email: None,
        },
        name: "flora".to_owned(),
        admin: true,
        access_key: "AKIFLORA".to_owned(),
        secret_key: SecretString::new("gumnut"),
        certificate: None,
    };
    let added = catalogue.change_accounts(move |_| {
        let change = AccountsChange {
            add: Some(add.clone()),
            ..AccountsChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    block_on(added).unwrap();
    let at = BucketRef {
        name: BUCKET.to_owned(),
        count_of: None,
    };
    let made = catalogue.change_bucket(at, |_| {
        let create = NewBucket {
            account: ACCOUNT.to_owned(),
            acl: Acl::private("owner"),
            settings: BucketSettings::default(),
        };
        let change = BucketChange {
            create: Some(create),
            ..BucketChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    assert_eq!(block_on(made).unwrap().garbage, [""; 0]);
}

/// Gives a key these bytes as the only version; `None` deletes it.
pub(crate) fn replace(
    catalogue: &Catalogue,
    key: Key,
    etag: String,
    bytes: Option<Bytes>,
) -> Result<(), CatalogueError> {
    let at = KeyRef {
        bucket: BUCKET.to_owned(),
        key,
        ..KeyRef::default()
    };
    let new = bytes.map(|bytes| NewVersion {
        version: NULL_VERSION.to_owned(),
        marker: false,
        account: ACCOUNT.to_owned(),
        acl: Acl::private("owner"),
        headers: ObjectHeaders::default(),
        tags_and_lock: TagsAndLock::default(),
        etag,
        modified: 0,
        upload: None,
        content: Content::Inline(bytes),
    });
    let changed = catalogue.change_key(at, move |state| {
        let change = KeyChange {
            delete: state.named.iter().map(|named| named.id).collect(),
            insert: new.clone(),
            ..KeyChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    block_on(changed).map(drop)
}
