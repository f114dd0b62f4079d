//! Bundling without a cloud certificate in the settings: the cloud is asked for it.

use gumnut_tests::{Cloud, Program, patterned};

/// A client of the cloud that has no certificate of it, and knows of nobody to ask.
fn client(cloud: &Cloud) -> Program {
    without_certificate(cloud).with("EUCA_BOOTSTRAP_URL", "")
}

/// A client of the cloud that has no certificate of it.
fn without_certificate(cloud: &Cloud) -> Program {
    let client = cloud.client().with("EUCALYPTUS_CERT", "");
    client.write("vmlinuz-1", patterned(40_000, 5));
    client
}

/// The cloud registers only what it can open: the bundle was made for the right certificate.
fn is_opened_by_its_cloud(client: &Program, manifest: &str, bucket: &str) {
    let _ = client.run(&["upload", manifest, "-b", bucket]).succeeded();
    let location = format!("{bucket}/vmlinuz-1.manifest.xml");
    let registered = client.run(&["register", &location]).succeeded();
    assert!(
        registered.stdout.starts_with("IMAGE\teki-"),
        "{registered:#?}"
    );
}

/// Bundles the kernel, into the directory `b`.
const BUNDLE: [&str; 8] = [
    "bundle",
    "vmlinuz-1",
    "--arch",
    "i386",
    "--kind",
    "kernel",
    "-d",
    "b",
];

#[test]
fn bundle_asks_the_cloud_for_its_certificate() {
    let cloud = Cloud::start();
    let client = client(&cloud);
    let none = client.run(&BUNDLE).failed(2);
    let _ = none.saying(&["no cloud certificate is set"]);
    let client = client.with("EUCA_BOOTSTRAP_URL", cloud.endpoint());
    let asked = client.run(&BUNDLE).succeeded();
    let _ = asked.saying(&["which the cloud sent"]);
    is_opened_by_its_cloud(&client, "b/vmlinuz-1.manifest.xml", "native");
    // The eucarc of the cloud says whom to ask.
    let asked = without_certificate(&cloud).run(&BUNDLE).succeeded();
    let _ = asked.saying(&["which the cloud sent"]);
}

#[test]
fn the_old_names_ask_it_in_every_dialect() {
    let cloud = Cloud::start();
    let client = client(&cloud);
    for (name, dialect, bucket) in [
        ("euca-bundle-image", "3.4", "new"),
        ("euca-bundle-image", "2010", "old"),
        ("ec2-bundle-image", "3.4", "ami-tools"),
    ] {
        let run = |more: &[&str]| {
            let mut command = client
                .command(&[&["compat", "run", "--dialect", dialect, name][..], more].concat());
            gumnut_tests::Outcome::from(command.output().unwrap())
        };
        let bundle = [
            "-i",
            "vmlinuz-1",
            "-r",
            "i386",
            "--kernel",
            "true",
            "-d",
            bucket,
        ];
        assert_ne!(run(&bundle).code, Some(0), "{name} {dialect}");
        let told = run(&[&bundle[..], &["--bootstrap-url", cloud.endpoint()]].concat()).succeeded();
        let _ = told.saying(&["which the cloud sent"]);
        let manifest = format!("{bucket}/vmlinuz-1.manifest.xml");
        is_opened_by_its_cloud(&client, &manifest, bucket);
    }
}

#[test]
fn a_bootstrap_service_that_tells_nothing_leaves_no_bundle() {
    let cloud = Cloud::start();
    let client = client(&cloud).with("EUCA_BOOTSTRAP_URL", "http://127.0.0.1:1/");
    let once = [&BUNDLE[..], &["--retries", "0"]].concat();
    let _ = client.run(&once).failed(5);
    assert!(!client.path("b").exists());
}
