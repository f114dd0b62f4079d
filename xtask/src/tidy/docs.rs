//! The guide: every page is in its table of contents, and every link leads somewhere.

use std::path::Path;

/// Looks at the pages of `docs` and at those beside the workspace's own.
pub(crate) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
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
        let dead = targets(&text).filter(|target| {
            let file = target.split('#').next().unwrap_or_default();
            !file.is_empty() && !file.contains(':') && !beside.join(file).exists()
        });
        problems.extend(dead.map(|target| format!("{page} links to {target}, which is not there")));
    }
    Ok(problems)
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
            write(name, "[a place](https://example.org/x) [here](#there)");
        }
        write("docs/SUMMARY.md", "- [One](one.md)");
        write("docs/one.md", "[up](../README.md#start)");
        assert!(check(root.path()).unwrap().is_empty());
        write("docs/two.md", "[nowhere](three.md)");
        let problems = check(root.path()).unwrap();
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
