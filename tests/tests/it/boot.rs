//! Real machines: the small fixture in qemu, from files and out of the cloud.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gumnut_tests::{Cloud, Program, SmallImage, tool};
use serde_json::Value;

const MARKER: &str = "quiet init=/sbin/euca-boot-marker";
/// A shell on the console, which waits.
const SHELL: &str = "quiet init=/bin/sh";
/// Plenty even on a busy machine.
const LIMIT: &str = "240";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `gumnut boot` of these files.
fn boot<'a>(image: &'a SmallImage, append: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let (kernel, ramdisk) = (text(&image.kernel), text(&image.ramdisk));
    let mut arguments = vec!["boot", text(&image.disk), "--kernel", kernel, "--ramdisk"];
    arguments.extend([ramdisk, "--append", append, "--accel", "tcg"]);
    arguments.extend(more);
    arguments
}

/// A program whose temporary files are in a directory of its own.
fn program() -> Program {
    let program = Program::new();
    let folder = program.path("tmp");
    fs_err::create_dir(&folder).unwrap();
    program.with("TMPDIR", folder)
}

/// Starts a machine and reads its console up to a text.
fn until(text: &str, program: &Program, arguments: &[&str]) -> Child {
    let mut process = program
        .interruptible(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut seen, mut byte) = (Vec::new(), [0]);
    let stdout = process.stdout.as_mut().unwrap();
    while !seen.ends_with(text.as_bytes()) {
        let console = String::from_utf8_lossy(&seen);
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "no {text:?}: {console}");
        seen.extend(byte);
    }
    process
}

/// The emulators that a process has started.
fn emulators(parent: u32) -> String {
    let output = Command::new("ps")
        .args(["--ppid", &parent.to_string(), "-o", "pid="])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn has_ended(pid: &str) -> bool {
    // What has ended and was not waited for is still listed, as a zombie.
    let state = fs_err::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state
        .rsplit(") ")
        .next()
        .is_none_or(|rest| rest.is_empty() || rest.starts_with(['Z', 'X']))
}

#[test]
fn a_disk_boots_and_says_so() {
    let program = program();
    let image = SmallImage::unpack(&program);
    let more = ["--expect", "EUCA-BOOT-OK", "--timeout", LIMIT];
    let outcome = program.run(&boot(&image, MARKER, &more)).succeeded();
    let release = image.kernel.to_str().unwrap().rsplit("vmlinuz-").next();
    let line = format!(
        "EUCA-BOOT-OK {} x86_64 root=/dev/vda size=",
        release.unwrap()
    );
    assert!(outcome.stdout.contains(&line), "{outcome:#?}");
    assert_eq!(Program::files(&program.path("tmp")), [""; 0]);
}

#[test]
fn what_the_machine_writes_is_not_on_the_disk() {
    let program = program();
    let image = SmallImage::unpack(&program);
    let before = tool("sha1sum", &[text(&image.disk)]);
    fs_err::set_permissions(&image.disk, PermissionsExt::from_mode(0o444)).unwrap();
    let more = ["--expect", "WROTE-42", "--timeout", LIMIT];
    let mut process = until("/ # ", &program, &boot(&image, SHELL, &more));
    let mut keyboard = process.stdin.take().unwrap();
    let commands =
        b"mount -o remount,rw /dev/vda / && echo x > /written && sync && echo WROTE-$((6*7))\n";
    keyboard.write_all(commands).unwrap();
    let output = process.wait_with_output().unwrap();
    let console = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{console}");
    assert!(console.contains("WROTE-42"), "{console}");
    assert_eq!(tool("sha1sum", &[text(&image.disk)]), before);
}

#[test]
fn a_machine_that_does_not_say_it_has_an_exit_code_of_its_own() {
    let program = program();
    let image = SmallImage::unpack(&program);
    // Powers itself off.
    let more = ["--expect", "NEVER-SAID", "--timeout", LIMIT, "--json"];
    let _ = program
        .run(&boot(&image, MARKER, &more))
        .failed(6)
        .saying(&["EUCA-BOOT-OK", "ended without printing \\\"NEVER-SAID\\\""]);
    // Would wait for ever.
    let more = ["--expect", "NEVER-SAID", "--timeout", "1", "--json"];
    let _ = program
        .run(&boot(&image, SHELL, &more))
        .failed(6)
        .saying(&["within 1 seconds"]);
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let program = program();
    let image = SmallImage::unpack(&program);
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let mut process = until("Linux version", &program, &boot(&image, "", &[]));
        let emulator = emulators(process.id());
        assert!(!emulator.is_empty());
        tool("kill", &[signal, &process.id().to_string()]);
        assert_eq!(process.wait().unwrap().code(), Some(code), "{signal}");
        assert!(has_ended(&emulator), "{signal}");
        assert_eq!(Program::files(&program.path("tmp")), [""; 0], "{signal}");
    }
}

