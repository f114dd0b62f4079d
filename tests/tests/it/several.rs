//! One command for several subjects: one that fails does not keep the others from being done, and each is reported.

use gumnut_tests::{Cloud, Fault, FaultProxy, Program, patterned};
use serde_json::Value;

/// Bundles small files as kernels, in the program's directory.
fn bundled(client: &Program, names: &[&str]) {
    for (seed, name) in (1..).zip(names) {
        client.write(name, patterned(3_000, seed));
        let bundle = ["bundle", name, "--kind", "kernel", "--arch", "amd64"];
        let _ = client.run(&bundle).succeeded();
    }
}

/// Kernels that are bundled, uploaded and registered; gives locations and ids.
fn registered<const N: usize>(client: &Program, names: [&str; N]) -> [(String, String); N] {
    bundled(client, &names);
    names.map(|name| {
        let manifest = format!("{name}.manifest.xml");
        let uploaded = client.json(&["upload", &manifest, "-b", "kernels"]);
        let location = uploaded["location"].as_str().unwrap().to_owned();
        let image = client.json(&["register", &location, "--name", name]);
        (location, image["image_id"].as_str().unwrap().to_owned())
    })
}

/// Runs a command of which a part fails with this exit code; gives the JSON value that it prints.
fn partly(client: &Program, arguments: &[&str], code: i32) -> Value {
    let outcome = client.run(&[arguments, &["--json"]].concat());
    assert_eq!(outcome.code, Some(code), "{outcome:#?}");
    let value: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let told = outcome
        .stderr
        .lines()
        .filter(|line| line.contains("\"error\""));
    let failed = value["failed"].as_array().unwrap();
    assert_eq!(told.count(), failed.len(), "{outcome:#?}");
    for one in failed {
        let subject = one["subject"].as_str().unwrap();
        assert!(
            outcome.stderr.contains(&format!("{subject} failed")),
            "{outcome:#?}"
        );
    }
    value
}

