//! The catalogue as domains use it.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gumnut_types::{AccountId, SecretString};

use crate::{
    AccessKey, AccountName, AccountsChange, AccountsState, Bucket, BucketChange, BucketRef,
    BucketState, Caller, CatalogueError, Database, Decide, FoundObject, GroupChange, GroupsState,
    Image, ImageChange, ImageRef, ImagesState, InlineObject, Instance, InstanceChange,
    InstancesState, KeyChange, KeyPairChange, KeyPairsState, KeyRef, KeyState, KnownAccounts,
    KnownBlob, ListedVersion, Part, ResourceTag, SecurityGroup, Upload, UploadChange, UploadRef,
    UploadState,
};

/// The catalogue: everything that a cloud keeps but the bytes of objects. Clones share the database.
///
/// Changes are units: the decision gets what it rests on and gives what is to change and what the caller gets, or an error
/// of its own, in which case nothing changes. A decision is pure: it may be made several times.
#[derive(Clone, Debug)]
pub struct Catalogue {
    database: Arc<dyn Database>,
    /// Hears of each call; `None` for nobody.
    observer: Option<Arc<dyn Observer>>,
}

/// Hears of the calls of a database.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// A call has ended: `operation` is the name of the method of [`Catalogue`], `error` is why the database could not do it. A decision
    /// that refuses is no error.
    fn called(&self, operation: &'static str, time: Duration, error: Option<&CatalogueError>);
}

/// What a unit of change has led to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "blobs that were given up wait for their deletion"]
pub struct Changed<T> {
    /// What the decision gives the caller.
    pub result: T,
    /// The names of the blobs that the unit has made garbage. No row names them, and [`Catalogue::garbage`] lists them
    /// until they are forgotten.
    pub garbage: Vec<String>,
}

/// Where a decision leaves what the caller gets.
struct Outcome<T, E>(Arc<Mutex<Option<Result<T, E>>>>);

impl<T, E: From<CatalogueError>> Outcome<T, E> {
    fn new() -> Self {
        Self(Arc::default())
    }

    /// Keeps the result of a decision and passes the change on.
    fn keep<C>(&self, decided: Result<(C, T), E>) -> Option<C> {
        let (change, result) = match decided {
            Ok((change, result)) => (Some(change), Ok(result)),
            Err(refusal) => (None, Err(refusal)),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        change
    }

    /// The result of the last decision.
    fn take(&self) -> Result<T, E> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.unwrap_or_else(|| Err(CatalogueError::Closed.into()))
    }

    fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A decision as the database takes it, and where it leaves what the caller gets.
fn deciding<S, C, T, E>(
    mut decide: impl FnMut(&S) -> Result<(C, T), E> + Send + 'static,
) -> (Outcome<T, E>, Decide<S, C>)
where
    T: Send + 'static,
    E: From<CatalogueError> + Send + 'static,
{
    let outcome = Outcome::new();
    let decided = outcome.share();
    (
        outcome,
        Box::new(move |state: &S| decided.keep(decide(state))),
    )
}

impl Catalogue {
    /// A catalogue that this database keeps.
    pub fn new(database: impl Database) -> Self {
        Self {
            database: Arc::new(database),
            observer: None,
        }
    }

    /// Has an observer hear of each call of this catalogue.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    /// Makes a call, of which the observer hears.
    async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, CatalogueError>>,
    ) -> Result<T, CatalogueError> {
        let Some(observer) = &self.observer else {
            return call.await;
        };
        let begun = Instant::now();
        let outcome = call.await;
        observer.called(operation, begun.elapsed(), outcome.as_ref().err());
        outcome
    }

    /// Changes one key.
    ///
    /// # Errors
    /// What the decision refuses with, or when the database cannot be used.
    pub async fn change_key<T, E>(
        &self,
        at: KeyRef,
        decide: impl FnMut(&KeyState) -> Result<(KeyChange, T), E> + Send + 'static,
    ) -> Result<Changed<T>, E>
    where
        T: Send + 'static,
        E: From<CatalogueError> + Send + 'static,
    {
        let (outcome, decide) = deciding(decide);
        let garbage = self
            .call("change_key", self.database.change_key(at, decide))
            .await?;
        let result = outcome.take()?;
        Ok(Changed { result, garbage })
    }