#[test]
fn the_machine_dies_with_the_program_whatever_kills_it() {
    let program = program();
    let image = SmallImage::unpack(&program);
    let mut process = until("Linux version", &program, &boot(&image, "", &[]));
    let emulator = emulators(process.id());
    assert!(!emulator.is_empty());
    // The emulator holds the other ends of these pipes.
    let console = process.stdout.take().unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    let mut rest = BufReader::new(console);
    while rest
        .read_line(&mut String::new())
        .is_ok_and(|count| count > 0)
    {}
    // `tail` waits for a process that is not its child.
    tool(
        "timeout",
        &["60", "tail", "--pid", &emulator, "-f", "/dev/null"],
    );
}

#[test]
fn without_the_emulator_it_says_what_to_install() {
    let program = program();
    let image = SmallImage::unpack(&program);
    let empty = program.path("empty");
    fs_err::create_dir(&empty).unwrap();
    let output = program
        .command(&boot(&image, MARKER, &[]))
        .env("PATH", &empty)
        .output()
        .unwrap();
    let _ = gumnut_tests::Outcome::from(output)
        .failed(1)
        .saying(&["qemu-system-x86_64", "apt-get install qemu-system-x86"]);
}

#[test]
fn what_cannot_boot_is_refused_before_anything_starts() {
    let program = program();
    let image = SmallImage::unpack(&program);
    let (disk, kernel) = (text(&image.disk), text(&image.kernel));
    let ramdisk = text(&image.ramdisk);
    let refused = |arguments: &[&str], words: &str| {
        let _ = program.run(arguments).failed(3).saying(&[words]);
    };
    refused(&["boot", disk], "without a boot loader");
    refused(
        &["boot", disk, "--kernel", ramdisk],
        "not a kernel that can be started",
    );
    refused(
        &["boot", disk, "--kernel", kernel, "--ramdisk", kernel],
        "is not a ramdisk",
    );
    refused(
        &["boot", kernel, "--kernel", kernel],
        "it is a Linux kernel",
    );
    refused(&["boot", "none.img"], "cannot read the disk image none.img");
    tool("truncate", &["-s", "500M", disk]);
    refused(&["boot", disk, "--kernel", kernel], "it is truncated");
}

/// Bundles, uploads and registers a file; gives the id.
fn publish(client: &Program, file: &Path, kind: &str, ids: &[&str]) -> String {
    let mut arguments = vec!["bundle", text(file), "--kind", kind, "--arch", "x86_64"];
    arguments.extend(["-d", "bundles"]);
    arguments.extend(ids);
    let value = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let manifest = value(&client.json(&arguments), "manifest");
    let upload = ["upload", &manifest, "-b", "images"];
    let location = value(&client.json(&upload), "location");
    value(&client.json(&["register", &location]), "image_id")
}

#[test]
fn an_image_out_of_the_cloud_boots_with_the_kernel_it_names() {
    let cloud = Cloud::start();
    let client = cloud.client();
    fs_err::create_dir(client.path("tmp")).unwrap();
    let client = {
        let folder = client.path("tmp");
        client.with("TMPDIR", folder)
    };
    let image = SmallImage::unpack(&client);
    // As small as it gets, so that this is about the cloud.
    tool("e2fsck", &["-fp", text(&image.disk)]);
    tool("resize2fs", &["-M", text(&image.disk)]);
    let eki = publish(&client, &image.kernel, "kernel", &[]);
    let eri = publish(&client, &image.ramdisk, "ramdisk", &[]);
    let ids = ["--kernel", &eki, "--ramdisk", &eri];
    let emi = publish(&client, &image.disk, "machine", &ids);
    for path in [&image.disk, &image.kernel, &image.ramdisk] {
        fs_err::remove_file(path).unwrap();
    }
    let mut arguments = vec!["boot", &emi, "--append", MARKER, "--accel", "tcg"];
    arguments.extend(["--expect", "EUCA-BOOT-OK", "--timeout", LIMIT]);
    let said = client.json(&arguments);
    let line = said["line"].as_str().unwrap();
    assert!(line.contains("x86_64 root=/dev/vda size="), "{said}");
    assert_eq!(Program::files(&client.path("tmp")), [""; 0]);

    let _ = client
        .run(&["boot", &eki])
        .failed(2)
        .saying(&["is not a machine image"]);
    let _ = client.run(&["boot", "emi-00000000"]).failed(4);
}
