//! Key pairs by gumnut's own command and by the old ones, compared with what `ssh-keygen` says.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use fs_err as fs;
use gumnut_tests::{Cloud, Program, tool};

fn mode(client: &Program, name: &str) -> u32 {
    let found = fs::metadata(client.path(name)).unwrap();
    found.permissions().mode() & 0o777
}

/// The public key of a private one.
fn public(client: &Program, name: &str) -> String {
    let path = client.path(name);
    tool("ssh-keygen", &["-y", "-f", path.to_str().unwrap()])
}

#[test]
fn a_key_pair_is_created_into_a_file_that_is_private() {
    let cloud = Cloud::start();
    let client = cloud.client();
    for (name, kind) in [("one", "rsa"), ("two", "ed25519")] {
        let create = ["keypair", "create", name, "--type", kind, "-o", name];
        let made = client.json(&create);
        assert_eq!(made["file"], name);
        assert!(made["private_key"].is_null());
        assert_eq!(mode(&client, name), 0o600);
        assert!(public(&client, name).starts_with(&format!("ssh-{kind} ")));
        let _ = client.run(&create).failed(2).saying(&["exists already"]);
    }
    let again = client.run(&["keypair", "create", "one", "-o", "other"]);
    let _ = again
        .failed(4)
        .saying(&["The keypair 'one' already exists."]);
    assert!(!client.path("other").exists());
    // Nothing is created for a file that cannot be written.
    let nowhere = ["keypair", "create", "three", "-o", "absent/three"];
    let _ = client.run(&nowhere).failed(1).saying(&["cannot write"]);
    let listed = client.json(&["keypair", "list"]);
    let names: Vec<_> = listed["key_pairs"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 2);
    assert_eq!(
        (&names[0]["name"], &names[1]["type"]),
        (&"one".into(), &"ed25519".into())
    );

    let path = client.path("two");
    let shown = tool("ssh-keygen", &["-l", "-f", path.to_str().unwrap()]);
    let digest = names[1]["fingerprint"]
        .as_str()
        .unwrap()
        .trim_end_matches('=');
    assert!(shown.contains(&format!("SHA256:{digest} ")), "{shown}");

    let text = client.run(&["keypair", "create", "three"]).succeeded();
    assert!(text.stdout.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    assert!(text.stdout.ends_with("-----END RSA PRIVATE KEY-----\n"));
    let _ = client.run(&["keypair", "delete", "three"]).succeeded();
    let _ = client.run(&["keypair", "list", "three"]).failed(4);
}

#[test]
fn standard_output_that_is_a_file_becomes_private() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let file = client.write("mykey.pem", "");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let out = fs::File::create(&file).unwrap();
    let status = client
        .command(&["keypair", "create", "mykey"])
        .stdout(out.into_parts().0)
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(mode(&client, "mykey.pem"), 0o600);
    assert!(public(&client, "mykey.pem").starts_with("ssh-rsa "));
}

#[test]
fn public_keys_are_imported_in_each_form() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let path = client.path("id");
    let path = path.to_str().unwrap();
    tool(
        "ssh-keygen",
        &["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", path],
    );
    let mut fingerprints = Vec::new();
    for form in ["id.pub", "RFC4716", "PKCS8", "PEM"] {
        if form != "id.pub" {
            client.write(form, tool("ssh-keygen", &["-e", "-m", form, "-f", path]));
        }
        let imported = client.json(&["keypair", "import", form, form]);
        fingerprints.push(imported["fingerprint"].clone());
    }
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 1);
    let private = client.run(&["keypair", "import", "private", "id"]);
    let _ = private
        .failed(4)
        .saying(&["Invalid or unsupported key format"]);
    let _ = client.run(&["keypair", "import", "x", "absent"]).failed(3);
}

#[test]
fn the_old_names_print_the_lines_of_the_old_tools() {
    let cloud = Cloud::start();
    for (dialect, create) in [("2010", "euca-add-keypair"), ("3.4", "euca-create-keypair")] {
        let client = cloud.client().with("GUMNUT_DIALECT", dialect);
        let created = client.called(create, &["mykey"]).succeeded().stdout;
        let (line, material) = created.split_once('\n').unwrap();
        let line = format!("{line}\n");
        assert!(material.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        let listed = client.called("euca-describe-keypairs", &[] as &[&str]);
        assert_eq!(listed.succeeded().stdout, line);
        let filed = client.called(create, &["other", "-f", "other.pem"]);
        assert_eq!(filed.succeeded().stdout.lines().count(), 1);
        assert_eq!(mode(&client, "other.pem"), 0o600);
        client.write("other.pub", public(&client, "other.pem"));
        let again = client.called(create, &["third", "-f", "other.pem"]);
        assert_eq!(again.code, Some(if dialect == "2010" { 1 } else { 2 }));
        let imported = client.called("euca-import-keypair", &["third", "-f", "other.pub"]);
        assert!(imported.succeeded().stdout.starts_with("KEYPAIR\tthird\t"));
        for name in ["mykey", "other", "third"] {
            let deleted = client.called("euca-delete-keypair", &[name]);
            assert_eq!(deleted.succeeded().stdout, format!("KEYPAIR\t{name}\n"));
        }
    }
}
