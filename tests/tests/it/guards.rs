//! What registered images need is not taken from them.

use gumnut_tests::{Cloud, FaultProxy, Program, patterned};
use serde_json::Value;

/// Bundles a file, as small parts.
fn bundle(client: &Program, name: &str, kind: &str, seed: u64, more: &[&str]) {
    client.write(name, patterned(70_000, seed));
    let mut arguments = vec![
        "bundle", name, "--kind", kind, "--arch", "x86_64", "--force",
    ];
    arguments.extend(["--test-part-size", "32KiB"]);
    arguments.extend(more);
    let _ = client.run(&arguments).succeeded();
}

/// Registers a kernel and a ramdisk; gives the options that name them.
fn base(client: &Program) -> [String; 4] {
    let [kernel, ramdisk] =
        [("vmlinuz-1", "kernel"), ("initrd-1", "ramdisk")].map(|(name, kind)| {
            bundle(client, name, kind, 2, &[]);
            register(client, &upload_to(client, name, "base"), name)
        });
    [
        "--kernel".to_owned(),
        kernel,
        "--ramdisk".to_owned(),
        ramdisk,
    ]
}

/// Bundles a machine image with these options.
fn bundle_machine(client: &Program, seed: u64, base: &[String; 4]) {
    let options: Vec<&str> = base.iter().map(String::as_str).collect();
    bundle(client, "disk.img", "machine", seed, &options);
}

fn upload(client: &Program, name: &str) -> String {
    upload_to(client, name, "bucket")
}

fn upload_to(client: &Program, name: &str, bucket: &str) -> String {
    let manifest = format!("{name}.manifest.xml");
    let uploaded = client.json(&["upload", &manifest, "-b", bucket]);
    uploaded["location"].as_str().unwrap().to_owned()
}

fn register(client: &Program, location: &str, name: &str) -> String {
    let registered = client.json(&["register", location, "--name", name]);
    registered["image_id"].as_str().unwrap().to_owned()
}

/// A cloud with a machine image of a bundle of its own, and its kernel and ramdisk.
struct World {
    cloud: Cloud,
    client: Program,
    /// The options that name the kernel and the ramdisk.
    base: [String; 4],
    location: String,
    id: String,
}

impl World {
    fn start() -> Self {
        let cloud = Cloud::start();
        let client = cloud.client();
        let base = base(&client);
        bundle_machine(&client, 1, &base);
        let location = upload(&client, "disk.img");
        let id = register(&client, &location, "first");
        Self {
            cloud,
            client,
            base,
            location,
            id,
        }
    }
}

/// What the cloud and its store have.
fn state(cloud: &Cloud, client: &Program) -> (Value, Vec<String>) {
    let files = Program::files(&cloud.data().join("objects"));
    (client.json(&["images"]), files)
}

#[test]
fn the_bundle_of_a_registered_image_is_not_deleted() {
    let World {
        cloud,
        client,
        location,
        id: first,
        ..
    } = World::start();
    let second = register(&client, &format!("/{location}"), "second");
    let before = state(&cloud, &client);
    for more in [&[][..], &["--dry-run"]] {
        let outcome = client.run(&[&["delete", &location][..], more].concat());
        let _ = outcome
            .failed(4)
            .saying(&[&first, &second, "gumnut retire emi-", "--force"]);
    }
    assert_eq!(state(&cloud, &client), before);

    // Another manifest of the same parts, which no image is made of.
    let rewrap = [
        "rewrap",
        "disk.img.manifest.xml",
        "--user",
        "000000000009",
        "--cloud-cert",
    ];
    let certificate = cloud.credentials().join("cloud-cert.pem");
    let rewrap = [&rewrap[..], &[certificate.to_str().unwrap()]].concat();
    let _ = client.run(&rewrap).succeeded();
    let twin = upload(&client, "disk.img.rewrapped");
    let outcome = client.run(&["delete", &twin]).failed(4);
    let _ = outcome.saying(&[&first]);
    let outcome = client.run(&["retire", &twin]).failed(4);
    let _ = outcome.saying(&[&first]);

    let dry = client.json(&["delete", &location, "--force", "--dry-run"]);
    assert_eq!(dry["dry_run"], true);
    let objects = dry["objects"].as_array().unwrap();
    assert_eq!(dry["parts_deleted"], objects.len() - 1);
    assert_eq!(objects.last().unwrap(), &Value::from(location.clone()));
    let _ = client.run(&["verify", &location]).succeeded();
    let _ = client.run(&["delete", &location, "--force"]).succeeded();
    let _ = client.run(&["verify", &location]).failed(4);
}

