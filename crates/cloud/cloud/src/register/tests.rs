//! Every check of the profiles, in the order of the specification: `strict` here, the others below.

mod euca44;
mod legacy;
mod strict;

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use gumnut_crypto::{BundleIv, BundleKey, Certificate, PrivateKey, PublicKey, WrappedSecret};
use gumnut_manifest::{
    BundlerVersion, Manifest, Part, UnsignedManifest, UntrustedManifest, WrappedKeys, WrappedPair,
};
use gumnut_types::{
    Architecture, BlockDeviceMapping, ImageClass, ImageKind, PartIndex, Sha1Digest,
};
use rusqlite::Connection;
use sha1::{Digest as _, Sha1};

use super::*;
use crate::Clock;
use crate::accounts::{self, CloudKeys, Keys, NewAccount};
use crate::auth::{Caller, Identity};
use crate::catalogue::Catalogue;
use crate::data_dir::DataDir;
use crate::ec2::images;

/// Objects in memory; what is denied is there, and only the internal identity can read it.
#[derive(Default)]
pub(crate) struct Shelf {
    objects: HashMap<String, Vec<u8>>,
    denied: Vec<String>,
}

impl Shelf {
    fn get(&self, who: &Identity, bucket: &str, key: &str) -> Result<&Vec<u8>, ObjectError> {
        let place = format!("{bucket}/{key}");
        if self.denied.contains(&place) && *who != Identity::Internal {
            return Err(ObjectError("AccessDenied".to_owned()));
        }
        self.objects
            .get(&place)
            .ok_or_else(|| ObjectError("NoSuchKey".to_owned()))
    }
}

#[async_trait]
impl Objects for Shelf {
    async fn read(
        &self,
        who: &Identity,
        bucket: &str,
        key: &str,
        limit: usize,
    ) -> Result<Vec<u8>, ObjectError> {
        let bytes = self.get(who, bucket, key)?;
        if bytes.len() > limit {
            return Err(ObjectError("EntityTooLarge".to_owned()));
        }
        Ok(bytes.clone())
    }

    async fn open(&self, bucket: &str, key: &str) -> Result<Box<dyn Read + Send>, ObjectError> {
        let bytes = self.get(&Identity::ExecRead, bucket, key)?;
        Ok(Box::new(Cursor::new(bytes.clone())))
    }

    async fn digest(&self, bucket: &str, key: &str) -> Result<(u64, Sha1Digest), ObjectError> {
        let bytes = self.get(&Identity::ExecRead, bucket, key)?;
        Ok((bytes.len() as u64, sha1(bytes)))
    }
}

fn sha1(bytes: &[u8]) -> Sha1Digest {
    Sha1Digest::from_bytes(Sha1::digest(bytes).into())
}

