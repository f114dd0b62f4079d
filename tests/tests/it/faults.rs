//! Bundles that are false or attack are refused: with exit 3, by the name of their fault, with nothing written, in little
//! memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use gumnut_tests::{Program, fixture, tool};

/// Most memory that a refusal may take, in KiB.
const MEMORY: u64 = 64 << 10;
/// Seconds after which a refusal is a hang. It takes far less than one; a busy machine gets its time.
const HANG: &str = "30";

/// Each fault and what the message must hold.
const FAULTS: [(&str, &str); 72] = [
    ("absolute-part-name", "`filename` cannot be \"/etc/passwd\""),
    ("algorithm-aes-256", "AES-256-CBC"),
    ("algorithm-md5", "MD5"),
    ("attribute-on-image", "exactly one `<image>` element"),
    (
        "attribute-on-machine-configuration",
        "exactly one `<machine_configuration>` element",
    ),
    (
        "bundled-size-odd",
        "10273 bytes, which is not a positive multiple of 16",
    ),
    (
        "bundled-size-too-large",
        "10272 bytes in total, the manifest says 10288",
    ),
    (
        "bundled-size-too-small",
        "10272 bytes in total, the manifest says 10256",
    ),
    (
        "control-character-in-name",
        "the name contains the character",
    ),
    ("count-negative", "`parts count` cannot be \"-1\""),
    ("count-too-large", "`count` says 1000000000"),
    ("count-too-small", "`count` says 1"),
    ("deep-nesting", "nests elements"),
    ("digest-of-nothing", "image digest is"),
    ("digest-of-the-image-lies", "image digest is"),
    ("doctype", "DOCTYPE"),
    ("empty-first-part", "empty"),
    ("encoding-unknown", "UTF-16"),
    ("entity-expansion", "DOCTYPE"),
    ("entity-external", "DOCTYPE"),
    ("entity-undeclared", "entity"),
    ("gzip-checksum-wrong", "cannot decompress the bundle"),
    ("gzip-junk-behind", "cannot decompress the bundle"),
    ("gzip-truncated", "cannot decompress the bundle"),
    ("image-name-absolute", "the character '/'"),
    ("image-name-dots", "`.` or `..`"),
    ("image-name-hyphen", "starts with a hyphen"),
    ("image-name-slash", "the character '/'"),
    ("image-name-too-long", "256 bytes"),
    ("image-tag-in-cdata", "exactly one `<image>` element"),
    ("image-tag-in-comment", "exactly one `<image>` element"),
    ("index-gap", "the indexes are not 0 to n-1"),
    ("index-too-large", "it is too large"),
    ("index-twice", "the indexes are not 0 to n-1"),
    ("kernel-and-ramdisk", "both a kernel and a ramdisk"),
    ("long-wrapped-key", "`ec2_encrypted_key` has more than"),
    ("no-image-size", "no `size`"),
    ("not-gzip", "cannot decompress the bundle"),
    ("part-changed", "disk.part.1"),
    ("part-is-a-link", "not a regular file"),
    ("part-missing", "missing"),
    ("part-name-twice", "two parts have the name"),
    ("part-too-long", "disk.part.0"),
    ("part-too-short", "disk.part.0"),
    ("parts-swapped", "disk.part.0"),
    ("prefix-on-image", "no `image`"),
    ("processing-instruction", "processing instruction"),
    (
        "relative-part-name",
        "`filename` cannot be \"../../etc/shadow\"",
    ),
    ("several-images", "more than one `image`"),
    ("signature-changed-text", "signature does not match"),
    ("signature-missing", "unsigned"),
    ("signature-of-another", "signature does not match"),
    ("signature-unsigned", "unsigned"),
    ("size-huge", "`size` cannot be"),
    ("size-negative", "`size` cannot be"),
    (
        "size-too-large",
        "an image of 1000 bytes, the manifest says 1001",
    ),
    (
        "size-too-small",
        "an image of 1000 bytes, the manifest says 999",
    ),
    (
        "sparse-beyond-the-end",
        "a segment extends beyond the end of the file",
    ),
    ("sparse-descending", "the segments overlap or do not ascend"),
    (
        "sparse-overlapping",
        "the segments overlap or do not ascend",
    ),
    ("sparse-pax", "PAX sparse"),
    ("tar-block-device", "type '4'"),
    ("tar-checksum-wrong", "wrong checksum"),
    ("tar-device", "type '3'"),
    ("tar-directory", "type '5'"),
    ("tar-fifo", "type '6'"),
    ("tar-hard-link", "type '1'"),
    ("tar-second-member", "a second member"),
    ("tar-symbolic-link", "type '2'"),
    ("tar-truncated", "the tar stream is truncated"),
    ("user-outside-image", "no `user`"),
    ("version-other", "2007-08-29"),
];

