//! A cloud that speaks HTTPS, and clients that do or do not trust it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use gumnut_tests::{Cloud, Program, patterned, tool};

fn tls_cloud() -> Cloud {
    let cloud = Cloud::start_with(Program::new(), &["--tls"]);
    assert!(
        cloud.endpoint().starts_with("https://127.0.0.1:"),
        "{}",
        cloud.endpoint()
    );
    cloud
}

/// Bundles, uploads, registers and describes a kernel, and gives its id.
fn publish(client: &Program) -> String {
    client.write("vmlinuz-test", patterned(300_000, 3));
    let bundle = ["bundle", "vmlinuz-test", "--kind", "kernel"];
    let _ = client
        .run(&[&bundle[..], &["--arch", "x86_64"]].concat())
        .succeeded();
    let uploaded = client.json(&["upload", "vmlinuz-test.manifest.xml", "-b", "bucket"]);
    let location = uploaded["location"].as_str().unwrap();
    let registered = client.json(&["register", location]);
    let id = registered["image_id"].as_str().unwrap().to_owned();
    let images = client.run(&["images"]).succeeded();
    assert!(images.stdout.contains(&id), "{images:#?}");
    let _ = client
        .run(&["download", location, "-d", "back"])
        .succeeded();
    id
}

#[test]
fn the_whole_job_over_https() {
    let cloud = tls_cloud();
    let client = cloud.client();
    assert!(publish(&client).starts_with("eki-"));
    assert_eq!(
        fs_err::read(client.path("back/vmlinuz-test.manifest.xml")).unwrap(),
        fs_err::read(client.path("vmlinuz-test.manifest.xml")).unwrap()
    );
}

#[test]
fn a_client_that_does_not_know_the_authority_refuses() {
    let cloud = tls_cloud();
    let stranger = cloud.client().with("AWS_CA_BUNDLE", "");
    let refused = stranger.run(&["images"]).failed(5);
    let _ = refused.saying(&["is not trusted", "UnknownIssuer", "--ca-cert"]);
    let authority = cloud.credentials().join("tls-ca.pem");
    let authority = authority.to_str().unwrap();
    let _ = stranger
        .run(&["images", "--ca-cert", authority])
        .succeeded();
    let other = tls_cloud();
    let wrong = other.credentials().join("tls-ca.pem");
    let _ = stranger
        .run(&["images", "--ca-cert", wrong.to_str().unwrap()])
        .failed(5);
    stranger.write("empty.pem", "no certificate\n");
    let _ = stranger
        .run(&["images", "--ca-cert", "empty.pem"])
        .failed(3)
        .saying(&["certificate authorities"]);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let options = ["--tls", "--allow-remote", "--listen", "0.0.0.0:0"];
    let host = ["--host", "localhost"];
    let cloud = Cloud::start_with(Program::new(), &[&options[..], &host].concat());
    assert!(cloud.endpoint().starts_with("https://localhost:"));
    let client = cloud.client();
    let _ = client.run(&["images"]).succeeded();
    // 127.0.0.2 is this machine too, and in no certificate.
    let elsewhere = cloud.endpoint().replace("localhost", "127.0.0.2");
    let url = format!("{elsewhere}/services/compute");
    let _ = client
        .run(&["images", "--ec2-url", &url])
        .failed(5)
        .saying(&["is not trusted"]);
}

#[test]
fn a_region_may_do_without_proof() {
    let cloud = tls_cloud();
    let client = cloud.client().with("AWS_CA_BUNDLE", "");
    let region = |verify: &str| {
        let (endpoint, url) = (cloud.endpoint(), "/services/objectstorage");
        format!(
            "[region lab]\nec2-url = {endpoint}/services/compute\ns3-url = {endpoint}{url}\nverify-ssl = {verify}\n"
        )
    };
    fs_err::create_dir(client.path(".euca")).unwrap();
    client.write(".euca/lab.ini", region("true"));
    let _ = client.run(&["images", "--region", "lab"]).failed(5);
    client.write(".euca/lab.ini", region("false"));
    let done = client.run(&["images", "--region", "lab"]).succeeded();
    let _ = done.saying(&["warning:", "verify-ssl is false"]);
}

