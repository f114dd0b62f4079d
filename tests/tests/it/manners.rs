//! How the program behaves on a terminal and in a pipe.

use std::process::Stdio;

use gumnut_tests::{Program, fixture};

#[test]
fn help_and_version_succeed_and_go_to_standard_output() {
    let program = Program::new();
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["bundle", "--help"],
        &["cloud", "start", "--help"],
    ] {
        let outcome = program.run(arguments).succeeded();
        assert!(!outcome.stdout.is_empty());
        assert_eq!(outcome.stderr, "");
    }
}

#[test]
fn an_unknown_option_is_a_usage_error() {
    let outcome = Program::new().run(&["bundle", "--no-such-option"]);
    assert_eq!(outcome.code, Some(2));
    assert_eq!(outcome.stdout, "");
}

#[test]
fn no_colour_where_there_is_no_terminal() {
    let program = Program::new();
    let outcome = program.run(&["verify", "absent.manifest.xml"]).failed(3);
    assert!(!outcome.stderr.contains('\u{1b}'), "{outcome:?}");
    let outcome = program
        .run(&["verify", "absent.manifest.xml", "--color", "always"])
        .failed(3);
    assert!(outcome.stderr.contains('\u{1b}'), "{outcome:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let program = Program::new();
    let manifest = fixture("vectors/euca2ools-3.4.1-tiny/tiny.img.manifest.xml");
    let mut child = program
        .command(&["inspect", manifest.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn json_is_one_value_and_quiet_is_quiet() {
    let program = Program::new();
    let manifest = fixture("vectors/euca2ools-3.4.1-tiny/tiny.img.manifest.xml");
    let value = program.json(&["inspect", manifest.to_str().unwrap(), "-q"]);
    assert_eq!(value["architecture"], "x86_64");
}
