//! What the tests of the contract share.

use std::error::Error;

use bytes::Bytes;
use gumnut_types::SecretString;

use crate::{
    Account, AccountsChange, Acl, Bucket, BucketChange, BucketRef, BucketSettings, Catalogue,
    CatalogueError, Content, Key, KeyChange, KeyRef, KeyState, NULL_VERSION, NewBucket, NewUpload,
    NewUser, NewVersion, ObjectHeaders, Part, Segment, TagsAndLock, UploadChange, UploadRef,
};

/// The outcome of a test that did not panic: an error where the catalogue could not be used.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// What the helpers give.
pub(super) type Given<T> = Result<T, Refusal>;

/// Why a unit of change of a test changed nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The decision refused.
    #[error("the decision refused")]
    Rule,
    /// The catalogue did.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
}

/// The bucket of most tests.
pub(super) const BUCKET: &str = "nursery";

/// How often each race is run.
pub(super) const ROUNDS: usize = 15;

/// An account with this number.
pub(super) fn account(number: u32) -> Account {
    let digits = format!("{number:012}");
    Account {
        number: digits.parse().expect("twelve digits are a number"),
        name: format!("account-{number}"),
        canonical_id: format!("owner-{number}"),
        email: Some(format!("owner-{number}@example.org")),
    }
}

/// A user of an account, with an access key named after it.
pub(super) fn user(account: &Account, name: &str) -> NewUser {
    NewUser {
        account: account.clone(),
        name: name.to_owned(),
        admin: false,
        access_key: format!("AKI-{name}"),
        secret_key: SecretString::new(format!("secret of {name}")),
        certificate: None,
    }
}

/// Adds a user.
pub(super) async fn add(catalogue: &Catalogue, user: NewUser) -> Given<()> {
    let change = AccountsChange {
        add: Some(user),
        ..AccountsChange::default()
    };
    catalogue
        .change_accounts(move |_| Ok((change.clone(), ())))
        .await
}

/// Adds an account with a user.
pub(super) async fn add_account(catalogue: &Catalogue, number: u32) -> Given<Account> {
    let account = account(number);
    add(catalogue, user(&account, &format!("user-{number}"))).await?;
    Ok(account)
}

/// Adds an account and makes [`BUCKET`] for it.
pub(super) async fn with_bucket(catalogue: &Catalogue) -> Given<Account> {
    let account = add_account(catalogue, 1).await?;
    make_bucket(catalogue, BUCKET, &account).await?;
    Ok(account)
}

/// Makes a private bucket.
pub(super) async fn make_bucket(catalogue: &Catalogue, name: &str, account: &Account) -> Given<()> {
    let create = NewBucket {
        account: account.number.to_string(),
        acl: Acl::private(&account.canonical_id),
        settings: BucketSettings::default(),
    };
    let change = BucketChange {
        create: Some(create),
        ..BucketChange::default()
    };
    change_bucket(catalogue, name, change).await.map(drop)
}

/// Changes a bucket whatever its state, and gives the garbage.
pub(super) async fn change_bucket(
    catalogue: &Catalogue,
    name: &str,
    change: BucketChange,
) -> Given<Vec<String>> {
    let changed = catalogue
        .change_bucket(bucket_ref(name), move |_| {
            Ok::<_, Refusal>((change.clone(), ()))
        })
        .await?;
    Ok(changed.garbage)
}

/// Names a bucket.
pub(super) fn bucket_ref(name: &str) -> BucketRef {
    BucketRef {
        name: name.to_owned(),
        count_of: None,
    }
}

/// The bucket, which is there.
pub(super) async fn bucket(catalogue: &Catalogue, name: &str) -> Given<Bucket> {
    let found = catalogue.bucket(name).await?;
    Ok(found.expect("the bucket is there"))
}

/// A key, which is short.
pub(super) fn short(name: &str) -> Key {
    Key::new(name).expect("a short key")
}

/// Names a key of [`BUCKET`].
pub(super) fn key(name: &str) -> KeyRef {
    KeyRef {
        bucket: BUCKET.to_owned(),
        key: short(name),
        ..KeyRef::default()
    }
}

/// Names a key of [`BUCKET`] and a version of it.
pub(super) fn versioned(name: &str, version: &str) -> KeyRef {
    KeyRef {
        version: Some(version.to_owned()),
        ..key(name)
    }
}

/// Names a key of [`BUCKET`] and an upload.
pub(super) fn uploaded(name: &str, upload: &str) -> KeyRef {
    KeyRef {
        upload: Some(upload.to_owned()),
        ..key(name)
    }
}

/// The state of a key as a decision sees it.
pub(super) async fn state(catalogue: &Catalogue, at: KeyRef) -> Given<KeyState> {
    let changed = catalogue
        .change_key(at, |state| {
            Ok::<_, Refusal>((KeyChange::default(), state.clone()))
        })
        .await?;
    assert_eq!(changed.garbage, [""; 0], "a look gives nothing up");
    Ok(changed.result)
}

