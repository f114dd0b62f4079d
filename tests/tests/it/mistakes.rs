//! Typical mistakes, as a table: what is said, which hint is given, the exit code, and that nothing was done for it.
//!
//! The numbers are those of a list that was made by trying gumnut as a new user would.

use std::time::{Duration, Instant};

use gumnut_tests::{Cloud, FaultProxy, Outcome, Program, Server, fixture, patterned, tool};

use crate::disk_full::{image, on_a_disk};

/// A mistake and its answer.
struct Row {
    number: &'static str,
    /// The command line, in words without blanks.
    line: &'static str,
    code: i32,
    /// What standard error holds: the cause, and the hint with what to do.
    says: &'static [&'static str],
}

const fn row(
    number: &'static str,
    line: &'static str,
    code: i32,
    says: &'static [&'static str],
) -> Row {
    Row {
        number,
        line,
        code,
        says,
    }
}

/// What needs no work takes less.
const AT_ONCE: Duration = Duration::from_secs(1);
/// How often a mistake is made until it is reported at once: the machine may be busy with other things.
const TRIES: usize = 10;

impl Row {
    /// Makes the mistake, which changes nothing, and asserts that it is reported at once.
    fn run(&self, program: &Program) -> Outcome {
        let words: Vec<_> = self.line.split_whitespace().collect();
        for _ in 0..TRIES {
            let start = Instant::now();
            let outcome = program.run(&words);
            if start.elapsed() < AT_ONCE {
                return self.checked(outcome);
            }
        }
        panic!("{}: gumnut {} takes long", self.number, self.line);
    }

    /// The outcome, when it is the one of the row.
    fn checked(&self, outcome: Outcome) -> Outcome {
        let what = format!("{}: gumnut {}: {outcome:#?}", self.number, self.line);
        assert_eq!(outcome.code, Some(self.code), "{what}");
        assert!(!outcome.stderr.contains("panicked"), "{what}");
        if self.code != 0 {
            assert_eq!(outcome.stderr.matches("error:").count(), 1, "{what}");
        }
        for text in self.says {
            assert!(outcome.stderr.contains(text), "no {text:?} in {what}");
        }
        // Names that only the program knows help nobody.
        assert!(!outcome.stderr.contains(".gumnut-"), "{what}");
        assert!(!outcome.stderr.contains("trying again"), "{what}");
        outcome
    }
}