/// Asserts that exactly one subject failed.
fn only_failure(value: &Value, subject: &str, code: i32) {
    let failed = value["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 1, "{value}");
    assert_eq!(failed[0]["subject"], subject, "{value}");
    assert_eq!(failed[0]["exit_code"], code, "{value}");
}

fn ids(client: &Program) -> Vec<String> {
    let images = client.json(&["images"]);
    let images = images["images"].as_array().unwrap().iter();
    images
        .map(|image| image["image_id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn images_are_changed_behind_one_that_is_missing() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let [(_, one), (_, two)] = registered(&client, ["vmlinuz-1", "vmlinuz-2"]);
    let missing = "eki-00000000";
    let all = [one.as_str(), missing, &two];
    for (command, options) in [
        ("share", &["--with", "all"][..]),
        ("unshare", &["--with", "all"]),
        ("tag", &["release=12"]),
        ("modify", &["--description", "for the web"]),
    ] {
        let value = partly(&client, &[&[command], &all[..], options].concat(), 4);
        only_failure(&value, missing, 4);
        let done = value["images"].as_array().unwrap().iter();
        let done: Vec<_> = done.map(|image| &image["image_id"]).collect();
        assert_eq!(done, [&one, &two], "{command}");
    }
    let shown = client.json(&["images", &two])["images"][0].clone();
    assert_eq!(shown["tags"]["release"], "12");
    assert_eq!(shown["description"], "for the web");

    // In text: a line for each that is done, and an error for the other.
    let text = client.run(&[&["deregister", "--dry-run"], &all[..]].concat());
    assert_eq!(text.code, Some(4), "{text:#?}");
    assert_eq!(text.stdout, format!("IMAGE\t{one}\nIMAGE\t{two}\n"));
    let _ = text.saying(&["error: eki-00000000 failed", "because:", "hint:"]);
    let gone = partly(&client, &[&["deregister"], &all[..]].concat(), 4);
    only_failure(&gone, missing, 4);
    assert_eq!(gone["images"], Value::from(vec![one, two]));
    let states = client.json(&["images"]);
    for image in states["images"].as_array().unwrap() {
        assert_eq!(image["state"], "deregistered", "{image}");
    }
}

#[test]
fn bundles_go_to_the_store_and_back_behind_one_that_is_not_right() {
    let cloud = Cloud::start();
    let client = cloud.client();
    bundled(&client, &["one", "two"]);
    let manifests = [
        "one.manifest.xml",
        "nosuch.manifest.xml",
        "two.manifest.xml",
    ];
    let upload = [&["upload", "-b", "kernels"], &manifests[..]].concat();
    let sent = partly(&client, &upload, 3);
    only_failure(&sent, "nosuch.manifest.xml", 3);
    let results = sent["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{sent}");
    assert_eq!(results[1]["location"], "kernels/two.manifest.xml");

    let locations = manifests.map(|manifest| format!("kernels/{manifest}"));
    let locations = locations.each_ref().map(String::as_str);
    let name = [&["register", "--name", "web"], &locations[..]].concat();
    let _ = client
        .run(&name)
        .failed(2)
        .saying(&["a name of its own", "hint:"]);
    for (command, options) in [
        ("register", &[][..]),
        ("download", &["-d", "back"]),
        ("verify", &[]),
        ("delete", &["--dry-run", "--force"]),
        ("delete", &["--force"]),
    ] {
        let value = partly(&client, &[&[command], options, &locations[..]].concat(), 4);
        only_failure(&value, locations[1], 4);
        assert_eq!(value["results"].as_array().unwrap().len(), 2, "{value}");
    }
    assert_eq!(
        Program::files(&client.path("back")),
        [
            "one.manifest.xml",
            "one.part.00",
            "two.manifest.xml",
            "two.part.00"
        ]
    );
    let objects = client.json(&["ls", "kernels"]);
    assert_eq!(objects["objects"], Value::Array(Vec::new()));
}

#[test]
fn the_exit_code_is_that_of_the_worst() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let [(stored, _)] = registered(&client, ["one"]);
    bundled(&client, &["two", "damaged"]);
    let part = client.path("damaged.part.00");
    let mut bytes = fs_err::read(&part).unwrap();
    bytes[100] ^= 1;
    fs_err::write(&part, bytes).unwrap();
    let (good, bad, absent) = ("two.manifest.xml", "damaged.manifest.xml", "kernels/absent");
    for (subjects, code) in [
        (&[good, &stored][..], 0),
        (&[good, bad], 3),
        (&[absent, good], 4),
        (&[absent, bad, good], 4),
        (&[bad, absent, good], 4),
    ] {
        let value = match code {
            0 => client.json(&[&["verify"], subjects].concat()),
            code => partly(&client, &[&["verify"], subjects].concat(), code),
        };
        let (done, failed) = (&value["results"], &value["failed"]);
        let counts = [done, failed].map(|list| list.as_array().unwrap().len());
        assert_eq!(counts.iter().sum::<usize>(), subjects.len(), "{value}");
    }
    let text = client.run(&["verify", good, &stored]).succeeded();
    let lines: Vec<_> = text.stdout.lines().collect();
    assert!(
        lines[0].starts_with(&format!("{good}\tsignature valid")),
        "{text:#?}"
    );
    assert!(
        lines[1].starts_with(&format!("{stored}\tsignature valid")),
        "{text:#?}"
    );
    // The only subject is reported as ever.
    let one = client.json(&["verify", good, good]);
    assert_eq!(one["manifest"], good);
    let _ = client
        .run(&["verify", bad])
        .failed(3)
        .saying(&["damaged.part.00"]);
    let parts = ["verify", good, bad, "--parts", "."];
    let _ = client.run(&parts).failed(2).saying(&["--parts", "hint:"]);
}

#[test]
fn what_can_be_retired_is() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let kernels = registered(&client, ["vmlinuz-1", "vmlinuz-2", "vmlinuz-3"]);
    let [(_, used), (_, one), (_, two)] = &kernels;
    client.write("disk.img", patterned(5_000, 9));
    let bundle = ["bundle", "disk.img", "--arch", "amd64", "--kernel", used];
    // The cloud wants a ramdisk, too.
    client.write("initrd", patterned(4_000, 8));
    let ramdisk = ["bundle", "initrd", "--kind", "ramdisk", "--arch", "amd64"];
    let _ = client.run(&ramdisk).succeeded();
    let uploaded = client.json(&["upload", "initrd.manifest.xml", "-b", "kernels"]);
    let image = client.json(&["register", uploaded["location"].as_str().unwrap()]);
    let ramdisk_id = image["image_id"].as_str().unwrap();
    let with_ramdisk = ["--ramdisk", ramdisk_id];
    let _ = client
        .run(&[&bundle[..], &with_ramdisk].concat())
        .succeeded();
    let uploaded = client.json(&["upload", "disk.img.manifest.xml", "-b", "kernels"]);
    let image = client.json(&["register", uploaded["location"].as_str().unwrap()]);
    let machine = image["image_id"].as_str().unwrap();

    let missing = "eki-00000000";
    let subjects = [used.as_str(), one, missing, two];
    let before = ids(&client);
    let dry = partly(
        &client,
        &[&["retire", "--dry-run"], &subjects[..]].concat(),
        4,
    );
    assert_eq!(ids(&client), before);
    let retired = partly(&client, &[&["retire"], &subjects[..]].concat(), 4);
    assert_eq!(
        retired["images"],
        Value::from(vec![one.clone(), two.clone()])
    );
    assert_eq!(retired["images"], dry["images"]);
    let failed = retired["failed"].as_array().unwrap();
    let failed: Vec<_> = failed.iter().map(|one| &one["subject"]).collect();
    assert_eq!(failed, [used, missing], "{retired}");
    let mut left = vec![used.clone(), ramdisk_id.to_owned(), machine.to_owned()];
    let mut found = ids(&client);
    left.sort();
    found.sort();
    assert_eq!(found, left);
    // Together with the image that uses them they go.
    let all = client.json(&["retire", used, machine, ramdisk_id]);
    assert_eq!(all["failed"], Value::Array(Vec::new()));
    assert_eq!(ids(&client), Vec::<String>::new());
}

#[test]
fn several_images_are_copied() {
    let (here, there) = (Cloud::start(), Cloud::start());
    let client = here.client();
    let [(_, one), (_, two)] = registered(&client, ["vmlinuz-1", "vmlinuz-2"]);
    let eucarc = there.eucarc();
    let to = ["--to", eucarc.to_str().unwrap()];
    let missing = "eki-00000000";
    let copy = [&["copy", one.as_str(), missing, &two], &to[..]].concat();
    let copied = partly(&client, &copy, 4);
    only_failure(&copied, missing, 4);
    let froms = copied["images"].as_array().unwrap().iter();
    let froms: Vec<_> = froms.map(|image| &image["from"]).collect();
    assert_eq!(froms, [&one, &two]);
    assert_eq!(ids(&there.client()).len(), 2);
}

#[test]
fn runs_are_given_up_behind_one_that_is_not_there() {
    let cloud = Cloud::start();
    let proxy = FaultProxy::start(cloud.endpoint());
    let client = proxy.client(&cloud);
    let publish = |name: &str, seed| {
        client.write(name, patterned(9_000, seed));
        let publish = ["publish", name, "--arch", "amd64", "--ignore-checks"];
        let more = ["--bucket", name, "--no-register", "--retries", "0"];
        client.run(&[&publish[..], &more].concat())
    };
    proxy.disarm();
    let _ = publish("measured", 3).succeeded();
    let is_part = |line: &String| line.starts_with("PUT ") && line.contains(".part.");
    let first_part = proxy.log().iter().position(is_part).unwrap();
    for (seed, name) in [(1, "one"), (2, "two")] {
        proxy.disarm();
        proxy.arm(first_part, Fault::StoreFull);
        let _ = publish(name, seed).failed(4);
    }
    proxy.disarm();
    let runs = client.json(&["runs"]);
    let runs = runs["runs"].as_array().unwrap().iter();
    let unfinished = runs.filter(|run| run["status"] == "unfinished");
    let runs: Vec<_> = unfinished.map(|run| run["run"].as_str().unwrap()).collect();
    assert_eq!(runs.len(), 2);
    let missing = "0123456789ab";
    let undone = partly(&client, &["abort", runs[0], missing, runs[1]], 2);
    only_failure(&undone, missing, 2);
    let results = undone["results"].as_array().unwrap().iter();
    let undone: Vec<_> = results.map(|result| &result["run"]).collect();
    assert_eq!(undone, runs);
    assert_eq!(client.json(&["runs"])["runs"].as_array().unwrap().len(), 1);
}
