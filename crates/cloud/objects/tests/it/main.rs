//! The object store as a whole, on SQLite in memory and blobs on disk.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod collect;

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use fs_err as fs;
use futures::{TryStreamExt as _, stream};
use gumnut_cloud_blobs::{BlobStore, Body, DiskBlobs, MemoryBlobs};
use gumnut_cloud_catalogue::{
    Account, AccountsChange, BucketSettings, Catalogue, CatalogueError, ChecksumAlgorithm, Clock,
    Governance, Identity, Key, KeyChange, KeyRef, NewUser, ObjectLock, PartsChecksum, Permission,
    UploadRef, Versioning,
};
use gumnut_cloud_objects::{
    AclRequest, BodyDigests, BucketQuery, CompletionCheck, Conditions, EtagMatch, GranteeName,
    IfExists, KeyToDelete, ListEntry, ListQuery, ListedPart, NewObject, ObjectError, ObjectLimits,
    ObjectRef, ObjectStore, ReceivedBody, SettingChange, UploadQuery,
};
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_types::SecretString;
use tempfile::TempDir;

/// A store with a user who has the bucket `b`.
struct Fixture {
    store: ObjectStore,
    catalogue: Catalogue,
    folder: TempDir,
    /// [`ObjectLimits::inline_bytes`].
    inline: usize,
    alice: Identity,
}

