//! Whatever strangers have written comes out as text: at a terminal, in pipes, in logs and in JSON.

use gumnut_tests::{Cloud, Outcome, Program, Server, Terminal, fixture, tool};

/// What a terminal obeys, in a name, a value or a message; and what makes another line.
const EVIL: &str = "a\u{1b}]0;owned\u{7}\u{1b}[31mred\u{9b}2J\u{85}\u{202e}gpj\u{2028}b\u{7f}";

/// Insists that a text is text, colours of gumnut's own words aside.
fn assert_clean(text: &str, what: &str) {
    let mut rest = text.to_owned();
    for own in [
        "\r\u{1b}[2K",
        "\u{1b}[34m",
        "\u{1b}[32m",
        "\u{1b}[31m",
        "\u{1b}[33m",
        "\u{1b}[36m",
        "\u{1b}[0m",
        "\r\n",
        "\n",
        "\t",
    ] {
        rest = rest.replace(own, "");
    }
    let evil: Vec<_> = rest
        .chars()
        .filter(|c| {
            c.is_control() || "\u{200e}\u{202e}\u{2066}\u{2028}\u{2029}\u{feff}\u{ad}".contains(*c)
        })
        .collect();
    assert!(evil.is_empty(), "{what}: {evil:?} in {text:?}");
}

/// Runs a command at a terminal with colours, in a pipe, and in a pipe with JSON: always clean. Gives what the pipe had.
fn clean(program: &Program, arguments: &[&str]) -> Outcome {
    let what = arguments.join(" ");
    let coloured = [arguments, &["--color", "always"]].concat();
    let shown = Terminal::start(program, &coloured, 80).end();
    assert_clean(&shown.raw, &what);
    let json = program.run(&[arguments, &["--json"]].concat());
    assert_clean(&json.stdout, &what);
    assert_clean(&json.stderr, &what);
    for line in json.stderr.lines().chain(json.stdout.lines()) {
        let value = serde_json::from_str::<serde_json::Value>(line);
        assert!(value.is_ok(), "{what}: {line:?}");
    }
    let piped = program.run(arguments);
    assert_clean(&piped.stdout, &what);
    assert_clean(&piped.stderr, &what);
    assert_eq!(piped.code, shown.code, "{what}: {piped:#?}");
    piped
}

