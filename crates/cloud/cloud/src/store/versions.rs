//! Making and deleting versions of objects, as the setting of their bucket has it.

use rusqlite::Transaction;

use super::blobs::random_name;
use super::objects::new_owner;
use super::{
    Acl, AclRequest, Governance, Headers, Marks, Permission, Place, Segment, Settings, Store,
    StoreError, Stored, Versioning, access,
};
use crate::auth::Identity;
use crate::catalogue::buckets::{self, Bucket};
use crate::catalogue::objects::{self, NULL_VERSION, NewObject, NewSegment, Object};

/// A key, or one version of it, that is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doomed {
    pub(crate) key: String,
    pub(crate) version: Option<String>,
}

/// What became of a key that was to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deleted {
    /// The version that is gone, or the marker that stands for the deletion.
    pub(crate) version: Option<String>,
    /// Whether that is a marker.
    pub(crate) marker: bool,
}

/// A version that is to be; its bytes are in place.
#[derive(Debug)]
pub(crate) struct Version<'a> {
    pub(crate) key: &'a str,
    /// The number of the owner's account.
    pub(crate) account: &'a str,
    pub(crate) acl: Acl,
    pub(crate) headers: Headers,
    pub(crate) marks: Marks,
    pub(crate) etag: String,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
    /// The upload in parts that it comes of.
    pub(crate) upload: Option<&'a str>,
}

fn new_version(settings: &Settings) -> Result<String, StoreError> {
    Ok(match settings.versioning {
        Versioning::Enabled => random_name()?,
        Versioning::Never | Versioning::Suspended => NULL_VERSION.to_owned(),
    })
}

/// Refuses locks where objects cannot be locked.
pub(super) fn check_marks(settings: &Settings, marks: &Marks) -> Result<(), StoreError> {
    if marks.has_lock() && settings.lock.is_none() {
        return Err(StoreError::NotLockable);
    }
    Ok(())
}

/// Gives a version its row, and the files that it takes the place of.
pub(super) fn add(
    tx: &Transaction<'_>,
    bucket: &Bucket,
    version: Version<'_>,
    segments: &[NewSegment],
) -> Result<(Stored, Vec<String>), StoreError> {
    let settings = &bucket.settings;
    check_marks(settings, &version.marks)?;
    let Version {
        mut marks, etag, ..
    } = version;
    if marks.retention.is_none() {
        let lock = settings.lock;
        marks.retention = lock.and_then(|lock| lock.of_new(version.modified));
    }
    let name = new_version(settings)?;
    let object = NewObject {
        bucket: &bucket.name,
        key: version.key,
        version: &name,
        marker: false,
        account: version.account,
        acl: version.acl,
        headers: version.headers,
        marks,
        etag: &etag,
        modified: version.modified,
        upload: version.upload,
    };
    let checksums = object.headers.checksums.clone();
    let files = objects::insert(tx, object, segments)?;
    let stored = Stored {
        etag,
        modified: version.modified,
        version: (settings.versioning == Versioning::Enabled).then_some(name),
        checksums,
    };
    Ok((stored, files))
}

impl Store {
    /// Deletes objects of a bucket; that one is not there is no error. Those that are locked stay, which is told.
    pub(crate) async fn delete(
        &self,
        who: Identity,
        bucket: String,
        doomed: Vec<Doomed>,
        governance: Governance,
    ) -> Result<Vec<Result<Deleted, StoreError>>, StoreError> {
        let now = self.clock.now_millis();
        self.dropping(move |tx| {
            let bucket = access::bucket(tx, &who, &bucket, Permission::Write)?;
            let governance = if who.owns(&bucket.owner.id) {
                governance
            } else {
                Governance::Obey
            };
            let mut files = Vec::new();
            let mut results = Vec::new();
            for doomed in &doomed {
                let result = match &doomed.version {
                    Some(version) => {
                        delete_version(tx, &bucket, (&doomed.key, version), now, governance)
                    }
                    None => delete_key(tx, &who, &bucket, &doomed.key, now),
                };
                results.push(match result {
                    Ok((deleted, gone)) => {
                        files.extend(gone);
                        Ok(deleted)
                    }
                    Err(refused) if refused.is_refusal() => Err(refused),
                    Err(failure) => return Err(failure),
                });
            }
            Ok((results, files))
        })
        .await
    }

