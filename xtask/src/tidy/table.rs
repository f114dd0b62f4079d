//! The tables of ARCHITECTURE.md: what kind of crate each is and whom it may call, and which foreign crates have one owner.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};

use super::kinds::Kind;

/// What the page says.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    pub(super) owners: Vec<Owner>,
}

/// One crate of the workspace.
#[derive(Debug)]
pub(super) struct Row {
    /// The package's name.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Packages that it may depend on.
    pub(super) calls: Vec<String>,
    /// Packages that its tests may depend on, too.
    pub(super) tests: Vec<String>,
}

/// A crate of others that only some of ours may depend on.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) foreign: String,
    /// Packages.
    pub(super) owners: Vec<String>,
    /// Packages whose tests may depend on it, too.
    pub(super) tests: Vec<String>,
}

/// The column titles that the two tables are found by.
const CRATES: [&str; 4] = ["crate", "kind", "may call", "its tests also"];
const FOREIGN: [&str; 3] = ["foreign crate", "only in", "and in tests of"];

impl Table {
    /// Reads the page in the root of the workspace.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let page = root.join("ARCHITECTURE.md");
        Self::parse(&fs_err::read_to_string(&page)?)
            .with_context(|| format!("{} has no table that can be read", page.display()))
    }

    pub(super) fn parse(page: &str) -> anyhow::Result<Self> {
        let mut table = Self::default();
        for cells in lines(page, &CRATES)? {
            let [name, kind, calls, tests] = cells.as_slice() else {
                bail!("a row has not {} cells: {cells:?}", CRATES.len());
            };
            table.rows.push(Row {
                name: names(name)
                    .first()
                    .map(|name| package(name))
                    .context("a row has no name")?,
                kind: kind.parse()?,
                calls: names(calls),
                tests: names(tests),
            });
        }
        for cells in lines(page, &FOREIGN)? {
            let [foreign, owners, tests] = cells.as_slice() else {
                bail!("a row has not {} cells: {cells:?}", FOREIGN.len());
            };
            for foreign in names(foreign) {
                table.owners.push(Owner {
                    foreign,
                    owners: names(owners).iter().map(|name| package(name)).collect(),
                    tests: names(tests).iter().map(|name| package(name)).collect(),
                });
            }
        }
        let folders: Vec<(String, &str)> = table
            .rows
            .iter()
            .map(|row| (row.name.clone(), row.kind.folder()))
            .collect();
        for row in &mut table.rows {
            row.calls = expand(&row.name, &row.calls, &folders);
            row.tests = expand(&row.name, &row.tests, &folders);
        }
        Ok(table)
    }

    pub(super) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}

/// The cells of each line of the table with these titles.
fn lines(page: &str, titles: &[&str]) -> anyhow::Result<Vec<Vec<String>>> {
    let mut rest = page
        .lines()
        .skip_while(|line| cells(line) != titles)
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .peekable();
    ensure!(
        rest.peek().is_some(),
        "there is no table of {}",
        titles.join(", ")
    );
    Ok(rest.map(cells).collect())
}

fn cells(line: &str) -> Vec<String> {
    line.trim()
        .trim_matches('|')
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

/// What stands between backquotes.
fn names(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The package that the table calls `name`: what is not ours alone is named in full.
fn package(name: &str) -> String {
    match name {
        "gumnut" | "xtask" | "bench" | "book" | "cluster" | "interop" | "support" => {
            name.to_owned()
        }
        _ => format!("gumnut-{name}"),
    }
}

/// Packages, with each name of a directory replaced by all others in it.
fn expand(own: &str, names: &[String], folders: &[(String, &str)]) -> Vec<String> {
    let mut packages = Vec::new();
    for name in names {
        if name.starts_with("crates/") {
            let inside = folders
                .iter()
                .filter(|(other, folder)| folder == name && other != own);
            packages.extend(inside.map(|(other, _)| other.clone()));
        } else {
            packages.push(package(name));
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# A page

| crate | kind | may call | its tests also |
|---|---|---|---|
| `types` | base | – | |
| `crypto` | base | `crates/base` | `settings` |
| `settings` | client | `types`, `crypto` | |
| `gumnut` | program | `crates/client` | |

Text.

| foreign crate | only in | and in tests of |
|---|---|---|
| `clap`, `clap_mangen` | `gumnut` | `settings` |
";

    #[test]
    fn rows_have_names_kinds_and_calls() {
        let table = Table::parse(PAGE).unwrap();
        assert_eq!(table.rows.len(), 4);
        let crypto = table.row("gumnut-crypto").unwrap();
        assert_eq!(crypto.kind, Kind::Base);
        assert_eq!(crypto.calls, ["gumnut-types"]);
        assert_eq!(crypto.tests, ["gumnut-settings"]);
        assert_eq!(table.row("gumnut").unwrap().calls, ["gumnut-settings"]);
        assert_eq!(table.owners.len(), 2);
        assert_eq!(table.owners[1].owners, ["gumnut"]);
        assert_eq!(table.owners[1].tests, ["gumnut-settings"]);
    }

    #[test]
    fn a_page_without_a_table_or_with_an_unknown_kind_is_refused() {
        assert!(Table::parse("# A page").is_err());
        assert!(Table::parse(&PAGE.replace("| client |", "| castle |")).is_err());
    }
}
