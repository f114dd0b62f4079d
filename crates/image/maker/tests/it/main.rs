//! Images out of directories, archives and container images, as a caller gets them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use ext4_view::Ext4;
use fs_err as fs;
use gumnut_disk_image::Superblock;
use gumnut_maker::{
    Addition, FileSystem, FileSystemUuid, Fstab, Init, Input, KernelCopies, Label, Made, MakeError,
    MakeOptions, NoteKind, Notes, Patterns, Prepared, Running, Size, SourceForm, prepare,
};
use gumnut_types::{Existing, Fault, NoProgress, Progress};
use tempfile::TempDir;

const KEY: &str =
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n";

/// A temporary directory with a tree in it and room for images.
struct Work(TempDir);

impl Work {
    fn new(files: &[(&str, &str)]) -> Self {
        let work = Self(tempfile::tempdir().unwrap());
        for (path, content) in files {
            let path = work.tree().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        work
    }

    fn tree(&self) -> PathBuf {
        self.path("tree")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A tar archive of the tree, with root as the owner of all files.
    fn tar(&self) -> PathBuf {
        let tar = self.path("tree.tar");
        let status = Command::new("tar")
            .args([
                "--create",
                "--owner=0",
                "--group=0",
                "--sort=name",
                "--file",
            ])
            .arg(&tar)
            .arg("-C")
            .arg(self.tree())
            .arg(".")
            .status();
        assert!(status.unwrap().success());
        tar
    }

    fn prepare(&self, options: &MakeOptions) -> Result<Prepared, MakeError> {
        prepare(Input::Path(&self.tar()), options, &NoProgress)
    }

    fn write(&self, prepared: Prepared) -> Result<Made, MakeError> {
        let copies = KernelCopies::default();
        prepared.write(
            &self.path("disk.img"),
            Existing::Refuse,
            copies,
            &NoProgress,
        )
    }

    fn make(&self, options: &MakeOptions) -> (Made, Ext4) {
        let made = self.write(self.prepare(options).unwrap()).unwrap();
        (made, self.view())
    }

    fn view(&self) -> Ext4 {
        Ext4::load_from_path(self.path("disk.img")).unwrap()
    }

    fn superblock(&self) -> Superblock {
        let bytes = fs::read(self.path("disk.img")).unwrap();
        Superblock::parse(&bytes[1024..2048]).unwrap()
    }

    /// Names of images and what is left of them.
    fn images(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains("img")).collect()
    }
}

fn system(more: &[(&str, &str)]) -> Work {
    Work::new(
        &[
            &[("sbin/init", "#!/bin/sh\n"), ("etc/hostname", "x\n")],
            more,
        ]
        .concat(),
    )
}

fn text(view: &Ext4, path: &str) -> String {
    view.read_to_string(path).unwrap()
}

fn paths(notes: &Notes, kind: NoteKind) -> Vec<String> {
    let notes = notes.list().iter().filter(|note| note.kind == kind);
    notes
        .map(|note| String::from_utf8_lossy(&note.path).into_owned())
        .collect()
}

#[test]
fn equal_archives_give_equal_images_however_they_come() {
    let work = system(&[("etc/fstab", "/dev/sda1 / ext3 noatime 0 1\n")]);
    let tar = work.tar();
    let write = |input: Input<'_>, name: &str| {
        let prepared = prepare(input, &MakeOptions::default(), &NoProgress).unwrap();
        let copies = KernelCopies::default();
        let path = work.path(name);
        prepared
            .write(&path, Existing::Refuse, copies, &NoProgress)
            .unwrap();
        fs::read(path).unwrap()
    };
    let one = write(Input::Path(&tar), "one.img");
    let two = write(Input::Stream(&mut fs::File::open(&tar).unwrap()), "two.img");
    let status = Command::new("gzip").arg("-k").arg(&tar).status();
    assert!(status.unwrap().success());
    let three = write(Input::Path(&work.path("tree.tar.gz")), "three.img");
    assert!(one == two && two == three);
    fs::write(work.tree().join("etc/hostname"), "other").unwrap();
    let other = write(Input::Path(&work.tar()), "other.img");
    assert!(other != one);
}

