//! A place that is named is the place that is meant, or an error: never another cloud.

use std::path::Path;

use gumnut_tests::{Cloud, Outcome, Program, Server};

/// A home directory with credentials of an embedded cloud, which answers every client.
struct Home {
    program: Program,
    embedded: Server,
}

fn images(_: &gumnut_tests::Asked, _: usize) -> (u16, String) {
    (
        200,
        "<DescribeImagesResponse><imagesSet/></DescribeImagesResponse>".to_owned(),
    )
}

fn eucarc(endpoint: &str, key: &str) -> String {
    format!(
        "export EC2_URL={endpoint}/services/compute\nexport S3_URL={endpoint}/services/objectstorage\n\
         export EC2_ACCESS_KEY={key}\nexport EC2_SECRET_KEY=example\n"
    )
}

impl Home {
    fn new() -> Self {
        let program = Program::new();
        let embedded = Server::start(images);
        let folder = program.path(".local/share/gumnut/cloud/credentials");
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(
            folder.join("eucarc"),
            eucarc(embedded.endpoint(), "EMBEDDED"),
        )
        .unwrap();
        fs_err::create_dir(program.path(".euca")).unwrap();
        Self { program, embedded }
    }

    /// Runs the command, which must not ask the embedded cloud.
    fn elsewhere<A: AsRef<std::ffi::OsStr>>(&self, arguments: &[A]) -> Outcome {
        let before = self.embedded.lines().len();
        let outcome = self.program.run(arguments);
        assert_eq!(self.embedded.lines().len(), before, "{outcome:#?}");
        outcome
    }

    fn with(self, name: &str, value: &str) -> Self {
        Self {
            program: self.program.with(name, value),
            ..self
        }
    }
}

#[test]
fn only_when_nothing_is_named_the_embedded_cloud_is_meant() {
    let home = Home::new();
    let _ = home.program.run(&["images"]).succeeded();
    assert_eq!(home.embedded.lines().len(), 1);
}

#[test]
fn a_file_that_gives_nothing_is_an_error_that_names_it() {
    let home = Home::new();
    let files = [
        ("comment", "# nothing here\n", "contains no setting"),
        ("empty", "", "contains no setting"),
        (
            "strange",
            "EC2_URL=$(hostname)\n",
            "strange: line 1: EC2_URL",
        ),
        (
            "loop",
            "for i in 1; do export EC2_URL=http://h/; done\n",
            "line 1: EC2_URL",
        ),
        ("typo", "export EC2URL=http://h/\n", "contains no setting"),
        (
            "blanks",
            "EC2_URL = http://h/\n",
            "no blanks are allowed around =",
        ),
        (
            "ini",
            "[region home]\nec2-url = http://h/\n",
            "EUCA_CONFIG_PATH",
        ),
        (
            "keys",
            "export EC2_ACCESS_KEY=AK EC2_SECRET_KEY=SK\n",
            "no endpoint is set",
        ),
        (
            "urls",
            "export EC2_URL=http://127.0.0.1:1/\n",
            "no access key and secret key are set",
        ),
        (
            "half",
            "export EC2_URL=http://127.0.0.1:1/ EC2_ACCESS_KEY=AK\nEC2_SECRET_KEY=`id`\n",
            "line 2: EC2_SECRET_KEY",
        ),
        (
            "store",
            "export S3_URL=http://127.0.0.1:1/ EC2_ACCESS_KEY=AK EC2_SECRET_KEY=SK\n",
            "EC2_URL is empty",
        ),
    ];
    for (name, text, says) in files {
        home.program.write(name, text);
        let _ = home
            .elsewhere(&["images", "--config", name])
            .failed(2)
            .saying(&[says]);
    }
    for missing in ["/dev/null", "nosuch", ".euca", ""] {
        let _ = home.elsewhere(&["images", "--config", missing]).failed(2);
    }
    // A file that was named is not completed from where nobody pointed to.
    let other = Server::start(images);
    let ini = format!(
        "[global]\ndefault-region = home\n[region home]\nec2-url = {}/\nuser = me\n[user me]\nkey-id = AK\nsecret-key = SK\n",
        other.endpoint()
    );
    home.program.write(".euca/home.ini", ini);
    for name in ["comment", "keys", "urls", "half", "store"] {
        let _ = home.elsewhere(&["images", "--config", name]).failed(2);
    }
    assert_eq!(other.lines().len(), 0);
    let _ = home.elsewhere(&["images"]).succeeded();
    assert_eq!(other.lines().len(), 1);
}

