//! The known faults of the old tools, and that gumnut does the right thing under their names.
//!
//! | fault | shown by |
//! |---|---|
//! | **data** | |
//! | a stage dies and the bundle is called complete | `gumnut-bundle`: `failures::a_full_disk_ends_bundling`, `an_image_that_cannot_be_read_ends_bundling` |
//! | damaged parts are uploaded; a mismatch names one value twice | `a_flipped_part_is_refused_before_upload`, `life_cycle::a_damaged_part_is_found_before_it_is_sent` |
//! | a damaged bundle is discovered at unbundle time only | `bundles::a_flipped_byte_is_found_and_named` (verify needs no unbundling) |
//! | the wrong image under its final name after a failure | `a_failed_unbundle_leaves_nothing` |
//! | existing files are overwritten | `bad_input::existing_bundles_are_not_overwritten`, `bad_input::an_existing_image_is_not_overwritten` |
//! | no space or a signal leave parts behind | `disk_full::bundling_onto_a_full_disk`, `disk_full::unbundling_onto_a_full_disk`, `compat_local::an_interrupted_bundle_leaves_nothing_and_never_wrote_plaintext` |
//! | plaintext on the disk; ^C prints a trace | `compat_local::an_interrupted_bundle_leaves_nothing_and_never_wrote_plaintext` |
//! | the image digest is that of nothing | `dialects::euca2ools_1_0_to_1_2_the_digest_is_of_nothing`; written right: `dialects::what_gumnut_writes_is_opened_without_it` |
//! | keys of 31 digits | `gumnut-crypto`: `openssl::openssl_opens_what_was_wrapped` |
//! | an empty last part | `dialects::a_length_that_is_a_multiple_of_the_part_size_makes_no_empty_part`, read: `dialects::a_trailing_empty_part_of_every_line_that_wrote_one` |
//! | holes are lost | `bundles::a_bundle_comes_back_with_its_holes` |
//! | twice the bundle as temporary files | `compat_local::an_image_goes_to_the_store_without_touching_the_disk` |
//! | temporary directories are left behind | `compat::a_bundle_of_3_4_goes_into_a_fresh_folder_that_it_names` |
//! | the empty image, the wrong kind accepted silently | `an_empty_image_is_refused` |
//! | two unbundles collide in /tmp | `compat_local::two_unbundles_of_one_name_do_not_meet` |
//! | **security** | |
//! | names of a manifest are used as paths | `faults::every_fault_is_refused_by_its_name`, `network::a_download_never_leaves_the_folder` |
//! | the tar member names the image | `compat_local::a_member_of_another_name_does_not_name_the_image` |
//! | a signature is never looked at | `a_signature_is_checked_when_a_certificate_is_set` |
//! | TLS is not verified unless an ini file says so | `tls_is_verified_unless_the_region_says_no` |
//! | secret keys among the arguments | `a_secret_among_the_arguments_is_said` |
//! | an eucarc is executed | `compat_local::an_eucarc_is_parsed_and_nothing_in_it_is_executed` |
//! | DOCTYPE and entities | `faults::every_fault_is_refused_by_its_name`, `bad_input::a_document_type_is_refused` |
//! | key files that others may read | `bad_input::a_key_that_others_may_read_gets_a_warning` |
//! | **network** | |
//! | the manifest goes before the parts | `the_manifest_goes_last_whatever_the_lines_say` |
//! | one 503 ends an upload, the body is not sent again | `every_retry_sends_the_whole_body`, `gumnut-walrus-client`: `retries::a_body_is_sent_whole_again_after_a_503_and_a_reset` |
//! | one part after the other | `compat_parallel::two_parts_are_on_their_way_at_the_same_time` |
//! | no resume | `life_cycle::a_second_upload_sends_no_part_again` |
//! | `--part` sends nothing and reports success | `an_unknown_part_is_an_error` |
//! | the first error hides behind another signature version | `gumnut-walrus-client`: `retries::the_signature_version_never_changes` |
//! | a tag that is no MD5 is an error | `gumnut-walrus-client`: `objects::a_wrong_md5_is_noticed_and_another_kind_of_tag_is_not` |
//! | 409 for the caller's own bucket | `gumnut-walrus-client`: `objects::buckets_are_made_and_probed` |
//! | a key prefix breaks old servers silently | `compat_local::a_key_prefix_on_an_old_server_gets_a_warning` |
//! | **codes, messages, options** | |
//! | a success line after a 403 on a part, exit code 0 | `nothing_succeeds_after_a_refused_part` |
//! | exit code 0 for a bucket that is missing | `a_missing_bucket_is_a_failure` |
//! | `-h` exits 1 | `help_exits_zero` |
//! | the line with the architecture | `compat::the_life_of_a_kernel_in_the_dialect_of_2010`, none in `compat::the_life_of_an_image_in_the_dialect_of_3_4` |
//! | no selector means all bundles | `all_bundles_are_never_meant_by_accident` |
//! | a spelling of another dialect deletes the wrong thing | `a_colliding_spelling_names_both_meanings` |
//! | the local manifest is deleted, downloads overwrite | `compat::the_life_of_a_kernel_in_the_dialect_of_2010`, `a_download_overwrites_nothing` |
//! | the manifest is deleted after a failed part | `the_manifest_stays_when_a_part_stays` |
//! | install-image drops `--acl`, `--location`, `-B` and others | `install_image_honours_every_flag` |
//! | register does not know an architecture of bundle-image | `compat_local::register_knows_every_architecture_that_bundling_knows` |
//! | `-B` crashes, block map and product codes get lost; hyphens in the account number | `block_map_and_product_codes_survive` (the keys' account has them) |
//! | `[region *]` and `[user *]` crash | `a_region_of_stars_is_the_last_resort` |
//! | the private key of the configuration beats the environment's | `the_environment_names_the_private_key` |
//! | `EC2_URL` beats an explicit region | `an_explicit_region_beats_the_environment_and_says_so` |
//! | the variables of 2010 are ignored | `the_variables_of_2010_are_the_last_source` |
//! | columns move between releases | `compat::the_life_of_a_kernel_in_the_dialect_of_2010`, `compat::the_life_of_an_image_in_the_dialect_of_3_4` |
//! | a migration copies the wrapped key | `compat::a_migrated_manifest_opens_for_the_other_cloud_and_keeps_the_old_one` |
//! | external programs and their warnings | `compat_local::no_program_is_needed_for_bundles` |
//! | a flag is not known | `compat_flags` |
//!
//! Not there, and so without a fault: uploads under a policy.