/// What shows without any cloud.
const LOCAL: &[Row] = &[
    row(
        "1",
        "publish nosuch.img --arch amd64",
        3,
        &["error: cannot read `nosuch.img`: No such file"],
    ),
    row(
        "1",
        "check root.img --kernel nosuch",
        3,
        &["error: cannot read `nosuch`: No such file"],
    ),
    row(
        "1",
        "inspect a-pipe",
        3,
        &["`a-pipe` is not a regular file"],
    ),
    row(
        "60",
        "images --ec2-url ftp://h/ --s3-url ftp://h/",
        2,
        &["--ec2-url begins with ftp:, and must begin with http://"],
    ),
    row(
        "1",
        "bundle nosuch.img --arch amd64",
        3,
        &["open the image nosuch.img", "No such file"],
    ),
    row(
        "2",
        "bundle empty.img --arch amd64",
        3,
        &["empty.img", "empty"],
    ),
    row(
        "3",
        "publish adir --arch amd64",
        3,
        &["adir contains no disk", "hint:"],
    ),
    row(
        "4",
        "publish notes.txt",
        3,
        &["`notes.txt` is a text file", "hint: `gumnut inspect"],
    ),
    row(
        "4",
        "publish notes.txt --arch amd64 --dry-run",
        3,
        &["`notes.txt` is a text file", "hint: `gumnut inspect"],
    ),
    row(
        "4",
        "publish disk.img --arch amd64 --kernel notes.txt",
        3,
        &["`notes.txt` is a text file, not a kernel", "hint:"],
    ),
    row(
        "5",
        "bundle notes.txt --arch amd64",
        3,
        &["`notes.txt` is a text file", "hint: `gumnut inspect"],
    ),
    row("6", "bundle adir --arch amd64", 3, &["adir is a "]),
    row("8", "bundle disk.img", 2, &["--arch <ARCH>"]),
    row(
        "10",
        "resize root.img --size 4 -o new.img",
        2,
        &["--size", "did you mean 4G?"],
    ),
    row(
        "10",
        "publish disk.img --size 4",
        2,
        &["--size", "did you mean 4G?"],
    ),
    row(
        "10",
        "publish disk.img --part-size 10",
        2,
        &["--part-size", "did you mean 10M?"],
    ),
    row(
        "10",
        "boot disk.img --memory 512",
        2,
        &["--memory", "did you mean 512M?"],
    ),
    row(
        "12",
        "resize root.img --size 16M -o disk.img",
        3,
        &["disk.img", "exists already", "hint: pass --force"],
    ),
    row(
        "16",
        "resize root.img --size 1M -o new.img",
        3,
        &["needs", "MiB", "hint: pass --size"],
    ),
    row(
        "18",
        "resize root.img --size 100T -o new.img",
        2,
        &["100 TiB is more than the maximum of 16 TiB"],
    ),
    row(
        "18",
        "publish disk.img --part-size 6G",
        2,
        &["6 GiB is more than the maximum of 5 GiB"],
    ),
    row(
        "18",
        "bundle disk.img --arch amd64 --part-size 64K",
        2,
        &["64 KiB is less than the minimum of 1 MiB"],
    ),
    row(
        "19",
        "bundle disk.img --arhc i386",
        2,
        &["--arhc", "similar argument", "--arch"],
    ),
    row(
        "20",
        "bundel disk.img",
        2,
        &["bundel", "similar subcommand", "bundle"],
    ),
    row(
        "20",
        "euca-describe-images",
        2,
        &["unrecognized subcommand", "hint: gumnut images"],
    ),
    row("20", "version", 2, &["hint: gumnut --version"]),
    row("20", "cloud version", 2, &["'version'", "gumnut cloud"]),
    row("20", "rm emi-9FE813FD", 2, &["hint: gumnut retire ID"]),
    row(
        "22",
        "upload disk.manifest.xml -b a",
        2,
        &["bucket name has"],
    ),
    row(
        "23",
        "upload large.img -b bucket",
        3,
        &[
            "large.img",
            "too large for a manifest",
            "hint:",
            "gumnut publish",
        ],
    ),
    row(
        "23",
        "upload disk.img -b bucket",
        3,
        &[
            "disk.img",
            "is not a valid manifest",
            "hint:",
            "gumnut publish",
        ],
    ),
    row("23", "upload adir -b bucket", 3, &["adir is a ", "hint:"]),
    row(
        "36",
        "bundle disk.img --arch amd64 --private-key nokey.pem",
        3,
        &["nokey.pem", "No such file"],
    ),
    row(
        "37",
        "bundle disk.img --arch amd64 --private-key cert.pem",
        3,
        &[
            "cert.pem",
            "contains \"CERTIFICATE\" instead of a private key",
        ],
    ),
    row(
        "37",
        "bundle disk.img --arch amd64 --private-key other-key.pem",
        3,
        &["does not belong to the private key", "hint:"],
    ),
    row(
        "37",
        "bundle disk.img --arch amd64 --cloud-cert cert.pem",
        3,
        &["is your own", "hint:", "--cloud-cert"],
    ),
    row(
        "38",
        "verify out/disk.img.manifest.xml --cert other-cert.pem",
        3,
        &["not trusted", "hint: the certificate must be that of"],
    ),
    row(
        "38",
        "unbundle out/disk.img.manifest.xml --cert other-cert.pem -o back.img",
        3,
        &["not trusted", "hint: the certificate must be that of"],
    ),
    row(
        "46",
        "boot notes.txt",
        3,
        &["notes.txt: it is a text file", "hint: gumnut inspect FILE"],
    ),
    row(
        "47",
        "copy emi-12345678 --to nosuch",
        2,
        &[
            "nosuch is not a file",
            "[region nosuch]",
            "hint:",
            "~/.euca/*.ini",
        ],
    ),
    row(
        "62",
        "images --config empty.rc",
        2,
        &["empty.rc contains no setting", "hint: it must set EC2_URL"],
    ),
    row(
        "62",
        "images --config comment.rc",
        2,
        &[
            "comment.rc contains no setting",
            "hint: it must set EC2_URL",
        ],
    ),
    row(
        "75",
        "verify damaged/disk.img.manifest.xml",
        3,
        &["disk.img.part.00", "SHA-1"],
    ),
    row(
        "75",
        "unbundle damaged/disk.img.manifest.xml -o back.img",
        3,
        &["disk.img.part.00", "SHA-1"],
    ),
    row(
        "76",
        "verify incomplete/disk.img.manifest.xml",
        3,
        &["the part `disk.img.part.00` is missing"],
    ),
    row(
        "76",
        "unbundle incomplete/disk.img.manifest.xml -o back.img",
        3,
        &["the part `disk.img.part.00` is missing"],
    ),
    row(
        "39",
        "bundle disk.img --arch sparc",
        2,
        &["sparc", "x86_64", "arm64"],
    ),
    row(
        "55",
        "unpack nosuch.tar.gz -d out",
        3,
        &["cannot read the tarball nosuch.tar.gz", "No such file"],
    ),
    row(
        "57",
        "cloud start --data data --listen 0.0.0.0:0",
        2,
        &["loopback", "hint:", "--allow-remote", "--tls"],
    ),
    row(
        "72",
        "unbundle out/disk.img.manifest.xml -o nowhere/back.img",
        3,
        &["nowhere/back.img", "No such file"],
    ),
    row(
        "72",
        "resize root.img --size 16M -o nowhere/new.img",
        3,
        &["nowhere", "No such file"],
    ),
    row("-", "publish disk.img --name web!", 2, &["--name", "'!'"]),
    row(
        "-",
        "publish disk.img --name ab",
        2,
        &["--name", "3 to 128"],
    ),
    row(
        "-",
        "publish disk.img --kernel eki-123",
        2,
        &["eki-123", "eki-90461381"],
    ),
    row(
        "-",
        "publish disk.img --kernel eri-E85914C7",
        2,
        &["eri-E85914C7", "eki-90461381"],
    ),
];

