//! ^C that is pressed twice: the first asks the program to end soon, the second ends it at once.

use std::io::Read as _;
use std::process::{Child, Stdio};

use gumnut_tests::{Program, patterned, tool};

/// Whether SIGINT waits to be taken by the process.
fn is_pending(child: &Child) -> bool {
    let status = fs_err::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("ShdPnd:"))
        .unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & (1 << 1) != 0
}

#[test]
fn a_second_interrupt_ends_what_does_not_end_soon() {
    let program = Program::with_keys();
    program.write("disk.img", patterned(4 << 20, 1));
    let bundle = ["bundle", "disk.img", "--arch", "amd64", "-d", "out"];
    let _ = program.run(&bundle).succeeded();
    let manifest = "out/disk.img.manifest.xml";
    let unbundle = ["unbundle", manifest, "--stdout", "--unverified-stream"];
    let mut child = program
        .interruptible(&unbundle)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It writes by now, and waits for a reader of more than the pipe takes.
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0]).unwrap();
    let interrupt = ["-INT", &child.id().to_string()];
    tool("kill", &interrupt);
    while is_pending(&child) {}
    assert_eq!(child.try_wait().unwrap(), None, "the first only asks");
    // One that comes before the first has been heard counts as the first.
    while child.try_wait().unwrap().is_none() {
        tool("kill", &interrupt);
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(stdout);
}
