//! Sharing, tagging and describing images, listing what is there, and saying who one is.

use gumnut_tests::{Cloud, Program, patterned, tool};
use serde_json::Value;

/// Bundles, uploads and registers a kernel; gives its id.
fn kernel(client: &Program, name: &str) -> String {
    client.write(name, patterned(3_000, 4));
    let bundle = ["bundle", name, "--kind", "kernel", "--arch", "amd64"];
    let _ = client.run(&bundle).succeeded();
    let manifest = format!("{name}.manifest.xml");
    let location = client.json(&["upload", &manifest, "-b", "kernels/web"]);
    let location = location["location"].as_str().unwrap().to_owned();
    let registered = client.json(&["register", &location, "--name", name]);
    registered["image_id"].as_str().unwrap().to_owned()
}

/// A user of the cloud, with the account number.
fn user(cloud: &Cloud, name: &str) -> (Program, String) {
    let client = Program::new();
    let data = cloud.data();
    let data = data.to_str().unwrap();
    let added = client.json(&["cloud", "user", "add", name, "--data", data]);
    let folder = client.path("creds");
    let folder = folder.to_str().unwrap();
    let write = ["cloud", "credentials", "--user", name, "--data", data];
    let where_to = ["--endpoint", cloud.endpoint(), "-o", folder];
    let _ = client.run(&[&write[..], &where_to].concat()).succeeded();
    let eucarc = client.path("creds/eucarc");
    let account = added["account"].as_str().unwrap().to_owned();
    (client.configured(&eucarc), account)
}

fn sees(client: &Program, id: &str) -> bool {
    let images = client.json(&["images"]);
    let mut images = images["images"].as_array().unwrap().iter();
    images.any(|image| image["image_id"] == id)
}

#[test]
fn images_are_shared_and_no_longer_shared() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let (one, other) = (kernel(&client, "vmlinuz-1"), kernel(&client, "vmlinuz-2"));
    let (bob, account) = user(&cloud, "bob");
    assert!(!sees(&bob, &one));

    // Several ids, one of them twice; the number with hyphens, as consoles show it.
    let hyphens = format!("{}-{}-{}", &account[..4], &account[4..8], &account[8..]);
    let with = ["--with", &hyphens];
    let shared = client.json(&[&["share", &one, &other, &one][..], &with].concat());
    let images = shared["images"].as_array().unwrap();
    assert_eq!(images.len(), 2, "{shared}");
    assert_eq!(images[0]["image_id"], one);
    assert_eq!(images[0]["public"], false);
    assert_eq!(images[0]["accounts"], Value::from(vec![account.clone()]));
    assert!(sees(&bob, &one) && sees(&bob, &other));

    let text = client.run(&["share", &one, "--with", "all"]).succeeded();
    assert_eq!(text.stdout, format!("IMAGE\t{one}\tpublic\t{account}\n"));
    let stopped = client.json(&["share", &one, "--with", "all", "--stop"]);
    assert_eq!(stopped["images"][0]["public"], false);
    let unshared = client.json(&["unshare", &one]);
    assert_eq!(unshared["images"][0]["accounts"], Value::Array(Vec::new()));
    assert!(!sees(&bob, &one) && sees(&bob, &other));

    let _ = client
        .run(&["share", &one, "--with", "1234"])
        .failed_usage(&["12 digits"]);
    let _ = client.run(&["share", &one]).failed_usage(&["--with"]);
    let _ = bob
        .run(&["share", &other, "--with", "all"])
        .failed(4)
        .saying(&["hint:"]);
}

#[test]
fn tags_are_set_shown_and_removed() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let (one, other) = (kernel(&client, "vmlinuz-1"), kernel(&client, "vmlinuz-2"));
    let set = client.json(&["tag", &one, &other, "release=12", "note=a=b"]);
    for image in set["images"].as_array().unwrap() {
        assert_eq!(image["tags"]["release"], "12", "{set}");
        assert_eq!(image["tags"]["note"], "a=b", "{set}");
    }
    let changed = client.run(&["tag", &one, "release=13", "--remove", "note"]);
    let changed = changed.succeeded();
    assert_eq!(changed.stdout, format!("TAG\t{one}\trelease\t13\n"));
    let found = client.json(&["images", "--filter", "tag:release=12"]);
    assert_eq!(found["images"][0]["image_id"], other);
    assert_eq!(found["images"].as_array().unwrap().len(), 1);
    let shown = client.json(&["tag", &other]);
    assert_eq!(shown["images"][0]["tags"]["note"], "a=b");
    let _ = client
        .run(&["tag", &one, "aws:x=1"])
        .failed_usage(&["aws:"]);
    let _ = client
        .run(&["tag", &one, "release"])
        .failed_usage(&["KEY=VALUE"]);
    let _ = client
        .run(&["tag", "release=12"])
        .failed(2)
        .saying(&["no image id is given"]);
}

