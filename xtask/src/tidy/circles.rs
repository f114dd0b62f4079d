//! Circles of files inside a crate: who uses what another file defines, and is used by it.
//!
//! What counts is the file that defines a name, not the one that hands it on: a `pub use` is followed to its end, and is no use
//! by itself. Code that is for tests only does not count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use super::modules::{Module, Modules, Name};

/// Who uses whom.
type Graph = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// Gives one line for each circle: the shortest way round, and how many files are tied together by it and others.
pub(super) fn find(modules: &Modules) -> Vec<String> {
    let graph = graph(modules);
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for start in graph.keys() {
        if seen.contains(start) {
            continue;
        }
        let Some(round) = way_round(&graph, start) else {
            continue;
        };
        let reached = reachable(&graph, start);
        let tied: Vec<&PathBuf> = reached
            .iter()
            .filter(|file| reachable(&graph, file).contains(start))
            .collect();
        let names: Vec<String> = round
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let more = match tied.len() - (round.len() - 1) {
            0 => String::new(),
            _ => format!(" (a knot of {} files)", tied.len()),
        };
        circles.push(names.join(" -> ") + &more);
        seen.extend(tied.into_iter().cloned());
    }
    circles
}

fn graph(modules: &Modules) -> Graph {
    let mut graph = Graph::new();
    for (name, module) in &modules.all {
        let used = graph.entry(module.file.clone()).or_default();
        let imported = module
            .uses
            .iter()
            .filter(|import| !import.is_public)
            .map(|import| &import.path);
        let in_code = module
            .paths
            .iter()
            .filter(|path| is_internal(modules, name, module, path));
        for path in imported.chain(in_code) {
            let mut search = Search {
                modules,
                seen: BTreeSet::new(),
                trusts: true,
            };
            used.extend(search.file(name, path));
        }
        used.remove(&module.file);
    }
    graph
}

/// Whether a path in code can lead to another file: through `crate` or `super`, a child, or a name that was imported.
fn is_internal(modules: &Modules, name: &Name, module: &Module, path: &[String]) -> bool {
    let first = &path[0];
    if ["crate", "super", "self"].contains(&first.as_str()) {
        return path.len() > 1;
    }
    let is_imported = module
        .uses
        .iter()
        .any(|import| import.name == *first || import.name == "*");
    let is_child = path.len() > 1 && modules.all.contains_key(&child(name, first));
    !module.items.contains(first) && (is_imported || is_child)
}

fn child(parent: &Name, name: &str) -> Name {
    let mut child = parent.clone();
    child.push(name.to_owned());
    child
}

/// Looks for where a path leads to, from import to import.
struct Search<'a> {
    modules: &'a Modules,
    /// The imports that have been followed.
    seen: BTreeSet<(Name, String)>,
    /// Whether a name that a module is said to have, and that is nowhere in it, is taken for one that a macro makes there.
    trusts: bool,
}

impl Search<'_> {
    /// The file that defines what a path leads to, seen from the module `from`; `None` for what is outside the crate and for
    /// modules.
    fn file(&mut self, from: &Name, path: &[String]) -> Option<PathBuf> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(&Vec::new(), rest, true),
            "self" => self.walk(from, rest, true),
            "super" => self.walk(&from[..from.len().checked_sub(1)?].to_vec(), rest, true),
            _ => self.walk(from, path, false),
        }
    }

    /// Continues from the module `at`; `is_said` when the path says that its next name is there.
    fn walk(&mut self, at: &Name, path: &[String], is_said: bool) -> Option<PathBuf> {
        let (first, rest) = path.split_first()?;
        let module = self.modules.all.get(at)?;
        if first == "super" {
            return self.walk(&at[..at.len().checked_sub(1)?].to_vec(), rest, true);
        }
        if module.items.contains(first) {
            return Some(module.file.clone());
        }
        let inner = child(at, first);
        if self.modules.all.contains_key(&inner) {
            return self.walk(&inner, rest, true);
        }
        if !self.seen.insert((at.clone(), first.clone())) {
            return None;
        }
        if let Some(import) = module.uses.iter().find(|import| import.name == *first) {
            return self.file(at, &[&import.path, rest].concat());
        }
        let trusts = std::mem::replace(&mut self.trusts, false);
        let found = module
            .uses
            .iter()
            .filter(|import| import.name == "*")
            .find_map(|import| self.file(at, &[&import.path, path].concat()));
        self.trusts = trusts;
        found.or_else(|| (is_said && trusts).then(|| module.file.clone()))
    }
}