    /// Changes the tags and locks of a version.
    pub(crate) async fn change_marks(
        &self,
        who: Identity,
        place: Place,
        permission: Permission,
        change: impl FnOnce(&Bucket, &Object, i64) -> Result<Marks, StoreError> + Send + 'static,
    ) -> Result<Object, StoreError> {
        let now = self.clock.now_millis();
        let set = move |tx: &Transaction<'_>| {
            let bucket = access::any_bucket(tx, &place.bucket)?;
            let object = access::object(tx, &who, &place, permission)?;
            let marks = change(&bucket, &object, now)?;
            check_marks(&bucket.settings, &marks)?;
            objects::set_marks(tx, object.id, &marks)?;
            Ok(object)
        };
        self.catalogue.write(set).await
    }

    /// Changes the settings of a bucket, which its owner may.
    pub(crate) async fn change_settings(
        &self,
        who: Identity,
        name: String,
        change: impl FnOnce(&mut Settings) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let set = move |tx: &Transaction<'_>| {
            let bucket = access::owned_bucket(tx, &who, &name)?;
            let mut settings = bucket.settings;
            change(&mut settings)?;
            Ok(buckets::set_settings(tx, &name, &settings)?)
        };
        self.catalogue.write(set).await
    }

    /// The settings of a bucket, for its owner.
    pub(crate) async fn settings(
        &self,
        who: Identity,
        name: String,
    ) -> Result<Settings, StoreError> {
        let find =
            move |c: &rusqlite::Connection| Ok(access::owned_bucket(c, &who, &name)?.settings);
        self.catalogue.read(find).await
    }

    /// The settings of a bucket, whoever asks; nothing when there is no such bucket.
    pub(crate) async fn any_settings(&self, name: String) -> Result<Option<Settings>, StoreError> {
        let find = move |c: &rusqlite::Connection| {
            Ok(buckets::find(c, &name)?.map(|bucket| bucket.settings))
        };
        self.catalogue.read(find).await
    }
}

fn delete_version(
    tx: &Transaction<'_>,
    bucket: &Bucket,
    (key, version): (&str, &str),
    now: i64,
    governance: Governance,
) -> Result<(Deleted, Vec<String>), StoreError> {
    let found = objects::find_version(tx, &bucket.name, key, version)?;
    if let Some(object) = &found {
        if object.marks.forbids_deletion(now, governance) {
            return Err(StoreError::Locked);
        }
    }
    let deleted = Deleted {
        version: Some(version.to_owned()),
        marker: found.is_some_and(|object| object.marker),
    };
    Ok((deleted, objects::delete(tx, &bucket.name, key, version)?))
}

/// Deletes without naming a version: where there are versions, a marker says that the object is gone.
fn delete_key(
    tx: &Transaction<'_>,
    who: &Identity,
    bucket: &Bucket,
    key: &str,
    now: i64,
) -> Result<(Deleted, Vec<String>), StoreError> {
    if bucket.settings.versioning == Versioning::Never {
        let files = objects::delete(tx, &bucket.name, key, NULL_VERSION)?;
        return Ok((Deleted::default(), files));
    }
    let version = new_version(&bucket.settings)?;
    let (account, owner) = new_owner(who, bucket);
    let marker = NewObject {
        bucket: &bucket.name,
        key,
        version: &version,
        marker: true,
        account,
        acl: AclRequest::Default.resolve(tx, owner, &bucket.owner.id)?,
        headers: Headers::default(),
        marks: Marks::default(),
        etag: "",
        modified: now,
        upload: None,
    };
    let files = objects::insert(tx, marker, &[])?;
    let deleted = Deleted {
        version: Some(version),
        marker: true,
    };
    Ok((deleted, files))
}

/// A file as the one segment of an object.
pub(super) fn only_segment(blob: &super::Blob) -> [NewSegment; 1] {
    let segment = Segment {
        blob: blob.name().to_owned(),
        size: blob.size,
    };
    let etag = blob.etag();
    [NewSegment {
        segment,
        etag,
        checksum: None,
    }]
}
