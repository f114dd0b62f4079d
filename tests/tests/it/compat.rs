//! The names of the old tools, each in its dialect, against the embedded cloud.

use gumnut_tests::{Cloud, Outcome, Program, patterned, tool};

/// A client of the cloud whose `euca-*` names speak the dialect of 2010.
fn of_2010(cloud: &Cloud) -> Program {
    cloud.client().with("GUMNUT_DIALECT", "2010")
}

fn done(outcome: Outcome) -> String {
    outcome.succeeded().stdout
}

#[test]
fn a_link_speaks_the_dialect_of_the_environment_and_a_script_its_own() {
    let program = Program::new();
    let _ = program.run(&["compat", "install", "links"]).succeeded();
    let _ = program
        .run(&["compat", "install", "scripts", "--dialect", "2010"])
        .succeeded();
    assert_eq!(
        Program::files(&program.path("links")),
        Program::files(&program.path("scripts"))
    );
    let version = |path: &str, dialect: &str| {
        let path = program.path(path);
        let script = format!("GUMNUT_DIALECT={dialect} '{}' --version", path.display());
        tool("sh", &["-c", &script])
    };
    assert_eq!(
        version("links/euca-register", "3.4"),
        "euca2ools 3.4.1 (Newton)\n"
    );
    assert_eq!(
        version("links/euca-register", "2010"),
        "    euca-register version: 1.0 (BSD)\n"
    );
    assert_eq!(
        version("scripts/euca-register", "3.4"),
        "    euca-register version: 1.0 (BSD)\n"
    );
    assert_eq!(
        version("scripts/ec2-unbundle", "3.4"),
        "ec2-unbundle 1.5.3\n"
    );
    let again = program.run(&["compat", "install", "links"]).failed(3);
    let _ = again.saying(&["exists", "--force"]);
}

#[test]
fn an_unknown_dialect_is_named() {
    let program = Program::new().with("GUMNUT_DIALECT", "1999");
    let outcome = program.called("euca-register", &["b/k"]);
    assert_eq!(outcome.code, Some(2));
    let _ = outcome.saying(&["1999", "2010 or 3.4"]);
}

#[test]
fn the_life_of_a_kernel_in_the_dialect_of_2010() {
    let cloud = Cloud::start();
    let client = of_2010(&cloud);
    client.write("vmlinuz-1", patterned(30_000, 1));
    let bundle = [
        "-i",
        "vmlinuz-1",
        "--kernel",
        "true",
        "--arch",
        "i386",
        "-dout",
    ];
    assert_eq!(
        done(client.called("euca-bundle-image", &bundle)),
        "i386\nChecking image\nTarring image\nEncrypting image\nSplitting image...\nPart: vmlinuz-1.part.0\n\
         Generating manifest out/vmlinuz-1.manifest.xml\n"
    );
    let upload = ["-b", "kernel-bucket", "-m", "out/vmlinuz-1.manifest.xml"];
    let lines = "Checking bucket: kernel-bucket\nCreating bucket: kernel-bucket\nUploading manifest file\n\
         Uploading part: vmlinuz-1.part.0\nUploaded image as kernel-bucket/vmlinuz-1.manifest.xml\n";
    assert_eq!(done(client.called("euca-upload-bundle", &upload)), lines);
    let id = done(client.called("euca-register", &["kernel-bucket/vmlinuz-1.manifest.xml"]));
    let id = id.trim_end().strip_prefix("IMAGE\t").unwrap().to_owned();
    assert!(id.starts_with("eki-"), "{id}");
    let listed = done(client.called("euca-describe-images", &["-a"]));
    let columns: Vec<_> = listed.trim_end_matches('\n').split('\t').collect();
    assert_eq!(columns.len(), 11, "{listed:?}");
    assert_eq!(
        columns[..3],
        ["IMAGE", &id, "kernel-bucket/vmlinuz-1.manifest.xml"]
    );
    assert_eq!(columns[6..], ["", "i386", "kernel", "", ""]);

    let download = [
        "-b",
        "kernel-bucket",
        "--local-manifest",
        "out/vmlinuz-1.manifest.xml",
        "-d",
        "down",
    ];
    assert_eq!(
        done(client.called("euca-download-bundle", &download)),
        "Downloading vmlinuz-1.part.0\n"
    );
    let unbundle = [
        "-m",
        "out/vmlinuz-1.manifest.xml",
        "-s",
        "down",
        "-d",
        "back",
    ];
    assert_eq!(
        done(client.called("euca-unbundle", &unbundle)),
        "Part: vmlinuz-1.part.0\nDecrypting image\nUncompressing image\n"
    );
    assert_eq!(
        fs_err::read(client.path("back/vmlinuz-1")).unwrap(),
        patterned(30_000, 1)
    );
    assert_eq!(
        done(client.called("euca-deregister", &[&id])),
        format!("IMAGE\t{id}\n")
    );
    let delete = [
        "-b",
        "kernel-bucket",
        "-m",
        "out/vmlinuz-1.manifest.xml",
        "--clear",
    ];
    assert_eq!(done(client.called("euca-delete-bundle", &delete)), "");
    let checked = client.called("euca-check-bucket", &["-b", "kernel-bucket"]);
    assert_eq!(
        (checked.code, checked.stdout.as_str()),
        (Some(1), "Checking bucket: kernel-bucket\n")
    );
    assert!(
        client.path("out/vmlinuz-1.manifest.xml").is_file(),
        "a local file is never deleted"
    );
}

