//! Faults of the old tools on the user's own machine: what they left behind, ran, or needed. The table is in `compat_faults`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gumnut_tests::{Program, Server, patterned, tool};

use crate::dialects::script;

/// Every file below a directory.
fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in Program::files(folder) {
        let path = folder.join(name);
        if path.is_dir() {
            found.extend(all_files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn bundle(program: &Program, image: &str, folder: &str) {
    let bundle = ["-i", image, "-r", "i386", "-d", folder];
    let _ = program.called("euca-bundle-image", &bundle).succeeded();
}

#[test]
fn an_interrupted_bundle_leaves_nothing_and_never_wrote_plaintext() {
    let program = Program::with_keys().with("GUMNUT_DIALECT", "2010");
    let scratch = program.path("scratch");
    fs_err::create_dir(&scratch).unwrap();
    let program = program.with("TMPDIR", &scratch);
    let mut arguments = vec!["compat", "run", "--dialect", "2010", "euca-bundle-image"];
    arguments.extend(["-i", "-", "-p", "disk", "--image-size", "8192m", "-d", "b"]);
    arguments.extend(["--part-size", "64k"]);
    let mut command = program.interruptible(&arguments);
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut image = process.stdin.take().unwrap();
    let plain = patterned(4 << 20, 9);
    image.write_all(&plain).unwrap();
    image.flush().unwrap();
    // The rest of the image does not come; what is there makes parts.
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut parts = lines
        .map_while(Result::ok)
        .filter(|line| line.starts_with("Part: "));
    assert!(parts.next().is_some(), "no part is made");
    let files = all_files(program.folder());
    assert!(!files.is_empty(), "the parts are on the disk");
    for file in files {
        let bytes = fs_err::read(&file).unwrap_or_default();
        let is_plain = bytes.windows(64).any(|window| window == &plain[1000..1064]);
        assert!(!is_plain, "{} has plaintext", file.display());
        assert!(
            !bytes.starts_with(b"\x1f\x8b"),
            "{} is not encrypted",
            file.display()
        );
    }
    tool("kill", &["-INT", &process.id().to_string()]);
    // It ends at the next bytes that it reads, long before all of a large image can have come.
    while image.write_all(&plain[..65_536]).is_ok() {}
    assert_eq!(process.wait().unwrap().code(), Some(130));
    assert_eq!(all_files(program.folder()), Vec::<PathBuf>::new());
}

#[test]
fn two_unbundles_of_one_name_do_not_meet() {
    let program = Program::with_keys();
    for (folder, seed) in [("one", 1), ("two", 2)] {
        program.write("disk.img", patterned(300_000, seed));
        bundle(&program, "disk.img", folder);
    }
    let start = |folder: &str| {
        let manifest = format!("{folder}/disk.img.manifest.xml");
        let output = format!("{folder}/restored");
        let unbundle = ["unbundle", &manifest, "-o", &output];
        program
            .command(&unbundle)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut running = ["one", "two"].map(start);
    for process in &mut running {
        assert!(process.wait().unwrap().success());
    }
    for (folder, seed) in [("one", 1), ("two", 2)] {
        let restored = fs_err::read(program.path(folder).join("restored")).unwrap();
        assert!(restored == patterned(300_000, seed), "{folder}");
    }
}

#[test]
fn no_program_is_needed_for_bundles() {
    let program = Program::with_keys().with("PATH", "/nowhere");
    program.write("disk.img", patterned(100_000, 4));
    bundle(&program, "disk.img", "b");
    let unbundle = ["-m", "b/disk.img.manifest.xml", "-s", "b", "-d", "out"];
    fs_err::create_dir(program.path("out")).unwrap();
    let _ = program.called("euca-unbundle", &unbundle).succeeded();
    let restored = fs_err::read(program.path("out/disk.img")).unwrap();
    assert!(restored == patterned(100_000, 4));
}

#[test]
fn an_image_goes_to_the_store_without_touching_the_disk() {
    let server = Server::start(|asked, _| {
        let status = if asked.line.starts_with("HEAD") {
            404
        } else {
            200
        };
        (status, String::new())
    });
    let program = Program::with_keys()
        .with("EC2_ACCESS_KEY", "A")
        .with("EC2_SECRET_KEY", "x")
        .with("S3_URL", server.endpoint())
        .with("TMPDIR", "/nowhere");
    program.write("disk.img", patterned(300_000, 4));
    let before = all_files(program.folder());
    let mut publish = vec!["-i", "disk.img", "-r", "i386", "-b", "bucket"];
    publish.extend(["--part-size", "64k"]);
    let _ = program
        .called("euca-bundle-and-upload-image", &publish)
        .succeeded();
    assert_eq!(all_files(program.folder()), before);
    let lines = server.lines();
    let parts = lines.iter().filter(|line| line.contains("part.0"));
    assert!(parts.count() >= 5, "{lines:?}");
}

#[test]
fn an_eucarc_is_parsed_and_nothing_in_it_is_executed() {
    let server = Server::start(|_, _| {
        let answer =
            "<RegisterImageResponse><imageId>emi-00000001</imageId></RegisterImageResponse>";
        (200, answer.to_owned())
    });
    let program = Program::new();
    let eucarc = format!(
        "touch executed-1\nexport HERE=$(touch executed-2)\nexport EC2_URL='{}/ec2'\nexport EC2_ACCESS_KEY=\"A`touch \
         executed-3`\"\nexport EC2_ACCESS_KEY=FROMEUCARC; touch executed-4\nexport EC2_SECRET_KEY=x\n",
        server.endpoint()
    );
    program.write("eucarc", eucarc);
    for dialect in ["2010", "3.4"] {
        let mut arguments = vec!["compat", "run", "--dialect", dialect, "euca-register"];
        arguments.extend(["bucket/k.manifest.xml", "-n", "n", "--config", "eucarc"]);
        let _ = program.run(&arguments);
        assert_eq!(Program::files(program.folder()), ["eucarc"], "{dialect}");
    }
}

#[test]
fn a_key_prefix_on_an_old_server_gets_a_warning() {
    let server = Server::start(|_, _| (403, String::new()));
    let program = Program::with_keys()
        .with("EC2_ACCESS_KEY", "A")
        .with("EC2_SECRET_KEY", "x")
        .with("S3_URL", format!("{}/services/Walrus", server.endpoint()));
    program.write("disk.img", patterned(3_000, 4));
    bundle(&program, "disk.img", "b");
    let upload = |bucket: &str| {
        let upload = ["-b", bucket, "-m", "b/disk.img.manifest.xml"];
        program.called("euca-upload-bundle", &upload).stderr
    };
    assert!(
        upload("bucket/prefix").contains("warning: this may be a cloud older than Eucalyptus 4")
    );
    assert!(!upload("bucket").contains("Eucalyptus 4"));
}

#[test]
fn register_knows_every_architecture_that_bundling_knows() {
    let server = Server::start(|_, _| {
        let answer =
            "<RegisterImageResponse><imageId>emi-00000001</imageId></RegisterImageResponse>";
        (200, answer.to_owned())
    });
    let program = Program::with_keys()
        .with("EC2_ACCESS_KEY", "A")
        .with("EC2_SECRET_KEY", "x")
        .with("EC2_URL", server.endpoint());
    program.write("disk.img", patterned(3_000, 4));
    for architecture in ["i386", "x86_64", "armhf", "ppc", "ppc64", "ppc64le"] {
        let bundle = ["-i", "disk.img", "-r", architecture, "-d", "b"];
        let _ = program.called("euca-bundle-image", &bundle).succeeded();
        let register = ["bucket/k.manifest.xml", "-n", "n", "-a", architecture];
        let _ = program.called("euca-register", &register).succeeded();
        let asked = server.asked().pop().unwrap().text();
        assert!(
            asked.contains(&format!("Architecture={architecture}")),
            "{asked}"
        );
    }
}

#[test]
fn a_member_of_another_name_does_not_name_the_image() {
    let program = Program::with_keys();
    program.write("member", patterned(3_000, 4));
    script(&program, "bundle.sh", &["2.x", "member", "b", "10000"]);
    // Another name in the manifest, which its signature then does not cover any more.
    let path = program.path("b/member.manifest.xml");
    let text = fs_err::read_to_string(&path).unwrap();
    fs_err::write(&path, text.replace("<name>member<", "<name>image<")).unwrap();
    fs_err::create_dir(program.path("out")).unwrap();
    let unbundle = [
        "-m",
        "b/member.manifest.xml",
        "-s",
        "b",
        "-d",
        "out",
        "--unverified",
    ];
    let _ = program.called("euca-unbundle", &unbundle).succeeded();
    assert_eq!(Program::files(&program.path("out")), ["image"]);
}

#[test]
fn owners_are_numbers_of_any_length_under_the_old_names() {
    let program = Program::with_keys();
    program.write("disk.img", patterned(3_000, 4));
    let written = |program: &Program, folder: &str, more: &[&str]| {
        let bundle = ["-i", "disk.img", "-r", "i386", "-d", folder];
        let _ = program
            .called("euca-bundle-image", &[&bundle, more].concat())
            .succeeded();
        let manifest = program.path(folder).join("disk.img.manifest.xml");
        let text = fs_err::read_to_string(manifest).unwrap();
        let (_, rest) = text.split_once("<user>").unwrap();
        rest.split_once("</user>").unwrap().0.to_owned()
    };
    for (folder, given, expected) in [
        ("short", "1", "1"),
        ("hyphens", "0001-0072", "00010072"),
        ("usual", "1234-5678-9012", "123456789012"),
    ] {
        assert_eq!(written(&program, folder, &["-u", given]), expected);
    }
    let bundle = ["-i", "disk.img", "-r", "i386", "-d", "b", "-u", "admin"];
    let _ = program
        .called("euca-bundle-image", &bundle)
        .failed(2)
        .saying(&["Invalid user admin"]);
    let program = program.with("EC2_USER_ID", "00010072");
    assert_eq!(written(&program, "environment", &[]), "00010072");
}