fn vector(name: &str) -> Vec<u8> {
    fs_err::read(format!(
        "{}/../../../fixtures/vectors/keys/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

fn private_key(name: &str) -> PrivateKey {
    PrivateKey::from_pem(&vector(name)).unwrap()
}

/// A change of a manifest's text.
type Edit = fn(String) -> String;

/// A key of nobody.
fn stranger() -> &'static PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::generate(2048).unwrap())
}

/// A catalogue with the administrator `000000000001` and the ordinary user `000000000002`.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) catalogue: Catalogue,
    cloud: CloudKeys,
    pub(crate) shelf: Shelf,
    pub(crate) rules: ImageRules,
    pub(crate) ids: Ids,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(ImageRules::default())
    }

    pub(crate) fn with(rules: ImageRules) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(dir.path()).unwrap();
        let catalogue = Catalogue::open(&dir.path().join("catalogue.sqlite")).unwrap();
        for (number, user, key, admin) in [
            ("000000000001", "admin", "user-key.pem", true),
            ("000000000002", "bob", "cloud-key.pem", false),
        ] {
            let account = NewAccount {
                number: number.parse().unwrap(),
                name: number.to_owned(),
                user: user.to_owned(),
                admin,
            };
            let key = private_key(key);
            let add = (&account, &key);
            accounts::add(data_dir.path(), &catalogue, &Clock::system(), add).unwrap();
        }
        let certificate = Certificate::from_pem(&vector("cloud-cert.pem")).unwrap();
        let cloud = CloudKeys {
            key: private_key("cloud-key.pem"),
            certificate,
        };
        Self {
            dir,
            catalogue,
            cloud,
            shelf: Shelf::default(),
            ids: Ids::new(&rules),
            rules,
        }
    }

    /// The keys of the cloud, whose files lie where the world has them.
    pub(crate) fn keys(&self) -> Keys {
        let folder = self.dir.path().join("keys");
        Keys::new(folder, self.catalogue.clone(), Clock::system())
    }

    pub(crate) fn caller(&self, number: &str) -> Caller {
        let account = number.to_owned();
        let find = move |connection: &Connection| {
            let sql = "SELECT access_key FROM access_keys k JOIN users u ON u.id = k.user WHERE u.account = ?";
            let key: String = connection.query_row(sql, [account], |row| row.get(0))?;
            crate::catalogue::identities::by_access_key(connection, &key)
        };
        let found: rusqlite::Result<_> = self.catalogue.read_blocking(find);
        found.unwrap().unwrap().0
    }

    /// Puts a bundle on the shelf and gives the location of its manifest.
    pub(crate) fn put(&mut self, name: &str, bundle: &Bundle) -> String {
        self.put_in("bucket/folder", name, bundle)
    }

    pub(crate) fn put_in(&mut self, folder: &str, name: &str, bundle: &Bundle) -> String {
        let location = format!("{folder}/{name}.manifest.xml");
        let bytes = bundle.bytes(name);
        self.shelf.objects.insert(location.clone(), bytes);
        for (index, part) in bundle.parts.iter().enumerate() {
            let key = format!("{folder}/{name}.part.{index:02}");
            self.shelf.objects.insert(key, part.clone());
        }
        location
    }

    /// Changes the text of an object.
    fn edit(&mut self, location: &str, edit: impl Fn(String) -> String) {
        let text = String::from_utf8(self.shelf.objects[location].clone()).unwrap();
        let edited = edit(text.clone());
        assert_ne!(text, edited, "the edit changes nothing");
        let edited = edited.into_bytes();
        self.shelf.objects.insert(location.to_owned(), edited);
    }

    pub(crate) fn image(&self, id: &str) -> images::Image {
        let get = |connection: &Connection| images::get(connection, id);
        self.catalogue.read_blocking(get).unwrap().unwrap()
    }

    async fn register_as(&self, number: &str, request: Request) -> Result<String, Refusal> {
        let registration = Registration {
            catalogue: &self.catalogue,
            objects: &self.shelf,
            cloud: &self.cloud,
            rules: &self.rules,
            ids: &self.ids,
            now: 1_275_606_157_552,
        };
        register(&registration, &self.caller(number), &request).await
    }

    async fn register(&self, location: &str) -> Result<String, Refusal> {
        self.register_as(
            "000000000001",
            Request {
                location: location.to_owned(),
                ..Request::default()
            },
        )
        .await
    }

    /// Registers a bundle as the administrator, after changing its manifest's text.
    async fn register_edited(
        &mut self,
        bundle: &Bundle,
        edit: impl Fn(String) -> String,
    ) -> Result<String, Refusal> {
        let location = self.put("disk", bundle);
        self.edit(&location, edit);
        self.register(&location).await
    }
}

/// What a bundle is made of.
#[derive(Clone)]
pub(crate) struct Bundle {
    kind: ImageKind,
    user: String,
    size: u64,
    signer: Arc<PrivateKey>,
    recipient: PublicKey,
    parts: Vec<Vec<u8>>,
    product_codes: Vec<String>,
    block_devices: Vec<(String, String)>,
}

