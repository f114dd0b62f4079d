//! The modules of a crate: which file each is in, what it defines, what it imports, and which code is for tests only.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::tokens::{LITERAL, Token, tokens};

/// A module's names, from the crate's root; empty for the root itself.
pub(super) type Name = Vec<String>;

/// All modules of one crate.
#[derive(Default)]
pub(super) struct Modules {
    /// By name.
    pub(super) all: BTreeMap<Name, Module>,
    /// Lines outside tests, of all files.
    pub(super) lines: usize,
}

/// One module.
#[derive(Default)]
pub(super) struct Module {
    /// Its file, relative to the directory of the sources.
    pub(super) file: PathBuf,
    /// What is defined in it, apart from modules.
    pub(super) items: BTreeSet<String>,
    /// What is imported into it.
    pub(super) uses: Vec<Use>,
    /// Paths in its code: those that imports are made of are not among them.
    pub(super) paths: Vec<Vec<String>>,
}

/// One name that a `use` brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// The last part of the path, or what it is renamed to; `*` brings all names of a module.
    pub(super) name: String,
    /// Where it comes from, with `crate`, `super` or `self` at its start if they are there.
    pub(super) path: Vec<String>,
    /// Whether others can import it from here.
    pub(super) is_public: bool,
}

impl Modules {
    /// Reads a crate, beginning with `lib.rs` or `main.rs` of its directory of sources.
    pub(super) fn read(sources: &Path) -> anyhow::Result<Self> {
        let mut modules = Self::default();
        for root in ["lib.rs", "main.rs"] {
            if sources.join(root).is_file() {
                modules.read_file(sources, Path::new(root), &Vec::new())?;
            }
        }
        Ok(modules)
    }

    fn read_file(&mut self, sources: &Path, file: &Path, name: &Name) -> anyhow::Result<()> {
        let text = fs_err::read_to_string(sources.join(file))?;
        let all = tokens(&text);
        let mut reader = Reader {
            tokens: &all,
            file,
            modules: self,
            children: Vec::new(),
            lines_of_tests: 0,
        };
        reader.module(0..all.len(), name);
        let (children, lines_of_tests) = (reader.children, reader.lines_of_tests);
        // A contract is the tests of other crates' implementations.
        if name.first().is_none_or(|first| first != "contract") {
            self.lines += text.lines().count() - lines_of_tests;
        }
        let folder = if ["lib.rs", "main.rs", "mod.rs"]
            .iter()
            .any(|own| file.ends_with(own))
        {
            file.parent().unwrap_or(Path::new("")).to_owned()
        } else {
            file.with_extension("")
        };
        for child in children {
            let inside: PathBuf = child[name.len()..].iter().collect();
            let flat = folder.join(&inside).with_extension("rs");
            let nested = folder.join(&inside).join("mod.rs");
            let file = if sources.join(&flat).is_file() {
                flat
            } else {
                nested
            };
            self.read_file(sources, &file, &child)?;
        }
        Ok(())
    }
}

/// One file on its way into modules.
struct Reader<'a> {
    tokens: &'a [Token<'a>],
    file: &'a Path,
    modules: &'a mut Modules,
    /// Modules that have files of their own.
    children: Vec<Name>,
    lines_of_tests: usize,
}

