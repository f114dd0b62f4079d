//! The guide: every page is in its table of contents, every link leads somewhere, and programs are those that are compiled.

use std::path::Path;

use serde_json::Value;
use support::markdown;

use super::members::is_library;

/// Looks at the pages of `docs` and at those beside the workspace's own.
pub(crate) fn check(root: &Path, metadata: &Value) -> anyhow::Result<Vec<String>> {
    let folder = root.join("docs");
    let mut pages: Vec<String> = Vec::new();
    for entry in fs_err::read_dir(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "md")
        {
            pages.push(name);
        }
    }
    pages.sort();
    let summary = fs_err::read_to_string(folder.join("SUMMARY.md"))?;
    let mut problems = Vec::new();
    for page in pages.iter().filter(|page| *page != "SUMMARY.md") {
        if !targets(&summary).any(|target| target == page) {
            problems.push(format!("docs/{page} is not in docs/SUMMARY.md"));
        }
    }
    let docs = pages.iter().map(|page| format!("docs/{page}"));
    let own = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ];
    for page in docs.chain(own.map(str::to_owned)) {
        let path = root.join(&page);
        let text = fs_err::read_to_string(&path)?;
        let beside = path.parent().unwrap_or(root);
        let dead = targets(&text).filter(|target| is_dead(target, &path, beside));
        problems.extend(dead.map(|target| format!("{page} links to {target}, which is not there")));
        problems.extend(
            other_programs(&text, beside).map(|file| format!("{page} shows {file} as it is not")),
        );
    }
    let crates = fs_err::read_to_string(folder.join("crates.md"))?;
    problems.extend(
        unnamed_libraries(&crates, root, metadata)
            .map(|line| format!("docs/crates.md has no {line}")),
    );
    Ok(problems)
}

/// Whether a link of `page` leads to a file or a heading that is not there.
fn is_dead(target: &str, page: &Path, beside: &Path) -> bool {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    if file.contains(':') {
        return false;
    }
    let path = if file.is_empty() {
        page.to_owned()
    } else {
        beside.join(file)
    };
    let is_page = path.extension().is_some_and(|extension| extension == "md");
    if anchor.is_empty() || !is_page {
        return !path.exists();
    }
    let text = fs_err::read_to_string(path).unwrap_or_default();
    !markdown::anchors(&text).iter().any(|known| known == anchor)
}

/// The files of programs that a page shows otherwise than they are. A block of Rust shows the file that is linked last before it.
fn other_programs(text: &str, beside: &Path) -> impl Iterator<Item = String> {
    let mut shown = "";
    let mut pieces = text.split("```");
    let mut others = Vec::new();
    // In turn what is outside of blocks and what is inside.
    while let (Some(outside), Some(inside)) = (pieces.next(), pieces.next()) {
        shown = targets(outside)
            .filter(|target| Path::new(target).extension().is_some_and(|end| end == "rs"))
            .last()
            .unwrap_or(shown);
        let Some(program) = inside.strip_prefix("rust\n") else {
            continue;
        };
        if !fs_err::read_to_string(beside.join(shown)).is_ok_and(|file| file == program) {
            others.push(shown.to_owned());
        }
    }
    others.into_iter()
}

/// The lines for a `Cargo.toml` that a page lacks, one for each library crate.
fn unnamed_libraries(page: &str, root: &Path, metadata: &Value) -> impl Iterator<Item = String> {
    let mut lines = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        if !manifest
            .parent()
            .is_some_and(|folder| is_library(root, folder))
        {
            continue;
        }
        let name = package["name"].as_str().unwrap_or_default();
        let version = package["version"].as_str().unwrap_or_default();
        let compatible = version.rsplit_once('.').map_or(version, |(start, _)| start);
        lines.push(format!("{name} = \"{compatible}\""));
    }
    lines.retain(|line| !page.lines().any(|other| other == line));
    lines.into_iter()
}

/// What the links of a page lead to.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1);
    links.filter_map(|link| link.split(')').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_link_and_a_page_without_a_place_are_found() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs_err::write(root.path().join(name), text).unwrap();
        fs_err::create_dir(root.path().join("docs")).unwrap();
        for name in [
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
        ] {
            write(
                name,
                "# Start\n\n[a place](https://example.org/x) [here](#start)",
            );
        }
        write("docs/SUMMARY.md", "- [One](one.md) [Crates](crates.md)");
        write("docs/one.md", "[up](../README.md#start)");
        write("docs/crates.md", "");
        assert!(check(root.path(), &Value::Null).unwrap().is_empty());
        write(
            "docs/two.md",
            "[nowhere](three.md) [no heading](../README.md#end) [none here](#start)",
        );
        let problems = check(root.path(), &Value::Null).unwrap();
        assert_eq!(problems.len(), 4, "{problems:?}");
    }

    #[test]
    fn a_program_is_shown_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("a.rs"), "fn main() {}\n").unwrap();
        let page = "```toml\nx\n```\n[a](a.rs):\n\n```rust\nfn main() {}\n```\n[b](b.md)\n```rust\nfn main() { }\n```\n";
        let others: Vec<String> = other_programs(page, folder.path()).collect();
        assert_eq!(others, ["a.rs"]);
    }

    #[test]
    fn each_library_has_a_line_for_those_who_use_it() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "one", "version": "0.1.7", "manifest_path": "/w/crates/base/one/Cargo.toml" },
            { "name": "two", "version": "1.2.3", "manifest_path": "/w/crates/cloud/two/Cargo.toml" },
            { "name": "xtask", "version": "0.1.0", "manifest_path": "/w/xtask/Cargo.toml" },
        ] });
        let page = "a\none = \"0.1\"\n";
        let lines: Vec<String> = unnamed_libraries(page, Path::new("/w"), &metadata).collect();
        assert_eq!(lines, ["two = \"1.2\""]);
    }
}