#[test]
fn the_fstab_gets_a_line_for_the_root_that_fits() {
    let work = system(&[(
        "etc/fstab",
        "/dev/sda1 / ext3 noatime 0 1\n/dev/sdb1 /data xfs x 0 2\n",
    )]);
    let (made, view) = work.make(&MakeOptions::default());
    let uuid = work.superblock().uuid;
    let fstab = text(&view, "/etc/fstab");
    assert_eq!(
        fstab,
        format!("UUID={uuid} / ext4 noatime 0 1\n/dev/sdb1 /data xfs x 0 2\n")
    );
    assert!(text(&view, "/etc/fstab.gumnut").starts_with("/dev/sda1"));
    assert_eq!(paths(&made.notes, NoteKind::Edited), ["etc/fstab"]);
    assert_eq!(paths(&made.notes, NoteKind::Reported), ["etc/fstab"]);

    for (fstab, expected) in [
        (
            Fstab::Keep,
            "/dev/sda1 / ext3 noatime 0 1\n/dev/sdb1 /data xfs x 0 2\n".to_owned(),
        ),
        (
            Fstab::Generate,
            format!("UUID={uuid} / ext4 defaults 0 1\n"),
        ),
        (Fstab::Content(b"mine".to_vec()), "mine".to_owned()),
    ] {
        fs::remove_file(work.path("disk.img")).unwrap();
        let (_, view) = work.make(&MakeOptions {
            fstab,
            ..MakeOptions::default()
        });
        assert_eq!(text(&view, "/etc/fstab"), expected);
    }
}

#[test]
fn label_uuid_size_kind_and_time_are_as_asked_for() {
    let work = system(&[]);
    let options = MakeOptions {
        file_system: FileSystem::Ext3,
        size: Size::Bytes(64 << 20),
        label: Label::new("cloud root").unwrap(),
        uuid: FileSystemUuid::Given([7; 16]),
        inodes: Some(5000),
        epoch: Some(1_234_567_890),
        ..MakeOptions::default()
    };
    work.make(&options);
    let superblock = work.superblock();
    assert_eq!(superblock.label, "cloud root");
    assert_eq!(
        superblock.uuid.to_string(),
        "07070707-0707-0707-0707-070707070707"
    );
    assert_eq!(
        (superblock.kind.to_string().as_str(), superblock.inode_size),
        ("ext3", 128)
    );
    assert!((5000..6000).contains(&superblock.inode_count));
    assert_eq!(superblock.last_write, 1_234_567_890);
    assert_eq!(fs::metadata(work.path("disk.img")).unwrap().len(), 64 << 20);
    let too_small = MakeOptions {
        size: Size::Bytes(1 << 20),
        ..MakeOptions::default()
    };
    fs::write(work.tree().join("large"), vec![1; 2 << 20]).unwrap();
    let error = work.prepare(&too_small).map(|_| ()).unwrap_err();
    assert!(error.fault() == Fault::Input);
    assert!(error.hint().unwrap().starts_with("use --size "));
    let random = |_: i32| {
        let options = MakeOptions {
            uuid: FileSystemUuid::Random,
            ..MakeOptions::default()
        };
        work.prepare(&options).unwrap().summary().uuid.clone()
    };
    assert_ne!(random(1), random(2));
}

#[test]
fn files_are_excluded_added_sealed_and_given_to_root() {
    let work = system(&[
        ("srv/key.pem", KEY),
        ("srv/kept.pem", KEY),
        ("var/cache/x", "x"),
    ]);
    let motd = work.path("motd");
    fs::write(&motd, "welcome").unwrap();
    let addition = |path: &str, permissions| Addition {
        local: motd.clone(),
        path: path.as_bytes().to_vec(),
        permissions,
    };
    let options = MakeOptions {
        exclude: Patterns::new(["/var/cache"]).unwrap(),
        seal: true,
        keep: Patterns::new(["/srv/kept.pem"]).unwrap(),
        additions: vec![
            addition("etc/motd", Some(0o600)),
            addition("new/dir/motd", None),
        ],
        ..MakeOptions::default()
    };
    let (made, view) = work.make(&options);
    assert_eq!(paths(&made.notes, NoteKind::Excluded), ["var/cache"]);
    assert_eq!(paths(&made.notes, NoteKind::Removed), ["srv/key.pem"]);
    assert!(view.exists("/srv/kept.pem").unwrap());
    assert_eq!(text(&view, "/new/dir/motd"), "welcome");
    assert_eq!(view.metadata("/etc/motd").unwrap().mode() & 0o7777, 0o600);
    let missing = MakeOptions {
        additions: vec![Addition {
            local: work.path("nowhere"),
            path: b"x".to_vec(),
            permissions: None,
        }],
        ..MakeOptions::default()
    };
    let error = work.prepare(&missing).map(|_| ()).unwrap_err();
    assert!(error.to_string().ends_with("/nowhere"), "{error}");
}