impl Reader<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    /// Reads the items of a module.
    fn module(&mut self, range: Range<usize>, name: &Name) {
        self.file.clone_into(&mut self.here(name).file);
        let mut at = range.start;
        let mut is_test = false;
        let mut first = at;
        while at < range.end {
            if self.text(at) == "#" {
                let end = self.attribute(at);
                is_test |= self.is_for_tests(at..end);
                // Of a whole file.
                if is_test && self.text(at + 1) == "!" {
                    self.lines_of_tests += self.lines(at..range.end);
                    return;
                }
                at = end;
                continue;
            }
            let end = self.item_end(at, range.end);
            if is_test {
                self.lines_of_tests += self.lines(first..end);
            } else {
                self.item(at..end, name);
            }
            (at, first, is_test) = (end, end, false);
        }
    }

    /// Reads one item without its attributes.
    fn item(&mut self, range: Range<usize>, name: &Name) {
        let is_public = self.text(range.start) == "pub";
        let keyword = self.keyword(range.start);
        let defined = match self.text(keyword) {
            "use" => return self.import(keyword + 1, name, is_public),
            "mod" => return self.child(keyword + 1, range.end, name),
            "macro_rules" => Some(keyword + 2),
            "struct" | "enum" | "union" | "trait" | "type" | "static" | "const" | "fn" => {
                Some(keyword + 1)
            }
            _ => None,
        };
        if let Some(defined) = defined {
            let item = self.text(defined).to_owned();
            self.here(name).items.insert(item);
        }
        self.code(keyword..range.end, name);
    }

    /// Where an item's own word is, behind `pub` and the like.
    fn keyword(&self, mut at: usize) -> usize {
        loop {
            match self.text(at) {
                "pub" if self.text(at + 1) == "(" => at = self.closing(at + 1) + 1,
                "const" if !["fn", "unsafe", "async", "extern"].contains(&self.text(at + 1)) => {
                    return at;
                }
                "pub" | "async" | "unsafe" | "extern" | "const" | LITERAL => at += 1,
                _ => return at,
            }
        }
    }

    fn here(&mut self, name: &Name) -> &mut Module {
        self.modules.all.entry(name.clone()).or_default()
    }

    fn child(&mut self, at: usize, end: usize, parent: &Name) {
        let mut name = parent.clone();
        name.push(self.text(at).to_owned());
        if self.text(at + 1) == "{" {
            self.module(at + 2..end - 1, &name);
        } else {
            self.children.push(name);
        }
    }

    /// Reads the tree of a `use`, which begins behind the word.
    fn import(&mut self, at: usize, name: &Name, is_public: bool) {
        let mut found = Vec::new();
        self.tree(at, &mut Vec::new(), &mut found);
        let uses: Vec<Use> = found
            .into_iter()
            .map(|(name, path)| Use {
                name,
                path,
                is_public,
            })
            .collect();
        self.here(name).uses.extend(uses);
    }

    /// Gives the place behind the tree.
    fn tree(
        &self,
        mut at: usize,
        prefix: &mut Vec<String>,
        found: &mut Vec<(String, Vec<String>)>,
    ) -> usize {
        let depth = prefix.len();
        loop {
            match self.text(at) {
                "::" => at += 1,
                "{" => {
                    at += 1;
                    while !["}", ";", ""].contains(&self.text(at)) {
                        at = self.tree(at, prefix, found);
                        if self.text(at) == "," {
                            at += 1;
                        }
                    }
                    prefix.truncate(depth);
                    return at + 1;
                }
                "*" => {
                    found.push(("*".to_owned(), prefix.clone()));
                    prefix.truncate(depth);
                    return at + 1;
                }
                "as" => {
                    found.push((self.text(at + 1).to_owned(), prefix.clone()));
                    prefix.truncate(depth);
                    return at + 2;
                }
                "," | "}" | ";" | "" => {
                    if prefix.last().is_some_and(|last| last == "self") && prefix.len() > 1 {
                        prefix.pop();
                    }
                    let name = prefix.last().cloned().unwrap_or_default();
                    found.push((name, prefix.clone()));
                    prefix.truncate(depth);
                    return at;
                }
                word => {
                    prefix.push(word.to_owned());
                    at += 1;
                }
            }
        }
    }

    /// Collects the paths of code, without what is for tests only.
    fn code(&mut self, range: Range<usize>, name: &Name) {
        let mut at = range.start;
        while at < range.end {
            if self.text(at) == "#" && self.text(at + 1) == "[" {
                let end = self.attribute(at);
                if self.is_for_tests(at..end) {
                    let item = self.item_end(end, range.end);
                    self.lines_of_tests += self.lines(at..item);
                    at = item;
                } else {
                    at = end;
                }
                continue;
            }
            // `use<..>` says what a returned type captures.
            if self.text(at) == "use" && self.text(at + 1) != "<" {
                self.import(at + 1, name, false);
                at = self.item_end(at, range.end);
                continue;
            }
            let is_member = at > 0 && [".", "::"].contains(&self.text(at - 1));
            if is_member || !is_word(self.text(at)) {
                at += 1;
                continue;
            }
            let mut path = vec![self.text(at).to_owned()];
            while self.text(at + 1) == "::" && is_word(self.text(at + 2)) {
                path.push(self.text(at + 2).to_owned());
                at += 2;
            }
            at += 1;
            self.here(name).paths.push(path);
        }
    }

    /// The place behind an attribute.
    fn attribute(&self, at: usize) -> usize {
        let bracket = if self.text(at + 1) == "!" {
            at + 2
        } else {
            at + 1
        };
        self.closing(bracket) + 1
    }

    /// Whether an attribute is `cfg(test)` or has `test` in an `all(..)` of it.
    fn is_for_tests(&self, range: Range<usize>) -> bool {
        let words: Vec<&str> = range.map(|at| self.text(at)).collect();
        words.contains(&"cfg") && words.contains(&"test") && !words.contains(&"not")
    }

    /// The place behind the item at `at`: behind its `;`, or behind the braces of its body.
    fn item_end(&self, mut at: usize, end: usize) -> usize {
        let has_value = ["use", "static", "type", "const"].contains(&self.text(self.keyword(at)));
        while at < end {
            match self.text(at) {
                ";" => return at + 1,
                "{" if has_value => at = self.closing(at) + 1,
                "{" => return self.closing(at) + 1,
                "(" | "[" => at = self.closing(at) + 1,
                "}" | ")" | "]" => return at,
                _ => at += 1,
            }
        }
        end
    }

    /// The bracket that closes the one at `at`.
    fn closing(&self, at: usize) -> usize {
        let mut depth = 0_usize;
        for (index, token) in self.tokens.iter().enumerate().skip(at) {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return index;
            }
        }
        self.tokens.len()
    }

    fn lines(&self, range: Range<usize>) -> usize {
        match (
            self.tokens.get(range.start),
            self.tokens.get(range.end.wrapping_sub(1)),
        ) {
            (Some(first), Some(last)) if !range.is_empty() => last.line - first.line + 1,
            _ => 0,
        }
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
