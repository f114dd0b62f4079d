//! A full disk: a message that says so, nothing half-written under a final name. Exit 1, and 3 where it was known before.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use gumnut_tests::{Outcome, Program, patterned, tool};

/// Runs gumnut with the directory `small` on a file system of 1 MiB, and lists that directory afterwards.
///
/// A user namespace of its own lets an ordinary user mount it.
pub(crate) fn on_a_small_disk(program: &Program, arguments: &str) -> Outcome {
    on_a_disk(program, "1m", arguments)
}

/// As [`on_a_small_disk`], with other options of the file system.
pub(crate) fn on_a_disk(program: &Program, size: &str, arguments: &str) -> Outcome {
    fs_err::create_dir_all(program.path("small")).unwrap();
    let run = format!("{{ \"$0\" {arguments}; code=$?; ls -A small; exit $code; }}");
    let mut command = with_a_small_disk(program, size, &run);
    Outcome::from(
        command
            .output()
            .expect("unshare starts; run: cargo xtask setup"),
    )
}

/// A command that runs `script` with the directory `small` on a file system of this size; `$0` is gumnut.
fn with_a_small_disk(program: &Program, size: &str, script: &str) -> Command {
    let gumnut = program.command::<&str>(&[]);
    let script = format!("mount -t tmpfs -o size={size} none small && {script}");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    command.arg(gumnut.get_program());
    command.current_dir(program.folder());
    command.envs(
        gumnut
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command
}

#[test]
fn bundling_onto_a_full_disk() {
    let program = Program::with_keys();
    program.write("disk.img", patterned(4 << 20, 1));
    let outcome = on_a_small_disk(
        &program,
        "bundle disk.img --arch x86_64 -d small --test-part-size 256KiB",
    );
    let _ = outcome.failed(1).saying(&["No space left on device"]);
}

#[test]
fn unbundling_onto_a_full_disk() {
    let program = Program::with_keys();
    program.write("disk.img", patterned(4 << 20, 1));
    let _ = program
        .run(&["bundle", "disk.img", "--arch", "x86_64", "-d", "b"])
        .succeeded();
    let outcome = on_a_small_disk(
        &program,
        "unbundle b/disk.img.manifest.xml -o small/back.img",
    );
    let _ = outcome.failed(1).saying(&["No space left on device"]);
}

/// An ext2 image of 8 MiB with one file of this length.
pub(crate) fn image(program: &Program, length: usize) {
    let tree = program.path("tree");
    fs_err::create_dir(&tree).unwrap();
    fs_err::write(tree.join("file"), patterned(length, 1)).unwrap();
    let path = program.write("disk.img", vec![0; 8 << 20]);
    let (tree, path) = (tree.to_str().unwrap(), path.to_str().unwrap());
    let form = ["-q", "-F", "-b", "1024", "-I", "128", "-O", "none,filetype"];
    tool(
        "/sbin/mke2fs",
        &[&form, ["-N", "64", "-d", tree, path].as_slice()].concat(),
    );
}

#[test]
fn resizing_onto_a_full_disk() {
    let program = Program::new();
    image(&program, 3 << 20);
    let before = fs_err::read(program.path("disk.img")).unwrap();
    let outcome = on_a_small_disk(&program, "resize disk.img --size 16M -o small/new.img");
    let _ = outcome
        .failed(3)
        .saying(&["no space for", "are needed", "are free"]);
    assert!(fs_err::read(program.path("disk.img")).unwrap() == before);
}

#[test]
fn a_disk_that_gets_full_while_the_file_system_grows() {
    let program = Program::new();
    image(&program, 100);
    let before = fs_err::read(program.path("disk.img")).unwrap();
    // The copy fits; the inode tables of 16 GiB do not.
    let outcome = on_a_small_disk(&program, "resize disk.img --size 16G -o small/new.img");
    let _ = outcome.failed(3);
    assert!(fs_err::read(program.path("disk.img")).unwrap() == before);
}

/// A cloud whose data are on a file system of 12 MiB, which nobody else sees.
struct SmallCloud {
    process: Child,
    /// The data directory, by way of the process.
    data: PathBuf,
}

impl SmallCloud {
    fn start(program: &Program) -> Self {
        fs_err::create_dir(program.path("small")).unwrap();
        let start = "exec \"$0\" cloud start --data small/data --listen 127.0.0.1:0 --json";
        let mut command = with_a_small_disk(program, "12m", start);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        assert!(line.contains("endpoint"), "{line:?}");
        let data = format!(
            "/proc/{}/root{}/small/data",
            process.id(),
            program.folder().display()
        );
        Self {
            process,
            data: data.into(),
        }
    }

    /// A client with a copy of the administrator's credentials.
    fn client(&self) -> Program {
        let client = Program::new();
        let (from, to) = (self.data.join("credentials"), client.path("credentials"));
        tool("cp", &["-r", from.to_str().unwrap(), to.to_str().unwrap()]);
        let eucarc = to.join("eucarc");
        client.configured(&eucarc)
    }
}

impl Drop for SmallCloud {
    fn drop(&mut self) {
        // A test that failed may have ended it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_cloud_on_a_full_disk_refuses_and_goes_on() {
    let program = Program::new();
    let cloud = SmallCloud::start(&program);
    let client = cloud.client();
    client.write("large.img", patterned(20 << 20, 1));
    client.write("small.img", patterned(100_000, 2));
    for image in ["large.img", "small.img"] {
        let bundle = ["bundle", image, "--arch", "x86_64", "--part-size", "4MiB"];
        let _ = client.run(&bundle).succeeded();
    }
    // One part at a time: of several, others would still be on their way when the first is refused.
    let upload = |manifest| {
        let options = ["--retries", "0", "--jobs", "1"];
        client.run(&[&["upload", manifest, "-b", "bucket"], &options[..]].concat())
    };
    let _ = upload("large.img.manifest.xml").failed(4).saying(&[
        "507",
        "InsufficientStorage",
        "no space left on the disk",
    ]);
    assert_eq!(Program::files(&cloud.data.join("tmp")), [""; 0]);
    for file in Program::files(&cloud.data.join("objects")) {
        let stored = fs_err::metadata(cloud.data.join("objects").join(file)).unwrap();
        assert_eq!(
            stored.len(),
            4 << 20,
            "a part is there whole, or not at all"
        );
    }
    let _ = upload("small.img.manifest.xml").succeeded();
    let _ = client
        .run(&["download", "bucket/small.img.manifest.xml", "-d", "back"])
        .succeeded();
}

#[test]
fn a_cloud_on_a_full_disk_can_be_emptied() {
    let program = Program::new();
    let cloud = SmallCloud::start(&program);
    let client = cloud.client();
    let names = ["one.img", "two.img", "three.img"];
    for name in names {
        client.write(name, patterned(20_000, 3));
        let _ = client
            .run(&["bundle", name, "--arch", "x86_64"])
            .succeeded();
        let manifest = format!("{name}.manifest.xml");
        let _ = client
            .run(&["upload", &manifest, "-b", "bucket"])
            .succeeded();
    }
    // Whatever room there is goes to a file of somebody else.
    let mut filler = fs_err::File::create(cloud.data.join("../filler")).unwrap();
    for size in [64 << 10, 1 << 10, 1] {
        while std::io::Write::write_all(&mut filler, &vec![0; size]).is_ok() {}
    }
    let again = [
        "upload",
        "one.img.manifest.xml",
        "-b",
        "another",
        "--retries",
        "0",
    ];
    let _ = client
        .run(&again)
        .failed(4)
        .saying(&["InsufficientStorage"]);
    for name in names {
        let location = format!("bucket/{name}.manifest.xml");
        let _ = client.run(&["delete", &location]).succeeded();
    }
    assert_eq!(Program::files(&cloud.data.join("objects")), [""; 0]);
}
