//! The book: all pages with the table of contents, the search index, and what they show besides text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::json;

use crate::contents::{self, Entry, Link};
use crate::page::{self, Page};

const STYLE: &str = include_str!("theme/book.css");
const SCRIPT: &str = include_str!("theme/book.js");

/// A book that is ready to be written.
#[derive(Debug)]
pub(crate) struct Site {
    /// Content by name; what is copied from docs is not here.
    files: BTreeMap<String, String>,
    /// Pictures and data that are copied.
    copied: Vec<PathBuf>,
    /// Links that lead nowhere.
    pub(crate) problems: Vec<String>,
}

impl Site {
    /// Makes the book of the pages in `docs`.
    pub(crate) fn build(docs: &Path) -> anyhow::Result<Self> {
        let summary = fs_err::read_to_string(docs.join("SUMMARY.md"))?;
        let entries = contents::read(&summary)?;
        let settings = fs_err::read_to_string(docs.join("book.toml"))?;
        let title = setting(&settings, "title")?;
        let repository = setting(&settings, "git-repository-url")?;
        let mut pages = Vec::new();
        for entry in &entries {
            if let Entry::Page(link) = entry {
                let text = fs_err::read_to_string(docs.join(&link.file))?;
                pages.push((link, page::render(&text, &repository)));
            }
        }
        let mut copied = Vec::new();
        for entry in fs_err::read_dir(docs)? {
            let path = entry?.path();
            let is_page = path
                .extension()
                .is_some_and(|end| end == "md" || end == "toml");
            if path.is_file() && !is_page {
                copied.push(path);
            }
        }
        let problems = dead_links(&pages, &copied);
        let mut files = BTreeMap::new();
        for (index, (link, page)) in pages.iter().enumerate() {
            let beside = Beside {
                before: index.checked_sub(1).map(|before| pages[before].0),
                after: pages.get(index + 1).map(|(after, _)| *after),
            };
            let html = document(&title, &entries, link, page, &beside)?;
            files.insert(link.target(), html);
        }
        files.insert("book.css".to_owned(), STYLE.to_owned());
        files.insert("book.js".to_owned(), SCRIPT.to_owned());
        files.insert("search-index.js".to_owned(), index(&pages));
        Ok(Self {
            files,
            copied,
            problems,
        })
    }

    /// Writes the book into a directory, in the place of an older one.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        if folder.exists() {
            fs_err::remove_dir_all(folder)?;
        }
        fs_err::create_dir_all(folder)?;
        for (name, content) in &self.files {
            fs_err::write(folder.join(name), content)?;
        }
        for file in &self.copied {
            let name = file.file_name().context("a file has a name")?;
            fs_err::copy(file, folder.join(name))?;
        }
        Ok(())
    }
}

/// The pages before and after one.
struct Beside<'a> {
    before: Option<&'a Link>,
    after: Option<&'a Link>,
}

/// A value of book.toml.
fn setting(toml: &str, name: &str) -> anyhow::Result<String> {
    for line in toml.lines() {
        if let Some((key, value)) = line.split_once('=')
            && key.trim() == name
        {
            return Ok(value.trim().trim_matches('"').to_owned());
        }
    }
    bail!("book.toml has no {name}")
}

fn dead_links(pages: &[(&Link, Page)], copied: &[PathBuf]) -> Vec<String> {
    let mut dead = Vec::new();
    for (from, page) in pages {
        for link in &page.links {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let there = match pages.iter().find(|(to, _)| to.target() == file) {
                Some((_, to)) => anchor.is_empty() || has(&to.anchors, anchor),
                None if file.is_empty() => has(&page.anchors, anchor),
                None => copied.iter().any(|path| path.ends_with(file)),
            };
            if !there {
                dead.push(format!("docs/{} links to {link}", from.file));
            }
        }
    }
    dead
}

fn has(anchors: &[String], anchor: &str) -> bool {
    anchors.iter().any(|known| known == anchor)
}

/// What the search in the browser reads.
fn index(pages: &[(&Link, Page)]) -> String {
    let mut sections = Vec::new();
    for (link, page) in pages {
        for section in &page.sections {
            sections.push(json!({
                "page": page.title,
                "heading": section.heading,
                "link": format!("{}#{}", link.target(), section.anchor),
                "text": section.text.split_whitespace().collect::<Vec<_>>().join(" "),
            }));
        }
    }
    format!("window.searchIndex = {};\n", json!(sections))
}