/// The files that the local rows name, and a service that counts what it is asked.
fn local() -> (Program, Server) {
    let server = Server::start(|_, _| (500, String::new()));
    let services = server.endpoint().to_owned();
    let program = Program::with_keys()
        .with("EC2_URL", &services)
        .with("S3_URL", &services)
        .with("EC2_ACCESS_KEY", "AKIAIOSFODNN7EXAMPLE")
        .with("EC2_SECRET_KEY", "secret");
    program.write("disk.img", patterned(300_000, 5));
    program.write("large.img", patterned(6 << 20, 5));
    program.write("empty.img", b"");
    fs_err::create_dir(program.path("adir")).unwrap();
    let root = program.write("root.img", vec![0; 8 << 20]);
    let quiet = ["-q", "-F", "-t", "ext3", root.to_str().unwrap()];
    tool("/sbin/mke2fs", &quiet);
    for (from, to) in [
        ("user-cert.pem", "cert.pem"),
        ("cloud-key.pem", "other-key.pem"),
        ("cloud-cert.pem", "other-cert.pem"),
    ] {
        let from = fixture("vectors/keys").join(from);
        fs_err::copy(from, program.path(to)).unwrap();
    }
    program.write("notes.txt", "a text of which nobody\ncan make a disk\n");
    tool("mkfifo", &[program.path("a-pipe").to_str().unwrap()]);
    program.write("empty.rc", b"");
    program.write("comment.rc", "# export EC2_URL=http://127.0.0.1:8773/\n");
    for folder in ["out", "damaged", "incomplete"] {
        let bundle = ["bundle", "disk.img", "--arch", "amd64", "-d", folder];
        let _ = program.run(&bundle).succeeded();
    }
    fs_err::remove_file(program.path("incomplete/disk.img.part.00")).unwrap();
    let part = program.path("damaged/disk.img.part.00");
    let mut bytes = fs_err::read(&part).unwrap();
    bytes[1000] ^= 1;
    fs_err::write(part, bytes).unwrap();
    (program, server)
}

