//! What a start makes, and what users get.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use gumnut_cloud_sqlite::SqliteCatalogue;

use super::*;

/// What a start opens, and the users whose keys it begins to make.
fn open(dir: &Path) -> (Catalogue, Keys, Users) {
    let database = SqliteCatalogue::open(&dir.join("catalogue.sqlite"), Clock::system()).unwrap();
    let catalogue = Catalogue::new(database);
    let keys = init(dir, &catalogue, &Clock::system()).unwrap();
    let users = Users::open(dir, catalogue.clone(), Some(keys.clone()));
    (catalogue, keys, users)
}

fn certificates(users: &Users) -> u32 {
    users.list().unwrap()[0].certificates
}

#[test]
fn a_shell_and_openssl_understand_the_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let (.., users) = open(dir.path());
    let out = dir.path().join("my creds");
    let credentials = users.credentials(None, "http://127.0.0.1:8773");
    credentials.unwrap().write_folder(&out).unwrap();
    let mode = |path: &Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&out), 0o700);
    for entry in fs_err::read_dir(&out).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    let script = ". ./eucarc && cd / && openssl x509 -noout -in \"$EC2_CERT\" \
        && openssl rsa -check -noout -in \"$EC2_PRIVATE_KEY\" \
        && openssl x509 -noout -in \"$EUCALYPTUS_CERT\" && echo \"$S3_URL $EC2_URL $EC2_USER_ID $EC2_ACCESS_KEY\"";
    // A plain shell does not say where the file is that it reads, so that the file has to know.
    let elsewhere = ". '../my creds/eucarc' && ".to_owned() + script.split_once("&& ").unwrap().1;
    let run = |shell: &str, script: &str, folder: &Path| {
        let mut command = Command::new(shell);
        let output = command.args(["-c", script]).current_dir(folder).output();
        let output = output.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{shell}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    };
    let keys = dir.path().join("keys");
    let stdout = run("bash", script, &out);
    for other in [
        run("bash", &elsewhere, &keys),
        run("sh", &elsewhere, &keys),
        run("sh", script, &out),
    ] {
        assert_eq!(other, stdout);
    }
    let line = stdout.lines().last().unwrap();
    let words: Vec<_> = line.split(' ').collect();
    assert_eq!(words[0], "http://127.0.0.1:8773/services/objectstorage");
    let endpoint = |folder: &Path| Credentials::endpoint_in(folder).unwrap();
    assert_eq!(endpoint(&out).unwrap(), "http://127.0.0.1:8773");
    assert_eq!(endpoint(dir.path()), None);
    fs_err::write(dir.path().join("eucarc"), "export EC2_URL=http://h\n").unwrap();
    let nothing = Credentials::endpoint_in(dir.path()).unwrap_err();
    assert!(matches!(nothing, AccountsError::NoEndpoint(_)));
    assert_eq!(words[1], "http://127.0.0.1:8773/services/compute");
    assert!(words[2].parse::<AccountId>().is_ok());
    assert_eq!(words[3].len(), 20);
}

#[test]
fn a_second_start_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let read = |name: &str| fs_err::read_to_string(dir.path().join(name)).unwrap();
    for name in ["first", "second"] {
        let (.., users) = open(dir.path());
        let credentials = users.credentials(None, "http://h").unwrap();
        credentials.write_folder(&dir.path().join(name)).unwrap();
    }
    let exports = |name: &str| read(name).split_once('\n').unwrap().1.to_owned();
    assert_eq!(exports("first/eucarc"), exports("second/eucarc"));
    assert_eq!(read("first/cloud-cert.pem"), read("second/cloud-cert.pem"));
}

#[test]
fn a_start_that_was_cut_short_is_made_good() {
    let dir = tempfile::tempdir().unwrap();
    let (.., users) = open(dir.path());
    let before = users.credentials(None, "http://h").unwrap();
    assert_eq!(certificates(&users), 0);
    drop(users);

    let (.., users) = open(dir.path());
    let after = users.credentials(None, "http://h").unwrap();
    after.write_folder(&dir.path().join("out")).unwrap();
    assert_eq!(after.access_key, before.access_key);
    assert_eq!(certificates(&users), 1);
}

#[test]
fn who_waits_for_keys_gets_the_ones_that_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let (_, keys, users) = open(dir.path());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| keys.make().unwrap());
        }
    });
    assert_eq!(certificates(&users), 1);
    let files = fs_err::read_dir(dir.path().join("keys")).unwrap();
    assert_eq!(files.count(), 4, "two keys with their certificates");
}

#[test]
fn a_certificate_that_was_revoked_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let (_, keys, users) = open(dir.path());
    keys.make().unwrap();
    users.revoke(FIRST_USER).unwrap();
    drop((keys, users));
    let (_, keys, users) = open(dir.path());
    keys.make().unwrap();
    assert_eq!(certificates(&users), 0);
}

#[test]
fn keys_that_cannot_be_made_are_an_error_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let (_, keys, users) = open(dir.path());
    fs_err::create_dir(dir.path().join("keys/cloud-pk.pem.new")).unwrap();
    for _ in 0..2 {
        let error = keys.make().unwrap_err();
        assert!(
            matches!(&error, AccountsError::NoKeys(why) if why.contains("cloud-pk.pem")),
            "{error}"
        );
    }
    let credentials = users.credentials(None, "http://h").unwrap();
    let error = credentials.write_zip(&dir.path().join("zip")).unwrap_err();
    assert!(matches!(error, AccountsError::NoKeys(_)));
}

#[test]
fn certificates_belong_to_their_account() {
    let dir = tempfile::tempdir().unwrap();
    let (catalogue, made, users) = open(dir.path());
    made.make().unwrap();
    for (account, expected) in [
        (users.list().unwrap()[0].account.as_str(), 1),
        ("999999999999", 0),
    ] {
        let account = account.parse().unwrap();
        let keys = wait(certificate_keys(&catalogue, &account)).unwrap();
        assert_eq!(keys.len(), expected);
    }
}