impl Bundle {
    pub(crate) fn kernel() -> Self {
        Self {
            kind: ImageKind::Kernel,
            user: "000000000001".to_owned(),
            size: 100,
            signer: Arc::new(private_key("user-key.pem")),
            recipient: private_key("cloud-key.pem").public_key().clone(),
            parts: vec![vec![1; 32], vec![2; 16]],
            product_codes: Vec::new(),
            block_devices: Vec::new(),
        }
    }

    /// A machine with devices and a product code.
    pub(crate) fn machine_with_all() -> Self {
        Self {
            product_codes: vec!["CODE".to_owned()],
            block_devices: vec![("ephemeral0".to_owned(), "sdb".to_owned())],
            ..machine(None, None)
        }
    }

    fn of(kind: ImageKind) -> Self {
        Self {
            kind,
            ..Self::kernel()
        }
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        let (key, iv) = (
            BundleKey::generate().unwrap(),
            BundleIv::generate().unwrap(),
        );
        let cloud = WrappedPair {
            key: WrappedSecret::wrap_key(&self.recipient, &key).unwrap(),
            iv: WrappedSecret::wrap_iv(&self.recipient, &iv).unwrap(),
        };
        let part = |(index, part): (u32, &Vec<u8>)| Part {
            index: PartIndex(index),
            name: format!("{name}.part.{index:02}").parse().unwrap(),
            digest: sha1(part),
        };
        let devices = self
            .block_devices
            .iter()
            .map(|(virtual_name, device)| BlockDeviceMapping {
                virtual_name: virtual_name.clone(),
                device: device.clone(),
            });
        let manifest = Manifest {
            bundler: BundlerVersion::default(),
            architecture: Architecture::X86_64,
            block_devices: devices.collect(),
            product_codes: self.product_codes.clone(),
            kind: self.kind.clone(),
            name: name.parse().unwrap(),
            user: self.user.clone(),
            image_digest: sha1(b"image"),
            image_size: self.size,
            bundled_size: self.parts.iter().map(|part| part.len() as u64).sum(),
            keys: WrappedKeys { cloud, user: None },
            parts: (0..).zip(&self.parts).map(part).collect(),
            ancestry: Vec::new(),
            kernel_name: None,
        };
        UnsignedManifest::new(manifest)
            .unwrap()
            .sign(&self.signer)
            .unwrap()
            .bytes()
            .to_vec()
    }
}

fn refused(result: Result<String, Refusal>, code: &str, message: &str) {
    let refusal = result.unwrap_err();
    assert_eq!((refusal.code, refusal.status), (code, 400), "{refusal:?}");
    assert!(refusal.message.contains(message), "{refusal:?}");
}

fn request(location: &str) -> Request {
    Request {
        location: location.to_owned(),
        ..Request::default()
    }
}

#[tokio::test]
async fn a_whole_bundle_gets_an_id_and_every_registration_a_new_one() {
    let mut world = World::new();
    let location = world.put("a-kernel", &Bundle::kernel());
    let id = world.register(&location).await.unwrap();
    assert!(id.starts_with("eki-"), "{id}");
    assert_ne!(world.register(&location).await.unwrap(), id);
    let image = world.image(&id.to_ascii_uppercase());
    assert_eq!(
        (image.class, image.state.as_str()),
        (ImageClass::Kernel, "available")
    );
    assert_eq!(image.location, location);
    assert!(!image.launch.public);
}

#[tokio::test]
async fn row_1_ids_have_the_form_of_ids() {
    let world = World::new();
    for (kernel, ramdisk) in [
        (Some("eki-1"), None),
        (Some("vmlinuz"), None),
        (None, Some("eri-12345")),
    ] {
        let request = Request {
            kernel: kernel.map(str::to_owned),
            ramdisk: ramdisk.map(str::to_owned),
            ..request("bucket/k")
        };
        let result = world.register_as("000000000001", request).await;
        refused(
            result,
            "InvalidParameterValue",
            "for parameter image is invalid.",
        );
    }
}