use gumnut_tests::{Asked, Cloud, Program, Server, fixture, patterned};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// The test keys and a server for everything.
fn client(server: &Server) -> Program {
    Program::with_keys()
        .with("EC2_ACCESS_KEY", "AKIDEXAMPLE")
        .with("EC2_SECRET_KEY", SECRET)
        .with(
            "EC2_URL",
            format!("{}/services/Eucalyptus", server.endpoint()),
        )
        .with(
            "S3_URL",
            format!("{}/services/objectstorage", server.endpoint()),
        )
}

/// A store that takes everything, but HEAD finds nothing.
fn takes_all(asked: &Asked) -> (u16, String) {
    match asked.line.split(' ').next() {
        Some("HEAD") => (404, String::new()),
        Some("POST") => (
            200,
            "<RegisterImageResponse><imageId>emi-00000001</imageId></RegisterImageResponse>"
                .to_owned(),
        ),
        _ => (200, String::new()),
    }
}

fn error(status: u16, code: &str) -> (u16, String) {
    (
        status,
        format!("<Error><Code>{code}</Code><Message>no</Message></Error>"),
    )
}

/// A server that refuses some requests with this status and code.
fn refusing(
    status: u16,
    code: &'static str,
    some: impl Fn(&Asked, usize) -> bool + Send + 'static,
) -> Server {
    Server::start(move |asked, before| {
        if some(asked, before) {
            error(status, code)
        } else {
            takes_all(asked)
        }
    })
}

/// Makes a bundle of two parts in `b`.
fn bundled(program: &Program) {
    program.write("disk.img", patterned(100_000, 7));
    let bundle = [
        "-i",
        "disk.img",
        "-r",
        "i386",
        "-d",
        "b",
        "--part-size",
        "64k",
    ];
    let _ = program.called("euca-bundle-image", &bundle).succeeded();
}

const UPLOAD: [&str; 4] = ["-b", "bucket", "-m", "b/disk.img.manifest.xml"];

