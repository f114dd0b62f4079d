//! What a database has to do for the catalogue.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use gumnut_types::{AccountId, SecretString};

use crate::{
    AccessKey, AccountName, AccountsChange, AccountsState, Bucket, BucketChange, BucketRef,
    BucketState, Caller, CatalogueError, Content, GroupChange, GroupsState, Image, ImageChange,
    ImageRef, ImagesState, InlineObject, Instance, InstanceChange, InstancesState, KeyChange,
    KeyPairChange, KeyPairsState, KeyRef, KeyState, KnownAccounts, KnownBlob, ListedVersion,
    ObjectVersion, Part, ResourceTag, SecurityGroup, Upload, UploadChange, UploadRef, UploadState,
};

/// A decision: looks at a state and gives the change, or `None` when it refuses and nothing is to change.
///
/// It may be called several times, each time with a newer state; the last call counts.
pub type Decide<S, C> = Box<dyn FnMut(&S) -> Option<C> + Send>;

/// A decision about one of several keys, named by its index. Refusing one leaves the others alone.
pub type DecideEach<S, C> = Box<dyn FnMut(usize, &S) -> Option<C> + Send>;

/// An object as a reader finds it: all of it in one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundObject {
    /// The bucket; `None` when there is none of this name.
    pub bucket: Option<Bucket>,
    /// The version, which may be a delete marker; `None` when there is none.
    pub object: Option<ObjectVersion>,
    /// Its bytes; none unless they were asked for.
    pub content: Content,
}