#[tokio::test]
async fn row_2_names_have_a_form() {
    let world = World::new();
    for name in ["ab", "with blank", "ü-umlaut", &"x".repeat(129)] {
        let request = Request {
            name: Some(name.to_owned()),
            ..request("bucket/k")
        };
        let result = world.register_as("000000000001", request).await;
        refused(
            result,
            "InvalidAMIName.Malformed",
            "AMI names must be between 3 and 128 characters long",
        );
    }
}

#[tokio::test]
async fn row_2_a_name_can_be_made_mandatory() {
    let mut world = World::new();
    world.rules.require_name = true;
    let location = world.put("a-kernel", &Bundle::kernel());
    refused(
        world.register(&location).await,
        "InvalidAMIName.Malformed",
        "AMI names must be between 3 and 128 characters long",
    );
}

#[tokio::test]
async fn settings_of_strict_decide_on_visibility_and_ids() {
    let mut rules = ImageRules::default();
    rules.default_public = true;
    rules.ids = Some(crate::IdPolicy::AdlerMs);
    rules.epoch_ms = vec![1_275_606_157_552];
    let mut world = World::with(rules);
    let location = world.put_in("image-bucket", "vmlinuz", &Bundle::kernel());
    let id = world.register(&location).await.unwrap();
    assert_eq!(id, id.to_ascii_uppercase().replace("EKI", "eki"));
    assert!(world.image(&id).launch.public);
}

#[tokio::test]
async fn row_6_devices_are_ephemeral_whole_and_different() {
    let world = World::new();
    let named = |devices: &[&str]| BlockDevices {
        devices: devices.iter().map(|name| (*name).to_owned()).collect(),
        ..BlockDevices::default()
    };
    let unknown = BlockDevices {
        has_unknown: true,
        ..BlockDevices::default()
    };
    for (block_devices, message) in [
        (named(&["sdb", "/dev/sdc1"]), "must not be partitions"),
        (named(&["sdb", "sdc", "sdb"]), "must be different"),
        (unknown, "Only ephemeral and suppressed"),
    ] {
        let request = Request {
            block_devices,
            ..request("bucket/k")
        };
        let result = world.register_as("000000000001", request).await;
        refused(result, "InvalidParameterValue", message);
    }
}

#[tokio::test]
async fn row_3_names_are_unique_in_the_account() {
    let mut world = World::new();
    let location = world.put("a-kernel", &Bundle::kernel());
    let named = || Request {
        name: Some("kernel-1".to_owned()),
        ..request(&location)
    };
    let id = world.register_as("000000000001", named()).await.unwrap();
    let result = world.register_as("000000000001", named()).await;
    refused(
        result,
        "InvalidAMIName.Duplicate",
        &format!("AMI name kernel-1 is already in use by EMI {id}"),
    );
}

#[tokio::test]
async fn rows_4_to_7_description_virtualization_devices_and_location() {
    let world = World::new();
    let description = Some("x".repeat(256));
    let result = world
        .register_as(
            "000000000001",
            Request {
                description,
                ..request("bucket/k")
            },
        )
        .await;
    refused(
        result,
        "InvalidParameter",
        "AMI descriptions must be less than 256 characters long",
    );
    let virtualization = Some("xen".to_owned());
    let result = world
        .register_as(
            "000000000001",
            Request {
                virtualization,
                ..request("bucket/k")
            },
        )
        .await;
    refused(result, "InvalidParameterValue", "xen");
    let result = world
        .register_as(
            "000000000001",
            Request {
                block_devices: BlockDevices {
                    has_volume: true,
                    ..BlockDevices::default()
                },
                ..request("bucket/k")
            },
        )
        .await;
    refused(result, "InvalidParameterValue", "block devices");
    for location in ["bucket", "b/key", "bucket/", ""] {
        let result = world.register_as("000000000001", request(location)).await;
        refused(
            result,
            "InvalidManifest",
            &format!("Invalid image location: {location}"),
        );
    }
}

