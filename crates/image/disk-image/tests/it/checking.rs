//! Every check, with an image that triggers it and one that does not.

use std::path::Path;

use fs_err::File;
use gumnut_disk_image::Hypervisor::{Kvm, Xen};
use gumnut_disk_image::{
    Inspection, Severity, Start, Subject, check, check_kernel, check_ramdisk, checks, inspect,
};
use gumnut_types::Architecture;

use crate::image::{Image, LENGTH, MIB, UUID};
use crate::ramdisks::cpio;

fn ids(subject: &Subject<'_>) -> Vec<&'static str> {
    check(subject)
        .iter()
        .map(|finding| finding.check.id)
        .collect()
}

/// The checks that an image does not pass on its own.
fn of(path: &Path) -> Vec<&'static str> {
    ids(&Subject::new(&inspect(path).unwrap()))
}

fn of_bytes(bytes: &[u8]) -> Inspection {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), bytes).unwrap();
    inspect(file.path()).unwrap()
}

fn kernel(release: &str, is_64bit: Option<bool>) -> Inspection {
    let mut bytes = vec![0; 0x1000];
    bytes[0x1FE..0x200].copy_from_slice(&[0x55, 0xAA]);
    bytes[0x202..0x206].copy_from_slice(b"HdrS");
    let protocol: u16 = if is_64bit.is_some() { 0x20F } else { 0x209 };
    bytes[0x206..0x208].copy_from_slice(&protocol.to_le_bytes());
    bytes[0x20E..0x210].copy_from_slice(&0x400_u16.to_le_bytes());
    bytes[0x236] = u8::from(is_64bit == Some(true));
    bytes[0x600..0x600 + release.len()].copy_from_slice(release.as_bytes());
    of_bytes(&bytes)
}

fn ramdisk(release: &str) -> Inspection {
    of_bytes(&cpio(&format!("lib/modules/{release}/modules.dep")))
}

/// Writes an init for a processor into the tree of an image.
fn init(tree: &Path, class: u8, machine: u8) {
    let mut elf = vec![0x7F, b'E', b'L', b'F', class, 1];
    elf.resize(18, 0);
    elf.extend([machine, 0]);
    fs_err::write(tree.join("usr/sbin/systemd"), elf).unwrap();
}

fn i386(tree: &Path) {
    init(tree, 1, 3);
}

fn x86_64(tree: &Path) {
    init(tree, 2, 62);
}

fn file(tree: &Path, path: &str, content: &str) {
    let path = tree.join(path);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, content).unwrap();
}

fn fstab(device: &str) -> Image {
    Image::ext3_with(|tree| {
        file(
            tree,
            "etc/fstab",
            &format!("{device} / ext3 defaults 1 1\n"),
        );
    })
}

const RELEASE: &str = "2.6.28-11-server";

#[test]
fn a_good_image_with_its_kernel_and_ramdisk_passes_everything() {
    let image = inspect(&Image::ext3_with(i386).path).unwrap();
    let (kernel, ramdisk) = (kernel(RELEASE, None), ramdisk(RELEASE));
    let mut subject = Subject::new(&image);
    subject.kernel = Some(&kernel);
    subject.ramdisk = Some(&ramdisk);
    subject.hypervisor = Some(Kvm);
    subject.architecture = Some(Architecture::I386);
    assert_eq!(check(&subject), []);
}

#[test]
fn no_file_system() {
    assert_eq!(ids(&Subject::new(&of_bytes(b"hello"))), ["no-file-system"]);
    assert_eq!(ids(&Subject::new(&of_bytes(b""))), ["no-file-system"]);
    assert!(of(&Image::ext2().path).is_empty());
}

#[test]
fn truncated() {
    let image = Image::ext3();
    File::options()
        .write(true)
        .open(&image.path)
        .unwrap()
        .set_len(5 * MIB)
        .unwrap();
    assert_eq!(of(&image.path), ["truncated"]);
    assert!(of(&Image::ext3().path).is_empty());
}