    /// Changes several keys, each as if alone, and gives a result for each. The decision gets the index of the key.
    ///
    /// # Errors
    /// When the database cannot be used; some of the keys may be changed then.
    pub async fn change_keys<T, E>(
        &self,
        keys: Vec<KeyRef>,
        mut decide: impl FnMut(usize, &KeyState) -> Result<(KeyChange, T), E> + Send + 'static,
    ) -> Result<Changed<Vec<Result<T, E>>>, E>
    where
        T: Send + 'static,
        E: From<CatalogueError> + Send + 'static,
    {
        let outcomes: Vec<Outcome<T, E>> = keys.iter().map(|_| Outcome::new()).collect();
        let decided: Vec<_> = outcomes.iter().map(Outcome::share).collect();
        let decide = Box::new(move |index: usize, state: &KeyState| {
            decided[index].keep(decide(index, state))
        });
        let garbage = self
            .call("change_keys", self.database.change_keys(keys, decide))
            .await?;
        let result = outcomes.iter().map(Outcome::take).collect();
        Ok(Changed { result, garbage })
    }

    /// Changes a bucket.
    ///
    /// # Errors
    /// What the decision refuses with, or when the database cannot be used.
    pub async fn change_bucket<T, E>(
        &self,
        at: BucketRef,
        decide: impl FnMut(&BucketState) -> Result<(BucketChange, T), E> + Send + 'static,
    ) -> Result<Changed<T>, E>
    where
        T: Send + 'static,
        E: From<CatalogueError> + Send + 'static,
    {
        let (outcome, decide) = deciding(decide);
        let garbage = self
            .call("change_bucket", self.database.change_bucket(at, decide))
            .await?;
        let result = outcome.take()?;
        Ok(Changed { result, garbage })
    }

    /// Changes an upload.
    ///
    /// # Errors
    /// What the decision refuses with, or when the database cannot be used.
    pub async fn change_upload<T, E>(
        &self,
        at: UploadRef,
        decide: impl FnMut(&UploadState) -> Result<(UploadChange, T), E> + Send + 'static,
    ) -> Result<Changed<T>, E>
    where
        T: Send + 'static,
        E: From<CatalogueError> + Send + 'static,
    {
        let (outcome, decide) = deciding(decide);
        let garbage = self
            .call("change_upload", self.database.change_upload(at, decide))
            .await?;
        let result = outcome.take()?;
        Ok(Changed { result, garbage })
    }