fn with_endpoint(endpoint: &str) -> Program {
    Program::with_keys()
        .with("S3_URL", endpoint)
        .with("EC2_URL", endpoint)
        .with("EC2_ACCESS_KEY", "AKIAIOSFODNN7EXAMPLE")
        .with("EC2_SECRET_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
}

#[test]
fn what_a_server_says_when_it_refuses() {
    let server = Server::start(|_, _| (400, format!("{EVIL}\nhint: \nerror: forged")));
    let program = with_endpoint(server.endpoint());
    for arguments in [
        &["images"][..],
        &["deregister", "emi-00000001"],
        &["retire", "emi-00000001"],
        &["boot", "emi-00000001"],
        &["download", "bucket/key.manifest.xml", "-d", "folder"],
        &["images", "-vv"],
    ] {
        let piped = clean(&program, arguments);
        let forged = piped
            .stderr
            .lines()
            .any(|line| line.starts_with("error: forged"));
        assert!(!forged, "{piped:#?}");
    }
}

#[test]
fn what_a_cloud_says_of_images() {
    let name = "x&#x9b;31m&#x85;&#x202e;&#x7f;&#x9;IMAGE&#xa;IMAGE&#x9;emi-66666666";
    let server = Server::start(move |_, _| {
        let item = format!(
            "<item><imageId>emi-00000001</imageId><name>{name}</name><imageLocation>{name}</imageLocation>\
             <tagSet><item><key>{name}</key><value>{name}</value></item></tagSet></item>"
        );
        let body = format!(
            "<DescribeImagesResponse><imagesSet>{item}</imagesSet></DescribeImagesResponse>"
        );
        (200, body)
    });
    let program = with_endpoint(server.endpoint());
    let piped = clean(&program, &["images"]).succeeded();
    assert_eq!(piped.stdout.lines().count(), 1, "{piped:#?}");
    assert_eq!(piped.stdout.matches('\t').count(), 10, "{piped:#?}");
    // The value itself is kept.
    let value = program.json(&["images"]);
    let kept = value["images"][0]["name"].as_str().unwrap();
    assert!(
        kept.contains('\u{9b}') && kept.contains("\tIMAGE\n"),
        "{kept:?}"
    );
    let old = program.called("euca-describe-images", &[] as &[&str]);
    assert_clean(&old.stdout, "euca-describe-images");
}

#[test]
fn names_of_members_of_a_tarball() {
    let program = Program::new();
    fs_err::create_dir(program.path("in")).unwrap();
    for name in [EVIL, "line\nfeed\tforged"] {
        program.write(&format!("in/{name}"), "content");
    }
    std::os::unix::fs::symlink("/etc/passwd", program.path(&format!("in/link{EVIL}"))).unwrap();
    let (tarball, folder) = (program.path("images.tar"), program.path("in"));
    let pack = [
        "-cf",
        tarball.to_str().unwrap(),
        "-C",
        folder.to_str().unwrap(),
        ".",
    ];
    tool("tar", &pack);
    let unpack = |folder| ["unpack", "images.tar", "-d", folder, "--color", "always"];
    let shown = Terminal::start(&program, &unpack("shown"), 80).end();
    assert_eq!(shown.code, Some(0), "{shown:#?}");
    assert_clean(&shown.raw, "unpack");
    let piped = program.run(&unpack("piped")).succeeded();
    assert_clean(&piped.stdout, "unpack");
    assert_clean(&piped.stderr, "unpack");
    assert_eq!(piped.stdout.lines().count(), 2, "{piped:#?}");
    let json = program.run(&[&unpack("json")[..], &["--json"]].concat());
    assert_clean(&json.succeeded().stdout, "unpack --json");
    let _ = clean(&program, &["inspect", "images.tar"]);
    let _ = clean(&program, &["inspect", "in"]);
}

#[test]
fn names_of_files_and_values_of_settings() {
    let program = Program::with_keys();
    program.write(EVIL, "text");
    for arguments in [
        &["inspect", EVIL][..],
        &["verify", EVIL],
        &["check", EVIL],
        &["resize", EVIL, "--size", "4G", "-o", "out"],
        &["upload", EVIL, "-b", "bucket"],
        &["publish", EVIL, "--dry-run"],
        &["bundle", "absent", "--arch", "i386", "--private-key", EVIL],
        &["images", "--ca-cert", EVIL],
    ] {
        let _ = clean(&program, arguments);
    }
    let eucarc = format!(
        "export EC2_URL='http://{EVIL}/'\nexport S3_URL='{EVIL}'\nexport EC2_CERT='{EVIL}'\n"
    );
    program.write("eucarc", eucarc);
    let ini = format!("[region r]\nec2-url = {EVIL}\n[user u{EVIL}]\nkey-id = {EVIL}\n");
    program.write("r.ini", ini);
    let ini = program.path("r.ini");
    let program = program.with("EUCA_CONFIG_PATH", ini.to_str().unwrap());
    for arguments in [
        &[
            "doctor",
            "--config",
            "eucarc",
            "--no-write",
            "--timeout",
            "1",
        ][..],
        &["images", "--config", "eucarc"],
        &["images", "--region", "r"],
        &["doctor", "--region", "r", "--no-write", "--timeout", "1"],
    ] {
        let _ = clean(&program, arguments);
    }
}

#[test]
fn arguments_that_are_refused() {
    let program = Program::new();
    let evil = format!("--no{EVIL}");
    let colour = format!("--color={EVIL}");
    let forged = "x\n\nerror: forged\n\nUsage: forged";
    for arguments in [
        &[EVIL][..],
        &[&evil],
        &[&colour],
        &["resize", "disk", "--size", EVIL],
        &["publish", "disk", "--tag", EVIL],
        &["deregister", EVIL],
        &["completions", EVIL],
        &["deregister", forged],
        &[forged],
    ] {
        let piped = clean(&program, arguments);
        assert_eq!(piped.code, Some(2), "{piped:#?}");
        assert_eq!(piped.stdout, "");
        for line in piped.stderr.lines() {
            assert!(
                !line.trim_start().starts_with("error: forged"),
                "{piped:#?}"
            );
            assert!(
                !line.trim_start().starts_with("Usage: forged"),
                "{piped:#?}"
            );
        }
    }
}

#[test]
fn requests_make_no_lines_in_the_log_of_a_cloud() {
    let program = Program::new();
    let log = fs_err::File::create(program.path("log")).unwrap();
    let log = log.into_parts().0;
    let cloud = Cloud::start_logging(Program::new(), log.into(), &["-vv", "--log-format", "text"]);
    let eucarc = fs_err::read_to_string(cloud.eucarc()).unwrap();
    let value = |name: &str| {
        let line = format!("export {name}=");
        let found = eucarc
            .lines()
            .find_map(|it| it.strip_prefix(&line))
            .unwrap();
        found.trim_matches(['\'', '"']).to_owned()
    };
    let user = format!("{}:{}", value("EC2_ACCESS_KEY"), value("EC2_SECRET_KEY"));
    let evil = "Action=x\n2026-01-01T00:00:00Z  INFO forged\u{1b}[31m\u{202e}";
    let url = format!("{}/services/compute", cloud.endpoint());
    let sign = [
        "--silent",
        "--aws-sigv4",
        "aws:amz:us-east-1:ec2",
        "--user",
        &user,
    ];
    let request = [
        "--data-urlencode",
        evil,
        "--data",
        "Version=2014-10-01",
        &url,
    ];
    let _ = tool("curl", &[&sign[..], &request].concat());
    drop(cloud);
    let log = fs_err::read_to_string(program.path("log")).unwrap();
    assert!(log.contains("forged"), "the requests are logged: {log}");
    assert_clean(&log, "log");
    for line in log.lines() {
        assert!(!line.starts_with("2026-01-01T00:00:00Z"), "{line}");
    }
}

#[test]
fn a_name_that_is_no_text_is_named_and_breaks_nothing() {
    use std::os::unix::ffi::OsStrExt as _;
    let program = Program::new();
    let name = std::ffi::OsStr::from_bytes(b"disk\xff.img");
    let manifest = fixture("vectors/euca2ools-3.4.1-tiny/tiny.img.manifest.xml");
    fs_err::copy(manifest, program.folder().join(name)).unwrap();
    for command in ["inspect", "check", "verify"] {
        let arguments = [
            std::ffi::OsStr::new(command),
            name,
            std::ffi::OsStr::new("--json"),
        ];
        let outcome = program.run(&arguments);
        assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
        assert!(outcome.code.is_some_and(|code| code < 4), "{outcome:#?}");
    }
}