#[test]
fn journal_and_unclean() {
    let image = Image::ext3();
    image.debugfs("feature needs_recovery");
    assert_eq!(of(&image.path), ["journal"]);
    for state in ["0", "2"] {
        let image = Image::ext2();
        assert!(of(&image.path).is_empty());
        image.debugfs(&format!("set_super_value state {state}"));
        assert_eq!(of(&image.path), ["unclean"]);
    }
}

#[test]
fn unreadable() {
    let image = Image::ext3();
    assert!(of(&image.path).is_empty());
    // A feature that the reader does not know.
    image.patch(1024 + 0x60, &[2, 0, 0, 0x40]);
    assert_eq!(of(&image.path), ["unreadable"]);
}

#[test]
fn architecture_of_system_and_kernel() {
    let (old, new) = (Image::ext3_with(i386), Image::ext3_with(x86_64));
    let (old, new) = (inspect(&old.path).unwrap(), inspect(&new.path).unwrap());
    let (narrow, wide) = (kernel(RELEASE, Some(false)), kernel(RELEASE, Some(true)));
    let found = |image, kernel| {
        let mut subject = Subject::new(image);
        subject.kernel = Some(kernel);
        ids(&subject)
    };
    assert_eq!(found(&new, &narrow), ["architecture"]);
    assert_eq!(found(&old, &wide), ["architecture-mixed"]);
    assert!(found(&old, &narrow).is_empty());
    assert!(found(&new, &wide).is_empty());
    assert!(
        found(&new, &kernel(RELEASE, None)).is_empty(),
        "old kernels do not tell"
    );
}

#[test]
fn declared_architecture() {
    let image = inspect(&Image::ext3_with(i386).path).unwrap();
    let mut subject = Subject::new(&image);
    // The slip of the tutorial: an i386 root that is registered as the host's x86_64.
    subject.architecture = Some(Architecture::X86_64);
    assert_eq!(ids(&subject), ["architecture-declared"]);
    subject.architecture = Some(Architecture::I386);
    assert!(ids(&subject).is_empty());
    let wide = kernel(RELEASE, Some(true));
    let ids = |architecture| check_kernel(&wide, Some(architecture)).len();
    assert_eq!((ids(Architecture::I386), ids(Architecture::X86_64)), (1, 0));
}

#[test]
fn swapped_kernel_and_ramdisk() {
    let image = inspect(&Image::ext3().path).unwrap();
    let (kernel, ramdisk) = (kernel(RELEASE, None), ramdisk(RELEASE));
    let mut subject = Subject::new(&image);
    subject.kernel = Some(&ramdisk);
    subject.ramdisk = Some(&kernel);
    assert_eq!(ids(&subject), ["not-a-kernel", "not-a-ramdisk"]);
    assert_eq!(check_kernel(&ramdisk, None)[0].check.id, "not-a-kernel");
    assert_eq!(check_ramdisk(&kernel)[0].check.id, "not-a-ramdisk");
    assert!(check_kernel(&kernel, None).is_empty() && check_ramdisk(&ramdisk).is_empty());
    // A Xen kernel of 2009.
    let mut elf = b"\x7fELF\x01\x01".to_vec();
    elf.resize(18, 0);
    elf.extend([3, 0]);
    assert!(check_kernel(&of_bytes(&elf), Some(Architecture::I386)).is_empty());
}

#[test]
fn a_ramdisk_that_linux_does_not_unpack() {
    let whole = cpio(&format!("lib/modules/{RELEASE}/modules.dep"));
    let ids = |bytes: &[u8]| -> Vec<_> {
        let findings = check_ramdisk(&of_bytes(bytes));
        findings.iter().map(|finding| finding.check.id).collect()
    };
    assert!(ids(&whole).is_empty());
    assert_eq!(
        ids(&[whole.as_slice(), b"junk"].concat()),
        ["ramdisk-damage"]
    );
    assert_eq!(ids(&whole[..whole.len() - 8]), ["ramdisk-damage"]);
    assert_eq!(ids(b"a text\n"), ["not-a-ramdisk"]);
}