#[test]
fn nothing_succeeds_after_a_refused_part() {
    let server = refusing(403, "AccessDenied", |asked, _| {
        asked.line.contains("part") && asked.line.starts_with("PUT")
    });
    let program = client(&server);
    bundled(&program);
    let old = program
        .with("GUMNUT_DIALECT", "2010")
        .called("euca-upload-bundle", &UPLOAD);
    assert_eq!(old.code, Some(1));
    assert!(
        old.stdout
            .contains("Permission denied while writing: disk.img.part.0"),
        "{old:#?}"
    );
    assert!(!old.stdout.contains("Uploaded"), "{old:#?}");
    assert!(
        !server
            .lines()
            .iter()
            .any(|line| line.starts_with("PUT") && line.contains("manifest"))
    );
}

#[test]
fn a_missing_bucket_is_a_failure() {
    let server = Server::start(|_, _| error(404, "NoSuchBucket"));
    for dialect in ["2010", "3.4"] {
        let program = client(&server).with("GUMNUT_DIALECT", dialect);
        for tool in ["euca-delete-bundle", "euca-download-bundle"] {
            let outcome = program.called(
                tool,
                &["-b", "bucket", "-p", "disk", "-dx"]
                    [..if tool.contains("delete") { 4 } else { 5 }],
            );
            assert_eq!(outcome.code, Some(1), "{outcome:#?}");
        }
    }
}

#[test]
fn help_exits_zero() {
    for dialect in ["2010", "3.4"] {
        let program = Program::new().with("GUMNUT_DIALECT", dialect);
        for option in ["-h", "--help", "--version"] {
            let outcome = program.called("euca-bundle-image", &[option]).succeeded();
            assert!(!outcome.stdout.is_empty());
        }
        let missing = program.called("euca-upload-bundle", &["-m", "x"]);
        assert_ne!(missing.code, Some(0));
        assert_eq!(missing.stdout, "");
    }
}

#[test]
fn every_retry_sends_the_whole_body() {
    let server = refusing(503, "SlowDown", |asked, before| {
        asked.line.starts_with("PUT") && before == 0
    });
    let program = client(&server);
    bundled(&program);
    let _ = program.called("euca-upload-bundle", &UPLOAD).succeeded();
    let part = fs_err::read(program.path("b/disk.img.part.00")).unwrap();
    let sent = server.asked();
    let tries: Vec<_> = sent
        .iter()
        .filter(|asked| asked.line.starts_with("PUT") && asked.line.ends_with("part.00"))
        .collect();
    assert_eq!(tries.len(), 2);
    assert!(
        tries.iter().all(|asked| asked.body == part),
        "each try sends the whole part"
    );
}

#[test]
fn the_manifest_goes_last_whatever_the_lines_say() {
    let server = Server::start(|asked, _| takes_all(asked));
    let program = client(&server);
    bundled(&program);
    let outcome = program
        .with("GUMNUT_DIALECT", "2010")
        .called("euca-upload-bundle", &UPLOAD)
        .succeeded();
    let place = |text: &str| outcome.stdout.find(text).unwrap();
    assert!(place("Uploading manifest file") < place("Uploading part: disk.img.part.00"));
    let puts: Vec<_> = server
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("PUT"))
        .collect();
    assert_eq!(puts.len(), 3);
    assert!(puts[2].ends_with("disk.img.manifest.xml"), "{puts:?}");
}

#[test]
fn a_flipped_part_is_refused_before_upload() {
    let server = Server::start(|asked, _| takes_all(asked));
    let program = client(&server);
    bundled(&program);
    let path = program.path("b/disk.img.part.01");
    let mut part = fs_err::read(&path).unwrap();
    part[9] ^= 1;
    fs_err::write(&path, part).unwrap();
    let outcome = program.called("euca-upload-bundle", &UPLOAD);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
    let words: Vec<_> = outcome
        .stderr
        .split([' ', ',', '\n'])
        .filter(|word| word.len() == 40)
        .collect();
    assert!(
        words.len() == 2 && words[0] != words[1],
        "both digests are named: {outcome:#?}"
    );
    let sent = server.lines();
    assert!(
        !sent
            .iter()
            .any(|line| line.starts_with("PUT") && !line.ends_with("part.00")),
        "{sent:?}"
    );
}