#[test]
fn what_shows_on_this_machine_is_said_before_anybody_is_asked() {
    let (program, server) = local();
    let before = Program::files(program.folder());
    for row in LOCAL {
        let outcome = row.run(&program);
        assert_eq!(outcome.stdout, "", "{}: {outcome:#?}", row.number);
    }
    assert_eq!(server.lines(), Vec::<String>::new());
    assert_eq!(
        Program::files(program.folder()),
        before,
        "nothing is left behind"
    );
    let once = program.run(&["bundle", "nosuch.img", "--arch", "amd64"]);
    assert_eq!(once.stderr.matches("nosuch.img").count(), 1, "{once:#?}");
}

#[test]
fn names_of_architectures_and_formats_are_understood() {
    let (program, _server) = local();
    for (arch, meant) in [
        ("amd64", "x86_64"),
        ("x64", "x86_64"),
        ("aarch64", "arm64"),
        ("i686", "i386"),
    ] {
        let bundle = ["bundle", "disk.img", "--arch", arch, "-d", arch];
        let made = program.json(&bundle)["manifest"].clone();
        let found = program.json(&["inspect", made.as_str().unwrap()]);
        assert_eq!(found["architecture"], meant, "{arch}");
    }
    for format in ["vhd", "vpc"] {
        let name = format!("back.{format}");
        let back = [
            "unbundle",
            "out/disk.img.manifest.xml",
            "--format",
            format,
            "-o",
            &name,
        ];
        let _ = program.run(&back).succeeded();
    }
    // Old and new names of one thing.
    for (option, folder) in [("--threads", "new"), ("--jobs", "old")] {
        let bundle = [
            "bundle", "disk.img", "--arch", "amd64", option, "1", "-d", folder,
        ];
        let _ = program.run(&bundle).succeeded();
    }
    let bundle = [
        "bundle", "disk.img", "--arch", "amd64", "--type", "kernel", "-d", "kernel",
    ];
    assert_eq!(program.json(&bundle)["kind"], "kernel");
}

#[test]
fn a_wrong_private_key_is_called_that() {
    let (program, _server) = local();
    let stranger = program.path("stranger.pem");
    tool(
        "openssl",
        &["genrsa", "-out", stranger.to_str().unwrap(), "2048"],
    );
    let manifest = "out/disk.img.manifest.xml";
    for line in [
        &["unbundle", manifest, "-o", "back.img"][..],
        &["verify", manifest],
    ] {
        let given = [line, &["--private-key", "stranger.pem"]].concat();
        let outcome = program.run(&given).failed(3).saying(&[
            "the private key stranger.pem is not the one of this bundle",
            "hint: pass --private-key",
        ]);
        assert!(!outcome.stderr.contains("not trusted"), "{outcome:#?}");
    }
    // The certificate of somebody else is another matter.
    let cert = fixture("vectors/keys/cloud-cert.pem");
    let with_cert = ["verify", manifest, "--cert", cert.to_str().unwrap()];
    let _ = program
        .run(&with_cert)
        .failed(3)
        .saying(&["not trusted", "hint: the certificate"]);
}