fn reachable(graph: &Graph, start: &Path) -> BTreeSet<PathBuf> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![start.to_owned()];
    while let Some(file) = waiting.pop() {
        for next in graph.get(&file).into_iter().flatten() {
            if reached.insert(next.clone()) {
                waiting.push(next.clone());
            }
        }
    }
    reached
}

/// The shortest way from a file back to it, with it at both ends.
fn way_round(graph: &Graph, start: &Path) -> Option<Vec<PathBuf>> {
    let mut came_from: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut waiting = VecDeque::from([start.to_owned()]);
    while let Some(file) = waiting.pop_front() {
        for next in graph.get(&file).into_iter().flatten() {
            if next == start {
                let mut way = vec![start.to_owned(), file.clone()];
                while let Some(before) = came_from.get(&way[way.len() - 1]) {
                    way.push(before.clone());
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next.clone(), file.clone());
                waiting.push_back(next.clone());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The circles of a crate of these files.
    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        find(&Modules::read(folder.path()).unwrap())
    }

    #[test]
    fn a_circle_of_two_files_is_found() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; pub use a::A;"),
            ("a.rs", "use crate::b::B;\npub struct A(B);"),
            (
                "b.rs",
                "pub struct B;\nfn f() -> Option<crate::a::A> { None }",
            ),
        ]);
        assert_eq!(found, ["a.rs -> b.rs -> a.rs"]);
    }

    #[test]
    fn a_circle_of_three_files_is_found() {
        let found = circles(&[
            ("main.rs", "mod a; mod c; fn main() { a::go(); }"),
            ("a.rs", "pub mod b; pub fn go() { b::go(); }"),
            ("a/b.rs", "use crate::c; pub fn go() { c::go(); }"),
            ("c/mod.rs", "pub fn go() { if false { crate::a::go() } }"),
        ]);
        assert_eq!(found, ["a/b.rs -> c/mod.rs -> a.rs -> a/b.rs"]);
    }

    #[test]
    fn a_name_that_is_handed_on_counts_where_it_is_defined() {
        let folder =
            "mod one; mod two; pub use one::One; pub use two::Two; pub fn all(_: one::One) {}";
        let straight = circles(&[
            ("lib.rs", "mod house;"),
            ("house/mod.rs", folder),
            ("house/one.rs", "pub struct One;"),
            ("house/two.rs", "use super::One; pub struct Two(One);"),
        ]);
        assert!(straight.is_empty(), "{straight:?}");
        let round = circles(&[
            ("lib.rs", "mod house;"),
            ("house/mod.rs", folder),
            ("house/one.rs", "pub struct One(super::Two);"),
            ("house/two.rs", "use super::One; pub struct Two(One);"),
        ]);
        assert_eq!(round, ["house/one.rs -> house/two.rs -> house/one.rs"]);
    }

    #[test]
    fn a_child_that_uses_what_its_parent_defines_and_is_used_by_it_is_a_circle() {
        let found = circles(&[
            (
                "lib.rs",
                "mod a;\nuse a::{self as b, A};\npub const LIMIT: usize = { 3 };\npub fn f() -> A { b::new() }",
            ),
            (
                "a.rs",
                "use super::*; pub struct A; pub fn new() -> A { let _ = LIMIT; A }",
            ),
        ]);
        assert_eq!(found, ["a.rs -> lib.rs -> a.rs"]);
    }

    #[test]
    fn tests_comments_and_names_of_others_do_not_count() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b;"),
            (
                "a.rs",
                "//! [`crate::b::B`]\npub struct A; impl A { #[cfg(test)] fn t() { crate::b::go() } }\n#[cfg(test)] mod tests { use crate::b; }",
            ),
            (
                "b.rs",
                "use std::fmt::{self, Display}; use crate::a::{A}; pub fn go() { let _ = (\"crate::b\", A, fmt::Error); }",
            ),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn what_a_macro_makes_is_where_its_path_says() {
        let found = circles(&[
            (
                "lib.rs",
                "mod a; mod b; pub use a::Refusal; use std::fmt::*; fn f(_: Arguments) {}",
            ),
            (
                "a.rs",
                "macro_rules! make { () => { pub enum Refusal {} } } make!(); use crate::b::Text;",
            ),
            ("b.rs", "pub struct Text; fn f(_: crate::Refusal) {}"),
        ]);
        assert_eq!(found, ["a.rs -> b.rs -> a.rs"]);
    }

    #[test]
    fn a_knot_says_how_many_files_are_in_it() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::f as g; pub fn a() { g() }"),
            ("b.rs", "pub fn f() { crate::a::a(); crate::c::c() }"),
            ("c.rs", "pub fn c() { crate::b::f() }"),
        ]);
        assert_eq!(found, ["a.rs -> b.rs -> a.rs (a knot of 3 files)"]);
    }
}