/// Those too large to keep.
const LARGE: [(&str, &str); 4] = [
    ("bomb", "cannot decompress the bundle"),
    ("bomb-of-members", "cannot decompress the bundle"),
    ("parts-a-million", "too large for a manifest"),
    ("parts-sixty-thousand", "`part digest` cannot be"),
];

/// A directory inside another that is watched: nothing may appear in either.
struct Watched(Program);

impl Watched {
    fn new() -> Self {
        let program = Program::with_keys();
        fs_err::create_dir_all(program.path("watched/chosen")).unwrap();
        fs_err::create_dir(program.path("watched/tmp")).unwrap();
        Self(program)
    }

    /// Every path below the root with its size.
    fn snapshot(&self) -> BTreeMap<String, u64> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![self.0.folder().to_owned()];
        while let Some(folder) = waiting.pop() {
            for entry in fs_err::read_dir(&folder).unwrap() {
                let entry = entry.unwrap();
                let path = entry.path();
                let metadata = fs_err::symlink_metadata(&path).unwrap();
                if metadata.is_dir() {
                    waiting.push(path.clone());
                }
                found.insert(path.display().to_string(), metadata.len());
            }
        }
        found
    }

    /// Runs gumnut in the chosen directory; gives what it said and its peak memory in KiB.
    fn refused(&self, arguments: &[&str], fault: &str, message: &str) {
        let before = self.snapshot();
        let gumnut = self.0.command(arguments);
        let mut command = Command::new("timeout");
        command.args([HANG, "/usr/bin/time", "-f", "peak %M"]);
        command.arg(gumnut.get_program()).args(gumnut.get_args());
        command.env_clear();
        let variables = gumnut.get_envs();
        command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        command.env("TMPDIR", self.0.path("watched/tmp"));
        command.current_dir(self.0.path("watched/chosen"));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said = format!("{fault}, {}: {stderr}", arguments[0]);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(stderr.contains(message), "no {message:?} in {said}");
        assert!(!stderr.contains('\u{1b}'), "{said}");
        assert!(output.stdout.is_empty(), "{said}");
        let peak = stderr.rsplit("peak ").next().unwrap();
        let peak: u64 = peak.trim().parse().unwrap();
        assert!(peak < MEMORY, "{peak} KiB: {said}");
        assert_eq!(self.snapshot(), before, "{said}");
    }

    fn check(&self, folder: &Path, fault: &str, message: &str) {
        let manifest = folder.join(fault).join("disk.manifest.xml");
        let manifest = manifest.to_str().unwrap();
        let unbundle = ["unbundle", manifest, "-o", "image"];
        self.refused(&unbundle, fault, message);
        self.refused(&["verify", manifest], fault, message);
    }
}

#[test]
fn every_fault_is_refused_by_its_name() {
    let watched = Watched::new();
    let folder = fixture("faults");
    for (fault, message) in FAULTS {
        watched.check(&folder, fault, message);
    }
}

/// Makes the faults again in a directory.
fn make(folder: &Path, more: &[&str]) {
    let script = fixture("faults/make.py");
    let mut arguments = vec![script.to_str().unwrap(), folder.to_str().unwrap()];
    arguments.extend(more);
    tool("python3", &arguments);
}

#[test]
fn every_large_fault_is_refused_by_its_name() {
    let watched = Watched::new();
    let folder = Program::new();
    make(folder.folder(), &["--large"]);
    for (fault, message) in LARGE {
        watched.check(folder.folder(), fault, message);
    }
}

#[test]
fn the_faults_are_those_that_their_script_makes() {
    let made = Program::new();
    make(made.folder(), &[]);
    let kept = fixture("faults");
    let names = Program::files(made.folder());
    let expected: Vec<_> = FAULTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected);
    for name in names {
        let (made, kept) = (made.path(&name), kept.join(&name));
        let arguments = ["-r", "--no-dereference"];
        let folders = [made.to_str().unwrap(), kept.to_str().unwrap()];
        tool("diff", &[arguments, folders].concat());
    }
}

#[test]
fn a_manifest_that_ends_anywhere_is_refused() {
    let whole = fs_err::read(fixture(
        "vectors/euca2ools-3.4.1-tiny/tiny.img.manifest.xml",
    ))
    .unwrap();
    let watched = Watched::new();
    for len in (0..whole.len()).step_by(251) {
        watched.0.write("cut.manifest.xml", &whole[..len]);
        let cut = watched.0.path("cut.manifest.xml");
        watched.refused(
            &["verify", cut.to_str().unwrap()],
            "cut",
            "not a valid manifest",
        );
    }
}