    /// Changes images.
    ///
    /// # Errors
    /// What the decision refuses with; [`CatalogueError::Conflict`] when an inserted image has an id or a unique name that
    /// is taken; or when the database cannot be used.
    pub async fn change_images<T, E>(
        &self,
        at: ImageRef,
        decide: impl FnMut(&ImagesState) -> Result<(ImageChange, T), E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<CatalogueError> + Send + 'static,
    {
        let (outcome, decide) = deciding(decide);
        self.call("change_images", self.database.change_images(at, decide))
            .await?;
        outcome.take()
    }

    /// Changes instances.
    ///
    /// # Errors
    /// What the decision refuses with, or when the database cannot be used.
    pub async fn change_instances<T, E>(
        &self,
        decide: impl FnMut(&InstancesState) -> Result<(InstanceChange, T), E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<CatalogueError> + Send + 'static,
    {
        let (outcome, decide) = deciding(decide);
        self.call("change_instances", self.database.change_instances(decide))
            .await?;
        outcome.take()
    }

    /// Changes accounts.
    ///
    /// # Errors
    /// What the decision refuses with; [`CatalogueError::Conflict`] when a new name or an e-mail address is taken; or when the
    /// database cannot be used.
    pub async fn change_accounts<T, E>(
        &self,
        decide: impl FnMut(&AccountsState) -> Result<(AccountsChange, T), E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<CatalogueError> + Send + 'static,
    {
        let (outcome, decide) = deciding(decide);
        self.call("change_accounts", self.database.change_accounts(decide))
            .await?;
        outcome.take()
    }

    /// Changes the key pairs of an account.
    ///
    /// # Errors
    /// What the decision refuses with, or when the database cannot be used.
    pub async fn change_key_pairs<T, E>(
        &self,
        account: &AccountId,
        decide: impl FnMut(&KeyPairsState) -> Result<(KeyPairChange, T), E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<CatalogueError> + Send + 'static,
    {
        let (outcome, decide) = deciding(decide);
        let changed = self.database.change_key_pairs(account.clone(), decide);
        self.call("change_key_pairs", changed).await?;
        outcome.take()
    }

    /// Changes the security groups of an account.
    ///
    /// # Errors
    /// What the decision refuses with, or when the database cannot be used.
    pub async fn change_groups<T, E>(
        &self,
        account: &AccountId,
        decide: impl FnMut(&GroupsState) -> Result<(GroupChange, T), E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<CatalogueError> + Send + 'static,
    {
        let (outcome, decide) = deciding(decide);
        let changed = self.database.change_groups(account.clone(), decide);
        self.call("change_groups", changed).await?;
        outcome.take()
    }
}

impl Catalogue {
    /// A number that is another one after each change of accounts, users and their keys, by whatever process, as soon as anybody hears of
    /// the change. It is cheap to ask for. `None` when that is not known: then what is kept of them may be old.
    pub fn accounts_version(&self) -> Option<u64> {
        self.database.accounts_version()
    }
}

/// Writes methods that pass a call on, with the documentation of [`Database`] in short.
macro_rules! reads {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty = $given:expr),*) -> $result:ty;)*) => {
        impl Catalogue {
            $($(#[$doc])*
            ///
            /// # Errors
            /// When the database cannot be used.
            pub async fn $name(&self, $($argument: $type),*) -> Result<$result, CatalogueError> {
                self.call(stringify!($name), self.database.$name($($given),*)).await
            })*
        }
    };
}

reads! {
    /// The user with this access key, and the secret key to it; `None` when there is no such key or it is good no more.
    identity(access_key: &str = access_key.to_owned()) -> Option<(Caller, SecretString)>;
    /// The accounts that these names stand for, as far as there are such.
    accounts_named(names: Vec<AccountName> = names) -> KnownAccounts;
    /// All accounts and users.
    accounts() -> AccountsState;
    /// The oldest good access key of the user with this name, or of the first administrator who has one for `None`.
    access_key(user: Option<&str> = user.map(str::to_owned)) -> Option<AccessKey>;
    /// The good certificates of an account, in PEM.
    certificates(account: &AccountId = account.clone()) -> Vec<String>;
    /// The bucket of this name; `None` when there is none.
    bucket(name: &str = name.to_owned()) -> Option<Bucket>;
    /// The buckets of the account with this number, by name.
    buckets(account: &str = account.to_owned()) -> Vec<Bucket>;
    /// A version of an object, the newest when `version` is `None`, with its bytes or their blobs if `content`.
    object(
        bucket: &str = bucket.to_owned(),
        key: &str = key.to_owned(),
        version: Option<&str> = version.map(str::to_owned),
        content: bool = content
    ) -> FoundObject;
    /// At most `limit` newest versions with keys from `from` on that are no delete markers, by key.
    list_objects(bucket: &str = bucket.to_owned(), from: &str = from.to_owned(), limit: usize = limit) -> Vec<ListedVersion>;
    /// At most `limit` versions from the key `from` on, of that key only those with rows up to `row`: by key, and of a key
    /// the newest first.
    list_versions(
        bucket: &str = bucket.to_owned(),
        from: &str = from.to_owned(),
        row: i64 = row,
        limit: usize = limit
    ) -> Vec<ListedVersion>;
    /// At most `limit` uploads to a bucket behind the pair `after` of key and upload id, in that order.
    list_uploads(bucket: &str = bucket.to_owned(), after: (String, String) = after, limit: usize = limit) -> Vec<Upload>;
    /// An upload as a decision about it would see it, and at most `limit` of its parts behind the number `after`.
    upload(at: UploadRef = at, after: u32 = after, limit: usize = limit) -> (UploadState, Vec<Part>);
    /// All images, in the order of their ids without regard to case, with the tags of the account with the number `tags_of`.
    images(tags_of: Option<&str> = tags_of.map(str::to_owned)) -> Vec<Image>;
    /// The images with these ids, as a decision about them would see them.
    images_by_id(at: ImageRef = at) -> ImagesState;
    /// The id of the usable image of an account that has this name; `None` when there is none.
    image_named(account: &AccountId = account.clone(), name: &str = name.to_owned()) -> Option<String>;
    /// The tags that the account with this number has given images.
    tags(account: &str = account.to_owned()) -> Vec<ResourceTag>;
    /// All instances, in the order of their launch, with the tags of the account with the number `tags_of`.
    instances(tags_of: Option<&str> = tags_of.map(str::to_owned)) -> Vec<Instance>;
    /// What the metadata service gives an instance; `None` for nothing.
    user_data(instance: &str = instance.to_owned()) -> Option<Vec<u8>>;
    /// The key pairs of an account, by name.
    key_pairs(account: &AccountId = account.clone()) -> KeyPairsState;
    /// The security groups of all accounts, by account and name.
    all_groups() -> Vec<SecurityGroup>;
    /// The security groups of an account, by name.
    groups(account: &AccountId = account.clone()) -> GroupsState;
    /// The secret of this name as it was kept, encrypted; `None` when there is none.
    secret(name: &str = name.to_owned()) -> Option<Vec<u8>>;
    /// Keeps an encrypted secret unless there is one of this name, and gives the one that is kept.
    keep_secret(name: &str = name.to_owned(), candidate: Vec<u8> = candidate) -> Vec<u8>;
    /// Takes the lease of this name for `owner`, or extends it from now; whether `owner` has it, alone and for `time` by the
    /// clock of the database. Taking it for no time gives it back.
    lease(name: &str = name.to_owned(), owner: &str = owner.to_owned(), time: Duration = time) -> bool;
    /// The time of the database, in milliseconds since 1970; [`CatalogueError::Version`] when its tables are no longer ones that
    /// this program can use.
    ready() -> i64;
    /// At most `limit` blobs that were given up: no row names them.
    garbage(limit: usize = limit) -> Vec<String>;
    /// Forgets blobs that were given up: their bytes are gone.
    forget_garbage(blobs: Vec<String> = blobs) -> ();
    /// At most `limit` blobs that were given up `age` ago or before, by the clock of the database.
    old_garbage(age: Duration = age, limit: usize = limit) -> Vec<String>;
    /// At most `limit` uploads that began `age` ago or before, by the clock of the database, the oldest first.
    old_uploads(age: Duration = age, limit: usize = limit) -> Vec<UploadRef>;
    /// Those of the blobs that no row of an object or a part names, and that were not given up.
    unknown_blobs(blobs: Vec<String> = blobs) -> Vec<String>;
    /// Those of the hours, counted since 1970, in which blobs without rows are still to be looked for.
    unswept_hours(hours: Vec<u32> = hours) -> Vec<u32>;
    /// Keeps that in an hour no more blobs without rows are to be looked for.
    keep_swept(hour: u32 = hour) -> ();
    /// Those of the blobs that a row of an object or a part names.
    named_blobs(blobs: Vec<String> = blobs) -> Vec<String>;
    /// At most `limit` blobs that rows name, with what they must be: those behind the name `after`, in the order of the bytes of
    /// their names. No name is before the empty text.
    known_blobs(after: &str = after.to_owned(), limit: usize = limit) -> Vec<KnownBlob>;
    /// Those of the blobs that a row of an object or a part names, with what they must be, in no order.
    find_blobs(blobs: Vec<String> = blobs) -> Vec<KnownBlob>;
    /// How many uploads began `uploads` ago or before, and how many blobs were given up `garbage` ago or before, by the clock of the
    /// database.
    count_old(uploads: Duration = uploads, garbage: Duration = garbage) -> (u64, u64);
    /// At most `limit` versions whose bytes are in the catalogue, with rows behind `after`, in the order of their rows.
    inline_objects(after: i64 = after, limit: usize = limit) -> Vec<InlineObject>;
    /// What does not hold together in the database, a line each; empty when all is well.
    faults() -> Vec<String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Refusal {
        #[error("no")]
        No,
        #[error(transparent)]
        Catalogue(#[from] CatalogueError),
    }

    #[test]
    fn the_change_goes_on_and_the_result_comes_back() {
        let outcome = Outcome::<_, Refusal>::new();
        let change = outcome.share().keep(Ok(("change", "result")));
        assert_eq!(change, Some("change"));
        assert_eq!(outcome.take().unwrap(), "result");
    }

    #[test]
    fn a_refusal_comes_back_and_nothing_is_to_change() {
        let outcome = Outcome::<(), _>::new();
        let change = outcome.share().keep(Err::<((), ()), _>(Refusal::No));
        assert_eq!(change, None);
        assert!(matches!(outcome.take(), Err(Refusal::No)));
    }

    #[test]
    fn of_several_decisions_the_last_counts() {
        let outcome = Outcome::new();
        assert_eq!(outcome.keep(Err::<(u8, _), _>(Refusal::No)), None);
        assert_eq!(outcome.keep(Ok((1, "first"))), Some(1));
        assert_eq!(outcome.keep(Ok((2, "second"))), Some(2));
        assert_eq!(outcome.take().unwrap(), "second");
    }

    #[test]
    fn without_a_decision_the_catalogue_is_closed() {
        let outcome = Outcome::<(), Refusal>::new();
        let closed = outcome.take();
        assert!(matches!(
            closed,
            Err(Refusal::Catalogue(CatalogueError::Closed))
        ));
    }
}