#[test]
fn a_description_is_changed() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let id = kernel(&client, "vmlinuz-1");
    let modify = ["modify", &id, "--description", "for the web"];
    let modified = client.json(&modify);
    assert_eq!(modified["images"][0]["description"], "for the web");
    let image = client.json(&["images", &id])["images"][0].clone();
    assert_eq!(image["description"], "for the web");
    assert_eq!(
        (&image["kind"], &image["type"]),
        (&"kernel".into(), &"kernel".into())
    );
    let _ = client
        .run(&["modify", &id])
        .failed_usage(&["--description"]);
    let long = "x".repeat(256);
    let _ = client
        .run(&["modify", &id, "--description", &long])
        .failed_usage(&["256 characters"]);
}

#[test]
fn buckets_and_objects_are_listed() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let _ = client.run(&["ls"]).succeeded().saying(&["no buckets"]);
    let _ = kernel(&client, "vmlinuz-1");
    let buckets = client.json(&["ls"]);
    assert_eq!(buckets["buckets"][0]["name"], "kernels");
    let text = client.run(&["ls"]).succeeded().stdout;
    assert!(text.starts_with("BUCKET\tkernels\t20"), "{text}");
    let inside = client.json(&["ls", "kernels/web/"]);
    let keys = inside["objects"].as_array().unwrap().iter();
    let keys: Vec<_> = keys.map(|object| object["key"].as_str().unwrap()).collect();
    assert_eq!(
        keys,
        ["web/vmlinuz-1.manifest.xml", "web/vmlinuz-1.part.00"]
    );
    let text = client.run(&["ls", "kernels"]).succeeded().stdout;
    assert_eq!(text.lines().count(), 2, "{text}");
    let nothing = client.run(&["ls", "kernels/other/"]).succeeded();
    assert_eq!(nothing.stdout, "");
    let _ = nothing.saying(&["no such objects"]);
    let _ = client
        .run(&["ls", "nowhere"])
        .failed(4)
        .saying(&["NoSuchBucket", "hint: `gumnut ls` lists your buckets"]);
    let (bob, _) = user(&cloud, "bob");
    let _ = bob
        .run(&["ls", "kernels"])
        .failed(4)
        .saying(&["AccessDenied", "belongs to another account"]);
}

#[test]
fn whoami_says_what_settings_and_cloud_say() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let first = client.json(&["whoami"]);
    let url = first["s3_url"].as_str().unwrap();
    assert!(url.starts_with(cloud.endpoint()), "{first}");
    assert!(first["ec2_url"].is_string() && first["access_key"].is_string());
    assert!(first["bucket_owner"].is_string(), "{first}");
    assert_eq!(first["image_owner"], Value::Null, "no image yet: {first}");
    let _ = kernel(&client, "vmlinuz-1");
    let then = client.json(&["whoami"]);
    assert_eq!(then["image_owner"], then["account"], "{then}");
    // A secret is never shown.
    let secret = tool(
        "bash",
        &[
            "-c",
            &format!(". '{}'; echo $EC2_SECRET_KEY", cloud.eucarc().display()),
        ],
    );
    let text = client.run(&["whoami"]).succeeded();
    assert!(!format!("{text:?}").contains(secret.trim()), "{text:?}");
    let other = client.with("EC2_USER_ID", "999999999999");
    let _ =
        other
            .run(&["whoami"])
            .succeeded()
            .saying(&["warning:", "999999999999", "EC2_USER_ID="]);
    let wrong = cloud.client().with("EC2_SECRET_KEY", "wrong");
    let _ = wrong
        .run(&["whoami"])
        .failed(4)
        .saying(&["SignatureDoesNotMatch", "hint: the secret key"]);
    let _ = Program::new().run(&["whoami"]).failed(2).saying(&["hint:"]);
}
