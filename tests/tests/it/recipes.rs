//! The shell scripts of docs/ci.md and docs/nightly.md, run as they stand on the pages against the embedded cloud.
//!
//! Not run: the lines that install packages and gumnut, and `gumnut boot`, which needs a disk with a whole system.

use std::path::PathBuf;
use std::process::Command;

use gumnut_tests::{Cloud, Outcome, Program};
use serde_json::Value;

use crate::guide::page;
use crate::images::{clean_root, whole_disk};

/// The directory of programs that a recipe finds first.
const BIN: &str = "bin";

/// Makes what a recipe expects: a program `gumnut`, and a script that builds an image.
fn prepare(client: &Program) {
    fs_err::create_dir(client.path(BIN)).unwrap();
    let binary = PathBuf::from(client.command::<&str>(&[]).get_program());
    // A test takes a free port, and has no disk that could start.
    executable(
        client,
        "bin/gumnut",
        &format!(
            "case \"$1 $2\" in\n'cloud start') shift 2; set -- cloud start --listen 127.0.0.1:0 \"$@\";;\n'boot '*) exit 0;;\nesac\nexec '{}' \"$@\"",
            binary.display()
        ),
    );
    whole_disk(client, "web.img", &clean_root(client, &[]));
    executable(client, "build-image.sh", "cp web.img \"$1\"");
}

fn executable(client: &Program, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = client.write(name, format!("#!/bin/sh -e\n{script}\n"));
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs a script as the CI systems do: the first command that fails ends it.
fn run(client: &Program, shell: &[&str], script: &str, variables: &[(&str, &str)]) -> Outcome {
    let settings = client.command::<&str>(&[]);
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .arg(script)
        .current_dir(client.folder())
        .env_clear();
    for (name, value) in settings.get_envs() {
        command.env(name, value.unwrap());
    }
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", client.path(BIN).display()));
    command.envs(variables.iter().copied());
    Outcome::from(command.output().expect("a shell starts"))
}

/// The blocks of a page that are in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    let pieces = page.split(&open).skip(1);
    let blocks: Vec<_> = pieces
        .map(|piece| piece.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!blocks.is_empty(), "no block of {language}");
    blocks
}

/// The value of `key: |` or `key: VALUE` after the line that contains `above`, without its indentation.
fn script_of_step(recipe: &str, above: &str, key: &str) -> String {
    let (_, step) = recipe.split_once(above).expect(above);
    let (_, value) = step.split_once(&format!(" {key}: ")).expect(key);
    let Some(block) = value.strip_prefix("|\n") else {
        return value.lines().next().unwrap().to_owned();
    };
    let indentation = block.len() - block.trim_start().len();
    let lines = block.lines().take_while(|line| line.len() > indentation);
    let lines: Vec<_> = lines.map(|line| &line[indentation..]).collect();
    lines.join("\n")
}

/// The items of the list `key:`, one command each.
fn list(recipe: &str, key: &str) -> Vec<String> {
    let (_, list) = recipe.split_once(&format!(" {key}:\n")).expect(key);
    let items = list
        .lines()
        .map_while(|line| line.trim().strip_prefix("- "));
    items.map(str::to_owned).collect()
}

/// Publishing gave an image with this name, and the recipe shows its id.
fn assert_published(client: &Program, name: &str, shown: &str) {
    let published: Value =
        serde_json::from_slice(&fs_err::read(client.path("published.json")).unwrap()).unwrap();
    let id = published["image_id"].as_str().unwrap();
    assert_eq!(shown, id);
    let images = client.json(&["images", id]);
    assert_eq!(images["images"][0]["name"], name);
}

#[test]
fn the_recipe_for_github_actions_publishes_with_the_key_as_a_secret() {
    let cloud = Cloud::start();
    let client = cloud.client();
    prepare(&client);
    let recipe = &blocks(&page("ci.md"), "yaml")[0];
    // As GitHub runs `run`.
    let bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"];
    let build = script_of_step(recipe, "name: Build the image", "run");
    let _ = run(&client, &bash, &build, &[]).succeeded();
    let key = fs_err::read_to_string(private_key(&client)).unwrap();
    let folder = client.folder().display().to_string();
    let summary = client.path("summary").display().to_string();
    let publish = script_of_step(recipe, "name: Publish", "run");
    let variables = [
        ("PRIVATE_KEY", key.trim_end()),
        ("RUNNER_TEMP", &folder),
        ("GITHUB_REF_NAME", "v1.2"),
        ("GITHUB_STEP_SUMMARY", &summary),
    ];
    let outcome = run(&client, &bash, &publish, &variables).succeeded();
    assert!(!outcome.stderr.contains("PRIVATE KEY"), "{outcome:#?}");
    let shown = fs_err::read_to_string(&summary).unwrap();
    assert_published(&client, "app-v1.2", shown.trim_end());
    assert!(!client.path("private-key.pem").exists());
}

