//! A full disk: exit 1, a message that says so, nothing half-written under a final name.

use std::process::Command;

use gumnut_tests::{Outcome, Program, patterned};

/// Runs gumnut with the folder `small` on a file system of 1 MiB, and lists that folder afterwards.
///
/// A user namespace of its own lets an ordinary user mount it.
fn on_a_small_disk(program: &Program, arguments: &str) -> Outcome {
    fs_err::create_dir(program.path("small")).unwrap();
    let gumnut = program.command::<&str>(&[]);
    let script = format!(
        "mount -t tmpfs -o size=1m none small && {{ '{}' {arguments}; code=$?; ls -A small; exit $code; }}",
        gumnut.get_program().to_str().unwrap(),
    );
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
    command.current_dir(program.folder());
    command.envs(
        gumnut
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    Outcome::from(
        command
            .output()
            .expect("unshare starts; run: cargo xtask setup"),
    )
}

#[test]
fn bundling_onto_a_full_disk() {
    let program = Program::with_keys();
    program.write("disk.img", patterned(4 << 20, 1));
    let outcome = on_a_small_disk(
        &program,
        "bundle disk.img --arch x86_64 -d small --part-size 256KiB",
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
