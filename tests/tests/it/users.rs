//! Several accounts on one cloud, each seeing its own.

use gumnut_tests::{Cloud, Program, patterned, tool};

/// Adds a user to the running cloud and gives a client with the user's credentials, from the zip.
fn user(cloud: &Cloud, name: &str, more: &[&str]) -> Program {
    let client = Program::new();
    let data = cloud.data();
    let data = data.to_str().unwrap();
    let mut add = vec!["cloud", "user", "add", name, "--data", data];
    add.extend(more);
    let added = client.json(&add);
    assert_eq!(added["name"], name);
    let zip = client.path(&format!("euca2-{name}-x509.zip"));
    let zip = zip.to_str().unwrap();
    let write = [
        "cloud",
        "credentials",
        "--user",
        name,
        "--data",
        data,
        "--endpoint",
        cloud.endpoint(),
        "-o",
        zip,
    ];
    let _ = client.run(&write).succeeded();
    let folder = client.path("creds");
    tool(
        "python3",
        &["-m", "zipfile", "-e", zip, folder.to_str().unwrap()],
    );
    let eucarc = folder.join("eucarc");
    client.configured(&eucarc)
}

/// Bundles and uploads a file; gives the location.
fn upload(client: &Program, name: &str, kind: &str, bucket: &str) -> String {
    // The part is too long for the catalogue, the manifest is in it.
    client.write(name, patterned(30_000, 4));
    let bundle = ["bundle", name, "--kind", kind, "--arch", "x86_64"];
    let _ = client.run(&bundle).succeeded();
    let manifest = format!("{name}.manifest.xml");
    let location = client.json(&["upload", &manifest, "-b", bucket]);
    location["location"].as_str().unwrap().to_owned()
}

#[test]
fn kernels_are_for_administrators_and_buckets_for_their_owners() {
    let cloud = Cloud::start();
    let (bob, eve) = (user(&cloud, "bob", &[]), user(&cloud, "eve", &["--admin"]));
    let location = upload(&bob, "kernel", "kernel", "bobs");
    let _ = bob
        .run(&["register", &location])
        .failed(4)
        .saying(&["Only administrators can register kernel images."]);
    let _ = eve
        .run(&["register", &location])
        .failed(4)
        .saying(&["Manifest is not accessible"]);
    let own = upload(&eve, "kernel", "kernel", "eves");
    let _ = eve.run(&["register", &own]).succeeded();
    for arguments in [
        vec!["download", &own, "-d", "stolen"],
        vec!["delete", &own],
        vec!["upload", "kernel.manifest.xml", "-b", "eves"],
    ] {
        let _ = bob.run(&arguments).failed(4);
    }
    let images = bob.json(&["images"]);
    assert_eq!(images["images"].as_array().unwrap().len(), 0);
    let _ = bob.run(&["download", &location, "-d", "own"]).succeeded();
}

#[test]
fn a_revoked_user_is_refused_at_once() {
    let cloud = Cloud::start();
    let bob = user(&cloud, "bob", &[]);
    let _ = bob.run(&["images"]).succeeded();
    let data = cloud.data();
    let data = data.to_str().unwrap();
    let revoke = ["cloud", "user", "revoke", "bob", "--data", data];
    let _ = bob.run(&revoke).succeeded();
    let _ = bob.run(&["images"]).failed(4);
    let list = bob
        .run(&["cloud", "user", "list", "--data", data])
        .succeeded();
    let line = list.stdout.lines().find(|line| line.contains("\tbob\t"));
    assert!(line.unwrap().ends_with("\tuser\trevoked\t"), "{list:#?}");
    let again = ["cloud", "user", "add", "bob", "--data", data];
    let _ = bob.run(&again).failed(3).saying(&["already"]);
}

