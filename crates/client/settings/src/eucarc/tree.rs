//! What a settings file says, as a tree.

use std::rc::Rc;

use zeroize::Zeroizing;

/// Commands, one after another.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) items: Vec<Item>,
}

/// Pipelines joined by `&&` and `||`.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) first: Pipeline,
    pub(super) rest: Vec<(Joint, Pipeline)>,
    /// Whether it ends with `&`, so that nothing of it reaches the shell.
    pub(super) background: bool,
}

/// What joins two pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    And,
    Or,
}

/// Commands joined by `|`.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) negated: bool,
    pub(super) commands: Vec<Command>,
}

/// A command and the line that it begins in, counted from 1.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) line: usize,
    pub(super) kind: Kind,
}

/// What a command is.
#[derive(Debug)]
pub(super) enum Kind {
    /// `NAME=VALUE ... word ...`; of `export` and its kin `declared` are the assignments behind the word.
    Simple {
        assignments: Vec<Assignment>,
        words: Vec<Word>,
        declared: Vec<Assignment>,
        /// Whether standard output goes elsewhere.
        silent: bool,
    },
    /// Conditions with what they lead to, and what comes otherwise.
    If {
        branches: Vec<(Script, Script)>,
        otherwise: Script,
    },
    /// A word, and patterns with what they lead to.
    Case {
        word: Word,
        branches: Vec<(Vec<Word>, Script)>,
    },
    /// `{ ...; }`
    Group(Script),
    /// `( ... )`
    Subshell(Script),
    /// `[[ ... ]]`; `None`: it has operators that are not followed.
    Test(Option<Vec<Word>>),
    /// A loop, which runs as often as nobody knows; the name of its variable.
    Loop(Option<String>, Script),
    /// A function that is defined and not called.
    Function(String, Rc<Command>),
}

/// `NAME=VALUE` or `NAME+=VALUE`.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) append: bool,
    /// `None`: an array or an element of one.
    pub(super) value: Option<Word>,
}

/// A word before its expansion.
#[derive(Debug, Default)]
pub(super) struct Word {
    pub(super) pieces: Vec<Piece>,
}

/// A part of a word, and whether it is in quotes.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) quoted: bool,
    pub(super) part: Part,
}

/// What a part of a word is made of.
#[derive(Debug)]
pub(super) enum Part {
    Text(Zeroizing<String>),
    /// `$NAME`, `${NAME}` and `${NAME` operator word `}`.
    Variable {
        name: String,
        operation: Option<Operation>,
    },
    /// `$(...)` and its older spelling with back quotes.
    Substitution(Script),
    /// Something that is not followed, and what it is.
    Strange(&'static str),
}

/// What is done with a variable's value.
#[derive(Debug)]
pub(super) enum Operation {
    /// `:-`, `-`
    Default { or_empty: bool, word: Word },
    /// `:=`, `=`
    Assign { or_empty: bool, word: Word },
    /// `:+`, `+`
    Alternative { or_empty: bool, word: Word },
    /// `:?`, `?`
    Insist { or_empty: bool },
    /// `#`, `##`
    CutStart { longest: bool, pattern: Word },
    /// `%`, `%%`
    CutEnd { longest: bool, pattern: Word },
    /// `/`, `//`, `/#`, `/%`
    Replace {
        place: Where,
        pattern: Word,
        replacement: Word,
    },
    /// `${#NAME}`
    Length,
}

/// Where a pattern is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    First,
    Everywhere,
    Start,
    End,
}

impl Word {
    /// The text, when nothing in it has to be expanded.
    pub(super) fn literal(&self) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match &piece.part {
                Part::Text(part) => text.push_str(part),
                _ => return None,
            }
        }
        Some(text)
    }

    pub(super) fn push(&mut self, quoted: bool, part: Part) {
        self.pieces.push(Piece { quoted, part });
    }

    /// Adds text to the last piece if that is text under the same quotes.
    pub(super) fn push_char(&mut self, quoted: bool, c: char) {
        if let Some(Piece {
            quoted: before,
            part: Part::Text(text),
        }) = self.pieces.last_mut()
            && *before == quoted
        {
            text.push(c);
            return;
        }
        self.push(quoted, Part::Text(Zeroizing::new(c.to_string())));
    }
}
