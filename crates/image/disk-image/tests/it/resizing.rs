//! Growing real images; `e2fsck` is the judge.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fs_err::File;
use gumnut_disk_image::{
    DiskImageError, Existing, NewSize, NoProgress, Progress, ResizeOptions, Resized, State, Step,
    StepProgress, Target, plan, resize,
};

use crate::image::{Image, LABEL, LENGTH, MIB, UUID, dumpe2fs, e2fs, succeed};

const NEW: u64 = 64 * MIB;

fn grow(image: &Image, size: u64) -> Result<Resized, DiskImageError> {
    to_new(image, NewSize::Bytes(size), &NoProgress)
}

/// Resizes into `new.img`.
fn to_new(
    image: &Image,
    size: NewSize,
    progress: &dyn StepProgress,
) -> Result<Resized, DiskImageError> {
    let target = image.join("new.img");
    let options = ResizeOptions::default();
    resize(&image.path, size, Target::File(&target), options, progress)
}

pub(crate) fn assert_sound(path: &Path) {
    let output = e2fs("e2fsck", &["-fn"], path);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// Only the image and its tree are left in the directory: no target, no temporary file.
fn assert_nothing_left(image: &Image) {
    let names = fs_err::read_dir(image.folder.path()).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["root.img", "tree"]);
}

#[test]
fn each_kind_grows_and_keeps_what_it_is() {
    for image in [Image::ext2(), Image::ext3(), Image::ext4()] {
        let original = fs_err::read(&image.path).unwrap();
        let features = dumpe2fs(&image.path, "Filesystem features");
        let resized = grow(&image, NEW).unwrap();
        let new = image.join("new.img");
        assert_eq!((resized.before, resized.after), (LENGTH, NEW));
        assert_eq!(resized.superblock.length(), NEW);
        assert!(!resized.corrected);
        assert_eq!(fs_err::metadata(&new).unwrap().len(), NEW);
        assert_eq!(dumpe2fs(&new, "Filesystem UUID"), UUID);
        assert_eq!(dumpe2fs(&new, "Filesystem volume name"), LABEL);
        assert_eq!(dumpe2fs(&new, "Filesystem features"), features);
        assert_sound(&new);
        assert!(
            fs_err::read(&image.path).unwrap() == original,
            "the original was changed"
        );
        assert!(!image.join("new.img.partial").exists());
    }
}

#[test]
fn the_result_has_holes_even_when_the_original_has_none() {
    let image = Image::ext3();
    let dense = fs_err::read(&image.path).unwrap();
    fs_err::write(&image.path, dense).unwrap();
    grow(&image, NEW).unwrap();
    let allocated = fs_err::metadata(image.join("new.img")).unwrap().blocks() * 512;
    assert!(allocated < 4 * MIB, "{allocated}");
}

#[test]
fn an_orphan_file_that_has_to_move_is_right_afterwards() {
    let image = Image::ext2();
    // Without room for more group descriptors, resize2fs moves what is behind them.
    File::create(&image.path)
        .unwrap()
        .set_len(32 * MIB)
        .unwrap();
    let features = "none,has_journal,ext_attr,dir_index,filetype,sparse_super,extent,64bit,flex_bg,large_file,huge_file,\
                    dir_nlink,extra_isize,metadata_csum,orphan_file";
    let form = [
        "-q", "-F", "-b", "1024", "-m", "0", "-i", "4096", "-I", "256", "-O", features,
    ];
    succeed("mke2fs", &form, &image.path);
    let resized = grow(&image, 2048 * MIB).unwrap();
    assert_eq!(resized.superblock.length(), 2048 * MIB);
    let new = image.join("new.img");
    assert_sound(&new);
    assert!(dumpe2fs(&new, "Filesystem features").contains("orphan_file"));
}

#[test]
fn features_that_resize2fs_refuses_are_refused_before_any_copy() {
    let refused = |arguments: &[&str], size, word: &str| {
        let image = Image::of(arguments);
        for error in [
            grow(&image, size).unwrap_err(),
            plan(&image.path, NewSize::Bytes(size)).unwrap_err(),
        ] {
            assert!(
                matches!(error, DiskImageError::NotResizable { .. }),
                "{error}"
            );
            assert!(error.to_string().contains(word), "{error}");
        }
        assert_nothing_left(&image);
    };
    refused(
        &["-O", "none,filetype,extent,bigalloc", "-C", "16384"],
        NEW,
        "bigalloc",
    );
    refused(
        &["-O", "none,filetype,extent,stable_inodes"],
        6 * MIB,
        "only grow",
    );
    refused(&["-O", "none,filetype,extent"], 8 << 40, "64bit");
}