/// What the cloud has to say, for its administrator.
const ASKED: &[Row] = &[
    row(
        "22",
        "upload out/disk.img.manifest.xml -b ab",
        4,
        &["InvalidBucketName", "hint: use 3 to 63"],
    ),
    row(
        "25",
        "register nowhere/disk.img.manifest.xml",
        4,
        &["NoSuchBucket", "hint:", "gumnut ls"],
    ),
    row(
        "26",
        "register mine/nosuch.manifest.xml",
        4,
        &[
            "no object nosuch.manifest.xml in the bucket mine",
            "NoSuchKey",
            "hint:",
            "gumnut ls BUCKET",
        ],
    ),
    row(
        "26",
        "download mine/nosuch.manifest.xml -d down",
        4,
        &["NoSuchKey", "hint:", "gumnut ls BUCKET"],
    ),
    row(
        "29",
        "images emi-00000000",
        4,
        &["InvalidAMIID.NotFound", "hint: `gumnut images`"],
    ),
    row(
        "30",
        "deregister emi-00000000",
        4,
        &["emi-00000000", "hint:"],
    ),
    row("31", "retire emi-00000000", 4, &["emi-00000000", "hint:"]),
    row(
        "32",
        "fetch emi-00000000 -o back.img",
        4,
        &["emi-00000000", "hint:"],
    ),
    row("33", "boot emi-00000000", 4, &["emi-00000000", "hint:"]),
    row("49", "resume", 2, &["every run is complete"]),
    row(
        "84",
        "download bobs/disk.img.manifest.xml -d down",
        4,
        &["AccessDenied", "hint:", "another account"],
    ),
    row(
        "83",
        "upload out/disk.img.manifest.xml -b bobs",
        4,
        &["bobs", "AccessDenied", "hint:", "gumnut ls"],
    ),
    row(
        "88",
        "publish disk.img --arch amd64 --bucket bobs --ignore-checks",
        4,
        &["bobs", "AccessDenied", "hint:"],
    ),
    row(
        "127",
        "publish disk.img --arch amd64 --ignore-checks --kernel eki-00000000 --ramdisk eri-00000000",
        4,
        &[
            "eki-00000000 cannot be used as kernel",
            "shows you no such image",
            "hint: gumnut images --filter image-type=kernel",
        ],
    ),
    row(
        "127",
        "publish disk.img --arch amd64 --ignore-checks --kernel eki-00000000 --ramdisk eri-00000000 --dry-run",
        4,
        &["eki-00000000 cannot be used as kernel", "hint:"],
    ),
];

/// Kernels without the ramdisk that the cloud wants.
const INCOMPLETE: &[Row] = &[
    row(
        "132",
        "publish disk.img --arch amd64 --ignore-checks --kernel vmlinuz",
        4,
        &[
            "would not register",
            "Ramdisk ID must be specified",
            "hint:",
            "--ramdisk",
        ],
    ),
    row(
        "132",
        "publish disk.img --arch amd64 --ignore-checks --kernel vmlinuz --dry-run",
        4,
        &[
            "would not register",
            "Ramdisk ID must be specified",
            "hint:",
            "--ramdisk",
        ],
    ),
    row(
        "132",
        "publish disk.img --arch amd64 --ignore-checks",
        4,
        &[
            "would not register",
            "Kernel ID must be specified",
            "hint:",
            "--kernel",
        ],
    ),
];

#[test]
fn a_kernel_without_a_ramdisk_is_known_before_anything_is_sent() {
    let clouds = Clouds::start();
    for row in INCOMPLETE {
        let _ = row.run(&clouds.client);
        clouds.nothing_was_written(row);
    }
}

#[test]
fn without_keys_or_a_cloud_that_is_said() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = nowhere.local_addr().unwrap();
    drop(nowhere);
    let program = Program::new()
        .with("EC2_URL", format!("http://{host}/"))
        .with("S3_URL", format!("http://{host}/"));
    for line in ["images", "ls", "whoami", "deregister emi-12345678"] {
        let says = &[
            "no access key and secret key are set",
            "hint: pass --config EUCARC",
        ];
        let _ = row("60", line, 2, says).run(&program);
    }
    let program = program
        .with("EC2_ACCESS_KEY", "AKIAIOSFODNN7EXAMPLE")
        .with("EC2_SECRET_KEY", "secret");
    for line in ["images", "ls", "register bucket/key.manifest.xml"] {
        let says = &["cannot reach 127.0.0.1", "hint:", "gumnut cloud start"];
        let _ = row("106", line, 5, says).run(&program);
    }
}

#[test]
fn a_second_cloud_on_the_same_data_is_refused() {
    let cloud = Cloud::start();
    let program = Program::new();
    std::os::unix::fs::symlink(cloud.data(), program.path("data")).unwrap();
    let second = row(
        "56",
        "cloud start --data data --listen 127.0.0.1:0",
        1,
        &[
            "another cloud uses the data directory",
            "hint: `gumnut cloud status`",
        ],
    );
    let _ = second.run(&program);
}

