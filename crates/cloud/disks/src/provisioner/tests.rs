use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::process::Command;

use gumnut_cloud_catalogue::{Catalogue, Clock, ImageRules, Profile};
use gumnut_cloud_images::fixture::Fixture;
use gumnut_cloud_instances::{Bus, Card, PublicKey, instance_types};
use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_types::{Architecture, ImageKind};

use super::*;
use crate::unbundled::UnbundledOptions;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVl k";

/// A cloud whose instances have directories below `folder`.
struct World {
    cloud: Fixture,
    folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let clock = Clock::fixed(SystemTime::UNIX_EPOCH.into());
        let database = SqliteCatalogue::in_memory(clock.clone()).unwrap();
        let rules = ImageRules::default();
        Self {
            cloud: Fixture::new(Catalogue::new(database), clock, rules).await,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Registers an image.
    async fn image(&mut self, name: &str, kind: ImageKind, bytes: &[u8]) -> BundledImage {
        let location = self.cloud.bundle(name, kind, bytes);
        let id = self.cloud.register(&location).await.unwrap();
        BundledImage {
            manifest_sha256: self.cloud.image(&id).await.manifest_sha256,
            id: id.parse().unwrap(),
            location,
        }
    }

    /// Registers a machine whose kernel and ramdisk are these.
    async fn machine(&mut self, kernel: &BundledImage, ramdisk: &BundledImage) -> BundledImage {
        let kind = ImageKind::Machine {
            kernel: Some(kernel.id.clone()),
            ramdisk: Some(ramdisk.id.clone()),
        };
        self.image("root", kind, &root()).await
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("instances")
    }

    async fn provisioner(&mut self, replacement: Option<ReplacementKernel>) -> DiskProvisioner {
        let images = self.cloud.images().await.clone();
        let options = UnbundledOptions::new(self.folder.path().join("unbundled"));
        let unbundled = Unbundled::open(options, images.clone()).unwrap();
        DiskProvisioner::open(&self.root(), unbundled, images, replacement).unwrap()
    }

    /// What is in the directory of the instances.
    fn names(&self) -> Vec<String> {
        let entries = fs_err::read_dir(self.root()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

/// The smallest file that is taken for a kernel of 2007.
fn kernel() -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[0x1FE..0x200].copy_from_slice(&[0x55, 0xAA]);
    bytes[0x202..0x206].copy_from_slice(b"HdrS");
    bytes[0x206..0x208].copy_from_slice(&0x0204_u16.to_le_bytes());
    bytes[0x211] = 1;
    bytes
}

/// The kernel of a Xen guest: a program for x86.
fn xen_kernel() -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0".to_vec();
    bytes.resize(16, 0);
    for field in [2_u16, 62] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.resize(4096, 0);
    bytes
}

/// A root file system of 4 MiB whose fstab names `/dev/sda1`.
fn root() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs_err::create_dir_all(tree.join("etc")).unwrap();
    fs_err::write(tree.join("etc/fstab"), "/dev/sda1 / ext3 defaults 0 1\n").unwrap();
    let path = folder.path().join("root.img");
    fs_err::File::create(&path)
        .unwrap()
        .set_len(4 << 20)
        .unwrap();
    let folders = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let made = Command::new("/usr/bin/env")
        .env("PATH", folders)
        .args([
            "mke2fs", "-q", "-F", "-b", "1024", "-t", "ext3", "-J", "size=1", "-d",
        ])
        .args([&tree, &path])
        .status();
    assert!(made.unwrap().success());
    fs_err::read(path).unwrap()
}

fn wanted(
    image: &BundledImage,
    kernel: Option<&BundledImage>,
    ramdisk: Option<&BundledImage>,
) -> Provision {
    Provision {
        id: "i-4DA90A12".parse().unwrap(),
        image: image.clone(),
        kernel: kernel.cloned(),
        ramdisk: ramdisk.cloned(),
        architecture: Architecture::X86_64,
        instance_type: instance_types(Profile::Strict)[0],
        mac: [0xd0, 0x0d, 0x4d, 0xa9, 0x0a, 0x12],
        private: [172, 31, 0, 10].into(),
        public: [127, 31, 0, 10].into(),
        host_name: "ip-172-31-0-10".to_owned(),
        key: Some(PublicKey {
            name: "mykey".to_owned(),
            openssh: format!("{KEY}\n"),
        }),
        block_devices: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_made_with_disk_kernel_ramdisk_and_key() {
    let mut world = World::new().await;
    let eki = world.image("kernel", ImageKind::Kernel, &kernel()).await;
    let eri = world
        .image("ramdisk", ImageKind::Ramdisk, b"070701 and so on")
        .await;
    let emi = world.machine(&eki, &eri).await;
    let provisioner = world.provisioner(None).await;
    let wanted = wanted(&emi, Some(&eki), Some(&eri));
    // It can be called again, and begins again then.
    for _ in 0..2 {
        let machine = provisioner.provision(&wanted).await.unwrap();
        assert_eq!((machine.bus, machine.card), (Bus::Ide, Card::E1000));
        assert_eq!((machine.id, machine.mac), (wanted.id.clone(), wanted.mac));
        assert_eq!(machine.memory, wanted.instance_type.memory());
        let Boot::Kernel {
            ramdisk: true,
            command_line,
        } = machine.boot
        else {
            panic!("{:?}", machine.boot);
        };
        assert!(
            command_line.contains("root=/dev/sda1 ro console=ttyS0"),
            "{command_line}"
        );
    }
    assert_eq!(world.names(), ["i-4da90a12"]);
    let folder = world.root().join("i-4da90a12");
    let mode = fs_err::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(fs_err::read(folder.join("kernel")).unwrap(), kernel());
    assert_eq!(
        fs_err::read(folder.join("ramdisk")).unwrap(),
        b"070701 and so on"
    );
    let disk = folder.join("disk.img");
    let length = fs_err::metadata(&disk).unwrap().len();
    assert_eq!(length, wanted.instance_type.disk());
    // Where debugfs has put the key.
    let mut bytes = vec![0; 6 << 20];
    let disk = fs_err::File::open(&disk).unwrap();
    disk.file().read_exact_at(&mut bytes, 0).unwrap();
    assert!(bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_for_xen_is_a_reason_or_is_replaced() {
    let mut world = World::new().await;
    let xen = world.image("xen", ImageKind::Kernel, &xen_kernel()).await;
    let eki = world.image("kernel", ImageKind::Kernel, &kernel()).await;
    let eri = world
        .image("ramdisk", ImageKind::Ramdisk, b"070701 and so on")
        .await;
    let emi = world.machine(&xen, &eri).await;
    let wanted = wanted(&emi, Some(&xen), Some(&eri));
    let error = world
        .provisioner(None)
        .await
        .provision(&wanted)
        .await
        .unwrap_err();
    assert_eq!(error.cause, ProvisionCause::Image);
    let text = format!("the kernel {} is for Xen alone", xen.id);
    assert!(error.text.starts_with(&text), "{error}");
    assert!(error.text.contains("--replacement-kernel"), "{error}");
    assert!(world.names().is_empty());

    let replacement = ReplacementKernel {
        kernel: eki.id.to_string(),
        ramdisk: Some(eri.id.to_string()),
    };
    let provisioner = world.provisioner(Some(replacement)).await;
    provisioner.provision(&wanted).await.unwrap();
    let made = fs_err::read(world.root().join("i-4da90a12/kernel")).unwrap();
    assert_eq!(made, kernel());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_made_leaves_no_directory() {
    let mut world = World::new().await;
    let eki = world.image("kernel", ImageKind::Kernel, &kernel()).await;
    let eri = world
        .image("ramdisk", ImageKind::Ramdisk, b"070701 and so on")
        .await;
    let emi = world.machine(&eki, &eri).await;
    fs_err::create_dir_all(world.root().join(".new-i-00000001")).unwrap();
    let provisioner = world.provisioner(None).await;
    assert!(world.names().is_empty());

    let without = wanted(&emi, None, None);
    let error = provisioner.provision(&without).await.unwrap_err();
    assert!(
        error
            .text
            .contains("names no kernel and has no boot loader"),
        "{error}"
    );

    let no_kernel = wanted(&emi, Some(&eri), None);
    let error = provisioner.provision(&no_kernel).await.unwrap_err();
    assert!(
        error.text.contains("is no kernel: it is a ramdisk"),
        "{error}"
    );

    let mut large = wanted(&emi, Some(&eki), Some(&eri));
    large.instance_type.disk_gib = u32::MAX;
    let error = provisioner.provision(&large).await.unwrap_err();
    assert_eq!(error.cause, ProvisionCause::Capacity);
    assert!(
        error.text.starts_with("the disk of i-4DA90A12 needs"),
        "{error}"
    );

    world.cloud.objects.remove("bucket/folder/root.part.00");
    let images = world.cloud.images().await.clone();
    let options = UnbundledOptions::new(world.folder.path().join("other"));
    let unbundled = Unbundled::open(options, images.clone()).unwrap();
    let provisioner = DiskProvisioner::open(&world.root(), unbundled, images, None).unwrap();
    let damaged = wanted(&emi, Some(&eki), Some(&eri));
    let error = provisioner.provision(&damaged).await.unwrap_err();
    assert_eq!(error.cause, ProvisionCause::Image);
    assert!(error.text.contains("root.part.00"), "{error}");
    assert!(world.names().is_empty());
}
