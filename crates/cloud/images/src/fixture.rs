//! Bundles, and a cloud to register them with: for tests of this crate and of front ends.
//!
//! What is not as it should be panics: it is an error of the test.
#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a panic ends the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use gumnut_bundle::{
    BundleMeta, BundleNames, Bundler, Existing, FolderSink, ImageSource, NoProgress, Recipients,
};
use gumnut_cloud_accounts::{Keys, SecretFiles};
use gumnut_cloud_blobs::MemoryBlobs;
use gumnut_cloud_catalogue::{
    Account, AccountsChange, BucketSettings, Caller, CannedAcl, Catalogue, CatalogueError, Clock,
    Governance, Identity, Image, ImageRef, ImageRules, Key, NewCertificate, NewUser,
};
use gumnut_cloud_objects::{
    AclRequest, BodyDigests, IfExists, KeyToDelete, NewObject, ObjectError, ObjectLimits,
    ObjectStore,
};
use gumnut_crypto::{
    BundleIv, BundleKey, Certificate, CertificateSpec, PrivateKey, PublicKey, WrappedSecret,
};
use gumnut_manifest::{BundlerVersion, Manifest, Part, UnsignedManifest, WrappedKeys, WrappedPair};
use gumnut_types::{
    Architecture, BlockDeviceMapping, ImageKind, PartIndex, SecretString, Sha1Digest,
};
use sha1::{Digest as _, Sha1};

use crate::{ImageError, Images, RegisterRequest};

/// The account of the administrator.
pub const ADMIN: &str = "000000000001";
/// The account of the ordinary user `bob`.
pub const USER: &str = "000000000002";
/// The account that owns the objects, so that rights on them come of their ACLs alone.
const KEEPER: &str = "000000000003";

/// The time of the clock at the beginning, in milliseconds since 1970.
pub const NOW: i64 = 1_275_606_157_552;

/// A cloud with an administrator and an ordinary user, and objects that it can register.
#[derive(Debug)]
pub struct Fixture {
    /// The directory with the cloud's keys.
    pub dir: tempfile::TempDir,
    /// The clock, which stands still.
    pub clock: Clock,
    /// The catalogue.
    pub catalogue: Catalogue,
    /// Objects by `BUCKET/KEY`, as they are when the next call is made.
    pub objects: BTreeMap<String, Vec<u8>>,
    /// Objects that only the cloud itself may read.
    pub denied: BTreeSet<String>,
    /// Objects that `aws-exec-read` may read, and no user.
    pub exec_only: BTreeSet<String>,
    store: ObjectStore,
    stored: BTreeMap<String, (Vec<u8>, CannedAcl)>,
    images: Images,
    keys: Keys,
}

/// The key of the administrator.
pub fn admin_key() -> PrivateKey {
    PrivateKey::from_pem(include_bytes!("../fixtures/keys/user-key.pem")).unwrap()
}

/// The key of the cloud, which is that of the ordinary user, too.
pub fn cloud_key() -> PrivateKey {
    PrivateKey::from_pem(include_bytes!("../fixtures/keys/cloud-key.pem")).unwrap()
}

/// The key of nobody who registers images.
pub fn stranger_key() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::generate(2048).unwrap())
}

/// A certificate for a key.
fn certificate(key: &PrivateKey) -> Certificate {
    let now = std::time::SystemTime::now();
    let spec = CertificateSpec {
        common_name: "fixture",
        not_before: now,
        not_after: now + std::time::Duration::from_hours(24),
    };
    Certificate::self_signed(key, &spec).unwrap()
}

/// The SHA-1 of bytes.
pub fn sha1(bytes: &[u8]) -> Sha1Digest {
    Sha1Digest::from_bytes(Sha1::digest(bytes).into())
}

fn new_user(number: &str, name: &str, key: &PrivateKey, admin: bool) -> NewUser {
    NewUser {
        account: Account {
            number: number.parse().unwrap(),
            name: number.to_owned(),
            canonical_id: number.repeat(5),
            email: None,
        },
        name: name.to_owned(),
        admin,
        access_key: format!("AKI{number}"),
        secret_key: SecretString::new("secret".to_owned()),
        certificate: Some(NewCertificate {
            pem: certificate(key).to_pem().unwrap(),
            fingerprint: format!("{number}:{}", key.public_key().fingerprint()),
        }),
    }
}

