//! What a run writes on this machine, and what it cannot be made to lose.

use std::process::{Command, Stdio};

use gumnut_tests::{Cloud, Fault, Outcome, Program, patterned, small_tarball};

use super::Case;

/// Runs gumnut where nothing can be written but the directory `state`; a namespace of its own lets an ordinary user do so.
fn where_nothing_else_can_be_written(
    program: &Program,
    state: &str,
    arguments: &[&str],
) -> Outcome {
    let gumnut = program.command::<&str>(&[]);
    let binary = gumnut.get_program().to_str().unwrap().to_owned();
    let script = &format!(
        "mount --make-rprivate / && mount {state} state && mount -o remount,bind,ro / \
         && mount -t tmpfs -o ro none /dev/shm && ! touch nothing 2>/dev/null && exec \"$@\""
    );
    let fixed = [
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-ec",
        script,
        "sh",
        &binary,
    ];
    let mut command = Command::new("unshare");
    command
        .args(fixed)
        .args(arguments)
        .current_dir(program.folder());
    command.env_clear().envs(
        gumnut
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let output = command.output();
    Outcome::from(output.expect("unshare starts; run: cargo xtask setup"))
}

#[test]
fn nothing_is_written_but_the_journal_and_the_copy() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let state = client.path("state");
    let client = client
        .with("XDG_STATE_HOME", &state)
        .with("TMPDIR", "/nonexistent");
    fs_err::create_dir(&state).unwrap();
    let arguments = ["publish", small_tarball(), "--size", "1100M", "--json"];
    let outcome = where_nothing_else_can_be_written(&client, "--bind state", &arguments);
    let outcome = outcome.succeeded();
    let published: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let run = published["run"].as_str().unwrap();
    // The copy is gone, too, once it is not needed any more.
    let left = Program::files(&state.join("gumnut/runs").join(run));
    assert_eq!(left, ["journal.jsonl", "lock"]);
    let images = published["images"].as_array().unwrap();
    let kinds: Vec<_> = images
        .iter()
        .map(|image| image["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["kernel", "ramdisk", "machine"]);
}

#[test]
fn a_bundle_larger_than_the_free_space_is_streamed() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "streamed");
    let noise = patterned(6 << 20, 4);
    case.program.write("disk", &noise);
    fs_err::create_dir(case.program.path("state")).unwrap();
    let state = "-t tmpfs -o size=1m none";
    let program = case.program.with("XDG_STATE_HOME", "state");
    let arguments = "publish disk --no-register --arch x86_64 --ignore-checks --bucket streamed";
    let arguments: Vec<_> = arguments.split(' ').collect();
    let _ = where_nothing_else_can_be_written(&program, state, &arguments).succeeded();
    let fetch = ["download", "streamed/disk.manifest.xml", "-d", "back"];
    let _ = program.run(&fetch).succeeded();
    let unbundle = ["unbundle", "back/disk.manifest.xml", "-o", "restored"];
    let _ = program.run(&unbundle).succeeded();
    assert!(fs_err::read(program.path("restored")).unwrap() == noise);
}

#[test]
fn a_disk_without_room_for_the_copy_says_so() {
    let cloud = Cloud::start();
    let client = cloud.client().with("XDG_STATE_HOME", "state");
    fs_err::create_dir(client.path("state")).unwrap();
    let state = "-t tmpfs -o size=1m none";
    let arguments = ["publish", small_tarball(), "--size", "1100M"];
    let outcome = where_nothing_else_can_be_written(&client, state, &arguments).failed(3);
    let _ = outcome.saying(&["No space left on device"]);
}

#[test]
fn an_image_that_changes_while_it_is_read_is_noticed() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "moving");
    let disk = case.program.write("disk", patterned(32 << 20, 4));
    let change = {
        let disk = disk.clone();
        move || {
            let file = fs_err::OpenOptions::new().write(true).open(&disk).unwrap();
            std::os::unix::fs::FileExt::write_at(file.file(), b"x", 0).unwrap();
        }
    };
    let mut arguments = case.arguments();
    arguments.extend(["--jobs", "1", "--part-size", "1MiB"]);
    arguments.retain(|argument| *argument != "8KiB");
    let first = arguments
        .iter()
        .position(|argument| *argument == "--test-part-size");
    arguments.remove(first.unwrap());
    // The second part of the machine image, of 32.
    case.proxy
        .arm(17, Fault::Before(std::sync::Arc::new(change)));
    let outcome = case.program.run(&arguments).failed(3);
    let _ = outcome.saying(&["bundling the machine", "changed while it was read"]);
}

#[test]
fn the_copy_of_an_interrupted_run_is_used_again() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "copied");
    let arguments = [
        "publish",
        small_tarball(),
        "--size",
        "1100M",
        "--bucket",
        "copied",
    ];
    // The parts of the machine image come behind those of kernel and ramdisk.
    case.proxy.arm(19, Fault::Revoked);
    let first = [&arguments[..], &["--retries", "0"]].concat();
    let _ = case
        .program
        .run(&first)
        .failed(4)
        .saying(&["bundling the machine"]);
    case.proxy.disarm();
    let again = case.program.run(&arguments).succeeded();
    assert!(again.stderr.contains("resuming the run"), "{again:#?}");
    assert!(!again.stderr.contains("resizing"), "{again:#?}");
}

#[test]
fn a_closed_output_and_a_terminal_that_goes_away_do_not_harm() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "closed");
    let mut command = case.program.command(&case.arguments());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Both readers go away before anything is said.
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let second = case.program.json(&case.arguments());
    assert_eq!(second["changed"], false);
}

#[test]
fn a_hangup_ends_a_run_that_can_go_on() {
    let cloud = Cloud::start();
    let case = Case::new(&cloud, "hung-up");
    let mut command = case.program.interruptible(&case.arguments());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let hangup = std::sync::Arc::new(std::sync::Mutex::new(None::<u32>));
    let victim = std::sync::Arc::clone(&hangup);
    let end_terminal = move || {
        let process = victim.lock().unwrap().unwrap();
        gumnut_tests::tool("kill", &["-HUP", &process.to_string()]);
    };
    case.proxy
        .arm(8, Fault::After(std::sync::Arc::new(end_terminal)));
    let mut child = {
        let mut process = hangup.lock().unwrap();
        let child = command.spawn().unwrap();
        *process = Some(child.id());
        child
    };
    assert_eq!(child.wait().unwrap().code(), Some(129));
    case.proxy.disarm();
    let _ = case.program.run(&["resume"]).succeeded();
}