/// A disk of 1 MiB, and one that cannot be written.
const NO_ROOM: &[(&str, Row)] = &[
    (
        "1m",
        row(
            "67",
            "resize disk.img --size 16M -o small/new.img",
            3,
            &["no space for", "are needed", "hint: delete something"],
        ),
    ),
    (
        "1m",
        row(
            "68",
            "bundle large.img --arch amd64 -d small",
            1,
            &[
                "large.img.part.00",
                "No space left",
                "hint: delete something",
            ],
        ),
    ),
    (
        "1m",
        row(
            "70",
            "unbundle out/large.img.manifest.xml -o small/back.img",
            1,
            &["No space left", "hint: delete something"],
        ),
    ),
    (
        "1m",
        row(
            "74",
            "unpack large.tar -d small/out",
            3,
            &[
                "small/out/large.img",
                "No space left",
                "hint: delete something",
            ],
        ),
    ),
    (
        "1m,ro",
        row(
            "71",
            "bundle large.img --arch amd64 -d small",
            1,
            &["small/large.img.part.00", "Read-only", "hint: write to"],
        ),
    ),
    (
        "1m,ro",
        row(
            "71",
            "unbundle out/large.img.manifest.xml -o small/back.img",
            1,
            &["small/back.img", "Read-only", "hint: write to"],
        ),
    ),
    (
        "1m,ro",
        row(
            "71",
            "resize disk.img --size 16M -o small/new.img",
            1,
            &["small/new.img", "Read-only", "hint: write to"],
        ),
    ),
];

#[test]
fn a_disk_that_takes_nothing_is_named_with_what_to_do() {
    let program = Program::with_keys();
    program.write("large.img", patterned(4 << 20, 1));
    image(&program, 3 << 20);
    let bundle = ["bundle", "large.img", "--arch", "amd64", "-d", "out"];
    let _ = program.run(&bundle).succeeded();
    let (tarball, folder) = (program.path("large.tar"), program.folder());
    let (tarball, folder) = (tarball.to_str().unwrap(), folder.to_str().unwrap());
    tool("tar", &["-cf", tarball, "-C", folder, "large.img"]);
    for (size, row) in NO_ROOM {
        let outcome = row.checked(on_a_disk(&program, size, row.line));
        let left = outcome.stdout.replace("out\n", "");
        assert_eq!(left, "", "{}: {outcome:#?}", row.number);
    }
}

/// Bundles, uploads and registers nothing but what the rows name.
struct Clouds {
    cloud: Cloud,
    proxy: FaultProxy,
    client: Program,
    bob: Program,
}

impl Clouds {
    fn start() -> Self {
        let cloud = Cloud::start();
        let proxy = FaultProxy::start(cloud.endpoint());
        let client = proxy.client(&cloud);
        let data = cloud.data();
        let data = data.to_str().unwrap();
        let bob = Program::new();
        let _ = bob
            .run(&["cloud", "user", "add", "bob", "--data", data])
            .succeeded();
        let folder = bob.path("creds");
        let write = [
            "cloud",
            "credentials",
            "--user",
            "bob",
            "--data",
            data,
            "--endpoint",
        ];
        let place = [proxy.endpoint(), "-o", folder.to_str().unwrap()];
        let _ = bob.run(&[&write[..], &place].concat()).succeeded();
        let bob = bob.configured(&folder.join("eucarc"));
        for (program, bucket) in [(&client, "mine"), (&bob, "bobs")] {
            program.write("disk.img", patterned(300_000, 5));
            program.write("vmlinuz", patterned(30_000, 6));
            program.write("initrd", patterned(30_000, 7));
            let bundle = ["bundle", "disk.img", "--arch", "amd64", "-d", "out"];
            let _ = program.run(&bundle).succeeded();
            let upload = ["upload", "out/disk.img.manifest.xml", "-b", bucket];
            let _ = program.run(&upload).succeeded();
        }
        proxy.disarm();
        Self {
            cloud,
            proxy,
            client,
            bob,
        }
    }

    /// Asserts that nothing was written since the last time.
    fn nothing_was_written(&self, row: &Row) {
        let log = self.proxy.log();
        let wrote = |line: &&String| line.starts_with("PUT") && !line.contains("gumnut-preflight");
        assert_eq!(log.iter().find(wrote), None, "{}: {log:?}", row.number);
        self.proxy.disarm();
    }
}