impl Fixture {
    /// A cloud with these rules, on an empty catalogue that goes by this clock.
    pub async fn new(catalogue: Catalogue, clock: Clock, rules: ImageRules) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        fs_err::create_dir(&keys).unwrap();
        for (name, pem) in [
            (
                "cloud-pk.pem",
                include_str!("../fixtures/keys/cloud-key.pem"),
            ),
            (
                "cloud-cert.pem",
                include_str!("../fixtures/keys/cloud-cert.pem"),
            ),
        ] {
            fs_err::write(keys.join(name), pem).unwrap();
        }
        for user in [
            new_user(ADMIN, "admin", &admin_key(), true),
            new_user(USER, "bob", &cloud_key(), false),
            new_user(KEEPER, "keeper", stranger_key(), false),
        ] {
            catalogue
                .change_accounts(move |_| {
                    let change = AccountsChange {
                        add: Some(user.clone()),
                        ..AccountsChange::default()
                    };
                    Ok::<_, CatalogueError>((change, ()))
                })
                .await
                .unwrap();
        }
        let store = ObjectStore::open(
            catalogue.clone(),
            Arc::new(MemoryBlobs::new()),
            ObjectLimits::default(),
        )
        .await
        .unwrap();
        let (files, made) = (SecretFiles::in_data_dir(dir.path()), catalogue.clone());
        let system = Clock::system();
        let keys = std::thread::spawn(move || gumnut_cloud_accounts::init(&made, &files, &system))
            .join()
            .unwrap()
            .unwrap();
        let images = Images::new(
            catalogue.clone(),
            store.clone(),
            keys.clone(),
            rules,
            clock.clone(),
        );
        let fixture = Self {
            dir,
            clock,
            catalogue,
            objects: BTreeMap::new(),
            denied: BTreeSet::new(),
            exec_only: BTreeSet::new(),
            store,
            stored: BTreeMap::new(),
            images,
            keys,
        };
        // The administrator has one bucket and the user another; anybody may put objects into both.
        for (bucket, owner) in [("bucket", ADMIN), ("bobs", USER)] {
            fixture.make_bucket(bucket, owner).await;
        }
        fixture
    }

    /// The images of the cloud, when its objects are as [`Fixture::objects`] has them.
    pub async fn images(&mut self) -> &Images {
        self.stock().await;
        &self.images
    }

    /// The images of the cloud, whose objects are as they were at the last call of [`Fixture::images`].
    pub fn images_as_they_are(&self) -> Images {
        self.images.clone()
    }

    /// Lets the cloud go by other rules from now on.
    pub fn set_rules(&mut self, rules: ImageRules) {
        self.images = Images::new(
            self.catalogue.clone(),
            self.store.clone(),
            self.keys.clone(),
            rules,
            self.clock.clone(),
        );
    }

    /// The user with the account of this number, whether its keys are good or not.
    pub async fn caller(&self, number: &str) -> Caller {
        let users = self.catalogue.accounts().await.unwrap().users;
        let mut found = users
            .into_iter()
            .filter(|user| user.account.number.as_str() == number);
        let user = found.next().unwrap();
        Caller {
            user_id: user.id,
            user: user.name,
            account: user.account.number,
            account_name: user.account.name,
            canonical_id: user.account.canonical_id,
            admin: user.admin,
        }
    }

    /// Puts a bundle into `bucket/folder` and gives the location of its manifest.
    pub fn put(&mut self, name: &str, bundle: &Bundle) -> String {
        self.put_in("bucket/folder", name, bundle)
    }

    /// Puts a bundle into a directory and gives the location of its manifest.
    pub fn put_in(&mut self, folder: &str, name: &str, bundle: &Bundle) -> String {
        let location = format!("{folder}/{name}.manifest.xml");
        self.objects.insert(location.clone(), bundle.bytes(name));
        for (index, part) in bundle.parts.iter().enumerate() {
            self.objects
                .insert(format!("{folder}/{name}.part.{index:02}"), part.clone());
        }
        location
    }

    /// Bundles an image as the administrator does, puts it into `bucket/folder` and gives the location of its manifest.
    pub fn bundle(&mut self, name: &str, kind: ImageKind, image: &[u8]) -> String {
        let names = BundleNames::new(name.parse().unwrap()).unwrap();
        let meta = BundleMeta {
            names: names.clone(),
            user: ADMIN.parse().unwrap(),
            architecture: Architecture::X86_64,
            kind,
            block_devices: Vec::new(),
            product_codes: Vec::new(),
        };
        let (cloud, user) = (cloud_key(), admin_key());
        let recipients = Recipients {
            cloud: cloud.public_key(),
            user: Some(user.public_key()),
        };
        let length = u64::try_from(image.len()).unwrap();
        let source = ImageSource::from_reader(name, length, std::io::Cursor::new(image.to_vec()));
        let folder = tempfile::tempdir().unwrap();
        let mut sink = FolderSink::create(folder.path(), names, Existing::Refuse).unwrap();
        let sealed = Bundler::new(meta, recipients).bundle(source.unwrap(), &mut sink, &NoProgress);
        let manifest = sealed.unwrap().into_manifest().unwrap();
        let manifest = manifest.sign(&user).unwrap();
        let _committed = sink.commit(manifest.bytes()).unwrap();
        for entry in fs_err::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            let key = entry.file_name().into_string().unwrap();
            let bytes = fs_err::read(entry.path()).unwrap();
            self.objects.insert(format!("bucket/folder/{key}"), bytes);
        }
        format!("bucket/folder/{name}.manifest.xml")
    }

    /// Changes the text of an object.
    pub fn edit(&mut self, location: &str, edit: impl Fn(String) -> String) {
        let text = String::from_utf8(self.objects[location].clone()).unwrap();
        let edited = edit(text.clone());
        assert_ne!(text, edited, "the edit changes nothing");
        self.objects
            .insert(location.to_owned(), edited.into_bytes());
    }

    /// The image with this id, in any case.
    pub async fn image(&self, id: &str) -> Image {
        let at = ImageRef {
            ids: vec![id.to_owned()],
            tags_of: None,
        };
        let state = self.catalogue.images_by_id(at).await.unwrap();
        state.images.into_iter().flatten().next().unwrap()
    }

    /// Registers an image as the user with the account of this number.
    ///
    /// # Errors
    /// What the cloud refuses with.
    pub async fn register_as(
        &mut self,
        number: &str,
        request: RegisterRequest,
    ) -> Result<String, ImageError> {
        let caller = self.caller(number).await;
        self.images().await.register(&caller, &request).await
    }

    /// Registers an image as the administrator, who says nothing but its location.
    ///
    /// # Errors
    /// What the cloud refuses with.
    pub async fn register(&mut self, location: &str) -> Result<String, ImageError> {
        self.register_as(ADMIN, RegisterRequest::of(location)).await
    }

    /// Registers a bundle as the administrator, after changing its manifest's text.
    ///
    /// # Errors
    /// What the cloud refuses with.
    pub async fn register_edited(
        &mut self,
        bundle: &Bundle,
        edit: impl Fn(String) -> String,
    ) -> Result<String, ImageError> {
        let location = self.put("disk", bundle);
        self.edit(&location, edit);
        self.register(&location).await
    }

    /// Leaves a bucket to the account that owns it, with the objects that it has: nobody else may list it or put objects into it.
    pub async fn close_bucket(&mut self, bucket: &str, owner: &str) {
        self.stock().await;
        let owner = Identity::User(self.caller(owner).await);
        let private = AclRequest::Canned(CannedAcl::Private);
        let closed = self.store.set_bucket_acl(&owner, bucket, private);
        closed.await.unwrap();
    }

    /// Brings the objects of the cloud in line with those of the test.
    async fn stock(&mut self) {
        let keeper = Identity::User(self.caller(KEEPER).await);
        let wanted: BTreeMap<_, _> = self
            .objects
            .iter()
            .map(|(place, bytes)| (place.clone(), (bytes.clone(), self.acl(place))))
            .collect();
        let gone: Vec<_> = self
            .stored
            .keys()
            .filter(|place| !wanted.contains_key(*place))
            .cloned()
            .collect();
        for place in gone {
            let (bucket, key) = place.split_once('/').unwrap();
            let key = KeyToDelete::new(Key::new(key).unwrap());
            let deleted = self
                .store
                .delete(&keeper, bucket, vec![key], Governance::Obey);
            deleted.await.unwrap();
        }
        for (place, object) in &wanted {
            if self.stored.get(place) != Some(object) {
                self.put_object(&keeper, place, &object.0, object.1).await;
            }
        }
        self.stored = wanted;
    }

    /// Who may read an object beside the account that owns it.
    fn acl(&self, place: &str) -> CannedAcl {
        if self.denied.contains(place) {
            CannedAcl::Private
        } else if self.exec_only.contains(place) {
            CannedAcl::AwsExecRead
        } else {
            CannedAcl::PublicRead
        }
    }

    async fn put_object(&self, keeper: &Identity, place: &str, bytes: &[u8], acl: CannedAcl) {
        let (bucket, key) = place.split_once('/').unwrap();
        self.make_bucket(bucket, ADMIN).await;
        let mut object = NewObject::new(bucket, Key::new(key).unwrap());
        object.acl = AclRequest::Canned(acl);
        let bytes = Bytes::copy_from_slice(bytes);
        let body = futures::stream::once(async { Ok::<_, ObjectError>(bytes) });
        let body = self.store.receive(body, None, BodyDigests::default());
        let put = self.store.put(keeper, object, body.await.unwrap());
        put.await.unwrap();
    }

    /// Makes a bucket into which anybody may put objects, unless it is there.
    async fn make_bucket(&self, bucket: &str, owner: &str) {
        if self.catalogue.bucket(bucket).await.unwrap().is_some() {
            return;
        }
        let owner = Identity::User(self.caller(owner).await);
        let open = AclRequest::Canned(CannedAcl::PublicReadWrite);
        let settings = BucketSettings::default();
        let made = self
            .store
            .create_bucket(&owner, bucket, open, settings, IfExists::Refuse);
        made.await.unwrap();
    }
}