#[test]
fn a_length_that_no_file_can_have_is_named() {
    let image = Image::of(&["-O", "none,filetype,extent,64bit"]);
    let error = grow(&image, 1 << 62).unwrap_err();
    assert!(
        matches!(error, DiskImageError::FileTooLarge { .. }),
        "{error}"
    );
    assert_nothing_left(&image);
}

#[test]
fn free_space_is_counted_in_blocks_with_bigalloc_too() {
    let image = Image::of(&["-O", "none,filetype,extent,bigalloc", "-C", "16384"]);
    let found = gumnut_disk_image::inspect(&image.path).unwrap();
    let free = found.root().unwrap().superblock.free_blocks;
    assert_eq!(free.to_string(), dumpe2fs(&image.path, "Free blocks"));
}

#[test]
fn growing_to_the_same_size_is_a_checked_copy() {
    let image = Image::ext3();
    assert_eq!(grow(&image, LENGTH).unwrap().after, LENGTH);
    assert_sound(&image.join("new.img"));
}

#[test]
fn the_journal_of_a_crashed_machine_is_replayed_in_the_copy() {
    let image = Image::ext3();
    // A free block: what stands there does not matter to the file system.
    let (block, bytes) = (7000, [0xA5; 1024]);
    image.leave_in_journal(block, &bytes);
    let original = fs_err::read(&image.path).unwrap();
    assert_eq!(
        dumpe2fs(&image.path, "Filesystem features")
            .matches("needs_recovery")
            .count(),
        1
    );

    let resized = grow(&image, NEW).unwrap();
    assert!(resized.corrected);
    assert_eq!(resized.superblock.state, State::Clean);
    let new = fs_err::read(image.join("new.img")).unwrap();
    assert!(
        new[7000 * 1024..][..1024] == bytes,
        "the transaction was not replayed"
    );
    assert_sound(&image.join("new.img"));
    assert!(
        fs_err::read(&image.path).unwrap() == original,
        "the original was changed"
    );
}

#[test]
fn a_cut_image_is_refused_before_any_copy() {
    let image = Image::ext3();
    File::options()
        .write(true)
        .open(&image.path)
        .unwrap()
        .set_len(5 * MIB)
        .unwrap();
    let error = grow(&image, NEW).unwrap_err();
    assert!(
        matches!(error, DiskImageError::Truncated { length, file_system, .. }
            if length == 5 * MIB && file_system == LENGTH),
        "{error}"
    );
    assert_nothing_left(&image);
}

