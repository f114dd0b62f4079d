//! Trees of directories, while nobody changes them and while somebody does.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use fs_err as fs;
use gumnut_tree::{
    DirectoryOptions, DirectorySource, FileContent, FileIdentity, FileTree, Look, NoteKind, Notes,
    Origin, Patterns, Source, TreeError,
};
use gumnut_types::NoProgress;
use tempfile::TempDir;

use crate::judge::write;

fn options() -> DirectoryOptions {
    DirectoryOptions {
        max_files: 10_000,
        max_bytes: 1 << 30,
        ..DirectoryOptions::default()
    }
}

fn plan(path: &Path, options: &DirectoryOptions) -> (Source, FileTree, Notes) {
    let mut source = DirectorySource::open(path).unwrap();
    let (tree, notes) = source.plan(options, &NoProgress).unwrap();
    (Source::Directory(source), tree, notes)
}

fn listed(notes: &Notes) -> Vec<(NoteKind, String)> {
    let path = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let list = notes.list().iter();
    list.map(|note| (note.kind, path(&note.path))).collect()
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn run(program: &str, arguments: &[&str], path: &Path) {
    let status = std::process::Command::new(program)
        .args(arguments)
        .arg(path)
        .status()
        .unwrap();
    assert!(status.success(), "{program}");
}

#[test]
fn everything_of_a_directory_is_in_the_image() {
    let folder = folder(&[
        ("a/one", b"content"),
        ("a/empty", b""),
        ("b/large", &vec![7; 3 << 20]),
    ]);
    let at = |path: &str| folder.path().join(path);
    fs::hard_link(at("a/one"), at("b/two")).unwrap();
    symlink("../nowhere", at("a/link")).unwrap();
    symlink("x/".repeat(150), at("a/long")).unwrap();
    let _listener = UnixListener::bind(at("socket")).unwrap();
    run("mkfifo", &["-m", "640"], &at("fifo"));
    run("chmod", &["4750"], &at("a/one"));
    run("chmod", &["1777"], &at("b"));
    let odd = std::ffi::OsStr::from_bytes(b"\xff\n name");
    fs::write(folder.path().join(odd), "odd").unwrap();
    let sparse = fs::File::create(at("sparse")).unwrap();
    sparse.set_len(300 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(sparse.file(), b"middle", 100 << 20).unwrap();
    let (source, tree, mut notes) = plan(folder.path(), &options());
    assert_eq!(tree.find(b"a/one"), tree.find(b"b/two"));
    let content = tree.content(tree.find(b"sparse").unwrap()).unwrap();
    let stored: u64 = content
        .data
        .iter()
        .map(|range| range.end - range.start)
        .sum();
    assert!(stored < 1 << 20, "{:?}", content.data);
    let image = write(&source, &tree, &mut notes).unwrap();
    assert_eq!(listed(&notes), []);
    image.assert_is(&tree, |content| match &content.origin {
        Origin::Path(path) => {
            fs::read(folder.path().join(std::ffi::OsStr::from_bytes(path))).unwrap()
        }
        _ => content_in_memory(content),
    });
    assert!(fs::metadata(image.path()).unwrap().blocks() * 512 < 20 << 20);
    let times = fs::metadata(at("a/one")).unwrap();
    let stat = image.debugfs("stat /a/one");
    let mtime = format!(
        "mtime: 0x{:08x}:{:08x}",
        times.mtime(),
        times.mtime_nsec() << 2
    );
    assert!(stat.contains(&mtime), "{mtime}: {stat}");
}

fn content_in_memory(content: &FileContent) -> Vec<u8> {
    crate::judge::in_memory(content)
}

#[test]
fn extended_attributes_of_files_directories_and_links() {
    let folder = folder(&[("d/x", b"x")]);
    let at = |path: &str| folder.path().join(path);
    for path in ["d", "d/x"] {
        let value = b"value of this file";
        let set =
            rustix::fs::setxattr(at(path), "user.key", value, rustix::fs::XattrFlags::empty());
        set.unwrap();
    }
    let (source, tree, mut notes) = plan(folder.path(), &options());
    let image = write(&source, &tree, &mut notes).unwrap();
    for path in ["/d", "/d/x"] {
        let list = image.debugfs(&format!("ea_get {path} user.key"));
        assert!(list.contains("value of this file"), "{list}");
    }
}

#[test]
fn what_was_removed_replaced_or_changed_meanwhile_is_noted() {
    let folder = folder(&[
        ("changed", b"0123456789"),
        ("dir/in", b"in"),
        ("gone", b"gone"),
        ("kept", b"kept"),
        ("longer", b"old"),
        ("replaced", b"replaced"),
        ("shorter", b"0123456789"),
        ("swapped/in", b"swapped"),
    ]);
    let secret = tempfile::tempdir().unwrap();
    fs::write(secret.path().join("in"), "SECRET OF ROOT").unwrap();
    let at = |path: &str| folder.path().join(path);
    let (source, tree, mut notes) = plan(folder.path(), &options());
    fs::remove_file(at("gone")).unwrap();
    fs::remove_dir_all(at("dir")).unwrap();
    fs::write(at("shorter"), "0123").unwrap();
    fs::write(at("longer"), "old and new").unwrap();
    // Another file with this name, and a link in place of a directory: the attack on a process of root.
    fs::write(at("other"), "new file").unwrap();
    fs::rename(at("other"), at("replaced")).unwrap();
    fs::remove_dir_all(at("swapped")).unwrap();
    symlink(secret.path(), at("swapped")).unwrap();
    let image = write(&source, &tree, &mut notes).unwrap();
    assert_eq!(
        listed(&notes),
        [
            (NoteKind::Vanished, "dir/in".to_owned()),
            (NoteKind::Vanished, "gone".to_owned()),
            (NoteKind::Changed, "longer".to_owned()),
            (NoteKind::Vanished, "replaced".to_owned()),
            (NoteKind::Shortened, "shorter".to_owned()),
            (NoteKind::Vanished, "swapped/in".to_owned()),
        ]
    );
    let view = image.view();
    assert_eq!(view.read("/kept").unwrap(), b"kept");
    assert_eq!(view.read("/shorter").unwrap(), b"0123\0\0\0\0\0\0");
    assert_eq!(view.read("/longer").unwrap(), b"old");
    for gone in ["/gone", "/dir/in", "/swapped/in", "/replaced"] {
        assert!(!view.exists(gone).unwrap(), "{gone}");
    }
    let bytes = fs::read(image.path()).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"SECRET"));
}