/// What a bundle is made of.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Machine, kernel or ramdisk.
    pub kind: ImageKind,
    /// The number of the account that it is for.
    pub user: String,
    /// The size of the image that the manifest names, in bytes.
    pub size: u64,
    /// Who signs the manifest.
    pub signer: Arc<PrivateKey>,
    /// The cloud that can open it.
    pub recipient: PublicKey,
    /// Its parts, which are no real ones.
    pub parts: Vec<Vec<u8>>,
    /// Product codes.
    pub product_codes: Vec<String>,
    /// Virtual name and device of each mapping.
    pub block_devices: Vec<(String, String)>,
}

impl Bundle {
    /// A kernel of the administrator in two parts.
    pub fn kernel() -> Self {
        Self {
            kind: ImageKind::Kernel,
            user: ADMIN.to_owned(),
            size: 100,
            signer: Arc::new(admin_key()),
            recipient: cloud_key().public_key().clone(),
            parts: vec![vec![1; 32], vec![2; 16]],
            product_codes: Vec::new(),
            block_devices: Vec::new(),
        }
    }

    /// A bundle of the administrator of this kind.
    pub fn of(kind: ImageKind) -> Self {
        Self {
            kind,
            ..Self::kernel()
        }
    }

    /// A machine of the administrator, with the ids of its kernel and ramdisk.
    pub fn machine(kernel: Option<&str>, ramdisk: Option<&str>) -> Self {
        Self::of(ImageKind::Machine {
            kernel: kernel.map(|id| id.parse().unwrap()),
            ramdisk: ramdisk.map(|id| id.parse().unwrap()),
        })
    }