#[test]
fn half_of_a_key_pair_is_not_made_whole_by_another_place() {
    let home = Home::new()
        .with("AWS_ACCESS_KEY_ID", "OTHER")
        .with("AWS_SECRET_ACCESS_KEY", "other");
    let server = Server::start(images);
    let text = eucarc(server.endpoint(), "MINE").replace("example", "$(cat secret)");
    home.program.write("half", text);
    let native = home.elsewhere(&["images", "--config", "half"]);
    // The environment comes first, and that is said.
    let _ = native.succeeded().saying(&["half: line 4: EC2_SECRET_KEY"]);
    let first = [
        "compat",
        "run",
        "--dialect",
        "2010",
        "euca-describe-images",
        "--config",
        "half",
    ];
    let outcome = home.elsewhere(&first);
    assert_ne!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn forms_of_files_lead_to_their_cloud() {
    let server = Server::start(images);
    let home = Home::new();
    let url = server.endpoint();
    let forms = [
        format!(
            "export EC2_URL={url}/; export S3_URL={url}/\nexport EC2_ACCESS_KEY=AK EC2_SECRET_KEY=SK\n"
        ),
        format!(
            "declare -x EC2_URL=\"{url}/\"\ndeclare -x EC2_ACCESS_KEY=\"AK\"\ndeclare -x EC2_SECRET_KEY=\"SK\"\n"
        ),
        format!(
            "export EC2_URL=${{EC2_URL:-{url}/}} && export EC2_ACCESS_KEY=AK && export EC2_SECRET_KEY=SK\n"
        ),
        format!("\u{feff}set -a\r\nEC2_URL={url}/\r\nEC2_ACCESS_KEY=AK\r\nEC2_SECRET_KEY=SK\r\n"),
        format!(
            "NOVARC=$(readlink -f \"${{BASH_SOURCE:-${{0}}}}\" 2>/dev/null) || NOVARC=$(python -c 'x')\n\
             NOVA_KEY_DIR=${{NOVARC%/*}}\nexport EC2_ACCESS_KEY=AK\nexport EC2_SECRET_KEY=SK\nexport EC2_URL={url}/\n"
        ),
    ];
    for (at, text) in forms.iter().enumerate() {
        home.program.write("eucarc", text);
        let _ = home
            .elsewhere(&["images", "--config", "eucarc"])
            .succeeded();
        let outcome = home.elsewhere(&["images", "--config", "."]);
        let expected = "no images; `gumnut publish IMAGE` publishes one\n";
        assert_eq!(outcome.stderr, expected, "{text}");
        assert_eq!(server.lines().len(), 2 * (at + 1), "{text}");
    }
}

#[test]
fn a_region_that_gives_nothing_is_an_error_that_names_what_there_is() {
    let home = Home::new();
    let server = Server::start(images);
    let ini = format!(
        "[region home]\nec2-url = {0}/\nuser = me\n[region empty]\nuser = me\n[region nobody]\nec2-url = {0}/\n\
         [user me]\nkey-id = AK\nsecret-key = SK\n[user you]\nkey-id = YOU\nsecret-key = SK\n",
        server.endpoint()
    );
    home.program.write(".euca/home.ini", ini);
    for (region, says) in [
        ("nosuch", "empty, home, nobody"),
        ("", "neither a region nor a user"),
        ("@", "neither a region nor a user"),
        ("nosuch@home", "[user nosuch]"),
        ("me@nosuch", "[region nosuch]"),
        ("empty", "no endpoint is set"),
        ("nobody", "no access key and secret key are set"),
        ("me@", "no endpoint is set"),
    ] {
        let outcome = home.elsewhere(&["images", "--region", region]);
        let _ = outcome.failed(2).saying(&[says]);
        if region.is_empty() {
            continue;
        }
        let named = Home {
            program: Program::new().with("EUCA_DEFAULT_REGION", region),
            embedded: Server::start(images),
        };
        fs_err::create_dir(named.program.path(".euca")).unwrap();
        copy(home.program.folder(), named.program.folder());
        let _ = named.elsewhere(&["images"]).failed(2);
    }
    assert_eq!(server.lines().len(), 0);
    for region in ["home", "me@home", "you@home", "you@nobody"] {
        let _ = home.elsewhere(&["images", "--region", region]).succeeded();
        let old = ["compat", "run", "--dialect", "3.4", "euca-describe-images"];
        let old = [&old[..], &["--region", region]].concat();
        let _ = home.elsewhere(&old).succeeded();
    }
    // The region that counts when none is named, with another user.
    let home = home.with("EUCA_DEFAULT_REGION", "home");
    let _ = home.elsewhere(&["images", "--region", "you@"]).succeeded();
    let last = server.asked().pop().unwrap();
    let signed = last.header("authorization").unwrap().to_owned();
    assert!(signed.contains("Credential=YOU/"), "{signed}");
    let _ = home.elsewhere(&["copy", "b/k", "--to", "nosuch"]).failed(2);
}

fn copy(from: &Path, to: &Path) {
    for name in [
        ".euca/home.ini",
        ".local/share/gumnut/cloud/credentials/eucarc",
    ] {
        fs_err::create_dir_all(to.join(name).parent().unwrap()).unwrap();
        fs_err::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[test]
fn variables_and_options_that_name_a_place_are_never_the_embedded_cloud() {
    for (name, value) in [
        ("EUCA_CONFIG_PATH", "/nonexistent/*.ini"),
        ("EUCA_CONFIG_PATH", "/dev/null"),
        ("AWS_CREDENTIAL_FILE", "/dev/null"),
        ("AWS_CREDENTIAL_FILE", "/nonexistent"),
        ("EUCA_DEFAULT_REGION", "nosuch"),
        ("EC2_URL", "http://127.0.0.1:1/"),
        ("S3_URL", "http://127.0.0.1:1/"),
        ("EC2_ACCESS_KEY", "AK"),
        ("EC2_SECRET_KEY", "SK"),
        ("AWS_ACCESS_KEY_ID", "AK"),
        ("AWS_SECRET_ACCESS_KEY", "SK"),
        ("AWS_SESSION_TOKEN", "T"),
        ("EUCA_BOOTSTRAP_URL", "http://127.0.0.1:1/"),
        ("AWS_PROFILE", "work"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ] {
        let home = Home::new().with(name, value);
        let outcome = home.elsewhere(&["images"]);
        assert_eq!(outcome.code, Some(2), "{name} {outcome:#?}");
        let outcome = home.elsewhere(&["compat", "run", "euca-describe-images"]);
        assert_ne!(outcome.code, Some(0), "{name} {outcome:#?}");
    }
    for options in [
        &["--ec2-url", "http://127.0.0.1:1/"][..],
        &["--s3-url", "http://127.0.0.1:1/"],
    ] {
        let home = Home::new();
        let _ = home
            .elsewhere(&[&["images"][..], options].concat())
            .failed(2);
    }
    for dialect in ["2010", "3.4"] {
        for options in [
            &["-U", "http://127.0.0.1:1/"][..],
            &["-I", "AK", "-S", "SK"],
            &["--config", "/dev/null"],
            &["--config", "nosuch"],
            &["--region", "nosuch"],
            &["--region", ""],
        ] {
            let home = Home::new();
            let old = [
                "compat",
                "run",
                "--dialect",
                dialect,
                "euca-describe-images",
            ];
            let outcome = home.elsewhere(&[&old[..], options].concat());
            assert_ne!(outcome.code, Some(0), "{dialect} {options:?} {outcome:#?}");
        }
    }
    // Files that the compatibility commands look for name a place, too.
    for text in ["# nothing\n", "EC2_URL=$(hostname)\n"] {
        let home = Home::new();
        home.program.write(".eucarc", text);
        let outcome = home.elsewhere(&["compat", "run", "euca-describe-images"]);
        assert_ne!(outcome.code, Some(0), "{outcome:#?}");
    }
}

#[test]
fn a_file_that_the_environment_outranks_is_said() {
    let (one, two) = (Server::start(images), Server::start(images));
    let home = Home::new()
        .with("EC2_URL", one.endpoint())
        .with("EC2_ACCESS_KEY", "ONE")
        .with("EC2_SECRET_KEY", "SK");
    home.program.write("two", eucarc(two.endpoint(), "TWO"));
    let outcome = home.elsewhere(&["images", "--config", "two"]).succeeded();
    let (one, two) = (one.endpoint(), two.endpoint());
    let _ = outcome.saying(&[
        &format!("the environment says EC2_URL {one}, which is used; two says {two}"),
        "the environment says the access key ONE, which is used; two says TWO",
    ]);
}

#[test]
fn who_changes_a_cloud_is_told_which_and_as_whom() {
    let cloud = Cloud::start();
    let client = cloud.client();
    client.write("kernel", gumnut_tests::patterned(3_000, 4));
    let bundle = ["bundle", "kernel", "--kind", "kernel", "--arch", "x86_64"];
    let _ = client.run(&bundle).succeeded();
    let upload = ["upload", "kernel.manifest.xml", "-b", "bucket"];
    let line = format!("cloud {}, access key ", cloud.endpoint());
    let told = |arguments: &[&str]| {
        let outcome = client.run(arguments).succeeded();
        outcome.stderr.matches(&line).count()
    };
    assert_eq!(told(&[&upload[..], &["--dry-run"]].concat()), 0);
    assert_eq!(told(&upload), 1);
    assert_eq!(told(&["register", "bucket/kernel.manifest.xml"]), 1);
    assert_eq!(told(&["images"]), 0);
    assert_eq!(told(&["verify", "bucket/kernel.manifest.xml"]), 0);
    let quiet = [&upload[..], &["--quiet"]].concat();
    assert_eq!(told(&quiet), 0);
    let outcome = client
        .run(&["upload", "kernel.manifest.xml", "-b", "other"])
        .succeeded();
    let account = outcome.stderr.lines().find(|told| told.starts_with(&line));
    assert!(account.unwrap().contains(" of account "), "{outcome:#?}");
}