#[test]
fn all_bundles_are_never_meant_by_accident() {
    let server = Server::start(|asked, _| takes_all(asked));
    for dialect in ["2010", "3.4"] {
        let program = client(&server).with("GUMNUT_DIALECT", dialect);
        for tool in ["euca-delete-bundle", "euca-download-bundle"] {
            for more in [&[][..], &["--all-bundles"]] {
                let arguments = [&["-b", "bucket"], more].concat();
                let outcome = program.called(tool, &arguments);
                assert_ne!(outcome.code, Some(0), "{outcome:#?}");
                let _ = outcome.saying(&["--yes"]);
            }
        }
    }
    assert!(server.asked().is_empty());
}

#[test]
fn a_colliding_spelling_names_both_meanings() {
    let server = Server::start(|asked, _| takes_all(asked));
    let program = client(&server);
    bundled(&program);
    let delete = ["-b", "bucket", "-m", "b/disk.img.manifest.xml"];
    let new = program.called("euca-delete-bundle", &delete);
    assert_eq!(new.code, Some(2));
    let _ = new.saying(&["name in the bucket", "local file"]);
    let program = program.with("GUMNUT_DIALECT", "2010");
    let old = program.called(
        "euca-delete-bundle",
        &["-b", "bucket", "-m", "disk.img.manifest.xml"],
    );
    assert_eq!(old.code, Some(1));
    let _ = old.saying(&["name in the bucket", "local file"]);
    let download = program.called(
        "euca-download-bundle",
        &["-b", "bucket", "-m", "disk.img.manifest.xml"],
    );
    assert_eq!(download.code, Some(1));
    let _ = download.saying(&["every bundle", "name in the bucket"]);
    assert!(server.asked().is_empty());
}

#[test]
fn the_manifest_stays_when_a_part_stays() {
    let server = refusing(403, "AccessDenied", |asked, _| {
        asked.line.starts_with("DELETE") && asked.line.ends_with("part.01")
    });
    let program = client(&server);
    bundled(&program);
    let delete = [
        "-b",
        "bucket",
        "--local-manifest",
        "b/disk.img.manifest.xml",
    ];
    assert_eq!(program.called("euca-delete-bundle", &delete).code, Some(1));
    let deleted = server.lines();
    assert!(deleted.iter().any(|line| line.ends_with("part.00")));
    assert!(
        !deleted.iter().any(|line| line.ends_with("manifest.xml")),
        "{deleted:?}"
    );
}

#[test]
fn a_download_overwrites_nothing() {
    let cloud = Cloud::start();
    let program = cloud.client();
    bundled(&program);
    let _ = program.called("euca-upload-bundle", &UPLOAD).succeeded();
    fs_err::create_dir(program.path("down")).unwrap();
    program.write("down/disk.img.manifest.xml", "mine");
    let download = ["-b", "bucket", "-p", "disk.img", "-d", "down"];
    assert_eq!(
        program.called("euca-download-bundle", &download).code,
        Some(1)
    );
    assert_eq!(
        fs_err::read(program.path("down/disk.img.manifest.xml")).unwrap(),
        b"mine"
    );
}

#[test]
fn an_unknown_part_is_an_error() {
    let server = Server::start(|asked, _| takes_all(asked));
    let program = client(&server);
    bundled(&program);
    let upload = [&UPLOAD[..], &["--part", "disk.img.part.77"]].concat();
    let unknown = program.called("euca-upload-bundle", &upload);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(2), ""));
    assert!(server.asked().is_empty());
    for part in ["1", "disk.img.part.01"] {
        let upload = [&UPLOAD[..], &["--part", part, "--skipmanifest"]].concat();
        let outcome = program.called("euca-upload-bundle", &upload).succeeded();
        assert_eq!(outcome.stdout, "");
    }
    let puts: Vec<_> = server
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("PUT"))
        .collect();
    assert_eq!(puts.len(), 2);
    assert!(
        puts.iter().all(|line| line.ends_with("part.01")),
        "{puts:?}"
    );
}