#[tokio::test]
async fn row_8_names_of_kernels_and_ramdisks_are_for_administrators() {
    let world = World::new();
    let result = world
        .register_as("000000000002", request("bucket/vmlinuz.manifest.xml"))
        .await;
    refused(
        result,
        "AuthFailure",
        "Only administrators can register kernel images.",
    );
    let result = world
        .register_as("000000000002", request("bucket/a/initrd.manifest.xml"))
        .await;
    refused(
        result,
        "AuthFailure",
        "Only administrators can register ramdisk images.",
    );
}

#[tokio::test]
async fn row_9_the_manifest_can_be_read() {
    let mut world = World::new();
    let result = world.register("bucket/absent.manifest.xml").await;
    refused(
        result,
        "InvalidManifest",
        "Failed to read manifest file: bucket/absent.manifest.xml (NoSuchKey)",
    );
    let location = world.put("disk", &Bundle::kernel());
    world.shelf.denied.push(location.clone());
    refused(
        world.register(&location).await,
        "InvalidManifest",
        "(AccessDenied)",
    );
    world
        .shelf
        .objects
        .insert("bucket/huge".to_owned(), vec![b' '; (5 << 20) + 1]);
    refused(
        world.register("bucket/huge").await,
        "InvalidManifest",
        "(EntityTooLarge)",
    );
}

#[tokio::test]
async fn row_10_the_manifest_is_well_formed() {
    let mut world = World::new();
    let edits: [Edit; 5] = [
        |text| text.replace("</manifest>", ""),
        |text| text.replace("<manifest>", "<!DOCTYPE x><manifest>"),
        |text| text.replace("manifest>", "html>"),
        |text| text.replace("<image>", "<image x='1'>"),
        |text| text.replace("<image>", "<image></image><image>"),
    ];
    for edit in edits {
        let result = world.register_edited(&Bundle::kernel(), edit).await;
        refused(result, "InvalidManifest", "Manifest is not well formed: ");
    }
}

#[tokio::test]
async fn row_11_every_element_is_there_and_makes_sense() {
    let mut world = World::new();
    let edits: [(Edit, &str); 5] = [
        (|text| text.replace("2007-10-10", "2008-01-01"), "version"),
        (|text| text.replace("<size>100</size>", ""), "size"),
        (|text| text.replace("<size>100", "<size>-1"), "size"),
        (|text| text.replace(">x86_64<", ">pdp11<"), "architecture"),
        (|text| text.replace(" count=\"2\"", ""), "parts count"),
    ];
    for (edit, element) in edits {
        let result = world.register_edited(&Bundle::kernel(), edit).await;
        refused(
            result,
            "InvalidManifest",
            &format!("Manifest element {element} is missing or invalid"),
        );
    }
}

#[tokio::test]
async fn row_12_the_manifest_belongs_to_the_caller() {
    let mut world = World::new();
    let bundle = Bundle {
        user: "000000000003".to_owned(),
        ..Bundle::kernel()
    };
    let location = world.put("disk", &bundle);
    refused(
        world.register(&location).await,
        "AuthFailure",
        "Manifest is not accessible",
    );
}

#[tokio::test]
async fn row_13_kernels_by_the_manifest_are_for_administrators_too() {
    let mut world = World::new();
    for (kind, message) in [
        (ImageKind::Kernel, "kernel images."),
        (ImageKind::Ramdisk, "ramdisk images."),
    ] {
        let bundle = Bundle {
            kind,
            user: "000000000002".to_owned(),
            signer: Arc::new(private_key("cloud-key.pem")),
            ..Bundle::kernel()
        };
        let location = world.put("innocent", &bundle);
        let result = world.register_as("000000000002", request(&location)).await;
        refused(result, "AuthFailure", message);
    }
}

