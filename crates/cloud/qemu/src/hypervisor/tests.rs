use std::path::PathBuf;
use std::time::{Duration, Instant};

use gumnut_cloud_instances::{Boot, Bus, Card};

use super::*;

const LIMIT: Duration = Duration::from_mins(2);

/// A hypervisor below a path that is longer than the name of a socket may be.
fn hypervisor() -> (QemuHypervisor, PathBuf, tempfile::TempDir) {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("d".repeat(120));
    fs_err::create_dir(&root).unwrap();
    (QemuHypervisor::start(&root).unwrap(), root, scratch)
}

/// A machine with an empty disk: its firmware speaks on the console, and finds nothing to start.
fn machine(root: &Path, id: &str) -> Machine {
    let folder = root.join(id);
    fs_err::create_dir(&folder).unwrap();
    let disk = fs_err::File::create(folder.join("disk.img")).unwrap();
    disk.set_len(1 << 20).unwrap();
    Machine {
        id: id.parse().unwrap(),
        architecture: Architecture::X86_64,
        instance_type: "m1.small".to_owned(),
        memory: 32 << 20,
        processors: 1,
        bus: Bus::Virtio,
        card: Card::Virtio,
        mac: [0xd0, 0x0d, 0, 0, 0, 1],
        boot: Boot::Disk,
    }
}

async fn seen(hypervisor: &QemuHypervisor, id: &InstanceId) -> Option<Seen> {
    let listed = hypervisor.list().await.unwrap();
    let mut found = listed.into_iter().filter(|(listed, _)| listed == id);
    found.next().map(|(_, seen)| seen)
}

async fn until(
    hypervisor: &QemuHypervisor,
    id: &InstanceId,
    wanted: impl Fn(&Seen) -> bool,
) -> Seen {
    let mut changes = hypervisor.changes();
    loop {
        changes.mark_unchanged();
        let seen = seen(hypervisor, id).await.unwrap();
        if wanted(&seen) {
            return seen;
        }
        let in_time = tokio::time::timeout(LIMIT, changes.changed()).await;
        in_time.unwrap_or_else(|_| panic!("{seen:?}")).unwrap();
    }
}

/// Waits for a text on the console.
async fn until_printed(hypervisor: &QemuHypervisor, id: &InstanceId, text: &str) -> Console {
    let start = Instant::now();
    loop {
        let console = hypervisor.console(id).await.unwrap().unwrap();
        let printed = String::from_utf8_lossy(&console.last).into_owned();
        if printed.contains(text) {
            return console;
        }
        assert!(start.elapsed() < LIMIT, "{printed}");
        // Nobody says that there is more.
        tokio::task::yield_now().await;
    }
}

/// The emulators that this process has started in a directory.
fn emulators(folder: &Path) -> Vec<u32> {
    let processes = fs_err::read_dir("/proc").unwrap();
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let here = |id: &u32| {
        let place = fs_err::read_link(format!("/proc/{id}/cwd"));
        place.is_ok_and(|place| place == folder)
    };
    ids.filter(here).collect()
}

#[tokio::test]
async fn a_machine_is_started_once_speaks_and_is_ended() {
    let (hypervisor, root, _scratch) = hypervisor();
    let machine = machine(&root, "i-0000000a");
    let id = machine.id.clone();
    hypervisor.start(machine.clone()).await.unwrap();
    hypervisor.start(machine).await.unwrap();
    until(&hypervisor, &id, |seen| *seen == Seen::Running).await;
    assert_eq!(emulators(&root.join("i-0000000a")).len(), 1);
    let error = hypervisor.remove(&id, true).await.unwrap_err();
    assert!(error.to_string().contains("i-0000000a"), "{error}");
    let console = until_printed(&hypervisor, &id, "SeaBIOS").await;
    assert!(console.first.starts_with(&console.last[..10]));
    hypervisor.end(&id).await.unwrap();
    assert_eq!(
        until(&hypervisor, &id, |seen| *seen != Seen::Running).await,
        Seen::ShutDown
    );
    assert!(emulators(&root.join("i-0000000a")).is_empty());
    // What it said is kept until nothing is left of it.
    let console = hypervisor.console(&id).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&console.first).contains("SeaBIOS"));
    hypervisor.remove(&id, false).await.unwrap();
    assert!(root.join("i-0000000a/disk.img").exists());
    hypervisor.remove(&id, true).await.unwrap();
    hypervisor.remove(&id, true).await.unwrap();
    assert!(!root.join("i-0000000a").exists());
    assert_eq!(seen(&hypervisor, &id).await, None);
}

#[tokio::test]
async fn a_machine_that_cannot_start_says_why() {
    let (hypervisor, root, _scratch) = hypervisor();
    let mut machine = machine(&root, "i-0000000b");
    machine.boot = Boot::Kernel {
        ramdisk: false,
        command_line: String::new(),
    };
    let id = machine.id.clone();
    hypervisor.start(machine).await.unwrap();
    let failed = until(&hypervisor, &id, |seen| matches!(seen, Seen::Failed(_))).await;
    let Seen::Failed(why) = failed else {
        panic!("{failed:?}");
    };
    assert!(why.contains("kernel"), "{why}");
}

#[tokio::test]
async fn a_machine_of_a_foreign_architecture_is_not_started() {
    let (hypervisor, root, _scratch) = hypervisor();
    let mut machine = machine(&root, "i-0000000c");
    machine.architecture = Architecture::Arm64;
    let id = machine.id.clone();
    hypervisor.start(machine).await.unwrap();
    let Some(Seen::Failed(why)) = seen(&hypervisor, &id).await else {
        panic!("it must fail");
    };
    assert!(why.contains("arm64"), "{why}");
}

#[tokio::test]
async fn an_emulator_that_is_killed_is_a_failure_and_the_others_run() {
    let (hypervisor, root, _scratch) = hypervisor();
    let machines = ["i-0000000d", "i-0000000e"].map(|id| machine(&root, id));
    let ids = machines.clone().map(|machine| machine.id);
    for machine in machines {
        hypervisor.start(machine).await.unwrap();
    }
    for id in &ids {
        until(&hypervisor, id, |seen| *seen == Seen::Running).await;
    }
    let victim = emulators(&root.join("i-0000000d"))[0];
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &victim.to_string()])
        .status();
    assert!(killed.unwrap().success());
    let failed = until(&hypervisor, &ids[0], |seen| *seen != Seen::Running).await;
    assert!(
        matches!(&failed, Seen::Failed(why) if why.contains("signal")),
        "{failed:?}"
    );
    assert_eq!(seen(&hypervisor, &ids[1]).await, Some(Seen::Running));
    // With the hypervisor the rest of them end.
    drop(hypervisor);
    assert!(emulators(&root.join("i-0000000e")).is_empty());
}

#[tokio::test]
async fn directories_of_before_are_those_of_machines_that_have_ended() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    machine(root, "i-0000000f");
    fs_err::create_dir(root.join(".new-i-00000010")).unwrap();
    fs_err::write(root.join("i-00000011"), "").unwrap();
    let hypervisor = QemuHypervisor::start(root).unwrap();
    let id: InstanceId = "i-0000000F".parse().unwrap();
    let listed = hypervisor.list().await.unwrap();
    assert_eq!(listed, [(id.clone(), Seen::ShutDown)]);
    hypervisor.remove(&id, true).await.unwrap();
    assert!(hypervisor.list().await.unwrap().is_empty());
    assert!(!root.join("i-0000000f").exists());
}
