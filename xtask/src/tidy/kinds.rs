//! The kinds of crates, and the rules that hold whatever the table of arrows says.
//!
//! (a) Values and seams are at the bottom. (b) Domains know seams, and no HTTP, no SQL, no wire format. (c) Front ends know
//! domains and one listener, and never each other. (d) Adapters know one seam each, and only the whole cloud knows adapters.
//! And client and cloud share nothing but the crates below both.

use std::str::FromStr;

use anyhow::bail;

use super::table::{Row, Table};

/// What a crate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Values and formats that both sides share.
    Base,
    /// What an image is, and how a machine starts from one.
    Image,
    /// The client side.
    Client,
    /// Values of the cloud, and traits for what it stands on.
    Seam,
    /// A database, a store, a hypervisor behind a seam.
    Adapter,
    /// Rules of the cloud.
    Domain,
    /// What accepts connections.
    Listener,
    /// A protocol.
    FrontEnd,
    /// The cloud as a whole.
    Whole,
    /// Commands of the binary that are a crate of their own.
    Commands,
    /// The binary.
    Program,
    /// What puts others to the test.
    Judge,
    /// A task of the workspace.
    Tool,
}

use Kind::{
    Adapter, Base, Client, Commands, Domain, FrontEnd, Image, Judge, Listener, Program, Seam, Tool,
    Whole,
};

/// Name of each kind in the table, its directory, and the kinds that it may call.
const KINDS: [(Kind, &str, &str, &[Kind]); 13] = [
    (Base, "base", "crates/base", &[Base]),
    (Image, "image", "crates/image", &[Base, Image]),
    (Client, "client", "crates/client", &[Base, Image, Client]),
    (Seam, "seam", "crates/cloud", &[Base]),
    (
        Adapter,
        "adapter",
        "crates/cloud",
        &[Base, Image, Seam, Domain],
    ),
    (
        Domain,
        "domain",
        "crates/cloud",
        &[Base, Image, Seam, Domain],
    ),
    (Listener, "listener", "crates/cloud", &[Base]),
    (
        FrontEnd,
        "front end",
        "crates/cloud",
        &[Base, Seam, Domain, Listener],
    ),
    (
        Whole,
        "whole",
        "crates/cloud",
        &[Base, Image, Seam, Adapter, Domain, Listener, FrontEnd],
    ),
    (
        Commands,
        "commands",
        "crates/cli",
        &[Base, Image, Client, Whole],
    ),
    (
        Program,
        "program",
        "crates/cli",
        &[Base, Image, Client, Whole, Commands],
    ),
    (Judge, "judge", "", &[Base, Image, Client, Domain]),
    (Tool, "tool", "", &[Tool]),
];

/// Crates of others that speak HTTP, SQL or a wire format: none is for a seam or a domain.
const PROTOCOLS: [&str; 13] = [
    "axum",
    "http",
    "http-body",
    "http-body-util",
    "hyper",
    "hyper-util",
    "object_store",
    "quick-xml",
    "reqwest",
    "rusqlite",
    "s3s",
    "tokio-postgres",
    "tokio-rustls",
];

impl Kind {
    fn row(self) -> &'static (Kind, &'static str, &'static str, &'static [Kind]) {
        // The table has all of them, in the order of the enum.
        &KINDS[self as usize]
    }

    /// Where crates of this kind are; empty when they are in several places.
    pub(super) fn folder(self) -> &'static str {
        self.row().2
    }

    /// Why a crate of this kind must not depend on one of another; `None` when it may.
    pub(super) fn objection(self, other: Self, in_tests: bool) -> Option<&'static str> {
        // A domain or front end may be tested on an adapter.
        let is_for_tests = in_tests && other == Adapter && [Domain, FrontEnd].contains(&self);
        if self.row().3.contains(&other) || is_for_tests {
            return None;
        }
        Some(match (self.folder(), other.folder()) {
            ("crates/cloud", "crates/client") | ("crates/client", "crates/cloud") => {
                "client and cloud never meet"
            }
            _ => match (self, other) {
                (_, Adapter) => "only the whole cloud names adapters",
                (_, Program) => "the binary is called by nobody",
                (_, Commands) => "only the binary names its commands",
                (FrontEnd, FrontEnd) => "front ends never see each other",
                (Base | Seam, _) => "values and seams are at the bottom",
                (Domain, _) => "domains know seams and domains only",
                (Adapter, _) => "adapters know one seam",
                _ => "a crate of its kind has no business there",
            },
        })
    }
}

impl FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match KINDS.iter().find(|row| row.1 == text) {
            Some(row) => Ok(row.0),
            None => bail!("{text:?} is no kind of crate"),
        }
    }
}

/// Whether a foreign crate is one that a crate of this kind must do without.
pub(super) fn is_protocol_too_low(kind: Kind, foreign: &str) -> bool {
    [Seam, Domain].contains(&kind) && PROTOCOLS.contains(&foreign)
}