#[test]
fn a_ramdisk_of_the_kind_before_linux_2_6() {
    let image = inspect(&Image::ext2().path).unwrap();
    assert_eq!(check_ramdisk(&image)[0].check.id, "old-ramdisk");
    assert_eq!(
        check_ramdisk(&of_bytes(b"-rom1fs-"))[0].check.id,
        "old-ramdisk"
    );
}

#[test]
fn modules() {
    let image = inspect(&Image::ext3().path).unwrap();
    let kernel = kernel("2.6.31-1", None);
    let (other, own, none) = (
        ramdisk(RELEASE),
        ramdisk("2.6.31-1"),
        of_bytes(&cpio("init")),
    );
    let found = |ramdisk| {
        let mut subject = Subject::new(&image);
        subject.kernel = Some(&kernel);
        subject.ramdisk = Some(ramdisk);
        check(&subject)
    };
    let findings = found(&other);
    let ids: Vec<_> = findings.iter().map(|finding| finding.check.id).collect();
    assert_eq!(ids, ["modules", "ramdisk-modules"]);
    let message = &findings[0].message;
    assert!(
        message.contains("2.6.31-1") && message.contains("2.6.24-19-xen"),
        "{message}"
    );
    for ramdisk in [&own, &none] {
        assert_eq!(found(ramdisk).len(), 1);
    }
}

#[test]
fn root_device() {
    let found = |device, hypervisor| {
        let image = inspect(&fstab(device).path).unwrap();
        let mut subject = Subject::new(&image);
        subject.hypervisor = Some(hypervisor);
        ids(&subject)
    };
    for (device, kvm, xen) in [
        ("/dev/sda1", true, true),
        ("/dev/vda", true, false),
        ("/dev/xvda1", false, true),
        ("/dev/hda1", false, false),
        ("LABEL=euca-root", true, true),
    ] {
        assert_eq!(found(device, Kvm).is_empty(), kvm, "{device}");
        assert_eq!(found(device, Xen).is_empty(), xen, "{device}");
    }
    assert_eq!(found("/dev/hda1", Kvm), ["root-device"]);
    assert!(
        of(&fstab("/dev/hda1").path).is_empty(),
        "nobody said where it shall run"
    );
}

#[test]
fn root_label() {
    for wrong in ["LABEL=/", "UUID=6d1b1b1e-0000-4000-8000-000000000003"] {
        assert_eq!(of(&fstab(wrong).path), ["root-label"]);
    }
    for right in ["LABEL=euca-root", &format!("UUID={}", UUID.to_uppercase())] {
        assert!(of(&fstab(right).path).is_empty(), "{right}");
    }
}

/// An image with an MBR in front of its file system.
fn partitioned(boot_code: bool) -> Image {
    let image = Image::ext3();
    let root = fs_err::read(&image.path).unwrap();
    let mut bytes = vec![0; 1 << 20];
    bytes[0] = if boot_code { 0xEB } else { 0 };
    bytes[450] = 0x83;
    bytes[454..458].copy_from_slice(&2048_u32.to_le_bytes());
    bytes[458..462].copy_from_slice(&16384_u32.to_le_bytes());
    bytes[510..512].copy_from_slice(&[0x55, 0xAA]);
    bytes.extend(root);
    fs_err::write(&image.path, bytes).unwrap();
    image
}

#[test]
fn partition_table_and_boot_loader() {
    let found = |image: &Image, start| {
        let inspection = inspect(&image.path).unwrap();
        let mut subject = Subject::new(&inspection);
        subject.start = start;
        ids(&subject)
    };
    let (disk, bare) = (partitioned(true), Image::ext3());
    assert_eq!(found(&disk, Some(Start::Kernel)), ["partition-table"]);
    assert_eq!(
        found(&bare, Some(Start::OwnBootLoader)),
        ["no-partition-table"]
    );
    assert!(found(&disk, Some(Start::OwnBootLoader)).is_empty());
    assert!(found(&bare, Some(Start::Kernel)).is_empty());
    assert!(found(&disk, None).is_empty() && found(&bare, None).is_empty());
    assert_eq!(found(&partitioned(false), None), ["no-boot-loader"]);
}