#[test]
fn a_bundle_that_is_not_there_is_warned_of_and_trusts_nobody() {
    let (plain, tls) = (Cloud::start(), tls_cloud());
    let client = plain.client().with("AWS_CA_BUNDLE", "nowhere.pem");
    let done = client.run(&["images"]).succeeded();
    let _ = done.saying(&["warning:", "nowhere.pem"]);
    let client = tls.client().with("AWS_CA_BUNDLE", "nowhere.pem");
    let _ = client
        .run(&["images"])
        .failed(5)
        .saying(&["is not trusted"]);
}

#[test]
fn plain_http_on_the_port_is_told_so() {
    let cloud = tls_cloud();
    let plain = cloud.endpoint().replace("https:", "http:");
    let url = format!("{plain}/services/compute");
    let refused = cloud.client().run(&["images", "--ec2-url", &url]).failed(4);
    let _ = refused.saying(&["400"]);
}

/// An authority and the files of a server's certificate and key, made by openssl in the directory of a program.
struct Lab<'a>(&'a Program);

impl Lab<'_> {
    fn path(&self, name: &str) -> String {
        self.0.path(name).to_str().unwrap().to_owned()
    }

    fn make(&self, name: &str, files: [&str; 2], more: &[&str]) {
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let name = format!("/CN={name}");
        let common = ["req", "-x509", "-nodes", "-days", "2", "-subj", &name];
        let [key, certificate] = files.map(|name| self.path(name));
        let files = ["-keyout", &key, "-out", &certificate];
        tool("openssl", &[&common[..], &curve, &files, more].concat());
    }

    fn authority(&self) {
        let usage = ["-addext", "keyUsage=critical,keyCertSign"];
        self.make("lab authority", ["ca-key.pem", "ca.pem"], &usage);
    }

    /// Makes or replaces the certificate and its key.
    fn certificate(&self, name: &str) {
        let (ca, ca_key) = (self.path("ca.pem"), self.path("ca-key.pem"));
        let issuer = ["-CA", &ca, "-CAkey", &ca_key];
        let address = ["-addext", "subjectAltName=IP:127.0.0.1"];
        let leaf = ["-addext", "basicConstraints=CA:FALSE"];
        let more = [&issuer[..], &address, &leaf].concat();
        self.make(name, ["key.pem", "cert.pem"], &more);
    }

    /// The options that start a cloud with the certificate.
    fn options(&self) -> [String; 6] {
        let [cert, key, ca] = ["cert.pem", "key.pem", "ca.pem"].map(|name| self.path(name));
        let option = str::to_owned;
        [
            option("--tls-cert"),
            cert,
            option("--tls-key"),
            key,
            option("--tls-ca"),
            ca,
        ]
    }
}

#[test]
fn openssl_agrees_with_a_given_certificate() {
    let program = Program::new();
    let lab = Lab(&program);
    lab.authority();
    lab.certificate("lab");
    let options = lab.options();
    let cloud = Cloud::start_with(program, &options.each_ref().map(String::as_str));
    let client = cloud.client();
    let _ = client.run(&["images"]).succeeded();
    let shown = handshake(&cloud, &cloud.credentials().join("tls-ca.pem"));
    assert!(shown.contains("Verify return code: 0 (ok)"), "{shown}");
    assert_eq!(subject(&shown), "lab");
}

/// The name in the certificate that a handshake has shown.
fn subject(shown: &str) -> &str {
    let line = shown.lines().find(|line| line.starts_with("subject="));
    line.unwrap().rsplit('=').next().unwrap().trim()
}