    /// A machine of the administrator with a block device and a product code.
    pub fn machine_with_all() -> Self {
        Self {
            product_codes: vec!["CODE".to_owned()],
            block_devices: vec![("ephemeral0".to_owned(), "sdb".to_owned())],
            ..Self::machine(None, None)
        }
    }

    /// The manifest of the bundle under this name.
    fn bytes(&self, name: &str) -> Vec<u8> {
        let (key, iv) = (
            BundleKey::generate().unwrap(),
            BundleIv::generate().unwrap(),
        );
        let cloud = WrappedPair {
            key: WrappedSecret::wrap_key(&self.recipient, &key).unwrap(),
            iv: WrappedSecret::wrap_iv(&self.recipient, &iv).unwrap(),
        };
        let manifest = Manifest {
            bundler: BundlerVersion::default(),
            architecture: Architecture::X86_64,
            block_devices: self
                .block_devices
                .iter()
                .map(|(virtual_name, device)| BlockDeviceMapping {
                    virtual_name: virtual_name.clone(),
                    device: device.clone(),
                })
                .collect(),
            product_codes: self.product_codes.clone(),
            kind: self.kind.clone(),
            name: name.parse().unwrap(),
            user: self.user.clone(),
            image_digest: sha1(b"image"),
            image_size: self.size,
            bundled_size: self.parts.iter().map(|part| part.len() as u64).sum(),
            keys: WrappedKeys { cloud, user: None },
            parts: (0..)
                .zip(&self.parts)
                .map(|(index, part)| Part {
                    index: PartIndex(index),
                    name: format!("{name}.part.{index:02}").parse().unwrap(),
                    digest: sha1(part),
                })
                .collect(),
            ancestry: Vec::new(),
            kernel_name: None,
        };
        let signed = UnsignedManifest::new(manifest).unwrap().sign(&self.signer);
        signed.unwrap().bytes().to_vec()
    }
}