fn document(
    title: &str,
    entries: &[Entry],
    link: &Link,
    page: &Page,
    beside: &Beside<'_>,
) -> anyhow::Result<String> {
    let mut html = String::new();
    let (name, heading) = (escaped(title), escaped(&page.title));
    writeln!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{heading} - {name}</title>\n<link rel=\"stylesheet\" href=\"book.css\">\n</head>\n<body>\n\
         <nav aria-label=\"contents\">\n<a class=\"name\" href=\"index.html\">{name}</a>\n\
         <input id=\"search\" type=\"search\" placeholder=\"Search (press /)\" aria-label=\"search\" autocomplete=\"off\">"
    )?;
    contents_list(&mut html, entries, link)?;
    writeln!(
        html,
        "</nav>\n<main>\n<ol id=\"results\" hidden></ol>\n<article>\n{}</article>\n<footer>",
        page.html
    )?;
    for (other, class) in [(beside.before, "before"), (beside.after, "after")] {
        if let Some(other) = other {
            let (target, title) = (other.target(), escaped(&other.title));
            writeln!(html, "<a class=\"{class}\" href=\"{target}\">{title}</a>")?;
        }
    }
    writeln!(
        html,
        "</footer>\n</main>\n<script src=\"search-index.js\"></script>\n<script src=\"book.js\"></script>\n</body>\n</html>"
    )?;
    Ok(html)
}

fn contents_list(html: &mut String, entries: &[Entry], here: &Link) -> anyhow::Result<()> {
    writeln!(html, "<ul>")?;
    for entry in entries {
        match entry {
            Entry::Part(title) => writeln!(html, "<li class=\"part\">{}</li>", escaped(title))?,
            Entry::Page(link) => {
                let (target, title, level) = (link.target(), escaped(&link.title), link.level);
                let current = if link == here {
                    " aria-current=\"page\""
                } else {
                    ""
                };
                writeln!(
                    html,
                    "<li class=\"level{level}\"><a href=\"{target}\"{current}>{title}</a></li>"
                )?;
            }
        }
    }
    writeln!(html, "</ul>")?;
    Ok(())
}

/// A text as HTML shows it.
pub(crate) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use support::workspace::Workspace;

    use super::*;

    #[test]
    fn the_guide_becomes_a_book_without_dead_links() {
        let docs = Workspace::find().unwrap().root().join("docs");
        let site = Site::build(&docs).unwrap();
        assert_eq!(site.problems, Vec::<String>::new());
        let folder = tempfile::tempdir().unwrap();
        site.write(folder.path()).unwrap();
        let read = |name: &str| fs_err::read_to_string(folder.path().join(name)).unwrap();
        assert!(read("index.html").contains("href=\"quickstart.html\""));
        let commands = read("commands.html");
        assert!(commands.contains("id=\"gumnut-publish\""));
        assert!(commands.contains("aria-current=\"page\">Commands</a>"));
        assert!(read("search-index.js").contains("commands.html#gumnut-retire"));
        assert!(folder.path().join("pipeline.svg").is_file());
        // An older book is replaced.
        fs_err::write(folder.path().join("old.html"), "").unwrap();
        site.write(folder.path()).unwrap();
        assert!(!folder.path().join("old.html").exists());
    }

    #[test]
    fn dead_links_are_found() {
        let docs = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs_err::write(docs.path().join(name), text).unwrap();
        write(
            "book.toml",
            "title = \"t\"\ngit-repository-url = \"https://r.org\"\n",
        );
        write("SUMMARY.md", "# Summary\n\n- [A](README.md)\n- [B](b.md)\n");
        write(
            "README.md",
            "# A\n\n[b](b.md#b) [x](x.md) [y](b.md#y) [a](#a) [z](#z) ![p](p.svg) ![q](q.svg)\n",
        );
        write("b.md", "# B\n\n[a](README.md)\n");
        write("p.svg", "<svg/>");
        let site = Site::build(docs.path()).unwrap();
        assert_eq!(
            site.problems,
            ["x.html", "b.html#y", "#z", "q.svg"]
                .map(|link| format!("docs/README.md links to {link}"))
        );
    }
}