#[test]
fn sighup_reads_the_certificate_again() {
    let files = Program::new();
    let lab = Lab(&files);
    lab.authority();
    lab.certificate("first");
    let program = Program::new();
    let log = program.path("log");
    let said = fs_err::File::create(&log).unwrap().into_file();
    let options = lab.options();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let mut cloud = Cloud::start_logging(program, Stdio::from(said), &options);
    let authority = cloud.credentials().join("tls-ca.pem");
    let shown = || handshake(&cloud, &authority);
    let hang_up = |text: &str| {
        let before = fs_err::read_to_string(&log).unwrap().matches(text).count();
        tool("kill", &["-HUP", &cloud.pid()]);
        while fs_err::read_to_string(&log).unwrap().matches(text).count() == before {}
    };
    // An open connection, which asks after each change.
    let script = "coproc openssl s_client -quiet -connect \"$0\" -CAfile \"$1\" 2>/dev/null\n\
        ask() { printf 'GET /healthz HTTP/1.1\\r\\nhost: h\\r\\n\\r\\n' >&\"${COPROC[1]}\"; until [ \"$line\" = ok ]; do read -r line <&\"${COPROC[0]}\" || exit; done; line=; echo answered; }\n\
        while read -r _; do ask; done";
    let address = cloud.endpoint().trim_start_matches("https://");
    let mut open = Command::new("bash")
        .args(["-c", script, address])
        .arg(&authority)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = BufReader::new(open.stdout.take().unwrap());
    let mut asks = open.stdin.take().unwrap();
    let mut ask_again = || {
        asks.write_all(b"again\n").unwrap();
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        assert_eq!(line, "answered\n", "the connection stays open");
    };
    ask_again();
    assert_eq!(subject(&shown()), "first");

    lab.certificate("second");
    hang_up("new connections have the new certificate");
    assert_eq!(subject(&shown()), "second");
    ask_again();

    files.write("key.pem", "no key\n");
    hang_up("the cloud keeps the old one");
    let log_text = fs_err::read_to_string(&log).unwrap();
    assert!(log_text.contains("key.pem"), "{log_text}");
    assert_eq!(subject(&shown()), "second");
    // The key of another certificate is no better.
    lab.certificate("third");
    fs_err::copy(files.path("ca.pem"), files.path("cert.pem")).unwrap();
    hang_up("the cloud keeps the old one");
    assert_eq!(subject(&shown()), "second");
    lab.certificate("fourth");
    hang_up("new connections have the new certificate");
    let verified = shown();
    assert_eq!(subject(&verified), "fourth");
    assert!(
        verified.contains("Verify return code: 0 (ok)"),
        "{verified}"
    );
    ask_again();
    let _ = cloud.client().run(&["images"]).succeeded();
    drop((asks, answers));
    open.wait().unwrap();
    assert_eq!(cloud.interrupt(), Some(0));
}

#[test]
fn sighup_does_not_end_a_cloud_without_tls() {
    let program = Program::new();
    let log = program.path("log");
    let said = fs_err::File::create(&log).unwrap().into_file();
    let mut cloud = Cloud::start_logging(program, Stdio::from(said), &[]);
    tool("kill", &["-HUP", &cloud.pid()]);
    while !fs_err::read_to_string(&log)
        .unwrap()
        .contains("SIGHUP has no effect")
    {}
    let _ = cloud.client().run(&["images"]).succeeded();
    assert_eq!(cloud.interrupt(), Some(0));
}

#[test]
fn openssl_takes_the_certificate_that_the_cloud_makes() {
    let cloud = tls_cloud();
    let shown = handshake(&cloud, &cloud.credentials().join("tls-ca.pem"));
    assert!(shown.contains("Verify return code: 0 (ok)"), "{shown}");
    assert!(shown.contains("TLSv1.3"), "{shown}");
}

/// What openssl says of the cloud's certificate, by the strictest rules.
fn handshake(cloud: &Cloud, authority: &Path) -> String {
    let address = cloud.endpoint().trim_start_matches("https://");
    let script = "openssl s_client -connect \"$0\" -CAfile \"$1\" -x509_strict -verify_ip 127.0.0.1 </dev/null 2>&1";
    tool("sh", &["-c", script, address, authority.to_str().unwrap()])
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let program = Program::new();
    let keys = |name: &str| gumnut_tests::fixture(&format!("vectors/keys/{name}"));
    let (certificate, key) = (keys("user-cert.pem"), keys("cloud-key.pem"));
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let start = [
        "cloud",
        "start",
        "--data",
        "data",
        "--listen",
        "127.0.0.1:0",
    ];
    let with = |more: &[&str]| program.run(&[&start[..], more].concat());
    let _ = with(&["--tls-cert", certificate, "--tls-key", key]).failed(3);
    let _ = with(&["--tls-cert", "nowhere.pem", "--tls-key", key])
        .failed(3)
        .saying(&["nowhere.pem"]);
    let _ = with(&["--tls-cert", certificate]).failed(2);
}