#[test]
fn install_image_honours_every_flag() {
    let server = refusing(404, "NoSuchBucket", |asked, _| {
        asked.line.contains("max-keys=0")
    });
    let program = client(&server);
    program.write("disk.img", patterned(100_000, 7));
    let install = [
        "-i",
        "disk.img",
        "-r",
        "ppc64le",
        "-b",
        "bucket/web",
        "-n",
        "name-1",
        "--description",
        "a disk",
        "--acl",
        "ec2-bundle-read",
        "--location",
        "west",
        "-B",
        "ami=sda1,ephemeral0=sdb",
        "--productcodes",
        "A,B",
        "--kernel",
        "eki-00000002",
        "--ramdisk",
        "eri-00000003",
        "--virtualization-type",
        "hvm",
        "--platform",
        "windows",
        "-p",
        "web-disk",
        "--part-size",
        "64k",
        "--retry",
    ];
    assert_eq!(
        program
            .called("euca-install-image", &install)
            .succeeded()
            .stdout,
        "IMAGE\temi-00000001\n"
    );
    let asked = server.asked();
    let find = |line: &str| {
        asked
            .iter()
            .find(|asked| asked.line == line)
            .unwrap_or_else(|| panic!("{line}: {:?}", server.lines()))
    };
    assert!(
        find("PUT /services/objectstorage/bucket")
            .text()
            .contains("<LocationConstraint>west<")
    );
    let manifest = find("PUT /services/objectstorage/bucket/web/web-disk.manifest.xml");
    for object in [
        manifest,
        find("PUT /services/objectstorage/bucket/web/web-disk.part.01"),
    ] {
        assert_eq!(object.header("x-amz-acl"), Some("ec2-bundle-read"));
    }
    for text in [
        "ppc64le",
        "<virtual>ephemeral0</virtual><device>sdb</device>",
        "<product_code>B<",
        "eki-00000002",
        "eri-00000003",
    ] {
        assert!(manifest.text().contains(text), "{text}");
    }
    let registered = find("POST /services/Eucalyptus").text();
    for text in [
        "Name=name-1",
        "Description=a%20disk",
        "VirtualizationType=hvm",
        "Platform=windows",
        "Architecture=ppc64le",
        "ImageLocation=bucket%2Fweb%2Fweb-disk.manifest.xml",
    ] {
        assert!(registered.contains(text), "{text} in {registered}");
    }
}

#[test]
fn block_map_and_product_codes_survive() {
    for dialect in ["2010", "3.4"] {
        let program = Program::with_keys().with("GUMNUT_DIALECT", dialect);
        program.write("disk.img", patterned(3_000, 7));
        let bundle = [
            "-i",
            "disk.img",
            "-r",
            "i386",
            "-d",
            "b",
            "-B",
            "ami=sda1",
            "--productcodes",
            "CODE",
        ];
        let _ = program.called("euca-bundle-image", &bundle).succeeded();
        let migrate = ["-m", "b/disk.img.manifest.xml", "--no-mapping"];
        let _ = program.called("ec2-migrate-manifest", &migrate).succeeded();
        let text = fs_err::read_to_string(program.path("b/disk.img.manifest.xml")).unwrap();
        for element in [
            "<virtual>ami</virtual><device>sda1</device>",
            "<product_code>CODE<",
            "<user>000000000001<",
        ] {
            assert!(text.contains(element), "{element}");
        }
    }
}

/// A program with one ini file.
fn with_ini(program: Program, text: &str) -> Program {
    fs_err::create_dir(program.path(".euca")).unwrap();
    program.write(".euca/test.ini", text);
    program
}

#[test]
fn the_environment_names_the_private_key() {
    let ini =
        "[global]\ndefault-region = r\n[region r]\nuser = u\n[user u]\nprivate-key = /absent.pem\n";
    let program = with_ini(Program::with_keys(), ini);
    bundled(&program);
}

#[test]
fn an_explicit_region_beats_the_environment_and_says_so() {
    let (right, wrong) = (
        Server::start(|asked, _| takes_all(asked)),
        Server::start(|asked, _| match takes_all(asked) {
            // The manifest is there.
            (404, body) => (200, body),
            answer => answer,
        }),
    );
    let ini = format!("[region home]\nec2-url = {}/ec2\n", right.endpoint());
    let program = with_ini(client(&wrong), &ini);
    let register = ["bucket/k.manifest.xml", "-n", "name", "--region", "home"];
    let outcome = program.called("euca-register", &register).succeeded();
    let _ = outcome.saying(&[right.endpoint(), wrong.endpoint(), "EC2_URL"]);
    assert_eq!(right.lines(), ["POST /ec2"]);
    assert!(wrong.asked().is_empty());
    let native = program
        .run(&["register", "bucket/k.manifest.xml", "--region", "home"])
        .succeeded();
    assert_eq!(native.stdout, "IMAGE\temi-00000001\n");
    let _ = program
        .run(&["register", "bucket/k.manifest.xml", "--region", "nowhere"])
        .failed(2)
        .saying(&["nowhere"]);
}