#[test]
fn partition_table_damage_and_a_cut_disk() {
    let disk = partitioned(true);
    let length = fs_err::metadata(&disk.path).unwrap().len();
    let cut = |length| {
        File::options()
            .write(true)
            .open(&disk.path)
            .unwrap()
            .set_len(length)
            .unwrap();
    };
    cut(length - MIB);
    assert_eq!(of(&disk.path), ["truncated", "truncated"]);
    cut(length - 7);
    assert!(of(&disk.path).contains(&"odd-length"));
    // A header that says it is one and is nothing else.
    disk.patch(512, b"EFI PART");
    assert_eq!(of(&disk.path), ["partition-table-damage", "odd-length"]);
}

#[test]
fn features() {
    let (old, new) = (Image::ext3(), Image::ext4());
    assert_eq!(
        of(&new.path),
        ["features"],
        "it has modules for 2.6.24 and 2.6.28"
    );
    let (old, new) = (inspect(&old.path).unwrap(), inspect(&new.path).unwrap());
    let found = |image, release| {
        let kernel = kernel(release, None);
        let mut subject = Subject::new(image);
        subject.kernel = Some(&kernel);
        let findings = check(&subject).into_iter();
        let finding = findings.map(|finding| (finding.check.id, finding.message));
        finding
            .filter(|(id, _)| *id == "features")
            .map(|(_, message)| message)
            .next()
    };
    assert_eq!(found(&old, "2.6.18-128.el5xen"), None);
    let message = found(&new, "2.6.18-128.el5xen").unwrap();
    assert!(
        message.contains("extent, 64bit") && message.contains("metadata_csum"),
        "{message}"
    );
    let message = found(&new, "2.6.32").unwrap();
    assert!(
        message.ends_with("does not support metadata_csum"),
        "{message}"
    );
    assert_eq!(found(&new, "6.1.0-50-cloud-amd64"), None);
}

#[test]
fn free_space() {
    let image = Image::ext3_with(|tree| file(tree, "big", &"x".repeat(6_800_000)));
    assert_eq!(of(&image.path), ["free-space"]);
    let image = Image::ext3_with(|tree| file(tree, "big", &"x".repeat(4_000_000)));
    assert!(of(&image.path).is_empty());
}

#[test]
fn odd_length() {
    let image = Image::ext3();
    File::options()
        .write(true)
        .open(&image.path)
        .unwrap()
        .set_len(LENGTH + 100)
        .unwrap();
    assert_eq!(of(&image.path), ["odd-length"]);
}

#[test]
fn secrets() {
    for (path, content, id) in [
        ("etc/ssh/ssh_host_rsa_key", "key", "host-keys"),
        (
            "root/.ssh/authorized_keys",
            "ssh-rsa AAAA",
            "authorized-keys",
        ),
        (
            "home/anna/.ssh/authorized_keys",
            "ssh-rsa AAAA",
            "authorized-keys",
        ),
        ("root/.bash_history", "ls\n", "shell-history"),
        ("home/anna/.aws/credentials", "[default]", "credentials"),
        ("root/.euca/euca2-admin-0fe5-pk.pem", "key", "credentials"),
        ("root/eucarc", "EC2_URL=", "credentials"),
        ("home/anna/.ssh/id_rsa", "key", "credentials"),
        (
            "etc/shadow",
            "root:$1$abcdefgh$0123456789012345678901:1:0:::::\n",
            "passwords",
        ),
        ("etc/shadow", "anna::14000:0:::::\n", "passwords"),
    ] {
        let image = Image::ext3_with(|tree| file(tree, path, content));
        let findings = check(&Subject::new(&inspect(&image.path).unwrap()));
        assert_eq!(findings.len(), 1, "{path}: {findings:?}");
        assert_eq!(findings[0].check.id, id);
        assert!(findings[0].message.contains(path), "{findings:?}");
    }
    let harmless = Image::ext3_with(|tree| {
        file(tree, "etc/ssh/ssh_host_rsa_key.pub", "public");
        file(tree, "etc/ssh/ssh_host_dsa_key", "");
        file(tree, "root/.ssh/authorized_keys", "");
        file(tree, "root/.bash_history", "");
        file(tree, "root/.euca/euca2-admin-0fe5-cert.pem", "public");
        file(
            tree,
            "etc/shadow",
            "root:*:1:0:::::\nbin:!!:1:0:::::\nanna:!$1$abcdefgh$01234567:1:::::\n",
        );
    });
    assert!(of(&harmless.path).is_empty());
}