#[tokio::test]
async fn row_14_the_signature_is_the_callers_or_the_clouds() {
    let mut world = World::new();
    let by = |signer: PrivateKey| Bundle {
        signer: Arc::new(signer),
        ..Bundle::kernel()
    };
    let location = world.put("by-cloud", &by(private_key("cloud-key.pem")));
    world.register(&location).await.unwrap();
    let stranger = PrivateKey::from_pem(stranger().to_pem().unwrap().as_bytes()).unwrap();
    let location = world.put("by-stranger", &by(stranger));
    refused(
        world.register(&location).await,
        "InvalidManifest",
        "Manifest has invalid signature",
    );
    let changed = world
        .register_edited(&Bundle::kernel(), |text| text.replace("x86_64", "i386"))
        .await;
    refused(changed, "InvalidManifest", "Manifest has invalid signature");
    let cut = |text: String| {
        let (start, end) = (
            text.find("<signature>").unwrap(),
            text.find("</signature>").unwrap(),
        );
        format!("{}<signature>UNSIGNED{}", &text[..start], &text[end..])
    };
    let unsigned = world.register_edited(&Bundle::kernel(), cut).await;
    refused(unsigned, "InvalidManifest", "Manifest is not signed");
}

#[tokio::test]
async fn row_15_the_cloud_can_open_the_key_or_not_and_says_no_more() {
    let mut world = World::new();
    let for_others = Bundle {
        recipient: stranger().public_key().clone(),
        ..Bundle::kernel()
    };
    let location = world.put("disk", &for_others);
    let result = world.register(&location).await;
    let message = "Manifest key cannot be decrypted with the cloud certificate";
    refused(result.clone(), "InvalidManifest", message);
    assert_eq!(result.unwrap_err().message, message);
}

#[tokio::test]
async fn row_16_the_list_of_parts_adds_up() {
    let mut world = World::new();
    let edits: [Edit; 4] = [
        |text| text.replace("count=\"2\"", "count=\"3\""),
        |text| text.replace("index=\"1\"", "index=\"7\""),
        |text| text.replace("<filename>disk.part.01", "<filename>../disk.part.01"),
        |text| text.replace("<filename>disk.part.01", "<filename>disk.part.00"),
    ];
    for edit in edits {
        let result = world.register_edited(&Bundle::kernel(), edit).await;
        refused(result, "InvalidManifest", "Part list is invalid: ");
    }
}

#[tokio::test]
async fn rows_17_to_19_every_part_is_there_whole_and_right() {
    let mut world = World::new();
    let location = world.put("disk", &Bundle::kernel());
    let part = "bucket/folder/disk.part.01";
    let bytes = world.shelf.objects.remove(part).unwrap();
    refused(
        world.register(&location).await,
        "InvalidManifest",
        "Part disk.part.01 is not available",
    );
    world
        .shelf
        .objects
        .insert(part.to_owned(), bytes[..8].to_vec());
    refused(
        world.register(&location).await,
        "InvalidManifest",
        "Bundled size is 48, parts add up to 40",
    );
    world.shelf.objects.insert(part.to_owned(), vec![9; 16]);
    refused(
        world.register(&location).await,
        "InvalidManifest",
        "Digest of part disk.part.01 does not match",
    );
    world.shelf.objects.insert(part.to_owned(), bytes);
    world.shelf.denied.push(part.to_owned());
    refused(
        world.register(&location).await,
        "InvalidManifest",
        "Part disk.part.01 is not available",
    );
    world.shelf.denied.clear();
    world.register(&location).await.unwrap();
}

#[tokio::test]
async fn an_empty_part_is_legal_at_the_end_only() {
    let mut world = World::new();
    let parts = |parts: [usize; 2]| Bundle {
        parts: parts.map(|size| vec![1; size]).to_vec(),
        ..Bundle::kernel()
    };
    let location = world.put("last", &parts([16, 0]));
    world.register(&location).await.unwrap();
    let location = world.put("first", &parts([0, 16]));
    refused(
        world.register(&location).await,
        "InvalidManifest",
        "Part list is invalid: first.part.00 is empty",
    );
}

