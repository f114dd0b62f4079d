//! The table of contents: docs/SUMMARY.md, in the form of mdBook.

use anyhow::{Context as _, ensure};

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A title above pages.
    Part(String),
    /// A page.
    Page(Link),
}

/// A page of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// What the table calls it.
    pub(crate) title: String,
    /// Its file in docs.
    pub(crate) file: String,
    /// How far it is indented: 0 for a chapter.
    pub(crate) level: usize,
}

impl Link {
    /// The name of the page in the book.
    pub(crate) fn target(&self) -> String {
        html_name(&self.file)
    }
}

/// The name in the book of a page in docs: the README is the first page.
pub(crate) fn html_name(file: &str) -> String {
    match file.strip_suffix(".md") {
        Some("README") => "index.html".to_owned(),
        Some(stem) => format!("{stem}.html"),
        None => file.to_owned(),
    }
}

/// Reads the table.
pub(crate) fn read(summary: &str) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    // After the title of the table itself.
    for line in summary.lines().skip(1) {
        let text = line.trim_start();
        if let Some(part) = text.strip_prefix("# ") {
            entries.push(Entry::Part(part.to_owned()));
        } else if let Some(link) = text.trim_start_matches("- ").strip_prefix('[') {
            let (title, file) = link
                .strip_suffix(')')
                .and_then(|link| link.split_once("]("))
                .with_context(|| format!("SUMMARY.md has no link in: {line}"))?;
            entries.push(Entry::Page(Link {
                title: title.to_owned(),
                file: file.to_owned(),
                level: (line.len() - text.len()) / 2,
            }));
        }
    }
    let is_page = |entry: &Entry| matches!(entry, Entry::Page(_));
    ensure!(entries.iter().any(is_page), "SUMMARY.md has no pages");
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_pages_are_read() {
        let table = "# Summary\n\n[The guide](README.md)\n\n# Tasks\n\n- [One](one.md)\n  - [Two](two.md)\n";
        let entries = read(table).unwrap();
        let page = |title: &str, file: &str, level| {
            Entry::Page(Link {
                title: title.to_owned(),
                file: file.to_owned(),
                level,
            })
        };
        assert_eq!(
            entries,
            [
                page("The guide", "README.md", 0),
                Entry::Part("Tasks".to_owned()),
                page("One", "one.md", 0),
                page("Two", "two.md", 1),
            ]
        );
        assert_eq!(html_name("README.md"), "index.html");
        assert!(read("# Summary\n").is_err());
        assert!(read("# Summary\n\n- [One(one.md)\n").is_err());
    }
}