#[test]
fn the_prefix_of_2010_names_files_and_that_of_3_4_the_image_too() {
    let name = |dialect: &str| {
        let program = Program::with_keys().with("GUMNUT_DIALECT", dialect);
        program.write("disk.img", patterned(3_000, 1));
        let arguments = ["-i", "disk.img", "-r", "i386", "-p", "web", "-d", "."];
        let _ = program.called("euca-bundle-image", &arguments).succeeded();
        program.json(&["inspect", "web.manifest.xml"])["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(name("2010"), "disk.img");
    assert_eq!(name("3.4"), "web");
}

#[test]
fn the_life_of_an_image_in_the_dialect_of_3_4() {
    let cloud = Cloud::start();
    let client = cloud.client();
    client.write("disk.img", patterned(200_000, 2));
    let install = [
        "-i",
        "disk.img",
        "-r",
        "x86_64",
        "-b",
        "images/web",
        "-n",
        "web-1",
        "--part-size",
        "64k",
        "--virtualization-type",
        "hvm",
    ];
    let id = done(client.called("euca-install-image", &install));
    let id = id.trim_end().strip_prefix("IMAGE\t").unwrap().to_owned();
    let listed = done(client.called("euca-describe-images", &[&id]));
    let columns: Vec<_> = listed.lines().next().unwrap().split('\t').collect();
    assert_eq!(columns.len(), 14, "{listed:?}");
    assert_eq!(
        columns[..3],
        ["IMAGE", &id, "images/web/disk.img.manifest.xml"]
    );
    assert_eq!(columns[6..8], ["x86_64", "machine"]);
    assert_eq!(columns[12], "hvm");
    let mine = done(client.called(
        "euca-describe-images",
        &["--filter", "name=web-1", "--show-empty-fields"],
    ));
    assert!(mine.contains("(nil)"), "{mine}");

    let selector = ["-b", "images/web", "-m", "disk.img.manifest.xml"];
    let fetch = [&selector[..], &["-d", "."]].concat();
    client.write("keep", "");
    let unbundled = client.called("euca-download-and-unbundle", &fetch);
    assert_eq!(
        unbundled.code,
        Some(1),
        "disk.img exists and is not overwritten: {unbundled:#?}"
    );
    let fetch = [&selector[..], &["-d", "back.img"]].concat();
    assert_eq!(
        done(client.called("euca-download-and-unbundle", &fetch)),
        "Wrote back.img\n"
    );
    assert_eq!(
        fs_err::read(client.path("back.img")).unwrap(),
        patterned(200_000, 2)
    );
    let bundle = [&selector[..], &["-d", "down"]].concat();
    let wrote = "Wrote manifest down/disk.img.manifest.xml\n";
    assert_eq!(done(client.called("euca-download-bundle", &bundle)), wrote);
    let _ = client.called("euca-delete-bundle", &selector).succeeded();
    let gone = client.called("euca-download-bundle", &bundle);
    assert_eq!(gone.code, Some(1));
    let _ = gone.saying(&["euca-download-bundle: error (NoSuchKey)"]);
}

#[test]
fn a_bundle_of_3_4_goes_into_a_fresh_folder_that_it_names() {
    let program = Program::with_keys().with("TMPDIR", ".");
    program.write("vmlinuz", patterned(3_000, 1));
    let made = done(program.called(
        "euca-bundle-image",
        &["-i", "vmlinuz", "-r", "i386", "--kernel", "true"],
    ));
    let path = made.trim_end().strip_prefix("Wrote manifest ").unwrap();
    assert!(
        path.contains("/bundle-") && program.path(path).is_file(),
        "{made}"
    );
    // A failed run leaves no directory.
    let before = Program::files(program.folder());
    let failed = program.called("euca-bundle-image", &["-i", "absent", "-r", "i386"]);
    assert_eq!(failed.code, Some(1));
    assert_eq!(Program::files(program.folder()), before);
}

#[test]
fn a_stream_is_unbundled_with_key_and_iv_alone() {
    let program = Program::with_keys();
    program.write("disk.img", patterned(100_000, 5));
    let (key, iv) = (
        "0123456789abcdef0123456789abcdef",
        "00000000000000000000000000000001",
    );
    let bundle = [
        "-i",
        "disk.img",
        "-r",
        "i386",
        "-d",
        "b",
        "--enc-key",
        key,
        "--enc-iv",
        iv,
    ];
    let _ = program.called("euca-bundle-image", &bundle).succeeded();
    let stream = [
        "-i",
        "b/disk.img.part.00",
        "-o",
        "back.img",
        "--enc-key",
        key,
        "--enc-iv",
        iv,
    ];
    let _ = program.called("euca-unbundle-stream", &stream).succeeded();
    assert_eq!(
        fs_err::read(program.path("back.img")).unwrap(),
        patterned(100_000, 5)
    );
    let wrong = [
        "-i",
        "b/disk.img.part.00",
        "-o",
        "no.img",
        "--enc-key",
        key,
        "--enc-iv",
        key,
    ];
    assert_eq!(program.called("euca-unbundle-stream", &wrong).code, Some(1));
    assert!(!program.path("no.img").exists());
}

#[test]
fn the_names_of_ec2_bundle_move_migrate_and_delete() {
    let cloud = Cloud::start();
    let client = cloud.client();
    client.write("disk.img", patterned(50_000, 3));
    let _ = client
        .called(
            "ec2-bundle-image",
            &["-i", "disk.img", "-d", "b", "--kernel", "aki-00000001"],
        )
        .succeeded();
    let manifest = "b/disk.img.manifest.xml";
    let _ = client
        .called("ec2-upload-bundle", &["-b", "first", "-m", manifest])
        .succeeded();
    let migrate = ["-b", "first", "-d", "second", "-m", "disk.img.manifest.xml"];
    let unmapped = client.called("ec2-migrate-bundle", &migrate);
    assert_eq!(unmapped.code, Some(6), "{unmapped:#?}");
    let mapped = [&migrate[..], &["--kernel", "aki-00000002"]].concat();
    let _ = client.called("ec2-migrate-bundle", &mapped).succeeded();
    let download = ["-b", "second", "-p", "disk.img", "-d", "down"];
    let _ = client.called("ec2-download-bundle", &download).succeeded();
    let inspected = client.json(&["inspect", "down/disk.img.manifest.xml"]);
    assert!(
        inspected.to_string().contains("aki-00000002"),
        "{inspected}"
    );
    let _ = client
        .run(&["verify", "down/disk.img.manifest.xml"])
        .succeeded();
    let unbundle = [
        "-m",
        "down/disk.img.manifest.xml",
        "-s",
        "down",
        "-d",
        "back",
    ];
    let _ = client.called("ec2-unbundle", &unbundle).succeeded();
    assert_eq!(
        fs_err::read(client.path("back/disk.img")).unwrap(),
        patterned(50_000, 3)
    );
    let _ = client
        .called(
            "ec2-delete-bundle",
            &["-b", "second", "-p", "disk.img", "-y"],
        )
        .succeeded();
    let gone = client.called("ec2-download-bundle", &download);
    assert_eq!(gone.code, Some(3), "{gone:#?}");
    let missing = client.called("ec2-upload-bundle", &["-b", "first", "-m", "absent.xml"]);
    assert_eq!(missing.code, Some(2), "{missing:#?}");
    assert_eq!(
        client.called("ec2-upload-bundle", &["-b", "first"]).code,
        Some(1)
    );
}

#[test]
fn a_migrated_manifest_opens_for_the_other_cloud_and_keeps_the_old_one() {
    let program = Program::with_keys();
    program.write("disk.img", patterned(3_000, 3));
    let _ = program
        .called("ec2-bundle-image", &["-i", "disk.img", "-d", "."])
        .succeeded();
    let old = fs_err::read(program.path("disk.img.manifest.xml")).unwrap();
    let migrate = ["-m", "disk.img.manifest.xml", "--no-mapping"];
    let _ = program.called("ec2-migrate-manifest", &migrate).succeeded();
    let _ = program
        .run(&["verify", "disk.img.manifest.xml"])
        .succeeded();
    assert_eq!(
        fs_err::read(program.path("disk.img.manifest.xml.bak")).unwrap(),
        old
    );
    assert_ne!(
        fs_err::read(program.path("disk.img.manifest.xml")).unwrap(),
        old
    );
    assert_ne!(
        program.called("ec2-migrate-manifest", &migrate).code,
        Some(0),
        "the .bak is kept"
    );
}

#[test]
fn attributes_are_told_and_changed() {
    let cloud = Cloud::start();
    let client = cloud.client();
    client.write("vmlinuz", patterned(3_000, 1));
    let install = [
        "-i", "vmlinuz", "-r", "i386", "--kernel", "true", "-b", "kernels", "-n", "linux",
    ];
    let id = done(client.called("euca-install-image", &install));
    let id = id.trim_end().strip_prefix("IMAGE\t").unwrap().to_owned();
    let modify = [&id, "-l", "-a", "all", "-a", "000000000007"];
    assert_eq!(
        done(client.called("euca-modify-image-attribute", &modify)),
        format!(
            "launchPermission\t{id}\tADD\tGroup\tall\nlaunchPermission\t{id}\tADD\tUserId\t000000000007\n"
        )
    );
    assert_eq!(
        done(client.called("euca-describe-image-attribute", &[&id, "-l"])),
        format!(
            "launchPermission\t{id}\tgroup\tall\nlaunchPermission\t{id}\tuserId\t000000000007\n"
        )
    );
    let old = of_2010(&cloud);
    let reset = format!("IMAGE\t{id}\n");
    assert_eq!(
        done(old.called("euca-reset-image-attribute", &[&id, "-l"])),
        reset
    );
    let left = done(client.called("euca-describe-image-attribute", &[&id, "-l"]));
    assert!(
        !left.contains("group") && !left.contains("000000000007"),
        "only the owner: {left}"
    );
    let description = [&id, "--description", "a kernel"];
    let line = format!("description\t{id}\t\ta kernel\n");
    assert_eq!(
        done(client.called("euca-modify-image-attribute", &description)),
        line
    );
    assert_eq!(
        done(client.called("euca-describe-image-attribute", &[&id, "--description"])),
        line
    );
    assert_eq!(
        client.called("euca-describe-image-attribute", &[&id]).code,
        Some(2)
    );
}

#[test]
fn options_may_be_shortened_and_stand_anywhere() {
    let cloud = Cloud::start();
    let client = of_2010(&cloud);
    client.write("vmlinuz", patterned(3_000, 1));
    let bundle = [
        "--image=vmlinuz",
        "--dest",
        "out",
        "--kern",
        "true",
        "--debugger",
        "-ri386",
    ];
    let bundled = client.called("euca-bundle-image", &bundle).succeeded();
    let _ = bundled.saying(&["--debugger is accepted and has no effect"]);
    assert!(client.path("out/vmlinuz.part.0").is_file());
}