#[test]
fn the_recipe_for_gitlab_publishes_and_a_second_job_changes_nothing() {
    let cloud = Cloud::start();
    let client = cloud.client();
    prepare(&client);
    let recipe = &blocks(&page("ci.md"), "yaml")[1];
    let mut lines = list(recipe, "before_script");
    lines.retain(|line| !line.starts_with("apt-get") && !line.starts_with("cargo install"));
    assert_eq!(lines, ["chmod 600 \"$EC2_PRIVATE_KEY\""]);
    lines.extend(list(recipe, "script"));
    let key = private_key(&client).display().to_string();
    let variables = [("CI_COMMIT_TAG", "v1.2"), ("EC2_PRIVATE_KEY", &key)];
    let job = || run(&client, &["sh", "-e", "-c"], &lines.join("\n"), &variables).succeeded();
    let first = job();
    assert_published(&client, "app-v1.2", first.stdout.trim_end());
    assert_eq!(job().stdout, first.stdout);
}

#[test]
fn an_image_is_tested_on_an_embedded_cloud_that_the_job_starts() {
    let client = Program::new();
    prepare(&client);
    fs_err::rename(client.path("web.img"), client.path("disk.img")).unwrap();
    let scripts = blocks(&page("ci.md"), "sh");
    let outcome = run(&client, &["sh", "-e", "-c"], &scripts[0], &[]).succeeded();
    assert!(outcome.stdout.contains("signature valid"), "{outcome:#?}");
    let _ = client.run(&["cloud", "status"]).failed(3);
}

#[test]
fn old_images_are_removed_except_the_last_five() {
    let cloud = Cloud::start();
    let client = cloud.client();
    prepare(&client);
    let publish = |version: &str| {
        let name = format!("app-{version}");
        let arguments = ["publish", "web.img", "--prefix", version, "--name", &name];
        let _ = client
            .run(&[&arguments[..], &["--force"]].concat())
            .succeeded();
    };
    (1..=7).for_each(|version| publish(&format!("v{version}")));
    let scripts = blocks(&page("ci.md"), "sh");
    let retire = scripts.last().unwrap();
    let _ = run(&client, &["sh", "-e", "-c"], retire, &[]).succeeded();
    let left = names(&client);
    assert_eq!(left, ["app-v3", "app-v4", "app-v5", "app-v6", "app-v7"]);
}

#[test]
fn a_nightly_build_moves_the_tag_and_can_be_repeated() {
    let cloud = Cloud::start();
    let client = cloud.client();
    prepare(&client);
    let night = &blocks(&page("nightly.md"), "sh")[0];
    for _ in 0..2 {
        let _ = run(&client, &["sh", "-c"], night, &[]).succeeded();
        let images = client.json(&["images", "--filter", "tag:current=yes"]);
        let images = images["images"].as_array().unwrap();
        assert_eq!(images.len(), 1, "{images:#?}");
        assert!(images[0]["name"].as_str().unwrap().starts_with("web-20"));
        assert_eq!(images[0]["tags"]["build"], "nightly");
    }
    assert_eq!(names(&client).len(), 1);
}

/// The names of all images, in their order.
fn names(client: &Program) -> Vec<String> {
    let images = client.json(&["images"]);
    let images = images["images"].as_array().unwrap().iter();
    let mut names: Vec<_> = images
        .map(|image| image["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// The private key that the settings of a client name.
fn private_key(client: &Program) -> PathBuf {
    let doctor = client.json(&["doctor", "--no-write"]);
    let settings = doctor["settings"].as_array().unwrap();
    let mut keys = settings
        .iter()
        .filter(|setting| setting["name"] == "private key");
    keys.next().unwrap()["value"].as_str().unwrap().into()
}