#[test]
fn what_the_cloud_knows_is_said_before_anything_is_sent() {
    let clouds = Clouds::start();
    for row in ASKED {
        let _ = row.run(&clouds.client);
        if row.line.starts_with("upload") {
            clouds.proxy.disarm();
        } else {
            clouds.nothing_was_written(row);
        }
    }
    let wrong = clouds.cloud.client().with("EC2_SECRET_KEY", "wrong");
    let secret = row(
        "80",
        "images",
        4,
        &[
            "SignatureDoesNotMatch",
            "hint: the secret key",
            "gumnut doctor",
        ],
    );
    let _ = secret.run(&wrong);
}

/// Of one who is no administrator.
const NOT_ALLOWED: &[Row] = &[
    row(
        "87",
        "publish disk.img --arch amd64 --ignore-checks --kernel vmlinuz --ramdisk initrd",
        4,
        &[
            "would not register the kernel",
            "Only administrators",
            "hint: only administrators",
        ],
    ),
    row(
        "87",
        "publish disk.img --arch amd64 --ignore-checks --kernel vmlinuz --ramdisk initrd --dry-run",
        4,
        &["Only administrators", "hint:"],
    ),
    row(
        "85",
        "fetch mine/disk.img.manifest.xml -o back.img",
        4,
        &["AccessDenied", "hint:"],
    ),
    row(
        "83",
        "publish disk.img --arch amd64 --ignore-checks --no-register --bucket mine",
        4,
        &["mine", "AccessDenied", "hint:"],
    ),
];

#[test]
fn rights_are_known_before_anything_is_unpacked() {
    let clouds = Clouds::start();
    for row in NOT_ALLOWED {
        let _ = row.run(&clouds.bob);
        clouds.nothing_was_written(row);
    }
    // A bucket that one may read and not write.
    let open = [
        "upload",
        "out/disk.img.manifest.xml",
        "-b",
        "open",
        "--acl",
        "public-read",
    ];
    let _ = clouds.client.run(&open).succeeded();
}

#[test]
fn a_name_that_is_taken_is_known_at_once() {
    let clouds = Clouds::start();
    let client = &clouds.client;
    let first = "publish disk.img --arch amd64 --ignore-checks --kernel vmlinuz --ramdisk initrd --name web";
    let published = client.json(&first.split(' ').collect::<Vec<_>>());
    let bucket = published["images"][0]["location"].as_str().unwrap();
    // The default bucket is the user's own.
    let account = client.json(&["whoami"])["account"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        bucket.starts_with(&format!("disk-{account}/")),
        "{published}"
    );
    let again = client.json(&first.split(' ').collect::<Vec<_>>());
    assert_eq!(again["changed"], false, "{again}");
    client.write("other.img", patterned(300_000, 8));
    clouds.proxy.disarm();
    let id = published["image_id"].as_str().unwrap();
    let (kernel, ramdisk) = (
        published["kernel_id"].as_str(),
        published["ramdisk_id"].as_str(),
    );
    let (kernel, ramdisk) = (kernel.unwrap(), ramdisk.unwrap());
    let with_ids = ["--kernel", kernel, "--ramdisk", ramdisk];
    let other = "publish other.img --arch amd64 --ignore-checks";
    let other: Vec<_> = other.split(' ').chain(with_ids).collect();
    for more in [&["--name", "web"][..], &["--name", "web", "--dry-run"]] {
        let taken = client.run(&[&other[..], more].concat());
        let _ =
            taken
                .failed(4)
                .saying(&[id, "has the name \"web\"", "hint: choose another --name"]);
    }
    // A ramdisk in the place of a kernel, and a kernel of another architecture.
    let swapped = other.iter().map(|word| {
        if *word == kernel {
            "eki-00000001"
        } else {
            word
        }
    });
    let swapped: Vec<_> = swapped.collect();
    let _ = client.run(&swapped).failed(4).saying(&["eki-00000001"]);
    let i386 = other
        .iter()
        .map(|word| if *word == "amd64" { "i386" } else { word });
    let i386: Vec<_> = i386.collect();
    let _ = client
        .run(&i386)
        .failed(4)
        .saying(&["it is for x86_64, and the image is for i386"]);
    let log = clouds.proxy.log();
    assert!(!log.iter().any(|line| line.starts_with("PUT")), "{log:?}");
    let _ = client
        .run(&[&other[..], &["--name", "other"]].concat())
        .succeeded();
}
