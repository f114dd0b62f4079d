//! Units of change: what a decision rests on, and what it changes.
//!
//! A unit is made in three steps. What the decision rests on is loaded and locked: a *state*. A pure function looks at the
//! state and gives a *change*, or refuses; it may be called again with a newer state when the database wants the unit
//! tried again. The change is applied as it is: nothing is read again.

use std::fmt;

use gumnut_types::AccountId;

use crate::{
    Account, AccountName, Acl, Bucket, BucketSettings, Image, ImageState, Instance, Key,
    LaunchPermissions, NewBucket, NewCertificate, NewUpload, NewUser, NewVersion, ObjectVersion,
    Owner, Part, Tag, TagsAndLock, Upload, UserRow,
};

/// Names a key of a bucket, and which versions of it a unit of change rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRef {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: Key,
    /// A version id, for [`KeyState::named`]; `None` for the version [`NULL_VERSION`](crate::NULL_VERSION).
    pub version: Option<String>,
    /// An upload id, for [`KeyState::upload`] and [`KeyState::completed`].
    pub upload: Option<String>,
}

/// What a decision about one key rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyState {
    /// The bucket; `None` when there is none of this name.
    pub bucket: Option<Bucket>,
    /// The newest version, which may be a delete marker.
    pub current: Option<ObjectVersion>,
    /// The version that the reference names, or the one made without versioning.
    pub named: Option<ObjectVersion>,
    /// The upload that the reference names, with all its parts in their order.
    pub upload: Option<(Upload, Vec<Part>)>,
    /// The version that the named upload has made.
    pub completed: Option<ObjectVersion>,
    /// The time of the unit, in milliseconds since 1970.
    pub now: i64,
}

/// What is to change of one key. The blobs of everything that goes become garbage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChange {
    /// Rows of versions that go. Where the newest goes and none is inserted, the newest of the rest takes its place.
    pub delete: Vec<i64>,
    /// A version that becomes the newest.
    pub insert: Option<NewVersion>,
    /// The row of a version, and the ACL that it gets.
    pub acl: Option<(i64, Acl)>,
    /// The row of a version, and the tags and locks that it gets.
    pub tags_and_lock: Option<(i64, TagsAndLock)>,
    /// The id of the upload that ends. Blobs of its parts that the inserted version does not have become garbage.
    pub end_upload: Option<String>,
}

/// Names a bucket, and what a unit of change rests on beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketRef {
    /// The bucket.
    pub name: String,
    /// The number of an account whose buckets are counted, for [`BucketState::owned`].
    pub count_of: Option<String>,
}

/// What a decision about a bucket rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketState {
    /// The bucket; `None` when there is none of this name.
    pub bucket: Option<Bucket>,
    /// How many buckets the account of [`BucketRef::count_of`] has; 0 when none was named.
    pub owned: u32,
    /// Whether a version of an object is in the bucket, be it a delete marker.
    pub has_objects: bool,
    /// The time of the unit, in milliseconds since 1970.
    pub now: i64,
}

/// What is to change of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketChange {
    /// The bucket is made.
    pub create: Option<NewBucket>,
    /// The ACL that it gets.
    pub acl: Option<Acl>,
    /// The settings that it gets.
    pub settings: Option<BucketSettings>,
    /// Whether it goes, and with it the uploads to it; the blobs of their parts become garbage.
    pub delete: bool,
}

/// Names a multipart upload, and which of its parts a unit of change rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadRef {
    /// The bucket.
    pub bucket: String,
    /// The key of the object to be.
    pub key: Key,
    /// The upload id.
    pub id: String,
}

/// What a decision about an upload rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadState {
    /// The bucket; `None` when there is none of this name.
    pub bucket: Option<Bucket>,
    /// The upload of this id, whatever its bucket and key.
    pub upload: Option<Upload>,
    /// The time of the unit, in milliseconds since 1970.
    pub now: i64,
}

/// What is to change of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadChange {
    /// The upload begins.
    pub create: Option<NewUpload>,
    /// A part that takes the place of the one with its number, whose blob becomes garbage.
    pub put_part: Option<Part>,
    /// Whether the upload ends without an object; the blobs of its parts become garbage.
    pub abort: bool,
}

