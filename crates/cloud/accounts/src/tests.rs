//! What a start makes, and what users get.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use gumnut_cloud_sqlite::SqliteCatalogue;
use gumnut_crypto::{CertificateSpec, PrivateKey};

use super::*;

/// What a start opens, and the users whose keys it begins to make.
fn open(dir: &Path) -> (Catalogue, Keys, Users) {
    let database = SqliteCatalogue::open(&dir.join("catalogue.sqlite"), Clock::system()).unwrap();
    let catalogue = Catalogue::new(database);
    let files = SecretFiles::in_data_dir(dir);
    let keys = init(&catalogue, &files, &Clock::system()).unwrap();
    let users = Users::open(
        catalogue.clone(),
        files,
        Trust::Of(None),
        Some(keys.clone()),
    );
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
    let beside = dir.path().join("beside");
    fs_err::create_dir(&beside).unwrap();
    let stdout = run("bash", script, &out);
    for other in [
        run("bash", &elsewhere, &beside),
        run("sh", &elsewhere, &beside),
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
    assert!(keys.secrets().find(secrets::CLOUD).unwrap().is_some());
}

#[test]
fn front_ends_that_start_at_once_have_the_same_keys() {
    let dir = tempfile::tempdir().unwrap();
    let database = SqliteCatalogue::in_memory(Clock::system()).unwrap();
    let catalogue = Catalogue::new(database);
    let files = SecretFiles::in_data_dir(dir.path());
    let told: Vec<_> = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| {
                let keys = init(&catalogue, &files, &Clock::system()).unwrap();
                keys.make().unwrap();
                let tls = Tls::Made.certificate(keys.secrets(), &["localhost".to_owned()]);
                tls.unwrap();
                let trusted = Trust::Of(Some(Tls::Made)).pem(keys.secrets()).unwrap();
                let cloud = keys.secrets().find(secrets::CLOUD).unwrap().unwrap();
                (trusted.unwrap(), cloud)
            })
        });
        threads.map(|it| it.join().unwrap()).into()
    });
    assert_eq!(told[0], told[1]);
    let users = Users::open(catalogue, files, Trust::Of(None), None);
    assert_eq!(users.list().unwrap().len(), 1);
    assert_eq!(certificates(&users), 1);
    let credentials = users.credentials(None, "http://h").unwrap();
    credentials.write_folder(&dir.path().join("out")).unwrap();
}

#[test]
fn another_master_key_is_refused_and_a_lost_one_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("master.key");
    let (_, keys, _) = open(dir.path());
    keys.make().unwrap();
    drop(keys);
    let database = SqliteCatalogue::open(&dir.path().join("catalogue.sqlite"), Clock::system());
    let catalogue = Catalogue::new(database.unwrap());
    let files = SecretFiles::in_data_dir(dir.path());
    let refused = || files.open(&catalogue).unwrap_err();
    let right = fs_err::read(&path).unwrap();
    fs_err::write(&path, [7; 32]).unwrap();
    let error = refused();
    assert!(matches!(&error, AccountsError::WrongMasterKey(it) if *it == path));
    assert!(error.to_string().contains("another master key"), "{error}");
    fs_err::remove_file(&path).unwrap();
    assert!(matches!(refused(), AccountsError::LostMasterKey(_)));
    assert!(!path.exists());
    fs_err::write(&path, right).unwrap();
    files.open(&catalogue).unwrap();
}

/// Writes keys as files as they were once kept; gives the text of the cloud's and of the user's.
fn write_old_files(data_dir: &Path) -> [String; 2] {
    let folder = data_dir.join("keys");
    fs_err::create_dir(&folder).unwrap();
    let pair = |name: &str| {
        let key = PrivateKey::generate(1024).unwrap();
        let spec = CertificateSpec {
            common_name: name,
            not_before: std::time::SystemTime::now(),
            not_after: std::time::SystemTime::now() + std::time::Duration::from_hours(1),
        };
        let certificate = Certificate::self_signed(&key, &spec).unwrap();
        let texts = [
            key.to_pem().unwrap().to_string(),
            certificate.to_pem().unwrap(),
        ];
        fs_err::write(folder.join(format!("{name}-pk.pem")), &texts[0]).unwrap();
        fs_err::write(folder.join(format!("{name}-cert.pem")), &texts[1]).unwrap();
        texts
    };
    let [cloud_key, cloud_certificate] = pair("cloud");
    let [user_key, _] = pair("euca2-admin-12345678");
    fs_err::write(folder.join("tls-trusted.pem"), "trusted").unwrap();
    fs_err::write(
        folder.join("half-pk.pem"),
        "made, and its certificate was not",
    )
    .unwrap();
    [cloud_key + &cloud_certificate, user_key]
}

#[test]
fn keys_in_files_are_moved_and_the_files_kept_until_it_is_certain() {
    let dir = tempfile::tempdir().unwrap();
    let [cloud, user] = write_old_files(dir.path());
    let folder = dir.path().join("keys");
    let count = || fs_err::read_dir(&folder).unwrap().count();
    let fingerprint = PrivateKey::from_pem(user.as_bytes()).unwrap();
    let of_user = secrets::of_user(&fingerprint.public_key().fingerprint());
    for left in [5, 1] {
        let (_, keys, users) = open(dir.path());
        keys.make().unwrap();
        let find = |name: &str| keys.secrets().find(name).unwrap().unwrap();
        assert_eq!(*find(secrets::CLOUD), cloud.as_bytes());
        assert_eq!(*find(&of_user), user.as_bytes());
        assert_eq!(
            count(),
            left,
            "the first start leaves the keys where they are"
        );
        assert_eq!(certificates(&users), 1);
    }
    let trusted = dir.path().join("tls-trusted.pem");
    assert_eq!(fs_err::read_to_string(trusted).unwrap(), "trusted");
    fs_err::remove_file(folder.join("half-pk.pem")).unwrap();
    drop(open(dir.path()));
    assert!(!folder.exists());
}

#[test]
fn files_with_other_keys_than_the_catalogue_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (_, keys, _) = open(dir.path());
    keys.make().unwrap();
    let before = keys.secrets().find(secrets::CLOUD).unwrap();
    drop(keys);
    write_old_files(dir.path());
    for _ in 0..2 {
        let (_, keys, _) = open(dir.path());
        assert_eq!(keys.secrets().find(secrets::CLOUD).unwrap(), before);
        assert!(dir.path().join("keys/cloud-pk.pem").exists());
    }
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
    let (catalogue, keys, users) = open(dir.path());
    let damaged = catalogue.keep_secret(secrets::CLOUD, vec![1; 60]);
    wait(damaged).unwrap();
    for _ in 0..2 {
        let error = keys.make().unwrap_err();
        assert!(
            matches!(&error, AccountsError::NoKeys(why) if why.contains("damaged")),
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