/// A database that keeps the catalogue.
///
/// Domains do not call it: they call [`Catalogue`](crate::Catalogue), which gives deciders a result of their own. Each
/// unit of change is one transaction: all of it happens or nothing, it is durable when the call returns, and no other unit
/// changes what its decision rests on in between. A call that is dropped may still happen as a whole.
///
/// `contract` (a feature) has the tests that each database must pass.
#[async_trait]
pub trait Database: fmt::Debug + Send + Sync + 'static {
    /// Changes one key, and gives the names of the blobs that this has made garbage.
    async fn change_key(
        &self,
        at: KeyRef,
        decide: Decide<KeyState, KeyChange>,
    ) -> Result<Vec<String>, CatalogueError>;

    /// Changes several keys, each as if alone, and gives the names of the blobs that this has made garbage. They may share
    /// transactions. The decision gets the index of the key.
    async fn change_keys(
        &self,
        keys: Vec<KeyRef>,
        decide: DecideEach<KeyState, KeyChange>,
    ) -> Result<Vec<String>, CatalogueError>;

    /// Changes a bucket, and gives the names of the blobs that this has made garbage.
    async fn change_bucket(
        &self,
        at: BucketRef,
        decide: Decide<BucketState, BucketChange>,
    ) -> Result<Vec<String>, CatalogueError>;

    /// Changes an upload, and gives the names of the blobs that this has made garbage.
    async fn change_upload(
        &self,
        at: UploadRef,
        decide: Decide<UploadState, UploadChange>,
    ) -> Result<Vec<String>, CatalogueError>;

    /// Changes images.
    ///
    /// [`CatalogueError::Conflict`] when an inserted image has an id that is taken, or a unique name that another usable
    /// image of the account has.
    async fn change_images(
        &self,
        at: ImageRef,
        decide: Decide<ImagesState, ImageChange>,
    ) -> Result<(), CatalogueError>;

    /// Changes instances. An id and an address that an instance has must not be given to another; the decision sees them all.
    async fn change_instances(
        &self,
        decide: Decide<InstancesState, InstanceChange>,
    ) -> Result<(), CatalogueError>;

    /// Changes accounts.
    ///
    /// [`CatalogueError::Conflict`] when the name of a new account or user is taken, or an e-mail address.
    async fn change_accounts(
        &self,
        decide: Decide<AccountsState, AccountsChange>,
    ) -> Result<(), CatalogueError>;

    /// Changes the key pairs of an account. The owner of a key pair that is added is this account.
    async fn change_key_pairs(
        &self,
        account: AccountId,
        decide: Decide<KeyPairsState, KeyPairChange>,
    ) -> Result<(), CatalogueError>;

    /// Changes the security groups of an account. The owner of a group that is added is this account.
    async fn change_groups(
        &self,
        account: AccountId,
        decide: Decide<GroupsState, GroupChange>,
    ) -> Result<(), CatalogueError>;

    /// A number that is another one after each change of accounts, users and their keys, by whatever process, as soon as anybody hears of
    /// the change. `None` when that is not known without a question to the database: then what is kept of them may be old.
    fn accounts_version(&self) -> Option<u64> {
        None
    }

    /// The user with this access key, and the secret key to it; `None` when there is no such key or it is good no more.
    async fn identity(
        &self,
        access_key: String,
    ) -> Result<Option<(Caller, SecretString)>, CatalogueError>;

    /// The accounts that these names stand for, as far as there are such.
    async fn accounts_named(
        &self,
        names: Vec<AccountName>,
    ) -> Result<KnownAccounts, CatalogueError>;

    /// All accounts and users, as a decision about them would see them.
    async fn accounts(&self) -> Result<AccountsState, CatalogueError>;

    /// The oldest good access key of the user with this name, or of the first administrator who has one for `None`.
    async fn access_key(&self, user: Option<String>) -> Result<Option<AccessKey>, CatalogueError>;

    /// The good certificates of an account, in PEM.
    async fn certificates(&self, account: AccountId) -> Result<Vec<String>, CatalogueError>;

    /// The bucket of this name; `None` when there is none.
    async fn bucket(&self, name: String) -> Result<Option<Bucket>, CatalogueError>;

    /// The buckets of the account with this number, by name.
    async fn buckets(&self, account: String) -> Result<Vec<Bucket>, CatalogueError>;

    /// A version of an object, the newest when none is named, with its bytes or their blobs if `content`.
    async fn object(
        &self,
        bucket: String,
        key: String,
        version: Option<String>,
        content: bool,
    ) -> Result<FoundObject, CatalogueError>;

    /// At most `limit` newest versions with keys from `from` on that are no delete markers, in the order of the bytes of
    /// their keys.
    async fn list_objects(
        &self,
        bucket: String,
        from: String,
        limit: usize,
    ) -> Result<Vec<ListedVersion>, CatalogueError>;

    /// At most `limit` versions from the key `from` on, of that key only those with rows up to `row`: by key, and of a
    /// key the newest first.
    async fn list_versions(
        &self,
        bucket: String,
        from: String,
        row: i64,
        limit: usize,
    ) -> Result<Vec<ListedVersion>, CatalogueError>;

    /// At most `limit` uploads to a bucket behind the pair `after` of key and upload id, in that order.
    async fn list_uploads(
        &self,
        bucket: String,
        after: (String, String),
        limit: usize,
    ) -> Result<Vec<Upload>, CatalogueError>;

    /// An upload as a decision about it would see it, and at most `limit` of its parts behind the number `after`.
    async fn upload(
        &self,
        at: UploadRef,
        after: u32,
        limit: usize,
    ) -> Result<(UploadState, Vec<Part>), CatalogueError>;

    /// All images, in the order of their ids without regard to case, with the tags of the account with this number.
    async fn images(&self, tags_of: Option<String>) -> Result<Vec<Image>, CatalogueError>;

    /// The images with these ids, as a decision about them would see them.
    async fn images_by_id(&self, at: ImageRef) -> Result<ImagesState, CatalogueError>;

    /// The id of the usable image of an account that has this name; `None` when there is none.
    async fn image_named(
        &self,
        account: AccountId,
        name: String,
    ) -> Result<Option<String>, CatalogueError>;

    /// The tags that the account with this number has given images.
    async fn tags(&self, account: String) -> Result<Vec<ResourceTag>, CatalogueError>;

    /// All instances, in the order of their launch, with the tags of the account with this number.
    async fn instances(&self, tags_of: Option<String>) -> Result<Vec<Instance>, CatalogueError>;

    /// What the metadata service gives the instance with this id; `None` for nothing.
    async fn user_data(&self, instance: String) -> Result<Option<Vec<u8>>, CatalogueError>;
    /// The key pairs of an account, as a decision about them would see them.
    async fn key_pairs(&self, account: AccountId) -> Result<KeyPairsState, CatalogueError>;

    /// The security groups of all accounts, by account and name.
    async fn all_groups(&self) -> Result<Vec<SecurityGroup>, CatalogueError>;

    /// The security groups of an account, as a decision about them would see them.
    async fn groups(&self, account: AccountId) -> Result<GroupsState, CatalogueError>;

    /// The secret of this name as it was kept; `None` when there is none. The bytes are encrypted: they say nothing to the
    /// database.
    async fn secret(&self, name: String) -> Result<Option<Vec<u8>>, CatalogueError>;

    /// Keeps a secret unless there is one of this name, and gives the one that is kept. Of several callers at once all get
    /// the same.
    async fn keep_secret(
        &self,
        name: String,
        candidate: Vec<u8>,
    ) -> Result<Vec<u8>, CatalogueError>;

    /// Takes the lease of this name for `owner`, or extends it from now; whether `owner` has it. An owner has it alone for
    /// `time`, by the clock of the database, and gives it back by taking it for no time.
    async fn lease(
        &self,
        name: String,
        owner: String,
        time: Duration,
    ) -> Result<bool, CatalogueError>;

    /// Asks the database whether it can be used: its time, in milliseconds since 1970.
    ///
    /// [`CatalogueError::Version`] when its tables are no longer ones that this program can use.
    async fn ready(&self) -> Result<i64, CatalogueError>;

    /// At most `limit` blobs that were given up: no row names them.
    async fn garbage(&self, limit: usize) -> Result<Vec<String>, CatalogueError>;

    /// Forgets blobs that were given up: their bytes are gone.
    async fn forget_garbage(&self, blobs: Vec<String>) -> Result<(), CatalogueError>;

    /// At most `limit` blobs that were given up `age` ago or before, by the clock of the database.
    async fn old_garbage(&self, age: Duration, limit: usize)
    -> Result<Vec<String>, CatalogueError>;

    /// At most `limit` uploads that began `age` ago or before, by the clock of the database, the oldest first.
    async fn old_uploads(
        &self,
        age: Duration,
        limit: usize,
    ) -> Result<Vec<UploadRef>, CatalogueError>;

    /// Those of the blobs that no row of an object or a part names, and that were not given up: in one look, so that a blob that
    /// is given up meanwhile is not among them.
    async fn unknown_blobs(&self, blobs: Vec<String>) -> Result<Vec<String>, CatalogueError>;

    /// Those of the hours, counted since 1970, in which blobs without rows are still to be looked for.
    async fn unswept_hours(&self, hours: Vec<u32>) -> Result<Vec<u32>, CatalogueError>;

    /// Keeps that in an hour no more blobs without rows are to be looked for.
    async fn keep_swept(&self, hour: u32) -> Result<(), CatalogueError>;

    /// Those of the blobs that a row of an object or a part names.
    async fn named_blobs(&self, blobs: Vec<String>) -> Result<Vec<String>, CatalogueError>;

    /// At most `limit` blobs that rows name, with what they must be: those behind the name `after`, in the order of the bytes of
    /// their names.
    async fn known_blobs(
        &self,
        after: String,
        limit: usize,
    ) -> Result<Vec<KnownBlob>, CatalogueError>;

    /// Those of the blobs that a row of an object or a part names, with what they must be, in no order.
    async fn find_blobs(&self, blobs: Vec<String>) -> Result<Vec<KnownBlob>, CatalogueError>;

    /// How many uploads began `uploads` ago or before, and how many blobs were given up `garbage` ago or before, by the clock of the
    /// database.
    async fn count_old(
        &self,
        uploads: Duration,
        garbage: Duration,
    ) -> Result<(u64, u64), CatalogueError>;

    /// At most `limit` versions whose bytes are in the catalogue, with rows behind `after`, in the order of their rows.
    async fn inline_objects(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<InlineObject>, CatalogueError>;

    /// What does not hold together in the database, a line each; empty when all is well.
    async fn faults(&self) -> Result<Vec<String>, CatalogueError>;
}