#[test]
fn a_directory_of_one_user_is_refused_unless_it_is_given_to_root() {
    let work = system(&[]);
    let root = work.tree();
    // As root, files belong to root; then another user gets them.
    if fs::metadata(&root).unwrap().uid() == 0 {
        let status = Command::new("chown")
            .args(["-R", "1234"])
            .arg(&root)
            .status();
        assert!(status.unwrap().success());
    }
    let from = |options: &MakeOptions| prepare(Input::Path(&root), options, &NoProgress);
    let error = from(&MakeOptions::default()).map(|_| ()).unwrap_err();
    assert!(matches!(error, MakeError::OneOwner { .. }), "{error}");
    assert!(error.hint().unwrap().contains("--owner root"));
    let options = MakeOptions {
        owner_root: true,
        ..MakeOptions::default()
    };
    work.write(from(&options).unwrap()).unwrap();
    let metadata = work.view().metadata("/sbin/init").unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (0, 0));
}

#[test]
fn kernel_and_ramdisk_are_copied_byte_by_byte() {
    let kernel = "kernel\0".repeat(10_000);
    let work = system(&[
        ("boot/vmlinuz-6.1", &kernel),
        ("boot/initrd.img-6.1", "ramdisk"),
        ("boot/vmlinuz-5.9", "old"),
    ]);
    let (vmlinuz, initrd) = (work.path("vmlinuz"), work.path("initrd"));
    let copies = KernelCopies {
        kernel: Some(&vmlinuz),
        ramdisk: Some(&initrd),
    };
    let prepared = work.prepare(&MakeOptions::default()).unwrap();
    let target = work.path("disk.img");
    prepared
        .write(&target, Existing::Refuse, copies, &NoProgress)
        .unwrap();
    assert!(fs::read(&vmlinuz).unwrap() == kernel.as_bytes());
    assert_eq!(fs::read(&initrd).unwrap(), b"ramdisk");

    let bare = system(&[]);
    let prepared = bare.prepare(&MakeOptions::default()).unwrap();
    let target = bare.path("disk.img");
    let copies = KernelCopies {
        kernel: Some(&vmlinuz),
        ramdisk: None,
    };
    let error = prepared
        .write(&target, Existing::Replace, copies, &NoProgress)
        .unwrap_err();
    assert_eq!(error.to_string(), "there is no kernel in /boot");
    assert!(fs::read(&vmlinuz).unwrap() == kernel.as_bytes());
    assert!(bare.images().is_empty());
}

#[test]
fn nothing_is_made_that_could_not_be_started() {
    let work = Work::new(&[("bin/sh", "#!"), ("etc/x", "")]);
    let error = work
        .prepare(&MakeOptions::default())
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(error, MakeError::NoInit), "{error}");
    let only = MakeOptions {
        only_file_system: true,
        ..MakeOptions::default()
    };
    let (_, view) = work.make(&only);
    assert!(!view.exists("/etc/fstab").unwrap());
    fs::remove_file(work.path("disk.img")).unwrap();
    let script = MakeOptions {
        init: Some(Init::Command("/bin/app".to_owned())),
        ..MakeOptions::default()
    };
    let (_, view) = work.make(&script);
    assert!(text(&view, "/sbin/init").ends_with("exec /bin/app\n"));
    assert_eq!(view.metadata("/sbin/init").unwrap().mode() & 0o777, 0o755);
    assert!(view.metadata("/proc").unwrap().is_dir());
}

#[test]
fn a_running_system_gets_empty_directories_and_devices() {
    let work = system(&[
        ("proc/1/cmdline", "init"),
        ("run/pid", "1"),
        ("mnt/disk.img", "x"),
        ("etc/selinux/config", "SELINUX=enforcing\n"),
        ("swapfile", "swap"),
        ("old.img", "an older image"),
    ]);
    let running = Running {
        swap_files: vec![work.tree().join("swapfile")],
        ..Running::default()
    };
    let options = MakeOptions {
        running: Some(running),
        owner_root: true,
        outputs: vec![work.tree().join("old.img")],
        ..MakeOptions::default()
    };
    let prepared = prepare(Input::Path(&work.tree()), &options, &NoProgress).unwrap();
    let made = work.write(prepared).unwrap();
    let view = work.view();
    for gone in [
        "/proc/1",
        "/run/pid",
        "/mnt/disk.img",
        "/swapfile",
        "/old.img",
    ] {
        assert!(!view.exists(gone).unwrap(), "{gone}");
    }
    for there in ["/proc", "/sys", "/dev/console", "/var/tmp", "/.autorelabel"] {
        assert!(view.exists(there).unwrap(), "{there}");
    }
    assert_eq!(view.metadata("/tmp").unwrap().mode() & 0o7777, 0o1777);
    assert_eq!(
        paths(&made.notes, NoteKind::Volatile),
        ["run", "proc", "mnt"]
    );
    assert_eq!(paths(&made.notes, NoteKind::Swap), ["swapfile"]);
    assert_eq!(paths(&made.notes, NoteKind::Output), ["old.img"]);
}

