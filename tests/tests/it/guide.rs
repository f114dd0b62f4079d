//! The guide says what the program says.

use std::path::Path;

use gumnut_tests::Program;

pub(crate) fn page(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    fs_err::read_to_string(docs.join(name)).unwrap()
}

#[test]
fn the_reference_lists_every_command_and_option() {
    let (made, page) = (
        Program::new().run(&["reference"]).succeeded().stdout,
        page("commands.md"),
    );
    let differs = made
        .lines()
        .zip(page.lines())
        .find(|(made, page)| made != page);
    assert!(
        made == page,
        "docs/commands.md is out of date, run: cargo xtask docs --commands\n{differs:?}"
    );
}