fn machine(kernel: Option<&str>, ramdisk: Option<&str>) -> Bundle {
    let id = |id: &str| id.parse().unwrap();
    Bundle::of(ImageKind::Machine {
        kernel: kernel.map(id),
        ramdisk: ramdisk.map(id),
    })
}

#[tokio::test]
async fn row_20_a_paravirtual_machine_needs_kernel_and_ramdisk() {
    let mut world = World::new();
    let location = world.put("disk", &machine(None, None));
    refused(
        world.register(&location).await,
        "MissingParameter",
        "Kernel ID must be specified",
    );
    let kernel = world.put("kernel", &Bundle::kernel());
    let kernel = world.register(&kernel).await.unwrap();
    let location = world.put("disk", &machine(Some(&kernel), None));
    refused(
        world.register(&location).await,
        "MissingParameter",
        "Ramdisk ID must be specified",
    );
    let hvm = Request {
        virtualization: Some("HVM".to_owned()),
        ..request(&location)
    };
    assert!(
        world
            .register_as("000000000001", hvm)
            .await
            .unwrap()
            .starts_with("emi-")
    );
}

#[tokio::test]
async fn row_21_kernel_and_ramdisk_exist_and_are_of_their_type() {
    let mut world = World::new();
    let kernel = world.put("kernel", &Bundle::kernel());
    let kernel = world.register(&kernel).await.unwrap();
    let ramdisk = world.put("ramdisk", &Bundle::of(ImageKind::Ramdisk));
    let ramdisk = world.register(&ramdisk).await.unwrap();
    let location = world.put("disk", &machine(Some("eki-00000000"), Some(&ramdisk)));
    refused(
        world.register(&location).await,
        "InvalidAMIID.NotFound",
        "The image ID 'eki-00000000' does not exist",
    );
    let swapped = Request {
        kernel: Some(ramdisk.clone()),
        ..request(&location)
    };
    let result = world.register_as("000000000001", swapped).await;
    refused(result, "InvalidAMIID.NotFound", &ramdisk);
    let right = Request {
        kernel: Some(kernel.to_ascii_uppercase().replace("EKI", "eki")),
        ..request(&location)
    };
    assert!(
        world
            .register_as("000000000001", right)
            .await
            .unwrap()
            .starts_with("emi-")
    );
    let others = Bundle {
        user: "000000000002".to_owned(),
        signer: Arc::new(private_key("cloud-key.pem")),
        ..machine(Some(&kernel), Some(&ramdisk))
    };
    let location = world.put("others", &others);
    let result = world.register_as("000000000002", request(&location)).await;
    refused(result, "InvalidAMIID.NotFound", &kernel);
}

#[tokio::test]
async fn row_22_images_have_a_largest_size() {
    let mut world = World::new();
    let bundle = Bundle {
        size: (30 << 30) + 1,
        ..Bundle::kernel()
    };
    let location = world.put("disk", &bundle);
    let message = "Cannot register image of size 32212254721 bytes because it exceeds the configured maximum \
                   instance-store image size of 30 GB.";
    refused(world.register(&location).await, "InvalidManifest", message);
}

#[tokio::test]
async fn lists_of_product_codes_are_taken_apart() {
    let mut world = World::new();
    let bundle = Bundle {
        product_codes: vec!["A,B".to_owned(), "C".to_owned()],
        ..machine(None, None)
    };
    let location = world.put("disk", &bundle);
    let hvm = Request {
        virtualization: Some("hvm".to_owned()),
        ..request(&location)
    };
    let id = world.register_as("000000000001", hvm).await.unwrap();
    assert_eq!(world.image(&id).product_codes, ["A", "B", "C"]);
}