#[test]
fn a_region_of_stars_is_the_last_resort() {
    let server = Server::start(|asked, _| takes_all(asked));
    let ini = format!(
        "[region *]\nec2-url = {}/any\n[user *]\nkey-id = ANY\nsecret-key = x\n[region home]\nuser = me\n",
        server.endpoint()
    );
    let program = with_ini(Program::new(), &ini);
    let _ = program
        .called(
            "euca-register",
            &["bucket/k", "-n", "name", "--region", "home"],
        )
        .succeeded();
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /any");
    assert!(
        asked[0]
            .header("authorization")
            .unwrap()
            .contains("Credential=ANY/")
    );
}

#[test]
fn the_variables_of_2010_are_the_last_source() {
    let server = Server::start(|asked, _| takes_all(asked));
    let register = ["bucket/k", "-n", "name"];
    let program = client(&server);
    let _ = program.called("euca-register", &register).succeeded();
    program.write("aws", "AWSAccessKeyId=FROMFILE\nAWSSecretKey=x\n");
    let file = program.path("aws");
    let program = program.with("AWS_CREDENTIAL_FILE", file);
    let _ = program.called("euca-register", &register).succeeded();
    let program = program
        .with("AWS_ACCESS_KEY_ID", "FROMAWS")
        .with("AWS_SECRET_ACCESS_KEY", "x");
    let _ = program.called("euca-register", &register).succeeded();
    let asked = server.asked();
    let keys = asked
        .iter()
        .map(|asked| asked.header("authorization").unwrap().to_owned());
    for (header, key) in keys.zip(["AKIDEXAMPLE", "FROMFILE", "FROMAWS"]) {
        assert!(header.contains(&format!("Credential={key}/")), "{header}");
    }
}

#[test]
fn tls_is_verified_unless_the_region_says_no() {
    let ini = "[region safe]\nec2-url = https://127.0.0.1:1/\n[region open]\nec2-url = https://127.0.0.1:1/\nverify-ssl = false\n\
               [global]\nmax-retries = 0\n";
    let program = with_ini(Program::new(), ini)
        .with("EC2_ACCESS_KEY", "A")
        .with("EC2_SECRET_KEY", "x");
    let open = program.called("euca-describe-images", &["--region", "open"]);
    assert_eq!(open.code, Some(1));
    let _ = open.saying(&["warning:", "verify-ssl is false"]);
    let safe = program.called("euca-describe-images", &["--region", "safe"]);
    assert_eq!(safe.code, Some(1));
    assert!(!safe.stderr.contains("verify-ssl"), "{safe:#?}");
}

#[test]
fn a_secret_among_the_arguments_is_said() {
    let server = Server::start(|asked, _| takes_all(asked));
    let program = client(&server).with("GUMNUT_DIALECT", "2010");
    let arguments = ["bucket/k", "-A", "MINE", "-S", "topsecret"];
    let outcome = program.called("euca-register", &arguments).succeeded();
    let _ = outcome.saying(&["other users of this machine"]);
    let asked = server.asked();
    assert!(asked[0].text().contains("AWSAccessKeyId=MINE"));
    let alone = program.called("euca-register", &arguments[..3]);
    assert_eq!(alone.code, Some(1));
    assert!(!alone.stderr.contains("topsecret"));
}

#[test]
fn a_failed_unbundle_leaves_nothing() {
    let program = Program::with_keys();
    bundled(&program);
    let path = program.path("b/disk.img.part.01");
    let part = fs_err::read(&path).unwrap();
    fs_err::write(&path, &part[..part.len() - 16]).unwrap();
    let unbundle = ["-m", "b/disk.img.manifest.xml", "-s", "b", "-d", "out"];
    assert_eq!(program.called("euca-unbundle", &unbundle).code, Some(1));
    assert_eq!(Program::files(&program.path("out")), Vec::<String>::new());
    assert_eq!(
        fs_err::read(program.path("disk.img")).unwrap(),
        patterned(100_000, 7)
    );
}