/// Changes a key whatever its state, and gives the garbage.
pub(super) async fn change_key(
    catalogue: &Catalogue,
    at: KeyRef,
    change: KeyChange,
) -> Given<Vec<String>> {
    Ok(catalogue
        .change_key(at, move |_| Ok::<_, Refusal>((change.clone(), ())))
        .await?
        .garbage)
}

/// A segment of three bytes; the blob names itself.
pub(super) fn segment(blob: &str) -> Segment {
    Segment {
        blob: blob.to_owned(),
        size: 3,
        md5: format!("md5-of-{blob}"),
        checksum: None,
    }
}

/// A version with one segment, whose `ETag` is the name of the blob; the account owns it.
pub(super) fn new_version(account: &Account, version: &str, blob: &str) -> NewVersion {
    NewVersion {
        version: version.to_owned(),
        marker: false,
        account: account.number.to_string(),
        acl: Acl::private(&account.canonical_id),
        headers: ObjectHeaders::default(),
        tags_and_lock: TagsAndLock::default(),
        etag: blob.to_owned(),
        modified: 5,
        upload: None,
        content: Content::Blobs(vec![segment(blob)]),
    }
}

/// A version whose bytes are in the catalogue; they are its `ETag`.
pub(super) fn inline_version(account: &Account, version: &str, bytes: &str) -> NewVersion {
    NewVersion {
        content: Content::Inline(Bytes::copy_from_slice(bytes.as_bytes())),
        ..new_version(account, version, bytes)
    }
}

/// A delete marker.
pub(super) fn new_marker(account: &Account, version: &str) -> NewVersion {
    NewVersion {
        marker: true,
        etag: String::new(),
        content: Content::default(),
        ..new_version(account, version, "")
    }
}

/// Puts a version in the place of the one of the same id, and gives the garbage.
pub(super) async fn put(catalogue: &Catalogue, name: &str, new: NewVersion) -> Given<Vec<String>> {
    let at = versioned(name, &new.version);
    Ok(catalogue
        .change_key(at, move |state| {
            let change = KeyChange {
                delete: state.named.iter().map(|named| named.id).collect(),
                insert: Some(new.clone()),
                ..KeyChange::default()
            };
            Ok::<_, Refusal>((change, ()))
        })
        .await?
        .garbage)
}

/// Puts an object without versioning; the blob is named after the key.
pub(super) async fn put_object(catalogue: &Catalogue, account: &Account, name: &str) -> Given<()> {
    let new = new_version(account, NULL_VERSION, &format!("blob-{name}"));
    put(catalogue, name, new).await.map(drop)
}

/// Names an upload to [`BUCKET`].
pub(super) fn upload_ref(name: &str, id: &str) -> UploadRef {
    UploadRef {
        bucket: BUCKET.to_owned(),
        key: short(name),
        id: id.to_owned(),
    }
}

/// Changes an upload whatever its state, and gives the garbage.
pub(super) async fn change_upload(
    catalogue: &Catalogue,
    at: UploadRef,
    change: UploadChange,
) -> Given<Vec<String>> {
    let changed = catalogue.change_upload(at, move |_| Ok::<_, Refusal>((change.clone(), ())));
    Ok(changed.await?.garbage)
}

/// An upload that an account begins.
pub(super) fn new_upload(account: &Account) -> NewUpload {
    NewUpload {
        account: account.number.to_string(),
        initiator: None,
        acl: Acl::private(&account.canonical_id),
        headers: ObjectHeaders::default(),
        tags_and_lock: TagsAndLock::default(),
        checksum: None,
    }
}

/// Begins an upload to a key of [`BUCKET`].
pub(super) async fn begin(
    catalogue: &Catalogue,
    account: &Account,
    name: &str,
    id: &str,
) -> Given<()> {
    let change = UploadChange {
        create: Some(new_upload(account)),
        ..UploadChange::default()
    };
    change_upload(catalogue, upload_ref(name, id), change)
        .await
        .map(drop)
}

/// A part whose blob is this.
pub(super) fn part(number: u32, blob: &str) -> Part {
    Part {
        number,
        segment: segment(blob),
        modified: 7,
    }
}

/// Puts a part, and gives the garbage.
pub(super) async fn put_part(
    catalogue: &Catalogue,
    at: UploadRef,
    part: Part,
) -> Given<Vec<String>> {
    let change = UploadChange {
        put_part: Some(part),
        ..UploadChange::default()
    };
    change_upload(catalogue, at, change).await
}

/// All garbage, sorted.
pub(super) async fn garbage(catalogue: &Catalogue) -> Given<Vec<String>> {
    Ok(sorted(catalogue.garbage(usize::MAX).await?))
}

/// The names of all blobs that rows name, sorted.
pub(super) async fn known(catalogue: &Catalogue) -> Given<Vec<String>> {
    let known = catalogue.known_blobs("", usize::MAX).await?.into_iter();
    Ok(sorted(known.map(|blob| blob.name).collect()))
}

/// The texts, sorted by their bytes.
pub(super) fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts
}