async fn user(catalogue: &Catalogue, name: &str, number: &str) -> Identity {
    let add = NewUser {
        account: Account {
            number: number.parse().unwrap(),
            name: name.to_owned(),
            canonical_id: format!("{name}-id"),
            email: None,
        },
        name: name.to_owned(),
        admin: false,
        access_key: format!("AKI{name}"),
        secret_key: SecretString::new("secret"),
        certificate: None,
    };
    let added = catalogue.change_accounts(move |_| {
        let change = AccountsChange {
            add: Some(add.clone()),
            ..AccountsChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    added.await.unwrap();
    let found = catalogue.identity(&format!("AKI{name}")).await.unwrap();
    Identity::User(found.unwrap().0)
}

impl Fixture {
    /// All bytes are in blobs.
    async fn new(versioning: Versioning) -> Self {
        Self::with_inline(versioning, 0).await
    }

    /// Up to `inline` bytes of an object are in the catalogue.
    async fn with_inline(versioning: Versioning, inline: usize) -> Self {
        let catalogue = Catalogue::new(SqliteCatalogue::in_memory(Clock::system()).unwrap());
        let alice = user(&catalogue, "alice", "111111111111").await;
        let folder = tempfile::tempdir().unwrap();
        let store = open(&catalogue, folder.path(), inline).await;
        let settings = BucketSettings {
            versioning,
            ..BucketSettings::default()
        };
        let made =
            store.create_bucket(&alice, "b", AclRequest::Default, settings, IfExists::Refuse);
        made.await.unwrap();
        Self {
            store,
            catalogue,
            folder,
            inline,
            alice,
        }
    }

    /// The store after a stop.
    async fn reopen(&mut self) {
        self.store = open(&self.catalogue, self.folder.path(), self.inline).await;
    }

    async fn receive(&self, text: &'static str) -> ReceivedBody {
        let body = stream::iter([Ok(Bytes::from(text))]);
        let received = self.store.receive(body, None, BodyDigests::default());
        received.await.unwrap()
    }

    /// Puts an object and gives its version id.
    async fn put(&self, key: &str, text: &'static str) -> Option<String> {
        let body = self.receive(text).await;
        let put = self
            .store
            .put(&self.alice, NewObject::new("b", short(key)), body);
        put.await.unwrap().version
    }

    async fn get(&self, at: &ObjectRef) -> Result<String, ObjectError> {
        let (view, reader) = self.store.open_object(&self.alice, at).await?;
        let pieces: Vec<Bytes> = reader.into_stream().try_collect().await.unwrap();
        let bytes = pieces.concat();
        assert_eq!(view.object.size, bytes.len() as u64);
        Ok(String::from_utf8(bytes).unwrap())
    }

    async fn delete(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<Option<String>, ObjectError> {
        let key = KeyToDelete {
            version: version.map(str::to_owned),
            ..KeyToDelete::new(short(key))
        };
        let deleted = self
            .store
            .delete(&self.alice, "b", vec![key], Governance::Obey);
        deleted.await?.remove(0).map(|deleted| deleted.version)
    }

    async fn upload(&self) -> UploadRef {
        let checksum = PartsChecksum::new(ChecksumAlgorithm::Crc32, Some(true));
        let begun =
            self.store
                .create_upload(&self.alice, NewObject::new("b", short("k")), checksum);
        UploadRef {
            bucket: "b".to_owned(),
            key: short("k"),
            id: begun.await.unwrap(),
        }
    }

    /// Puts a part as the client would list it.
    async fn part(&self, upload: &UploadRef, number: u32, text: &'static str) -> ListedPart {
        let wanted = self
            .store
            .check_part(&self.alice, upload, number)
            .await
            .unwrap();
        let digests = BodyDigests {
            md5: None,
            checksum: wanted.map(|wanted| wanted.algorithm),
        };
        let body = stream::iter([Ok(Bytes::from(text))]);
        let body = self.store.receive_part(body, None, digests).await.unwrap();
        let put = self.store.put_part(&self.alice, upload, number, body, None);
        let stored = put.await.unwrap();
        assert_eq!(stored.checksums.len(), 1);
        ListedPart {
            number,
            etag: stored.etag,
            checksums: Vec::new(),
        }
    }

    /// How many blobs are in `objects` and in `tmp`.
    fn files(&self) -> (usize, usize) {
        let count = |name: &str| self.folder.path().join(name).read_dir().unwrap().count();
        (count("objects"), count("tmp"))
    }
}

async fn open(catalogue: &Catalogue, folder: &Path, inline: usize) -> ObjectStore {
    let blobs = Arc::new(DiskBlobs::open(folder).unwrap());
    let limits = {
        let mut limits = ObjectLimits::default();
        limits.part_bytes = 2;
        limits.buckets = 2;
        limits.put_bytes = 100;
        limits.inline_bytes = inline;
        limits
    };
    let opened = ObjectStore::open(catalogue.clone(), blobs, limits);
    opened.await.unwrap()
}

fn newest(key: &str) -> ObjectRef {
    ObjectRef::newest("b", short(key))
}

/// A key, which is short.
fn short(key: &str) -> Key {
    Key::new(key).unwrap()
}

fn code<T>(result: Result<T, ObjectError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "")
}

#[tokio::test]
async fn an_object_is_replaced_and_its_old_bytes_are_gone_at_once() {
    let fixture = Fixture::new(Versioning::Never).await;
    assert_eq!(fixture.put("k", "one").await, None);
    assert_eq!(fixture.files(), (1, 0));
    assert_eq!(fixture.put("k", "other").await, None);
    assert_eq!(fixture.files(), (1, 0));
    assert_eq!(fixture.get(&newest("k")).await.unwrap(), "other");
    assert_eq!(fixture.delete("k", None).await.unwrap(), None);
    assert_eq!(fixture.files(), (0, 0));
    assert_eq!(code(fixture.get(&newest("k")).await), "NoSuchKey");
    assert_eq!(fixture.delete("k", None).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let fixture = Fixture::new(Versioning::Never).await;
    let mut only_old = NewObject::new("b", short("k"));
    only_old.conditions.if_match = Some(EtagMatch::Any);
    let body = fixture.receive("abc").await;
    assert_eq!(fixture.files(), (0, 1));
    let refused = fixture.store.put(&fixture.alice, only_old, body);
    assert_eq!(code(refused.await), "NoSuchKey");
    assert_eq!(fixture.files(), (0, 0));

    let long = stream::iter([Ok(Bytes::from(vec![0; 101]))]);
    let refused = fixture.store.receive(long, None, BodyDigests::default());
    assert_eq!(code(refused.await), "EntityTooLarge");
    drop(fixture.receive("abc").await);
    assert_eq!(fixture.files(), (0, 0));
}

#[tokio::test]
async fn versions_stay_until_they_are_named() {
    let fixture = Fixture::new(Versioning::Enabled).await;
    let first = fixture.put("k", "one").await.unwrap();
    let second = fixture.put("k", "two").await.unwrap();
    let marker = fixture.delete("k", None).await.unwrap().unwrap();
    assert_eq!(code(fixture.get(&newest("k")).await), "NoSuchKey");
    let at = |version: &str| ObjectRef {
        version: Some(version.to_owned()),
        ..newest("k")
    };
    assert_eq!(fixture.get(&at(&first)).await.unwrap(), "one");
    assert_eq!(code(fixture.get(&at(&marker)).await), "MethodNotAllowed");

    let mut query = ListQuery {
        limit: 2,
        ..ListQuery::default()
    };
    let list = |query: ListQuery| fixture.store.list_versions(&fixture.alice, "b", query);
    let page = list(query.clone()).await.unwrap();
    assert_eq!((page.entries.len(), page.truncated), (2, true));
    query.after = short("k");
    query.after_version = Some(second.clone());
    let page = list(query.clone()).await.unwrap();
    assert_eq!((page.entries.len(), page.truncated), (1, false));
    query.after_version = Some("no-version".to_owned());
    assert_eq!(code(list(query).await), "InvalidArgument");

    // The newest of the rest takes the place of a version that goes.
    fixture.delete("k", Some(&marker)).await.unwrap();
    assert_eq!(fixture.get(&newest("k")).await.unwrap(), "two");
    fixture.delete("k", Some(&second)).await.unwrap();
    assert_eq!(fixture.get(&newest("k")).await.unwrap(), "one");
    assert_eq!(fixture.files(), (1, 0));
}

#[tokio::test]
async fn an_upload_becomes_an_object_of_the_listed_parts() {
    let fixture = Fixture::new(Versioning::Enabled).await;
    let upload = fixture.upload().await;
    fixture.part(&upload, 1, "wrong").await;
    let list = vec![
        fixture.part(&upload, 1, "12345").await,
        fixture.part(&upload, 3, "6789").await,
    ];
    fixture.part(&upload, 2, "not listed").await;
    assert_eq!(fixture.files(), (3, 0));
    let query = UploadQuery {
        limit: 9,
        ..UploadQuery::default()
    };
    let uploads = fixture.store.list_uploads(&fixture.alice, "b", query).await;
    assert_eq!(uploads.unwrap().uploads.len(), 1);
    let listed = fixture
        .store
        .list_parts(&fixture.alice, &upload, 1, 9)
        .await;
    assert_eq!(listed.unwrap().1.len(), 2);

    let complete = || {
        let (conditions, check) = (Conditions::default(), CompletionCheck::default());
        let list = list.clone();
        fixture
            .store
            .complete_upload(&fixture.alice, &upload, list, conditions, check)
    };
    let stored = complete().await.unwrap();
    assert_eq!(stored.checksums["crc32"], "y/Q5Jg==");
    assert_eq!(fixture.files(), (2, 0));
    assert_eq!(complete().await.unwrap(), stored);
    assert_eq!(fixture.get(&newest("k")).await.unwrap(), "123456789");
    let view = fixture
        .store
        .object_and_parts(&fixture.alice, &newest("k"))
        .await;
    let sizes: Vec<_> = view
        .unwrap()
        .content
        .segments()
        .iter()
        .map(|part| part.size)
        .collect();
    assert_eq!(sizes, [5, 4]);
    let part = fixture.store.check_part(&fixture.alice, &upload, 4).await;
    assert_eq!(code(part), "NoSuchUpload");
}

#[tokio::test]
async fn parts_go_with_their_upload_and_uploads_with_their_bucket() {
    let fixture = Fixture::new(Versioning::Never).await;
    let upload = fixture.upload().await;
    fixture.part(&upload, 1, "one").await;
    fixture
        .store
        .abort_upload(&fixture.alice, &upload)
        .await
        .unwrap();
    assert_eq!(fixture.files(), (0, 0));
    let upload = fixture.upload().await;
    fixture.part(&upload, 1, "one").await;
    fixture
        .store
        .delete_bucket(&fixture.alice, "b")
        .await
        .unwrap();
    assert_eq!(fixture.files(), (0, 0));
}

#[tokio::test]
async fn a_reader_keeps_the_bytes_that_it_began_with() {
    let fixture = Fixture::new(Versioning::Never).await;
    fixture.put("k", "one").await;
    let opened = fixture
        .store
        .open_object(&fixture.alice, &newest("k"))
        .await;
    let (_, mut reader) = opened.unwrap();
    fixture.put("k", "two").await;
    fixture.put("k", "three").await;
    assert_eq!(fixture.files(), (2, 0));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "one");
    drop(reader);
    assert_eq!(fixture.files(), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_never_see_a_mixture_or_a_hole() {
    let fixture = Arc::new(Fixture::new(Versioning::Never).await);
    fixture.put("k", "0").await;
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let writer = Arc::clone(&fixture);
        tasks.push(tokio::spawn(async move {
            for text in ["1", "22", "333", "4444"].into_iter().cycle().take(40) {
                writer.put("k", text).await;
            }
        }));
        let reader = Arc::clone(&fixture);
        tasks.push(tokio::spawn(async move {
            for _ in 0..200 {
                let text = reader.get(&newest("k")).await.unwrap();
                assert!(
                    ["0", "1", "22", "333", "4444"].contains(&text.as_str()),
                    "{text}"
                );
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(fixture.files(), (1, 0));
}

#[tokio::test]
async fn copies_have_bytes_of_their_own() {
    let fixture = Fixture::new(Versioning::Never).await;
    fixture.put("k", "123456789").await;
    let opened = fixture
        .store
        .open_object(&fixture.alice, &newest("k"))
        .await;
    let copy = fixture
        .store
        .receive_copy(opened.unwrap().1, Some(ChecksumAlgorithm::Crc32c));
    let body = copy.await.unwrap();
    let put = fixture
        .store
        .put(&fixture.alice, NewObject::new("b", short("copy")), body);
    assert_eq!(put.await.unwrap().checksums["crc32c"], "4waSgw==");
    fixture.delete("k", None).await.unwrap();
    assert_eq!(fixture.get(&newest("copy")).await.unwrap(), "123456789");
}

#[tokio::test]
async fn small_objects_have_no_blobs() {
    let mut fixture = Fixture::with_inline(Versioning::Enabled, 5).await;
    let first = fixture.put("k", "small").await.unwrap();
    assert_eq!(fixture.files(), (0, 0));
    fixture.put("k", "larger").await.unwrap();
    assert_eq!(fixture.files(), (1, 0));
    let empty = fixture.put("k", "").await.unwrap();
    fixture.reopen().await;
    let at = |version: &str| ObjectRef {
        version: Some(version.to_owned()),
        ..newest("k")
    };
    assert_eq!(fixture.get(&at(&first)).await.unwrap(), "small");
    assert_eq!(fixture.get(&newest("k")).await.unwrap(), "");
    fixture.delete("k", Some(&empty)).await.unwrap();
    assert_eq!(fixture.get(&newest("k")).await.unwrap(), "larger");
    fixture.delete("k", Some(&first)).await.unwrap();
    assert_eq!(code(fixture.get(&at(&first)).await), "NoSuchVersion");
    assert_eq!(fixture.files(), (1, 0));
}

#[tokio::test]
async fn small_and_large_objects_replace_each_other() {
    let fixture = Fixture::with_inline(Versioning::Never, 5).await;
    for (text, files) in [("larger", 1), ("small", 0), ("other", 0), ("larger", 1)] {
        fixture.put("k", text).await;
        assert_eq!(fixture.files(), (files, 0), "{text}");
        assert_eq!(fixture.get(&newest("k")).await.unwrap(), text);
    }
    let mut only_new = NewObject::new("b", short("k"));
    only_new.conditions.if_none_match = Some(EtagMatch::Any);
    let body = fixture.receive("small").await;
    let refused = fixture.store.put(&fixture.alice, only_new, body);
    assert_eq!(code(refused.await), "PreconditionFailed");
    assert_eq!(fixture.get(&newest("k")).await.unwrap(), "larger");
}

#[tokio::test]
async fn copies_of_small_objects_and_pieces_of_them() {
    let fixture = Fixture::with_inline(Versioning::Never, 9).await;
    fixture.put("k", "123456789").await;
    let open = || async {
        let at = newest("k");
        let opened = fixture.store.open_object(&fixture.alice, &at);
        opened.await.unwrap().1
    };
    assert_eq!(open().await.part(1), Some(0..9));
    let algorithm = Some(ChecksumAlgorithm::Crc32c);
    let copy = fixture.store.receive_copy(open().await, algorithm);
    let copied = NewObject::new("b", short("copy"));
    let put = fixture
        .store
        .put(&fixture.alice, copied, copy.await.unwrap());
    assert_eq!(put.await.unwrap().checksums["crc32c"], "4waSgw==");
    assert_eq!(fixture.files(), (0, 0));

    // A part is a blob, however small.
    let upload = fixture.upload().await;
    let piece = open().await.range(2..5);
    let part = fixture
        .store
        .receive_part_copy(piece, Some(ChecksumAlgorithm::Crc32));
    let part = part.await.unwrap();
    assert_eq!(fixture.files(), (0, 1));
    let put = fixture
        .store
        .put_part(&fixture.alice, &upload, 1, part, None);
    let listed = ListedPart {
        number: 1,
        etag: put.await.unwrap().etag,
        checksums: Vec::new(),
    };
    let (conditions, check) = (Conditions::default(), CompletionCheck::default());
    let complete =
        fixture
            .store
            .complete_upload(&fixture.alice, &upload, vec![listed], conditions, check);
    complete.await.unwrap();
    assert_eq!(fixture.files(), (1, 0));
    assert_eq!(fixture.get(&newest("k")).await.unwrap(), "345");
    assert_eq!(fixture.get(&newest("copy")).await.unwrap(), "123456789");
}

#[tokio::test]
async fn locked_versions_stay_and_the_others_go() {
    let fixture = Fixture::new(Versioning::Enabled).await;
    let lock = SettingChange::ObjectLock(ObjectLock::default());
    fixture
        .store
        .change_setting(&fixture.alice, "b", lock)
        .await
        .unwrap();
    let held = fixture.put("held", "one").await;
    let free = fixture.put("free", "two").await;
    let at = newest("held");
    fixture
        .store
        .set_legal_hold(&fixture.alice, &at, true)
        .await
        .unwrap();
    let view = fixture.store.lockable_object(&fixture.alice, &at).await;
    assert_eq!(view.unwrap().object.tags_and_lock.legal_hold, Some(true));
    let keys = [("held", held), ("free", free)].map(|(key, version)| KeyToDelete {
        version,
        ..KeyToDelete::new(short(key))
    });
    let deleted = fixture
        .store
        .delete(&fixture.alice, "b", keys.into(), Governance::Bypass);
    let codes: Vec<_> = deleted.await.unwrap().into_iter().map(code).collect();
    assert_eq!(codes, ["AccessDenied", ""]);
    assert_eq!(fixture.files(), (1, 0));
    let bucket = fixture.store.delete_bucket(&fixture.alice, "b").await;
    assert_eq!(code(bucket), "BucketNotEmpty");
}

#[tokio::test]
async fn who_may_not_delete_is_refused_as_a_whole() {
    let fixture = Fixture::new(Versioning::Never).await;
    let bob = user(&fixture.catalogue, "bob", "222222222222").await;
    fixture.put("k", "one").await;
    for count in [0, 1, 2] {
        let key = KeyToDelete::new(short("k"));
        let delete = |bucket: &'static str| {
            let keys = vec![key.clone(); count];
            fixture.store.delete(&bob, bucket, keys, Governance::Obey)
        };
        assert_eq!(code(delete("b").await), "AccessDenied", "{count} keys");
        assert_eq!(
            code(delete("nowhere").await),
            "NoSuchBucket",
            "{count} keys"
        );
    }
    assert_eq!(fixture.files(), (1, 0));
}

#[tokio::test]
async fn buckets_and_grants() {
    let fixture = Fixture::new(Versioning::Never).await;
    let bob = user(&fixture.catalogue, "bob", "222222222222").await;
    fixture.put("folder/a", "one").await;
    fixture.put("folder/b", "one").await;
    fixture.put("top", "one").await;
    let (store, alice) = (&fixture.store, &fixture.alice);

    let create = |name: &'static str| {
        let settings = BucketSettings::default();
        let private = AclRequest::Default;
        store.create_bucket(alice, name, private, settings, IfExists::AcceptIfOwned)
    };
    assert_eq!(code(create("b").await), "");
    assert_eq!(code(create("second").await), "");
    assert_eq!(code(create("third").await), "TooManyBuckets");
    let page = store
        .list_buckets(alice, &BucketQuery::default())
        .await
        .unwrap();
    assert_eq!((page.buckets.len(), page.owner.name.as_str()), (2, "alice"));

    let query = ListQuery {
        delimiter: short("/"),
        limit: 9,
        ..ListQuery::default()
    };
    assert_eq!(
        code(store.list(&bob, "b", query.clone()).await),
        "AccessDenied"
    );
    let to_bob = GranteeName::Id("bob-id".to_owned());
    let acl = AclRequest::Grants(vec![(to_bob, Permission::Read)]);
    store.set_bucket_acl(alice, "b", acl.clone()).await.unwrap();
    let page = store.list(&bob, "b", query).await.unwrap();
    let names: Vec<_> = page.entries.iter().map(ListEntry::name).collect();
    assert_eq!(names, ["folder/", "top"]);

    let at = newest("top");
    assert_eq!(code(store.head(&bob, &at).await), "AccessDenied");
    store.set_object_acl(alice, &at, acl).await.unwrap();
    let view = store.head(&bob, &at).await.unwrap();
    assert!(!view.has_versions && view.content.segments().is_empty());
    let names = store.account_names(&view.object.acl).await.unwrap();
    assert_eq!(names["bob-id"], "bob");
    assert_eq!(code(store.check_owner("b", "111111111111").await), "");
    assert_eq!(
        code(store.check_owner("b", "222222222222").await),
        "AccessDenied"
    );
}

#[tokio::test]
async fn a_start_settles_what_a_stop_has_left() {
    let mut fixture = Fixture::new(Versioning::Never).await;
    fixture.put("k", "one").await;
    fixture.put("gone", "two").await;
    let objects = fixture.folder.path().join("objects");
    let tmp = fixture.folder.path().join("tmp");

    // A stop after a commit and before the blob was kept.
    let view = fixture
        .store
        .object_and_parts(&fixture.alice, &newest("k"))
        .await;
    let blob = view.unwrap().content.segments()[0].blob.clone();
    fs::rename(objects.join(&blob), tmp.join(&blob)).unwrap();
    assert_eq!(fixture.get(&newest("k")).await.unwrap(), "one");
    // A stop before a commit.
    let blobs = DiskBlobs::open(fixture.folder.path()).unwrap();
    let (pending, _) = blobs
        .put(Body::bytes("cut off"), Box::new(()))
        .await
        .unwrap();
    pending.leave();
    // A stop after a commit and before the deletion of what it gave up.
    let at = KeyRef {
        bucket: "b".to_owned(),
        key: short("gone"),
        ..KeyRef::default()
    };
    let given_up = fixture.catalogue.change_key(at, |state| {
        let change = KeyChange {
            delete: state.current.iter().map(|object| object.id).collect(),
            ..KeyChange::default()
        };
        Ok::<_, CatalogueError>((change, ()))
    });
    assert_eq!(given_up.await.unwrap().garbage.len(), 1);
    // Nobody knows what this is.
    fs::write(objects.join("9f86d081884c7d659a2feaa0c55ad015"), "?").unwrap();
    assert_eq!(fixture.files(), (2, 2));

    fixture.reopen().await;
    assert_eq!(fixture.files(), (2, 0));
    assert_eq!(fixture.get(&newest("k")).await.unwrap(), "one");
    assert!(objects.join("9f86d081884c7d659a2feaa0c55ad015").exists());
    assert_eq!(
        fixture.catalogue.garbage(9).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_full_disk_is_told() {
    let catalogue = Catalogue::new(SqliteCatalogue::in_memory(Clock::system()).unwrap());
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::with_room(4));
    let mut limits = ObjectLimits::default();
    limits.inline_bytes = 4;
    let store = ObjectStore::open(catalogue, blobs, limits);
    let body = stream::iter([Ok(Bytes::from("12345"))]);
    let full = store
        .await
        .unwrap()
        .receive(body, None, BodyDigests::default())
        .await;
    let error = full.unwrap_err();
    assert_eq!((error.code(), error.status()), ("InsufficientStorage", 507));
    assert!(!error.is_refusal());
}