#[test]
fn an_image_that_is_deregistered_needs_nothing_any_more() {
    let World {
        cloud: _cloud,
        client,
        location,
        id,
        ..
    } = World::start();
    let _ = client.run(&["deregister", &id]).succeeded();
    let _ = client.run(&["delete", &location, "--dry-run"]).succeeded();
    let _ = client.run(&["delete", &location]).succeeded();
    let _ = client.run(&["verify", &location]).failed(4);
}

#[test]
fn without_an_answer_of_the_ec2_service_nothing_is_deleted() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let base = base(&client);
    bundle_machine(&client, 1, &base);
    let location = upload(&client, "disk.img");
    let dead = cloud.client().with("EC2_URL", "http://127.0.0.1:1/");
    let _ = dead
        .run(&["delete", &location])
        .failed(5)
        .saying(&["--force"]);
    let _ = client.run(&["verify", &location]).succeeded();
    let none = cloud.client().with("EC2_URL", "");
    let outcome = none.run(&["delete", &location, "--dry-run"]).succeeded();
    let _ = outcome.saying(&["not known whether"]);
    let _ = dead.run(&["delete", &location, "--force"]).succeeded();
}

#[test]
fn a_kernel_or_ramdisk_that_an_image_has_is_not_deregistered() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let base = base(&client);
    bundle_machine(&client, 3, &base);
    let ids = [&base[1], &base[3]];
    let location = upload(&client, "disk.img");
    let users = ["one", "two"].map(|name| register(&client, &location, name));
    let before = state(&cloud, &client);
    for id in ids {
        for more in [&[][..], &["--dry-run"]] {
            let outcome = client.run(&[&["deregister", id][..], more].concat());
            let _ = outcome
                .failed(4)
                .saying(&[id, &users[0], &users[1], "--force"]);
        }
        let _ = client
            .run(&["retire", id])
            .failed(4)
            .saying(&[&users[0], &users[1]]);
    }
    let dry = client.json(&["deregister", &users[0], "--dry-run"]);
    assert_eq!(
        (&dry["dry_run"], &dry["image_id"]),
        (&true.into(), &users[0].clone().into())
    );
    let forced = client.json(&["deregister", ids[0], "--dry-run", "--force"]);
    assert_eq!(forced["dry_run"], true);
    let _ = client
        .run(&["deregister", "emi-12345678", "--dry-run"])
        .failed(4);
    let _ = client
        .run(&["deregister", "eki-12345678", "--dry-run"])
        .failed(4);
    assert_eq!(state(&cloud, &client), before);
    for user in &users {
        let _ = client.run(&["deregister", user]).succeeded();
    }
    for id in ids {
        let _ = client.run(&["deregister", id]).succeeded();
    }
}

#[test]
fn what_an_image_needs_is_not_replaced_by_an_upload() {
    let World {
        cloud,
        client,
        base,
        id,
        ..
    } = World::start();
    // The same again changes nothing.
    let again = client.json(&["upload", "disk.img.manifest.xml", "-b", "bucket"]);
    assert_eq!(again["parts_sent"], 0);
    let same = client.json(&[
        "upload",
        "disk.img.manifest.xml",
        "-b",
        "bucket",
        "--dry-run",
    ]);
    assert_eq!(same["objects"].as_array().unwrap().len(), 0);
    bundle_machine(&client, 2, &base);
    let before = state(&cloud, &client);
    let other = ["upload", "disk.img.manifest.xml", "-b", "bucket"];
    for more in [&[][..], &["--dry-run"]] {
        let outcome = client.run(&[&other[..], more].concat()).failed(4);
        let _ = outcome.saying(&[&id, "--force"]);
    }
    let dry = client.json(&[&other[..], &["--dry-run", "--force"]].concat());
    assert_eq!(dry["replaces"], dry["objects"]);
    assert_eq!(state(&cloud, &client), before);
    let elsewhere = [
        "upload",
        "disk.img.manifest.xml",
        "-b",
        "bucket/web",
        "--dry-run",
    ];
    let dry = client.json(&elsewhere);
    assert_eq!(dry["replaces"], Value::from(Vec::<String>::new()));
    let new = [
        "upload",
        "disk.img.manifest.xml",
        "-b",
        "new-bucket",
        "--dry-run",
    ];
    assert_eq!(client.json(&new)["makes_bucket"], true);
    assert_eq!(state(&cloud, &client), before);
    let _ = client.run(&[&other[..], &["--force"]].concat()).succeeded();
}