/// Gives one line for each row of the table that breaks a rule.
pub(super) fn check(table: &Table) -> Vec<String> {
    let mut problems = Vec::new();
    for row in &table.rows {
        for (names, in_tests) in [(&row.calls, false), (&row.tests, true)] {
            for name in names {
                let Some(other) = table.row(name) else {
                    problems.push(format!(
                        "{} may call {name}, which is not in the table",
                        row.name
                    ));
                    continue;
                };
                if let Some(reason) = row.kind.objection(other.kind, in_tests) {
                    problems.push(format!(
                        "{} may not be allowed to call {name}: {reason}",
                        row.name
                    ));
                }
            }
        }
        problems.extend(numbers(table, row));
    }
    problems
}

/// An adapter stands behind one seam, which may be a trait of a domain; a front end at one listener.
fn numbers(table: &Table, row: &Row) -> Option<String> {
    match row.kind {
        Adapter if count(table, row, &[Seam, Domain]) != 1 => {
            Some(format!("{} is an adapter and knows not one seam", row.name))
        }
        FrontEnd if count(table, row, &[Listener]) > 1 => {
            Some(format!("{} is a front end of several listeners", row.name))
        }
        _ => None,
    }
}

/// How many crates of these kinds a row may call.
fn count(table: &Table, row: &Row, kinds: &[Kind]) -> usize {
    row.calls
        .iter()
        .filter_map(|name| table.row(name))
        .filter(|called| kinds.contains(&called.kind))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a table in which the last row has these calls and tests.
    fn problems(name: &str, kind: &str, calls: &str, tests: &str) -> Vec<String> {
        let page = format!(
            "| crate | kind | may call | its tests also |\n|---|---|---|---|\n\
             | `types` | base | – | |\n\
             | `ec2-client` | client | `types` | |\n\
             | `cloud-catalogue` | seam | `types` | |\n\
             | `cloud-blobs` | seam | `types` | |\n\
             | `cloud-sqlite` | adapter | `cloud-catalogue` | |\n\
             | `cloud-objects` | domain | `cloud-catalogue`, `cloud-blobs` | `cloud-sqlite` |\n\
             | `cloud-http` | listener | `types` | |\n\
             | `cloud-ec2` | front end | `cloud-http`, `cloud-objects` | |\n\
             | `cloud` | whole | `crates/cloud` | |\n\
             | `cloud-commands` | commands | `cloud` | |\n\
             | `gumnut` | program | `cloud-commands` | |\n\
             | `{name}` | {kind} | {calls} | {tests} |\n\n\
             | foreign crate | only in | and in tests of |\n|---|---|---|\n| `s3s` | `cloud` | |\n"
        );
        check(&Table::parse(&page).unwrap())
    }

    #[test]
    fn what_the_rules_allow_passes() {
        for (kind, calls, tests) in [
            (
                "front end",
                "`cloud-http`, `cloud-objects`, `cloud-catalogue`",
                "`cloud-sqlite`",
            ),
            ("domain", "`cloud-objects`, `types`", "`cloud-sqlite`"),
            ("commands", "`cloud`, `crates/base`, `crates/client`", ""),
            ("program", "`cloud-commands`, `cloud`, `crates/base`", ""),
        ] {
            assert_eq!(problems("x", kind, calls, tests), [""; 0], "{kind}");
        }
    }

    #[test]
    fn a_row_that_breaks_a_rule_is_found() {
        for (kind, calls, reason) in [
            (
                "base",
                "`cloud-catalogue`",
                "values and seams are at the bottom",
            ),
            (
                "seam",
                "`cloud-objects`",
                "values and seams are at the bottom",
            ),
            (
                "domain",
                "`cloud-http`",
                "domains know seams and domains only",
            ),
            (
                "domain",
                "`cloud-sqlite`",
                "only the whole cloud names adapters",
            ),
            (
                "front end",
                "`cloud-ec2`",
                "front ends never see each other",
            ),
            (
                "front end",
                "`cloud-sqlite`",
                "only the whole cloud names adapters",
            ),
            (
                "program",
                "`cloud-sqlite`",
                "only the whole cloud names adapters",
            ),
            ("program", "`gumnut`", "the binary is called by nobody"),
            (
                "commands",
                "`cloud-commands`",
                "only the binary names its commands",
            ),
            ("domain", "`ec2-client`", "client and cloud never meet"),
            ("client", "`cloud`", "client and cloud never meet"),
            (
                "tool",
                "`types`",
                "a crate of its kind has no business there",
            ),
        ] {
            let found = problems("x", kind, calls, "");
            let called = match calls.trim_matches('`') {
                "gumnut" => "gumnut".to_owned(),
                other => format!("gumnut-{other}"),
            };
            assert_eq!(
                found,
                [format!(
                    "gumnut-x may not be allowed to call {called}: {reason}"
                )],
                "{kind}"
            );
        }
    }

    #[test]
    fn an_adapter_knows_one_seam() {
        let expected = ["gumnut-x is an adapter and knows not one seam"];
        assert_eq!(
            problems("x", "adapter", "`cloud-catalogue`, `cloud-blobs`", ""),
            expected
        );
        assert_eq!(problems("x", "adapter", "`types`", ""), expected);
    }

    #[test]
    fn the_kinds_are_in_the_order_of_the_enum() {
        for row in KINDS {
            assert_eq!(row.0.row().1, row.1);
        }
    }
}
