//! Instances that run: from an image to a machine that one logs in to, and what is left when the cloud is killed or asked to end.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use gumnut_tests::{Cloud, GuestImage, Program, tool};

/// How long a guest may take on a busy machine.
const LIMIT: Duration = Duration::from_mins(4);
/// How long a cloud may take to end with its guests.
const END: Duration = Duration::from_mins(1);

/// The emulators below a directory.
fn emulators(data: &Path) -> usize {
    let processes = fs_err::read_dir("/proc").unwrap();
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let here = |id: &u32| {
        let place = fs_err::read_link(format!("/proc/{id}/cwd"));
        place.is_ok_and(|place| place.starts_with(data))
    };
    ids.filter(here).count()
}

/// Waits until something is so.
fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < limit, "{what}");
        std::thread::yield_now();
    }
}

/// Digests of the unbundled images.
fn unbundled(cloud: &Cloud) -> Vec<String> {
    let folder = cloud.data().join("unbundled");
    let names = Program::files(&folder).into_iter();
    let paths = names.map(|name| folder.join(name));
    let digests = paths.map(|path| tool("sha1sum", &[path.to_str().unwrap()]));
    digests.collect()
}

fn state(client: &Program, id: &str) -> String {
    let instances = client.json(&["instances", id]);
    instances["instances"][0]["state"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn console(client: &Program, id: &str) -> String {
    client.run(&["console", id]).stdout
}

#[test]
fn an_image_becomes_a_machine_and_nothing_is_left_of_it() {
    // A name of a socket has 107 bytes, and that of the data directory has more.
    let parent = Program::new();
    let long = parent.path(&"d".repeat(100));
    fs_err::create_dir(&long).unwrap();
    let cloud = Cloud::start_with(Program::below(&long), &["--instances"]);
    let client = cloud.client();
    let guest = GuestImage::make(&client);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let published = client.json(&[
        "publish".to_owned(),
        text(&guest.disk),
        "--kernel".to_owned(),
        text(&guest.small.kernel),
        "--ramdisk".to_owned(),
        text(&guest.small.ramdisk),
    ]);
    let image = published["image_id"].as_str().unwrap();
    let _ = client
        .run(&["keypair", "create", "mykey", "-o", "mykey.pem"])
        .succeeded();
    let _ = client
        .run(&["group", "authorize", "default", "-p", "22"])
        .succeeded();

    // The key was put into the image, which asks nobody for it.
    let login = [
        "run",
        image,
        "-k",
        "mykey",
        "-i",
        "mykey.pem",
        "--",
        "echo changed > /etc/mark; uname -n",
    ];
    let first = client.run(&login).succeeded();
    // Clouds of other tests may have the first addresses.
    let name = first.stdout.trim();
    assert!(
        name.starts_with("ip-172-31-") && name.ends_with("-10"),
        "{name}"
    );
    let images = unbundled(&cloud);
    assert_eq!(images.len(), 3);

    // Another one of the same image begins with what the image has, and nothing is restored again.
    let second = [
        "run",
        image,
        "-k",
        "mykey",
        "-i",
        "mykey.pem",
        "--",
        "cat /etc/mark",
    ];
    assert_eq!(client.run(&second).succeeded().stdout, "as it was\n");
    assert_eq!(unbundled(&cloud), images);

    let listed = client.json(&["instances"]);
    let listed_ones = listed["instances"].as_array().unwrap().iter();
    let ids: Vec<_> = listed_ones
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect();
    let [one, other] = &ids[..] else {
        panic!("{listed}");
    };
    let printed = console(&client, one);
    for line in ["guest swaps", &format!("guest id {one}"), "guest is ready"] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    let _ = client.run(&["terminate", other]).succeeded();
    until("it is terminated", LIMIT, || {
        state(&client, other) == "terminated"
    });
    assert_eq!(emulators(&cloud.data()), 1);

    // Killed, the cloud takes its machines with it, and the next one removes what is left.
    let data = cloud.data();
    let program = cloud.kill();
    until("no emulator is left", Duration::from_secs(10), || {
        emulators(&data) == 0
    });
    let mut cloud = Cloud::start_logging(program, Stdio::inherit(), &["--instances"]);
    let client = cloud.client();
    until("it is terminated", LIMIT, || {
        state(&client, one) == "terminated"
    });
    until("its directory is gone", LIMIT, || {
        Program::files(&data.join("instances")).is_empty()
    });

    // Asked to end, it lets the guest shut down.
    let third = client.json(&["run", image]);
    let third = third["instances"][0]["id"].as_str().unwrap();
    until("the guest is ready", LIMIT, || {
        console(&client, third).contains("guest is ready")
    });
    let start = Instant::now();
    tool("kill", &["-TERM", &cloud.pid()]);
    assert_eq!(cloud.wait(), Some(0));
    assert!(start.elapsed() < END, "{:?}", start.elapsed());
    assert_eq!(emulators(&data), 0);
    assert!(Program::files(&data.join("instances")).is_empty());
    let _ = Program::new()
        .run(&["cloud", "fsck", "--data", data.to_str().unwrap()])
        .succeeded();
}
