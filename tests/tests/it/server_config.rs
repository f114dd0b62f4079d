//! `gumnut cloud ... --server-config FILE`.

use gumnut_tests::{Cloud, Postgres, Program, tool};

#[test]
fn a_file_starts_the_cloud_and_options_take_precedence() {
    let program = Program::new();
    let file = "data = \"../data\"\nlisten = \"127.0.0.1:1\"\nprofile = \"euca-2.0\"\n[limits]\nbuckets = 1\n";
    fs_err::create_dir(program.path("etc")).unwrap();
    program.write("etc/cloud.toml", file);
    let config = ["--server-config", "etc/cloud.toml"];
    let print = ["cloud", "start", "--print-config", "--profile", "strict"];
    let printed = program.run(&[&print[..], &config].concat()).succeeded();
    for line in [
        "listen = \"127.0.0.1:1\"\n",
        "profile = \"strict\"\n",
        "limits.buckets = 1\n",
        "limits.requests = 256\n",
        "# master-key\n",
    ] {
        assert!(printed.stdout.contains(line), "{line}{}", printed.stdout);
    }
    program.write("again.toml", &printed.stdout);
    let again = [
        "cloud",
        "start",
        "--print-config",
        "--server-config",
        "again.toml",
    ];
    assert_eq!(program.run(&again).succeeded().stdout, printed.stdout);
    // The port is that of the option; the port of the file belongs to nobody that may be listened at.
    let cloud = Cloud::start_with(program, &config);
    let program = cloud.kill();
    let add = [&["cloud", "user", "add", "flora"], &config[..]].concat();
    let _ = program.run(&add).succeeded();
    let list = program.json(&["cloud", "user", "list", "--data", "data"]);
    assert_eq!(list["users"][1]["name"], "flora");
}

#[test]
fn what_is_wrong_in_a_file_is_named_with_its_line() {
    let program = Program::new();
    let start = ["cloud", "start", "--server-config", "cloud.toml"];
    for (text, said) in [
        (
            "\ncatalog = \"sqlite\"\n",
            "cloud.toml, line 2: there is no setting `catalog`; did you mean `catalogue`?",
        ),
        (
            "grace = 10\n",
            "cloud.toml, line 1: `grace`: invalid type: integer `10`, expected a time with its unit, as in \"10 s\"",
        ),
        (
            "tls = true\ntls-cert = \"x\"\n",
            "`tls` and `tls-cert` exclude each other",
        ),
        (
            "tls-key = \"x\"\n",
            "`tls-cert` and `tls-key` need each other",
        ),
        ("blobs = \"tape\"\n", "the setting `blobs` cannot be used"),
        (
            "catalogue = \"oracle\"\n",
            "the setting `catalogue` cannot be used",
        ),
        ("blobs = \"s3://images\"\n", "GUMNUT_BLOBS_KEY_FILE"),
        (
            "inline = \"1 MiB\"\n",
            "the setting `inline` must be at most 64 KiB",
        ),
    ] {
        program.write("cloud.toml", text);
        let _ = program.run(&start).failed(2).saying(&[said]);
    }
    let absent = ["cloud", "start", "--server-config", "absent.toml"];
    let _ = program.run(&absent).failed(3).saying(&["absent.toml"]);
    assert!(!program.path("data").exists());
}

#[test]
fn commands_use_a_catalogue_in_postgres() {
    let postgres = Postgres::start();
    let program = Program::new();
    let file = format!(
        "data = \"data\"\ncatalogue = \"postgres://gumnut@/postgres?host={}\"\n",
        postgres.directory()
    );
    program.write("cloud.toml", &file);
    let run = |arguments: &[&str]| {
        let arguments = [arguments, &["--server-config", "cloud.toml"]].concat();
        program.json(&arguments)
    };
    let init = run(&["cloud", "init"]);
    assert!(
        init["eucarc"].as_str().unwrap().ends_with("eucarc"),
        "{init}"
    );
    let added = run(&["cloud", "user", "add", "flora"]);
    assert_eq!(added["name"], "flora");
    let credentials = ["cloud", "credentials", "--user", "flora", "-o", "flora"];
    run(&credentials);
    assert!(program.path("flora/eucarc").exists());
    run(&["cloud", "user", "revoke", "flora"]);
    let users = run(&["cloud", "user", "list"]);
    assert_eq!(users["users"][1]["name"], "flora");
    let keys = users["users"][1]["access_keys"].as_array().unwrap();
    assert!(keys.is_empty(), "{users}");
    // None of it is in the data directory.
    assert!(!program.path("data/catalogue.sqlite").exists());
}

#[test]
fn the_tables_in_postgres_are_shown_and_brought_up_to_date() {
    let postgres = Postgres::start();
    let program = Program::new();
    let directory = postgres.directory();
    let file =
        format!("data = \"data\"\ncatalogue = \"postgres://gumnut@/postgres?host={directory}\"\n");
    program.write("cloud.toml", &file);
    let show = ["cloud", "schema", "show", "--server-config", "cloud.toml"];
    let upgrade = [
        "cloud",
        "schema",
        "upgrade",
        "--server-config",
        "cloud.toml",
    ];
    let fsck = ["cloud", "fsck", "--server-config", "cloud.toml"];
    for command in [&show[..], &fsck] {
        let empty = program.run(command).failed(4);
        let _ = empty.saying(&["the database contains no catalogue"]);
    }
    let made = program.json(&upgrade);
    assert_eq!(made["before"], 0);
    let shown = program.json(&show);
    assert_eq!(
        (&shown["version"], &shown["fits"]),
        (&made["after"], &true.into())
    );
    let again = program.json(&upgrade);
    assert_eq!(again["before"], again["after"]);
    let checked = program.json(&fsck);
    assert_eq!(
        (&checked["faults"], &checked["deep"]),
        (&0.into(), &false.into())
    );

    // As a later gumnut may leave them.
    let later = "UPDATE schema SET version = 99, oldest_program = 99";
    tool(
        "psql",
        &[
            "-h", directory, "-U", "gumnut", "-d", "postgres", "-c", later,
        ],
    );
    let shown = program.run(&[&show[..], &["--json"]].concat());
    assert_eq!(shown.code, Some(4), "{shown:#?}");
    assert!(shown.stdout.contains("\"fits\":false"), "{shown:#?}");
    let shown = shown.saying(&[
        "this program cannot use the tables",
        "install a later gumnut",
    ]);
    drop(shown);
    let start = ["cloud", "start", "--server-config", "cloud.toml"];
    for command in [&upgrade[..], &fsck, &start] {
        let refused = program.run(command).failed(4);
        let _ = refused.saying(&["has version 99", "install a later gumnut"]);
    }
    let sqlite = ["cloud", "schema", "show", "--data", "data"];
    let _ = program.run(&sqlite).failed(2).saying(&["in SQLite"]);
}