/// Names images that a unit of change rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageRef {
    /// Their ids, in any case.
    pub ids: Vec<String>,
    /// The number of the account whose tags are loaded with them; `None` for no tags.
    pub tags_of: Option<String>,
}

/// What a decision about images rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImagesState {
    /// For each id of the reference its image; `None` when there is none.
    pub images: Vec<Option<Image>>,
    /// The time of the unit, in milliseconds since 1970.
    pub now: i64,
}

/// What is to change of images. Ids are those that the images have, in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageChange {
    /// An image that is registered.
    pub insert: Option<Box<Image>>,
    /// An image whose state changes; the time of the change is that of the unit.
    pub state: Option<(String, ImageState)>,
    /// Images that go, with their tags.
    pub remove: Vec<String>,
    /// Images that have been deregistered before this time, in milliseconds since 1970, go with their tags.
    pub remove_deregistered_before: Option<i64>,
    /// An image that gets these launch permissions.
    pub launch: Option<(String, LaunchPermissions)>,
    /// An image that gets this description.
    pub description: Option<(String, String)>,
    /// An image that gets these product codes.
    pub product_codes: Option<(String, Vec<String>)>,
    /// Images, accounts, and the tags that they get; a tag with the same key is replaced.
    pub put_tags: Vec<(String, String, Tag)>,
    /// Images, accounts, and the keys of tags that go.
    pub delete_tags: Vec<(String, String, String)>,
}

/// What a decision about instances rests on: all of them, for what they take together is limited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstancesState {
    /// The instances in the order of their launch, without tags.
    pub instances: Vec<Instance>,
    /// The time of the unit, in milliseconds since 1970.
    pub now: i64,
}

/// What is to change of instances. Ids are those that the instances have, in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceChange {
    /// Instances that are launched.
    pub insert: Vec<NewInstance>,
    /// Instances that get this state, address, time of the change, groups and settings; the rest of them is not changed.
    pub update: Vec<Instance>,
    /// Instances that go, with their tags.
    pub remove: Vec<String>,
    /// Instances, accounts, and the tags that they get; a tag with the same key is replaced.
    pub put_tags: Vec<(String, String, Tag)>,
    /// Instances, accounts, and the keys of tags that go.
    pub delete_tags: Vec<(String, String, String)>,
}

/// An instance that is launched. Its tags become those of its owner's account.
#[derive(Clone, PartialEq, Eq)]
pub struct NewInstance {
    /// The instance.
    pub instance: Instance,
    /// What its metadata service gives it; `None` for nothing.
    pub user_data: Option<Vec<u8>>,
}

impl fmt::Debug for NewInstance {
    /// Without its user data, in which people put secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.user_data.as_ref().map(Vec::len);
        let mut debug = formatter.debug_struct("NewInstance");
        debug.field("instance", &self.instance);
        debug.field("user_data_length", &length).finish()
    }
}

/// What a decision about accounts rests on: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountsState {
    /// The accounts.
    pub accounts: Vec<Account>,
    /// The users, in the order in which they were added.
    pub users: Vec<UserRow>,
    /// The time of the unit, in milliseconds since 1970.
    pub now: i64,
}

/// What is to change of accounts.
#[derive(Clone, Debug, Default)]
pub struct AccountsChange {
    /// A user who is added, with the account if there is none of its number.
    pub add: Option<NewUser>,
    /// The row of a user who gets a certificate.
    pub certify: Option<(i64, NewCertificate)>,
    /// The row of a user whose keys and certificates are good no more.
    pub revoke: Option<i64>,
    /// The account with this number gets this e-mail address, or has none any more.
    pub email: Option<(AccountId, Option<String>)>,
}

/// The accounts that names stand for, as far as there are such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownAccounts(pub std::collections::HashMap<AccountName, Owner>);

impl KnownAccounts {
    /// The account that a name stands for; `None` when there is none.
    pub fn get(&self, name: &AccountName) -> Option<&Owner> {
        self.0.get(name)
    }
}
