//! With `--json` everything is JSON: the result on standard output, and each line on standard error.

use gumnut_tests::{Cloud, Program};
use serde_json::Value;

/// The objects on standard error of a run that fails.
fn failed(program: &Program, arguments: &[&str], code: i32) -> Vec<Value> {
    let outcome = program.run(&[arguments, &["--json"]].concat());
    assert_eq!(outcome.code, Some(code), "{outcome:#?}");
    assert_eq!(outcome.stdout, "");
    let objects: Vec<Value> = outcome
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let errors = objects.iter().filter(|object| object["error"].is_string());
    assert_eq!(errors.count(), 1, "{objects:#?}");
    assert_eq!(objects.last().unwrap()["exit_code"], code, "{objects:#?}");
    objects
}

#[test]
fn an_error_is_one_object() {
    let program = Program::new();
    let missing = failed(&program, &["inspect", "absent"], 3);
    assert_eq!(missing.len(), 1, "{missing:#?}");
    assert!(missing[0]["error"].as_str().unwrap().contains("absent"));
    assert!(missing[0]["causes"].is_array());
    let keys = failed(&program, &["images"], 2);
    assert!(keys.last().unwrap()["hint"].is_string(), "{keys:#?}");
}

#[test]
fn so_is_a_command_line_that_is_wrong() {
    let program = Program::new();
    let typo = &failed(&program, &["bundle", "disk", "--arhc", "i386"], 2)[0];
    assert_eq!(typo["error"], "unexpected argument '--arhc' found");
    assert!(typo["hint"].as_str().unwrap().contains("--arch"), "{typo}");
    let _ = failed(&program, &["bundel"], 2);
    let _ = failed(&program, &["resize", "disk", "--size", "4X", "-o", "x"], 2);
    let _ = failed(&program, &["cloud"], 2);
    let help = program.run(&["bundle", "--help", "--json"]).succeeded();
    assert!(help.stdout.contains("--part-size"));
}

#[test]
fn a_refusal_has_its_code() {
    let cloud = Cloud::start();
    let objects = failed(&cloud.client(), &["deregister", "emi-00000001"], 4);
    let error = objects.last().unwrap();
    assert!(
        error["code"].as_str().unwrap().starts_with("InvalidAMIID"),
        "{error}"
    );
}