#[test]
fn a_signature_is_checked_when_a_certificate_is_set() {
    let program = Program::with_keys();
    bundled(&program);
    let other = fixture("vectors/keys/cloud-cert.pem");
    let other = other.to_str().unwrap();
    let unbundle = ["-m", "b/disk.img.manifest.xml", "-s", "b", "-d", "out"];
    let wrong = program.called("euca-unbundle", &[&unbundle[..], &["-c", other]].concat());
    assert_eq!(wrong.code, Some(1));
    let _ = wrong.saying(&["not trusted", "--unverified"]);
    let right = program.called("euca-unbundle", &unbundle).succeeded();
    let _ = right.saying(&["signature is valid"]);
}

#[test]
fn an_empty_image_is_refused() {
    let program = Program::with_keys();
    program.write("empty.img", "");
    let bundle = ["-i", "empty.img", "-r", "i386", "-d", "b"];
    assert_eq!(program.called("euca-bundle-image", &bundle).code, Some(1));
    assert_eq!(program.called("ec2-bundle-image", &bundle).code, Some(254));
    program.write("vmlinuz-9", patterned(3_000, 1));
    let kernel = ["-i", "vmlinuz-9", "-r", "i386", "-d", "b"];
    let _ = program
        .called("euca-bundle-image", &kernel)
        .succeeded()
        .saying(&["warning:", "kernel"]);
    let both = [
        "-i",
        "vmlinuz-9",
        "-r",
        "i386",
        "--kernel",
        "true",
        "--ramdisk",
        "eri-00000001",
    ];
    assert_eq!(program.called("euca-bundle-image", &both).code, Some(2));
}

#[test]
fn a_security_token_goes_with_every_request_and_is_signed() {
    let server = Server::start(|asked, _| takes_all(asked));
    let keys = ["-I", "LENT", "-S", "x", "--security-token", "TOKEN"];
    let program = client(&server);
    bundled(&program);
    let upload = [&UPLOAD[..], &keys].concat();
    let _ = program.called("euca-upload-bundle", &upload).succeeded();
    let register = [&["bucket/k", "-n", "name"][..], &keys].concat();
    let _ = program.called("euca-register", &register).succeeded();
    let lent = program
        .with("AWS_ACCESS_KEY_ID", "LENT")
        .with("AWS_SECRET_ACCESS_KEY", "x")
        .with("AWS_SESSION_TOKEN", "TOKEN");
    let _ = lent
        .called("euca-register", &["bucket/k", "-n", "name"])
        .succeeded();
    for asked in server.asked() {
        assert_eq!(
            asked.header("x-amz-security-token"),
            Some("TOKEN"),
            "{asked:?}"
        );
        let authorization = asked.header("authorization").unwrap();
        assert!(authorization.contains("LENT"), "{authorization}");
        let version_2 = authorization.starts_with("AWS LENT:");
        assert!(
            version_2 || authorization.contains("x-amz-security-token"),
            "{authorization}"
        );
    }
    let old = lent.with("GUMNUT_DIALECT", "2010");
    let _ = old
        .called("euca-register", &[&["bucket/k"][..], &keys].concat())
        .succeeded();
    let asked = server.asked().pop().unwrap().text();
    assert!(asked.contains("SecurityToken=TOKEN"), "{asked}");
    let alone = old.called("euca-register", &["bucket/k", "--security-token", "TOKEN"]);
    assert_eq!(alone.code, Some(1));
}

#[test]
fn a_token_is_part_of_what_is_signed() {
    let cloud = Cloud::start();
    for dialect in ["2010", "3.4"] {
        let program = cloud
            .client()
            .with("GUMNUT_DIALECT", dialect)
            .with("AWS_SESSION_TOKEN", "a token");
        bundled(&program);
        // The eucarc's own keys are no lent ones: under AWS's names they are.
        let eucarc = fs_err::read_to_string(cloud.eucarc()).unwrap();
        let value = |name: &str| {
            let line = eucarc
                .lines()
                .find(|line| line.contains(&format!("{name}=")));
            let value = line.unwrap().split_once('=').unwrap().1;
            value.trim_matches(['\'', '"']).to_owned()
        };
        let program = program
            .with("AWS_ACCESS_KEY_ID", value("EC2_ACCESS_KEY"))
            .with("AWS_SECRET_ACCESS_KEY", value("EC2_SECRET_KEY"))
            .with("EC2_ACCESS_KEY", "")
            .with("EC2_SECRET_KEY", "");
        let _ = program.called("euca-upload-bundle", &UPLOAD).succeeded();
        let _ = program.called("euca-describe-images", &["-a"]).succeeded();
    }
}
