//! After the page: the image is run, one logs in and ends it, in the dialect of 2010 on Eucalyptus 2.0.

use std::time::{Duration, Instant};

use gumnut_tests::{Cloud, GuestImage, Program, tool};

/// How long a guest may take on a busy machine.
const LIMIT: Duration = Duration::from_mins(4);

/// What a command prints as soon as it has this in it.
fn until(client: &Program, name: &str, arguments: &[&str], text: &str) -> String {
    let start = Instant::now();
    loop {
        let printed = client.called(name, arguments).stdout;
        if printed.contains(text) {
            return printed;
        }
        assert!(start.elapsed() < LIMIT, "no {text}: {printed}");
    }
}

#[test]
fn the_image_runs_and_is_logged_in_to() {
    let cloud = Cloud::start_with(Program::new(), &["--profile", "euca-2.0", "--instances"]);
    let client = cloud.client().with("GUMNUT_DIALECT", "2010");
    let guest = GuestImage::make(&client);
    let published = client.json(&[
        "publish",
        guest.disk.to_str().unwrap(),
        "--kernel",
        guest.small.kernel.to_str().unwrap(),
        "--ramdisk",
        guest.small.ramdisk.to_str().unwrap(),
    ]);
    let [image, kernel, ramdisk] = ["image_id", "kernel_id", "ramdisk_id"]
        .map(|field| published[field].as_str().unwrap().to_owned());
    let done = |name: &str, arguments: &[&str]| client.called(name, arguments).succeeded().stdout;

    let key = done("euca-add-keypair", &["mykey"]);
    let (line, material) = key.split_once('\n').unwrap();
    assert!(line.starts_with("KEYPAIR\tmykey\t"), "{line}");
    let file = client.write("mykey.private", material);
    tool("chmod", &["600", file.to_str().unwrap()]);
    let ssh = ["-P", "tcp", "-p", "22", "-s", "0.0.0.0/0", "default"];
    assert_eq!(
        done("euca-authorize", &ssh),
        "GROUP\tdefault\nPERMISSION\tdefault\tALLOWS\ttcp\t22\t22\tFROM\tCIDR\t0.0.0.0/0\n"
    );

    let run = ["-k", "mykey", "-n", "1", "-t", "m1.small", &image];
    let started = done("euca-run-instances", &run);
    let lines: Vec<Vec<_>> = started
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    let [reservation, instance] = &lines[..] else {
        panic!("{started}");
    };
    assert_eq!(reservation[0], "RESERVATION");
    assert_eq!(reservation[2..], ["admin", "default"]);
    let id = instance[1];
    assert_eq!((instance[0], instance[2]), ("INSTANCE", image.as_str()));
    assert_eq!((instance[5], instance[6]), ("pending", "mykey"));
    assert_eq!(instance[8..], [kernel.as_str(), ramdisk.as_str()]);

    let running = until(&client, "euca-describe-instances", &[id], "running");
    let columns: Vec<_> = running.lines().nth(1).unwrap().split('\t').collect();
    // Clouds of other tests may have the first addresses.
    let (public, private) = (columns[3], columns[4]);
    assert_eq!(columns[5], "running ");
    assert_eq!(public.replacen("127", "172", 1), private);
    let printed = until(&client, "euca-get-console-output", &[id], "guest is ready");
    assert!(printed.starts_with(&format!("{id}\n")), "{printed}");

    // Through the socket of this cloud.
    let connect = client.command(&["connect"]);
    let proxy = format!(
        "ProxyCommand='{}' connect --data '{}' %h %p",
        connect.get_program().to_str().unwrap(),
        cloud.data().display()
    );
    let quiet = "StrictHostKeyChecking=no";
    let login = [
        "-o",
        &proxy,
        "-o",
        quiet,
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-i",
        file.to_str().unwrap(),
        &format!("root@{private}"),
        "uname",
        "-n",
    ];
    let name = format!("ip-{}", private.replace('.', "-"));
    assert_eq!(tool("ssh", &login).trim(), name);

    let ended = done("euca-terminate-instances", &[id]);
    assert_eq!(ended, format!("INSTANCE\t{id}\n"));
    until(&client, "euca-describe-instances", &[], "terminated");
    assert_eq!(done("euca-delete-keypair", &["mykey"]), "KEYPAIR\tmykey\n");
}