#[test]
fn what_is_no_file_system_is_named() {
    let image = Image::ext3();
    image.patch(1024 + 0x38, &[0, 0]);
    let error = grow(&image, NEW).unwrap_err();
    assert!(
        matches!(error, DiskImageError::NoFileSystem { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("unknown data"), "{error}");
    assert_nothing_left(&image);
}

#[test]
fn a_damaged_file_system_is_refused_with_the_words_of_e2fsck() {
    let image = Image::ext3();
    // The root directory's inode is no directory any more: not for e2fsck to repair unasked.
    image.debugfs("set_inode_field <2> mode 0100644");
    let error = grow(&image, NEW).unwrap_err();
    let DiskImageError::Tool(failure) = &error else {
        panic!("{error}")
    };
    assert_eq!(failure.command, "e2fsck -fp");
    assert_eq!(failure.status, "4 (errors left uncorrected)");
    assert!(
        error.to_string().contains("UNEXPECTED INCONSISTENCY"),
        "{error}"
    );
    assert_nothing_left(&image);
}

#[test]
fn an_odd_size_is_refused() {
    let image = Image::ext3();
    let error = grow(&image, NEW + 1).unwrap_err();
    assert!(
        matches!(error, DiskImageError::Unaligned { next, .. } if next == NEW + 1024),
        "{error}"
    );
    assert_nothing_left(&image);
}

#[test]
fn each_kind_shrinks_and_keeps_what_it_is() {
    for image in [Image::ext2(), Image::ext3(), Image::ext4()] {
        let original = fs_err::read(&image.path).unwrap();
        let features = dumpe2fs(&image.path, "Filesystem features");
        let resized = grow(&image, 4 * MIB).unwrap();
        let new = image.join("new.img");
        assert_eq!(resized.after, 4 * MIB);
        assert_eq!(fs_err::metadata(&new).unwrap().len(), 4 * MIB);
        assert_eq!(dumpe2fs(&new, "Filesystem UUID"), UUID);
        assert_eq!(dumpe2fs(&new, "Filesystem features"), features);
        assert_sound(&new);
        assert!(fs_err::read(&image.path).unwrap() == original);
    }
}

#[test]
fn the_least_size_is_found_and_is_less_than_the_content_cannot_have() {
    let image = Image::ext3_with(|tree| fs_err::write(tree.join("big"), vec![7; 3 << 20]).unwrap());
    let least = to_new(&image, NewSize::Minimum, &NoProgress).unwrap().after;
    let new = image.join("new.img");
    assert_eq!(fs_err::metadata(&new).unwrap().len(), least);
    assert!((3 * MIB..LENGTH).contains(&least), "{least}");
    assert_sound(&new);
    fs_err::remove_file(&new).unwrap();

    for too_small in [2 * MIB, MIB, 0] {
        let error = grow(&image, too_small).unwrap_err();
        assert!(
            matches!(error, DiskImageError::TooSmall { minimum, .. } if minimum > 3 * MIB),
            "{error}"
        );
        assert_nothing_left(&image);
        let error = plan(&image.path, NewSize::Bytes(too_small)).unwrap_err();
        assert!(matches!(error, DiskImageError::TooSmall { .. }), "{error}");
    }
}

#[test]
fn a_plan_tells_and_does_nothing() {
    let image = Image::ext3();
    let original = fs_err::read(&image.path).unwrap();
    let planned = plan(&image.path, NewSize::Bytes(NEW)).unwrap();
    assert_eq!((planned.before, planned.after), (LENGTH, Some(NEW)));
    assert!(planned.used > MIB && planned.used < LENGTH);
    assert_eq!(plan(&image.path, NewSize::Minimum).unwrap().after, None);
    assert!(fs_err::read(&image.path).unwrap() == original);
    assert_nothing_left(&image);
}

#[test]
fn in_place_the_original_is_replaced_only_by_a_good_image() {
    let image = Image::ext3();
    fs_err::set_permissions(&image.path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = image.join("link.img");
    symlink(&image.path, &link).unwrap();
    let options = ResizeOptions::default();
    let size = NewSize::Bytes(NEW);
    resize(&link, size, Target::InPlace, options, &NoProgress).unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    let metadata = fs_err::metadata(&image.path).unwrap();
    assert_eq!((metadata.len(), metadata.mode() & 0o777), (NEW, 0o640));
    assert_sound(&image.path);

    image.debugfs("set_inode_field <2> mode 0100644");
    let broken = fs_err::read(&image.path).unwrap();
    let size = NewSize::Bytes(2 * NEW);
    assert!(resize(&image.path, size, Target::InPlace, options, &NoProgress).is_err());
    assert!(
        fs_err::read(&image.path).unwrap() == broken,
        "it was touched"
    );
}

#[test]
fn what_deleted_files_have_left_is_dropped_only_when_asked() {
    let secret = [0xC5; 4096];
    let image = Image::ext3();
    // A free block: what stands there does not matter to the file system.
    image.patch(7000 * 1024, &secret);
    let target = image.join("new.img");
    let holds = || {
        let bytes = fs_err::read(&target).unwrap();
        bytes.chunks(1024).any(|block| block == &secret[..1024])
    };
    for drop in [false, true] {
        let options = ResizeOptions::default()
            .existing(Existing::Replace)
            .drop_free_blocks(drop);
        let size = NewSize::Bytes(NEW);
        resize(
            &image.path,
            size,
            Target::File(&target),
            options,
            &NoProgress,
        )
        .unwrap();
        assert_eq!(holds(), !drop);
        assert_sound(&target);
    }
}

#[test]
fn an_existing_target_stays_unless_asked_otherwise() {
    let image = Image::ext3();
    let target = image.join("new.img");
    fs_err::write(&target, "precious").unwrap();
    let error = grow(&image, NEW).unwrap_err();
    assert!(matches!(error, DiskImageError::Exists { .. }), "{error}");
    assert_eq!(fs_err::read(&target).unwrap(), b"precious");

    let replace = ResizeOptions::default().existing(Existing::Replace);
    resize(
        &image.path,
        NewSize::Bytes(NEW),
        Target::File(&target),
        replace,
        &NoProgress,
    )
    .unwrap();
    assert_sound(&target);
}

#[test]
fn the_original_is_never_the_target() {
    let image = Image::ext3();
    let replace = ResizeOptions::default().existing(Existing::Replace);
    let original = fs_err::read(&image.path).unwrap();
    let link = image.join("link.img");
    symlink(&image.path, &link).unwrap();
    for target in [&image.path, &link] {
        let error = resize(
            &image.path,
            NewSize::Bytes(NEW),
            Target::File(target),
            replace,
            &NoProgress,
        )
        .unwrap_err();
        assert!(matches!(error, DiskImageError::SameFile { .. }), "{error}");
    }
    let partial = image.join("x.partial");
    fs_err::rename(&image.path, &partial).unwrap();
    let error = resize(
        &partial,
        NewSize::Bytes(NEW),
        Target::File(&image.join("x")),
        replace,
        &NoProgress,
    )
    .unwrap_err();
    assert!(matches!(error, DiskImageError::SameFile { .. }), "{error}");
    assert!(
        fs_err::read(&partial).unwrap() == original,
        "the original was changed"
    );
}

#[test]
fn what_an_interrupted_run_has_left_is_replaced() {
    let image = Image::ext3();
    fs_err::write(image.join("new.img.partial"), vec![0xFF; 1 << 20]).unwrap();
    grow(&image, NEW).unwrap();
    assert_sound(&image.join("new.img"));
    assert!(!image.join("new.img.partial").exists());
}

#[test]
fn two_runs_do_not_write_one_target() {
    let image = Image::ext3();
    let partial = File::create(image.join("new.img.partial")).unwrap();
    rustix::fs::flock(&partial, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let error = grow(&image, NEW).unwrap_err();
    assert!(matches!(error, DiskImageError::Busy { .. }), "{error}");
}

#[test]
fn disks_and_names_that_the_tools_cannot_take_are_refused() {
    let image = Image::ext3();
    let error = resize(
        &image.path,
        NewSize::Bytes(NEW),
        Target::File(Path::new("new?offset=1")),
        ResizeOptions::default(),
        &NoProgress,
    );
    assert!(matches!(error, Err(DiskImageError::QuestionMark { .. })));
    image.patch(512, b"EFI PART");
    let error = grow(&image, NEW).unwrap_err();
    assert!(
        matches!(error, DiskImageError::Partitioned { .. }),
        "{error}"
    );
    image.patch(0, b"QFI\xfb");
    let error = grow(&image, NEW).unwrap_err();
    assert!(error.to_string().contains("a qcow2 disk image"), "{error}");
    assert_nothing_left(&image);
}

#[derive(Default)]
struct Recorder {
    steps: Mutex<Vec<Step>>,
    copied: AtomicU64,
    stop_at: Option<Step>,
}

impl Progress for Recorder {
    fn advance(&self, bytes: u64) {
        self.copied.fetch_add(bytes, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.stop_at.is_some() && self.steps.lock().unwrap().last().copied() == self.stop_at
    }
}

impl StepProgress for Recorder {
    fn step(&self, step: Step) {
        self.steps.lock().unwrap().push(step);
    }
}

#[test]
fn progress_names_each_step_and_counts_the_data() {
    let image = Image::ext3();
    let recorder = Recorder::default();
    to_new(&image, NewSize::Bytes(NEW), &recorder).unwrap();
    let copied = recorder.copied.into_inner();
    let steps = [
        Step::Copy { bytes: copied },
        Step::Check,
        Step::Resize,
        Step::Verify,
    ];
    assert_eq!(recorder.steps.into_inner().unwrap(), steps);
    assert!((1..=LENGTH).contains(&copied), "{copied}");
}

#[test]
fn stopping_at_any_step_leaves_nothing() {
    let recorder = Recorder::default();
    to_new(&Image::ext3(), NewSize::Bytes(NEW), &recorder).unwrap();
    for stop_at in recorder.steps.into_inner().unwrap() {
        let image = Image::ext3();
        let recorder = Recorder {
            stop_at: Some(stop_at),
            ..Recorder::default()
        };
        let result = to_new(&image, NewSize::Bytes(NEW), &recorder);
        assert!(
            matches!(result, Err(DiskImageError::Cancelled)),
            "{stop_at:?}: {result:?}"
        );
        assert_nothing_left(&image);
    }
}