#[test]
fn fsck_wants_a_stopped_cloud_and_says_what_is_wrong() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let _ = upload(&client, "kernel", "kernel", "bucket");
    let data = cloud.data();
    let fsck = ["cloud", "fsck", "--data", data.to_str().unwrap()];
    let _ = client.run(&fsck).failed(1).saying(&["another cloud uses"]);
    let program = cloud.kill();
    let clean = program.json(&fsck);
    assert_eq!(
        (&clean["files"], &clean["small_objects"], &clean["findings"]),
        (&1.into(), &1.into(), &Vec::<i32>::new().into())
    );
    let file = Program::files(&data.join("objects")).remove(0);
    fs_err::remove_file(data.join("objects").join(file)).unwrap();
    let damaged = program.run(&fsck);
    assert_eq!(damaged.code, Some(3));
    assert!(
        damaged.stdout.starts_with("missing\tbucket/kernel"),
        "{damaged:#?}"
    );
}

#[test]
fn an_account_has_an_e_mail_address_that_can_be_changed() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let data = cloud.data();
    let run = |arguments: &[&str]| {
        let data = ["--data", data.to_str().unwrap()];
        client.run(&[&["cloud", "user"], arguments, &data].concat())
    };
    let added = run(&["add", "bob", "--email", "bob@example.com"]).succeeded();
    assert!(added.stdout.ends_with("\tbob@example.com\n"), "{added:#?}");
    let _ = run(&["modify", "bob", "--email", "robert@example.com"]).succeeded();
    let list = client.json(&["cloud", "user", "list", "--data", data.to_str().unwrap()]);
    assert_eq!(list["users"][1]["email"], "robert@example.com");
    let _ = run(&["modify", "admin", "--email", "Robert@Example.com"])
        .failed(3)
        .saying(&["another account has the e-mail address"]);
    let _ = run(&["modify", "bob", "--email", "robert"])
        .failed(2)
        .saying(&["NAME@DOMAIN"]);
    let _ = run(&["modify", "bob"]).failed(2);
    let _ = run(&["modify", "eve", "--no-email"])
        .failed(3)
        .saying(&["eve"]);
    let removed = run(&["modify", "bob", "--no-email"]).succeeded();
    assert!(removed.stdout.ends_with("\tactive\t\n"), "{removed:#?}");
}

#[test]
fn a_cloud_without_its_catalogue_does_not_start_and_says_what_to_do() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let _ = upload(&client, "kernel", "kernel", "bucket");
    let data = cloud.data();
    let catalogue = ["catalogue.sqlite", "catalogue.sqlite-wal"];
    let old = catalogue.map(|name| fs_err::read(data.join(name)).unwrap());
    let _ = upload(&client, "ramdisk", "ramdisk", "bucket");
    let program = cloud.kill();
    let objects = Program::files(&data.join("objects"));
    assert_eq!(objects.len(), 2);
    let folder = data.to_str().unwrap();
    let start = [
        "cloud",
        "start",
        "--data",
        folder,
        "--listen",
        "127.0.0.1:0",
    ];
    for content in [Some(""), None] {
        for name in catalogue {
            let _ = fs_err::remove_file(data.join(name));
        }
        if let Some(content) = content {
            fs_err::write(data.join(catalogue[0]), content).unwrap();
        }
        let hints = [
            "catalogue.sqlite",
            "restore the catalogue",
            "gumnut cloud fsck",
        ];
        let _ = program.run(&start).failed(3).saying(&hints);
        let fsck = program.run(&["cloud", "fsck", "--data", folder]);
        assert_eq!(fsck.code, Some(3));
        assert!(fsck.stdout.starts_with("catalogue\t"), "{fsck:#?}");
        assert_eq!(Program::files(&data.join("objects")), objects);
    }
    for (name, content) in catalogue.iter().zip(old) {
        fs_err::write(data.join(name), content).unwrap();
    }
    let hints = ["older than the files", "--accept-catalogue"];
    let _ = program.run(&start).failed(3).saying(&hints);
    let accept = ["cloud", "fsck", "--data", folder, "--accept-catalogue"];
    let accepted = program.run(&accept);
    assert!(!accepted.stdout.contains("catalogue\t"), "{accepted:#?}");
    let aside = ["cloud", "fsck", "--data", folder, "--move-orphans"];
    let _ = program.run(&aside).succeeded();
    assert_eq!(Program::files(&data.join("objects")).len(), 1);
    assert_eq!(Program::files(&data.join("orphans/objects")).len(), 1);
}
