//! A full disk: a message that says so, nothing half-written under a final name. Exit 1, and 3 where it was known before.

use std::process::Command;

use gumnut_tests::{Outcome, Program, patterned, tool};

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

/// An ext2 image of 8 MiB with one file of this length.
fn image(program: &Program, length: usize) {
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
        .saying(&["no space for", "bytes are needed"]);
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
