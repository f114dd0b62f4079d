//! Completions and manual pages: made from the command line's own tree, understood by those who read them.

use gumnut_tests::{Program, tool};

/// The commands that `gumnut --help` lists.
fn commands() -> Vec<String> {
    let help = Program::new().run(&["--help"]).succeeded().stdout;
    let listed = help.split("Commands:").nth(1).unwrap();
    // Longer descriptions continue in lines that are indented further.
    let lines = listed.lines().skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<_> = names
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect();
    assert!(commands.contains(&"bundle".to_owned()), "{commands:?}");
    commands
}

#[test]
fn bash_completes_every_command() {
    let program = Program::new();
    let script = program.run(&["completions", "bash"]).succeeded().stdout;
    let path = program.write("gumnut.bash", script);
    let ask = ". \"$0\"; COMP_WORDS=(gumnut ''); COMP_CWORD=1; _gumnut gumnut '' gumnut; echo \"${COMPREPLY[@]}\"";
    let offered = tool("bash", &["-c", ask, path.to_str().unwrap()]);
    let offered: Vec<_> = offered.split_whitespace().collect();
    for command in commands() {
        assert!(
            offered.contains(&command.as_str()),
            "{command}: {offered:?}"
        );
    }
}

#[test]
fn other_shells_get_completions_too() {
    for shell in ["zsh", "fish"] {
        let script = Program::new().run(&["completions", shell]).succeeded();
        assert!(script.stdout.contains("unbundle"), "{shell}");
    }
    let _ = Program::new().run(&["completions", "cmd"]).failed(2);
}

#[test]
fn every_command_has_a_page_that_groff_understands() {
    let program = Program::new();
    let _ = program.run(&["man", "man1"]).succeeded();
    let folder = program.path("man1");
    let pages = Program::files(&folder);
    for command in commands() {
        assert!(pages.contains(&format!("gumnut-{command}.1")), "{command}");
    }
    assert!(pages.contains(&"gumnut-cloud-start.1".to_owned()));
    let warnings = "groff -man -Tutf8 -z -w mac -w syntax \"$@\" 2>&1";
    let paths: Vec<_> = pages.iter().map(|page| folder.join(page)).collect();
    let paths = paths.iter().map(|path| path.to_str().unwrap());
    let arguments: Vec<_> = ["-c", warnings, "groff"].into_iter().chain(paths).collect();
    assert_eq!(tool("sh", &arguments), "");
    let page = folder.join("gumnut-bundle.1");
    let plain = ["-man", "-Tascii", "-P-cbou", page.to_str().unwrap()];
    let shown = tool("groff", &plain);
    assert!(shown.contains("--part-size"), "{shown}");
}

#[test]
fn pages_are_the_same_each_time() {
    let program = Program::new();
    for folder in ["one", "other"] {
        let _ = program.run(&["man", folder]).succeeded();
    }
    for page in Program::files(&program.path("one")) {
        let read = |folder: &str| fs_err::read(program.path(folder).join(&page)).unwrap();
        assert!(read("one") == read("other"), "{page}");
    }
}