#[test]
fn other_machines_are_let_in_only_on_purpose_and_encrypted() {
    let program = Program::new();
    let start = ["cloud", "start", "--data", "data", "--listen", "0.0.0.0:0"];
    let with = |more: &[&str]| program.run(&[&start[..], more].concat());
    let _ = with(&[]).failed(2).saying(&["not a loopback address"]);
    let _ = with(&["--tls"])
        .failed(2)
        .saying(&["not a loopback address"]);
    let _ = with(&["--allow-remote"])
        .failed(2)
        .saying(&["not be encrypted"]);
    let options = ["--listen", "0.0.0.0:0", "--allow-remote", "--tls"];
    let host = ["--host", "127.0.0.1"];
    let cloud = Cloud::start_with(program, &[&options[..], &host].concat());
    let _ = cloud.client().run(&["images"]).succeeded();
}

#[test]
fn init_writes_credentials_for_https() {
    let program = Program::new();
    let init = [
        "cloud",
        "init",
        "--data",
        "data",
        "--tls",
        "--host",
        "lab.example",
    ];
    let _ = program.run(&init).succeeded();
    let eucarc = fs_err::read_to_string(program.path("data/credentials/eucarc")).unwrap();
    assert!(
        eucarc.contains("EC2_URL=https://lab.example:8773/services/compute"),
        "{eucarc}"
    );
    let zip = [
        "cloud",
        "credentials",
        "--data",
        "data",
        "-o",
        "all.zip",
        "--endpoint",
    ];
    let _ = program
        .run(&[&zip[..], &["https://lab.example:8773"]].concat())
        .succeeded();
    let listed = tool(
        "python3",
        &[
            "-m",
            "zipfile",
            "-l",
            program.path("all.zip").to_str().unwrap(),
        ],
    );
    assert!(listed.contains("tls-ca.pem"), "{listed}");
    assert!(!listed.contains("tls-ca-pk"), "{listed}");
}

#[test]
fn credentials_are_for_where_the_cloud_was_started_last() {
    let cloud = tls_cloud();
    let client = Program::new();
    let data = cloud.data();
    let data = data.to_str().unwrap();
    let write = ["cloud", "credentials", "--data", data, "-o", "creds"];
    let _ = client.run(&write).succeeded();
    let eucarc = client.path("creds/eucarc");
    let client = client.configured(&eucarc);
    let _ = client.run(&["images"]).succeeded();

    fs_err::write(
        cloud.credentials().join("eucarc"),
        "export S3_URL=http://h/other\n",
    )
    .unwrap();
    let _ = client.run(&write).failed(3).saying(&["--endpoint URL"]);
    fs_err::remove_file(cloud.credentials().join("eucarc")).unwrap();
    let _ = client.run(&write).succeeded();
    let eucarc = fs_err::read_to_string(client.path("creds/eucarc")).unwrap();
    assert!(
        eucarc.contains("S3_URL=http://127.0.0.1:8773/services"),
        "{eucarc}"
    );
}

#[test]
fn hosts_name_buckets_in_front_of_a_domain() {
    let options = ["--tls", "--domain", "Cloud.example"];
    let cloud = Cloud::start_with(Program::new(), &options);
    let port = cloud.endpoint().rsplit_once(':').unwrap().1.to_owned();
    let ca = cloud.credentials().join("tls-ca.pem");
    let get = |host: &str| {
        let to = format!("{host}:{port}:127.0.0.1");
        let url = format!("https://{host}:{port}/key");
        let trust = ["-sS", "--cacert", ca.to_str().unwrap()];
        tool(
            "curl",
            &[&trust[..], &["--noproxy", "*", "--resolve", &to, &url]].concat(),
        )
    };
    let answer = get("nowhere.cloud.example");
    assert!(
        answer.contains("<Resource>/nowhere/key</Resource>"),
        "{answer}"
    );
    let answer = get("cloud.example");
    assert!(answer.contains("<Resource>/key</Resource>"), "{answer}");
}