#[test]
fn a_dry_run_of_an_upload_refuses_what_the_run_would_refuse() {
    let cloud = Cloud::start();
    let proxy = FaultProxy::start(cloud.endpoint());
    let client = proxy.client(&cloud);
    let base = base(&client);
    bundle_machine(&client, 1, &base);
    proxy.disarm();
    let upload = [
        "upload",
        "disk.img.manifest.xml",
        "-b",
        "bucket",
        "--dry-run",
    ];
    let _ = client.run(&upload).succeeded();
    let changes = proxy.log();
    let changes = changes
        .iter()
        .filter(|line| !line.starts_with("GET") && !line.starts_with("HEAD"));
    assert_eq!(changes.count(), 0, "{:?}", proxy.log());
    let part = client.path("disk.img.part.00");
    let mut bytes = fs_err::read(&part).unwrap();
    bytes[100] ^= 1;
    fs_err::write(&part, bytes).unwrap();
    let _ = client.run(&upload).failed(3).saying(&["damaged"]);
    fs_err::remove_file(&part).unwrap();
    let _ = client.run(&upload).failed(3);
    let _ = client
        .run(&["upload", "nosuch.xml", "-b", "bucket", "--dry-run"])
        .failed(3);
}

#[test]
fn a_copy_does_not_replace_the_parts_of_an_image() {
    let here = World::start();
    let there = World::start();
    // A manifest of another name, whose parts are called like those of the image there.
    let from = here.client.path("disk.img.manifest.xml");
    fs_err::copy(from, here.client.path("other.manifest.xml")).unwrap();
    let uploaded = here
        .client
        .json(&["upload", "other.manifest.xml", "-b", "bucket"]);
    let other = uploaded["location"].as_str().unwrap();
    let before = state(&there.cloud, &there.client);
    let eucarc = there.cloud.eucarc();
    let copy = ["copy", other, "--to", eucarc.to_str().unwrap()];
    let elsewhere = ["--to-bucket", "elsewhere", "--kernel", &there.base[1]];
    let elsewhere = [&elsewhere[..], &["--ramdisk", &there.base[3]]].concat();
    let with_ids = ["--kernel", &there.base[1], "--ramdisk", &there.base[3]];
    let refused = here.client.run(&[&copy[..], &with_ids].concat()).failed(4);
    let _ = refused.saying(&[&there.id, "hint: pass another --to-bucket"]);
    assert_eq!(state(&there.cloud, &there.client), before);
    let _ = there.client.run(&["verify", &there.location]).succeeded();
    let _ = here
        .client
        .run(&[&copy[..], &elsewhere].concat())
        .succeeded();
}

#[test]
fn the_old_names_do_as_they_ever_did() {
    let World {
        cloud: _cloud,
        client,
        base,
        location,
        id,
    } = World::start();
    // A warning is all that is new: output and exit code are those that scripts know.
    let deregister = ["compat", "run", "euca-deregister"];
    let outcome = client
        .run(&[&deregister[..], &[&base[1]]].concat())
        .succeeded();
    assert_eq!(outcome.stdout, format!("IMAGE\t{}\n", base[1]));
    let _ = outcome.saying(&["euca-deregister: warning:", &id, "can no longer be started"]);
    let delete = [
        "compat",
        "run",
        "--dialect",
        "3.4",
        "euca-delete-bundle",
        "-b",
        "bucket",
    ];
    let delete = [&delete[..], &["-m", "disk.img.manifest.xml"]].concat();
    let outcome = client.run(&delete).succeeded();
    assert_eq!(outcome.stdout, "");
    let _ = outcome.saying(&[&id, "can no longer be started"]);
    let _ = client.run(&["verify", &location]).failed(4);
    // Nothing is said of an image that needs nothing any more.
    let outcome = client.run(&[&deregister[..], &[&id]].concat()).succeeded();
    assert_eq!(outcome.stderr, "");
    let outcome = client
        .run(&[&deregister[..], &[&base[3]]].concat())
        .succeeded();
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_bundle_that_is_deleted_by_its_names_is_warned_of() {
    let World {
        cloud: _cloud,
        client,
        location,
        id,
        ..
    } = World::start();
    let delete = |prefix| {
        let tool = ["compat", "run", "ec2-delete-bundle", "-b", "bucket", "-y"];
        client
            .run(&[&tool[..], &["-p", prefix]].concat())
            .succeeded()
    };
    assert_eq!(delete("nothing").stderr, "");
    let outcome = delete("disk.img");
    assert_eq!(outcome.stdout, "");
    let _ = outcome.saying(&[
        "ec2-delete-bundle: warning:",
        &id,
        "can no longer be started",
    ]);
    let _ = client.run(&["verify", &location]).failed(4);
}