#[test]
fn times_before_1970_do_not_keep_files_from_being_read() {
    let image = Image::ext3_with(|tree| {
        file(tree, "root/.bash_history", "ls\n");
        let before = std::time::UNIX_EPOCH - std::time::Duration::from_secs(5);
        for path in ["root/.bash_history", "root", ""] {
            let file = File::open(tree.join(path)).unwrap();
            file.file().set_modified(before).unwrap();
        }
    });
    assert_eq!(of(&image.path), ["shell-history"]);
}

#[test]
fn host_keys_can_be_deleted_only_where_something_makes_new_ones() {
    let found = |path: &str, content: &str| {
        let image = Image::ext3_with(|tree| {
            file(tree, "etc/ssh/ssh_host_rsa_key", "key");
            file(tree, path, content);
        });
        let findings = check(&Subject::new(&inspect(&image.path).unwrap()));
        let hosts = findings
            .iter()
            .find(|finding| finding.check.id == "host-keys");
        hosts.unwrap().message.clone()
    };
    let something = "/etc/ssh/ssh_host_rsa_key; something in the image creates new ones";
    for (path, content) in [
        ("usr/bin/cloud-init", "#!/usr/bin/python3"),
        ("etc/init.d/sshd", "/usr/bin/ssh-keygen -A"),
        (
            "usr/lib/systemd/system/sshd-keygen@.service",
            "ExecStart=/usr/libexec/openssh/sshd-keygen %i",
        ),
    ] {
        assert_eq!(found(path, content), something, "{path}");
    }
    let nothing = "/etc/ssh/ssh_host_rsa_key; nothing in the image creates new ones";
    assert_eq!(
        found(
            "lib/systemd/system/ssh.service",
            "ExecStart=/usr/sbin/sshd -D"
        ),
        nothing
    );
}

#[test]
fn serial_console() {
    let with = |path: &str, content: &str| Image::ext3_with(|tree| file(tree, path, content));
    let none = "1:2345:respawn:/sbin/mingetty tty1\n#T0:23:respawn:/sbin/getty -L ttyS0\n";
    assert_eq!(of(&with("etc/inittab", none).path), ["serial-console"]);
    let serial = "co:2345:respawn:/sbin/agetty xvc0 9600 vt100-nav\n";
    assert!(of(&with("etc/inittab", serial).path).is_empty());
    assert!(of(&with("etc/init/ttyS0.conf", "exec getty").path).is_empty());
    assert!(of(&with("lib/systemd/system/x.service", "").path).is_empty());
}

#[test]
fn the_gravest_come_first_and_every_check_is_tested_here() {
    let image = Image::ext3_with(|tree| file(tree, "root/.bash_history", "ls"));
    image.debugfs("set_super_value state 2");
    let findings = check(&Subject::new(&inspect(&image.path).unwrap()));
    let severities: Vec<_> = findings
        .iter()
        .map(|finding| finding.check.severity)
        .collect();
    assert_eq!(severities, [Severity::Error, Severity::Warning]);
    let here = [include_str!("checking.rs"), include_str!("volumes.rs")].concat();
    for check in checks() {
        assert!(
            here.contains(&format!("\"{}\"", check.id)),
            "{} has no test",
            check.id
        );
    }
}