#[test]
fn what_is_left_out_is_noted() {
    let folder = folder(&[
        ("cache/x", b"x"),
        ("home/x.bak", b"x"),
        ("output", b"x"),
        ("run/pid", b"1"),
        ("run/x/y", b"1"),
        ("tmp/x", b"1"),
    ]);
    let output = fs::metadata(folder.path().join("output")).unwrap();
    let identity = FileIdentity {
        device: output.dev(),
        inode: output.ino(),
    };
    let options = DirectoryOptions {
        exclude: Patterns::new(["/cache", "*.bak"]).unwrap(),
        volatile: vec![b"run".to_vec()],
        skip: vec![(identity, NoteKind::Output)],
        ..options()
    };
    let (_, tree, notes) = plan(folder.path(), &options);
    assert_eq!(
        listed(&notes),
        [
            (NoteKind::Excluded, "cache".to_owned()),
            (NoteKind::Output, "output".to_owned()),
            (NoteKind::Volatile, "run".to_owned()),
            (NoteKind::Excluded, "home/x.bak".to_owned()),
        ]
    );
    assert!(tree.find(b"run").is_some());
    assert!(tree.find(b"run/pid").is_none());
    assert!(tree.find(b"home").is_some());
    assert!(tree.find(b"tmp/x").is_some());
}

#[test]
fn what_is_mounted_below_is_an_empty_directory() {
    // On every Linux, at least one file system is mounted below /dev.
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mut below = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1)?.strip_prefix("/dev/"));
    let mounted = below.find(|path| !path.contains('/')).unwrap().as_bytes();
    let (_, tree, notes) = plan(Path::new("/dev"), &options());
    let path = String::from_utf8_lossy(mounted).into_owned();
    assert!(listed(&notes).contains(&(NoteKind::OtherFileSystem, path)));
    let id = tree.find(mounted).unwrap();
    assert!(tree.is_directory(id));
    assert_eq!(tree.children(id).count(), 0);
}

#[test]
fn private_keys_and_texts_are_seen() {
    let key = b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n";
    let folder = folder(&[
        ("srv/x", key),
        ("etc/fstab", b"/dev/sda1 / ext4\n"),
        ("etc/other", b"x"),
    ]);
    let options = DirectoryOptions {
        look: Look { private_keys: true },
        ..options()
    };
    let (_, tree, _) = plan(folder.path(), &options);
    let content = |path: &[u8]| tree.content(tree.find(path).unwrap()).unwrap();
    assert!(content(b"srv/x").has_private_key);
    assert!(!content(b"etc/fstab").has_private_key);
    assert_eq!(tree.text(b"etc/fstab").unwrap(), b"/dev/sda1 / ext4\n");
    assert_eq!(tree.text(b"etc/other"), None);
}

#[test]
fn limits_and_what_is_no_directory() {
    let folder = folder(&[("a", b"123"), ("b", b"456")]);
    let refused = |options: DirectoryOptions| {
        let mut source = DirectorySource::open(folder.path()).unwrap();
        source.plan(&options, &NoProgress).map(|_| ()).unwrap_err()
    };
    let files = refused(DirectoryOptions {
        max_files: 2,
        ..options()
    });
    assert!(matches!(files, TreeError::TooManyFiles(2)), "{files}");
    let bytes = refused(DirectoryOptions {
        max_bytes: 5,
        ..options()
    });
    assert_eq!(
        bytes.to_string(),
        "up to b, the files have more than 5 bytes, the limit"
    );
    let file = DirectorySource::open(&folder.path().join("a"))
        .map(|_| ())
        .unwrap_err();
    assert!(file.to_string().starts_with("cannot read "), "{file}");
    assert!(DirectorySource::open(Path::new("/nowhere/at/all")).is_err());
}