#[test]
fn a_change_is_an_error_only_if_that_was_asked_for() {
    let change = |strict| {
        let work = system(&[("log", "one line\n")]);
        let options = MakeOptions {
            owner_root: true,
            strict,
            ..MakeOptions::default()
        };
        let prepared = prepare(Input::Path(&work.tree()), &options, &NoProgress).unwrap();
        fs::write(work.tree().join("log"), "one line\nand another\n").unwrap();
        let made = work.write(prepared);
        (made, work.images())
    };
    let (made, images) = change(false);
    assert_eq!(made.unwrap().notes.number(NoteKind::Changed), 1);
    assert_eq!(images, ["disk.img"]);
    let (made, images) = change(true);
    assert!(matches!(made, Err(MakeError::Changed(1))));
    assert!(images.is_empty(), "{images:?}");
}

/// Stops after so many questions.
struct StopsAfter(AtomicU64);

impl Progress for StopsAfter {
    fn cancelled(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) == 0
    }
}

#[test]
fn an_image_that_is_not_complete_has_no_name() {
    let work = system(&[("large", &"x".repeat(3 << 20))]);
    let options = MakeOptions {
        owner_root: true,
        ..MakeOptions::default()
    };
    for asked in 0..3 {
        let prepared = prepare(Input::Path(&work.tree()), &options, &NoProgress).unwrap();
        let stop = StopsAfter(AtomicU64::new(asked));
        let copies = KernelCopies::default();
        let target = work.path("disk.img");
        let error = prepared
            .write(&target, Existing::Refuse, copies, &stop)
            .unwrap_err();
        assert!(error.fault() == Fault::Cancelled, "{error}");
        assert!(work.images().is_empty());
    }
    let stop = StopsAfter(AtomicU64::new(0));
    let error = prepare(Input::Path(&work.tree()), &options, &stop)
        .map(|_| ())
        .unwrap_err();
    assert!(error.fault() == Fault::Cancelled);

    fs::write(work.path("disk.img"), "precious").unwrap();
    let error = work.write(work.prepare(&options).unwrap()).unwrap_err();
    assert!(error.fault() == Fault::Input);
    assert_eq!(fs::read(work.path("disk.img")).unwrap(), b"precious");
    assert_eq!(work.images(), ["disk.img"]);
}

#[test]
fn a_container_image_is_recognised_also_behind_the_entry_of_the_root() {
    let work = Work::new(&[("oci-layout", "{}"), ("index.json", r#"{"manifests": []}"#)]);
    for path in [work.tar(), work.tree()] {
        let error = prepare(Input::Path(&path), &MakeOptions::default(), &NoProgress);
        let error = error.map(|_| ()).unwrap_err().to_string();
        assert_eq!(
            error,
            "the container image cannot be used: it has no image for linux/amd64"
        );
    }
}

#[test]
fn what_is_no_tree_is_refused() {
    let work = system(&[]);
    let disk = work.path("disk");
    fs::write(&disk, vec![0x55; 100_000]).unwrap();
    let refused = |path: &Path, form| {
        let options = MakeOptions {
            form,
            ..MakeOptions::default()
        };
        let error = prepare(Input::Path(path), &options, &NoProgress)
            .map(|_| ())
            .unwrap_err();
        assert!(error.fault() == Fault::Input, "{error}");
        error
    };
    assert!(matches!(refused(&disk, None), MakeError::NotATree { .. }));
    assert!(matches!(
        refused(&work.path("nowhere"), None),
        MakeError::Read { .. }
    ));
    let container = refused(&work.tar(), Some(SourceForm::Container)).to_string();
    assert!(
        container.starts_with("the container image cannot be used"),
        "{container}"
    );
    let directory = refused(&work.tree(), Some(SourceForm::Container)).to_string();
    assert_eq!(directory, container);
}
