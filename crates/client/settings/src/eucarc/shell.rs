//! What a shell would have set after reading a file, as far as that can be told without running anything.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use zeroize::Zeroizing;

use super::builtins;
use super::pattern::Pattern;
use super::place::{Note, Place, is_shown};
use super::read::{Reader, name_at};
use super::tree::{
    Assignment, Command, Item, Joint, Kind, Operation, Part, Piece, Pipeline, Script, Where, Word,
};
use crate::names::{is_secret, is_setting};

/// Largest value, in bytes.
const MAX_VALUE: usize = 64 << 10;
/// How much work a file may be: about the number of bytes that are copied and compared.
const BUDGET: u64 = 64 << 20;
/// How deep commands may call each other.
const MAX_DEPTH: usize = 150;

/// How many lines are noted.
const MAX_NOTES: usize = 100;

/// Commands that change no variable.
const HARMLESS: [&str; 17] = [
    "alias", "autoload", "bind", "bindkey", "compdef", "complete", "disown", "hash", "setopt",
    "shopt", "stty", "trap", "ulimit", "umask", "unalias", "unsetopt", "wait",
];

/// Variables that a shell makes by itself.
const OF_THE_SHELL: [&str; 19] = [
    "@", "*", "?", "-", "$", "!", "_", "RANDOM", "SECONDS", "LINENO", "UID", "EUID", "PPID",
    "HOSTTYPE", "OSTYPE", "MACHTYPE", "OLDPWD", "IFS", "FUNCNAME",
];

/// Why something is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) line: usize,
    pub(super) why: String,
}

/// A value as far as it is known.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Unset,
    Known(Text),
    Unknown(Unknown),
}

/// A text that is known.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: Zeroizing<String>,
    /// Whether a secret of the environment is in it.
    secret: bool,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Status {
    True,
    False,
    Unknown(Unknown),
}

/// How a word is expanded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    /// What is in quotes stands for itself.
    Pattern,
}

/// A shell that only remembers.
pub(super) struct Shell<'a> {
    place: &'a Place<'a>,
    pub(super) variables: HashMap<String, Value>,
    functions: HashMap<String, Rc<Command>>,
    /// The directory that it is in, and those to come back to.
    folder: PathBuf,
    folders: Vec<PathBuf>,
    /// What commands have printed so far, where somebody wants it.
    output: Option<Result<Zeroizing<String>, Unknown>>,
    /// Why it is not known whether what is read now would be run.
    doubt: Option<Unknown>,
    pub(super) notes: Vec<Note>,
    line: usize,
    depth: usize,
    /// Whether a secret setting is being assigned, which may be one of the environment.
    secret: bool,
    /// Variables without a value that the word has used.
    missing: Vec<String>,
    /// How the last command in the words of this one ended.
    substituted: Status,
    pub(super) stopped: bool,
    budget: Rc<Cell<u64>>,
}

impl<'a> Shell<'a> {
    pub(super) fn new(place: &'a Place<'a>) -> Self {
        Self {
            place,
            variables: HashMap::new(),
            functions: HashMap::new(),
            folder: std::env::current_dir().unwrap_or_default(),
            folders: Vec::new(),
            output: None,
            doubt: None,
            notes: Vec::new(),
            line: 0,
            depth: 0,
            secret: false,
            missing: Vec::new(),
            substituted: Status::True,
            stopped: false,
            budget: Rc::new(Cell::new(BUDGET)),
        }
    }

    /// Whether the file is more work than is done for it.
    pub(super) fn is_exhausted(&self) -> bool {
        self.budget.get() == 0
    }

    fn spend(&self, work: u64) {
        self.budget.set(self.budget.get().saturating_sub(work));
    }

    /// A shell with the same variables, of which nothing comes back but what it prints.
    fn child(&self) -> Self {
        let bytes = self.variables.iter().map(|(name, value)| {
            let length = match value {
                Value::Known(text) => text.text.len(),
                _ => 0,
            };
            (64 + name.len() + length) as u64
        });
        self.spend(bytes.sum());
        Self {
            variables: if self.is_exhausted() {
                HashMap::new()
            } else {
                self.variables.clone()
            },
            functions: self.functions.clone(),
            folder: self.folder.clone(),
            folders: Vec::new(),
            output: None,
            doubt: None,
            notes: Vec::new(),
            secret: false,
            missing: Vec::new(),
            substituted: Status::True,
            stopped: false,
            budget: Rc::clone(&self.budget),
            ..*self
        }
    }

    fn unknown(&self, why: impl Into<String>) -> Unknown {
        Unknown {
            line: self.line,
            why: why.into(),
        }
    }

    fn note(&mut self, text: impl Into<String>) {
        let line = self.line;
        if self.notes.len() < MAX_NOTES {
            self.notes.push(Note {
                line,
                text: text.into(),
            });
        }
    }

    fn script(&mut self, script: &Script) -> Status {
        let mut status = Status::True;
        for item in &script.items {
            if self.stopped || self.is_exhausted() {
                break;
            }
            status = self.item(item);
        }
        status
    }

    /// Runs a command with what is joined to it.
    pub(super) fn run(&mut self, item: &Item) {
        let _ = self.item(item);
    }

    fn item(&mut self, item: &Item) -> Status {
        if item.background {
            return self.aside("in the background", |this| this.joined(item));
        }
        self.joined(item)
    }

    fn joined(&mut self, item: &Item) -> Status {
        let mut status = self.pipeline(&item.first);
        for (joint, pipeline) in &item.rest {
            status = match (joint, status) {
                (Joint::And, Status::True) | (Joint::Or, Status::False) => self.pipeline(pipeline),
                (_, Status::Unknown(why)) => self.perhaps(&why, |this| this.pipeline(pipeline)),
                (_, status) => status,
            };
        }
        status
    }

    /// Runs what would perhaps be run: what it sets is not known afterwards.
    fn perhaps(&mut self, why: &Unknown, work: impl FnOnce(&mut Self) -> Status) -> Status {
        let before = self.doubt.clone();
        self.doubt.get_or_insert_with(|| why.clone());
        let _ = work(self);
        self.doubt = before;
        Status::Unknown(why.clone())
    }

    /// Runs what cannot set anything, and names the settings that it would set.
    fn aside(&mut self, place: &str, work: impl FnOnce(&mut Self) -> Status) -> Status {
        let mut child = self.child();
        child.output = self.output.take();
        let status = work(&mut child);
        self.output = child.output.take();
        self.line = child.line;
        let is_new = |(name, value): &(&String, &Value)| {
            let is_set = !matches!(value, Value::Unset);
            is_set && is_setting(name) && self.variables.get(*name) != Some(*value)
        };
        let mut lost: Vec<_> = child.variables.iter().filter(is_new).collect();
        lost.sort_by_key(|(name, _)| *name);
        let lost: Vec<_> = lost.into_iter().map(|(name, _)| name.clone()).collect();
        for name in lost {
            self.note(format!("{name} is not set: it is set {place} only"));
        }
        status
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Status {
        let status = if let [command] = &pipeline.commands[..] {
            self.command(command)
        } else {
            for command in &pipeline.commands {
                self.aside("in a pipeline", |this| this.command(command));
            }
            let unknown = self.unknown("a pipeline");
            self.print_unknown(&unknown);
            Status::Unknown(unknown)
        };
        match status {
            Status::True if pipeline.negated => Status::False,
            Status::False if pipeline.negated => Status::True,
            status => status,
        }
    }

    fn command(&mut self, command: &Command) -> Status {
        self.line = command.line;
        self.spend(1);
        if self.depth >= MAX_DEPTH || self.is_exhausted() {
            self.spend(BUDGET);
            return Status::Unknown(self.unknown("it takes too long to evaluate"));
        }
        self.depth += 1;
        let status = self.kind(&command.kind);
        self.depth -= 1;
        status
    }

    fn kind(&mut self, kind: &Kind) -> Status {
        match kind {
            Kind::Simple {
                assignments,
                words,
                declared,
                silent,
            } => {
                let output = if *silent { self.output.take() } else { None };
                let status = self.simple(assignments, words, declared);
                if *silent {
                    self.output = output;
                }
                status
            }
            Kind::If {
                branches,
                otherwise,
            } => self.conditions(branches, otherwise),
            Kind::Case { word, branches } => self.case(word, branches),
            Kind::Group(script) => self.script(script),
            Kind::Subshell(script) => self.aside("in a subshell", |this| this.script(script)),
            Kind::Test(words) => match words.as_ref().map(|words| self.test_words(words)) {
                Some(Ok(Some(true))) => Status::True,
                Some(Ok(Some(false))) => Status::False,
                Some(Err(unknown)) => Status::Unknown(unknown),
                Some(Ok(None)) | None => Status::Unknown(self.unknown("a condition")),
            },
            Kind::Loop(name, script) => {
                let why = self.unknown("a loop");
                if let Some(name) = name {
                    self.variables
                        .insert(name.clone(), Value::Unknown(why.clone()));
                }
                self.print_unknown(&why);
                self.perhaps(&why, |this| this.script(script))
            }
            Kind::Function(name, body) => {
                self.functions.insert(name.clone(), Rc::clone(body));
                Status::True
            }
        }
    }

    fn conditions(&mut self, branches: &[(Script, Script)], otherwise: &Script) -> Status {
        let mut doubt: Option<Unknown> = None;
        for (condition, script) in branches {
            let status = match &doubt {
                None => self.script(condition),
                Some(why) => self.perhaps(&why.clone(), |this| this.script(condition)),
            };
            match status {
                Status::True => return self.script(script),
                Status::False => {}
                Status::Unknown(why) => {
                    self.perhaps(&why, |this| this.script(script));
                    doubt.get_or_insert(why);
                }
            }
        }
        match doubt {
            None => self.script(otherwise),
            Some(why) => self.perhaps(&why, |this| this.script(otherwise)),
        }
    }

    fn case(&mut self, word: &Word, branches: &[(Vec<Word>, Script)]) -> Status {
        let chosen = self.expand(word, Mode::Plain).and_then(|text| {
            for (patterns, script) in branches {
                for pattern in patterns {
                    if self.compile(pattern, text.text.len())?.matches(&text.text) {
                        return Ok(Some(script));
                    }
                }
            }
            Ok(None)
        });
        match chosen {
            Ok(Some(script)) => self.script(script),
            Ok(None) => Status::True,
            Err(why) => {
                for (_, script) in branches {
                    self.perhaps(&why, |this| this.script(script));
                }
                Status::Unknown(why)
            }
        }
    }

    /// What double brackets say, where a pattern may be on the right.
    fn test_words(&mut self, words: &[Word]) -> Result<Option<bool>, Unknown> {
        if let [one, sign, other] = words
            && let Some(sign @ ("=" | "==" | "!=")) = sign.literal().as_deref()
        {
            let text = self.expand(one, Mode::Plain)?;
            let fits = self.compile(other, text.text.len())?.matches(&text.text);
            return Ok(Some(fits == (sign != "!=")));
        }
        let mut all = Vec::new();
        for word in words {
            all.push(self.expand(word, Mode::Plain)?.text);
        }
        let all: Vec<&str> = all.iter().map(|text| text.as_str()).collect();
        Ok(builtins::test(&all))
    }

    fn simple(
        &mut self,
        assignments: &[Assignment],
        words: &[Word],
        declared: &[Assignment],
    ) -> Status {
        self.substituted = Status::True;
        let Some((first, rest)) = words.split_first() else {
            for assignment in assignments {
                let value = self.evaluate(assignment, None);
                self.set(&assignment.name, value);
            }
            return self.substituted.clone();
        };
        for Assignment { name, .. } in assignments {
            if is_setting(name) {
                self.note(format!(
                    "{name} is set only for the command that follows: put quotes around the whole value"
                ));
            }
        }
        if let [
            Piece {
                part:
                    Part::Variable {
                        name,
                        operation: None,
                    },
                ..
            },
            Piece {
                part: Part::Text(text),
                ..
            },
            ..,
        ] = &first.pieces[..]
            && is_setting(name)
            && text.starts_with('=')
        {
            self.note(format!("{name} is not set: write {name}= without $"));
        }
        let name = match self.expand(first, Mode::Plain) {
            Ok(name) => name.text,
            Err(unknown) => {
                self.note(format!("it runs an unknown command: {}", unknown.why));
                self.print_unknown(&unknown);
                return Status::Unknown(unknown);
            }
        };
        match name.as_str() {
            "command" | "builtin" if !rest.is_empty() => self.simple(&[], rest, declared),
            "export" | "declare" | "typeset" | "readonly" | "local" => {
                self.declare(&name, rest, declared)
            }
            name if HARMLESS.contains(&name) => {
                let unknown = self.unknown(format!("{name:?} is run"));
                self.print_unknown(&unknown);
                Status::True
            }
            name => match self.arguments(rest) {
                Ok(arguments) => {
                    let all: Vec<&str> = arguments.iter().map(|text| text.as_str()).collect();
                    self.call(name, &all)
                }
                Err(unknown) => self.call_unknown(name, rest, unknown),
            },
        }
    }

    /// The words of a command; words of nothing but variables without a value are none.
    fn arguments(&mut self, words: &[Word]) -> Result<Vec<Zeroizing<String>>, Unknown> {
        let mut all = Vec::new();
        for word in words {
            let text = self.expand(word, Mode::Plain)?.text;
            let vanishes = text.is_empty() && word.pieces.iter().all(|piece| !piece.quoted);
            if !vanishes {
                all.push(text);
            }
        }
        Ok(all)
    }

    /// `export` and its kin.
    fn declare(&mut self, command: &str, words: &[Word], declared: &[Assignment]) -> Status {
        let arguments = match self.arguments(words) {
            Ok(arguments) => arguments,
            Err(unknown) => {
                self.note(format!(
                    "the argument of {command} is not known: {}",
                    unknown.why
                ));
                Vec::new()
            }
        };
        let options = arguments
            .iter()
            .take_while(|word| word.starts_with(['-', '+']) && word.len() > 1);
        let changes = options
            .flat_map(|word| word.chars())
            .find(|c| match command {
                "export" => *c == 'f',
                _ => "aAfilnu".contains(*c),
            });
        let why = changes.map(|option| self.unknown(format!("{command} -{option}")));
        for word in &arguments {
            // As in `export "NAME=VALUE"`.
            if let Some((name, value)) = word.split_once('=')
                && name_at(name) == Some(name)
            {
                let text = Zeroizing::new(value.to_owned());
                self.set(
                    name,
                    match &why {
                        Some(why) => Value::Unknown(why.clone()),
                        None => Value::Known(Text {
                            text,
                            secret: false,
                        }),
                    },
                );
            }
        }
        // All of them are expanded before the first is set.
        let values: Vec<_> = declared
            .iter()
            .map(|assignment| self.evaluate(assignment, why.as_ref()))
            .collect();
        for (Assignment { name, .. }, value) in declared.iter().zip(values) {
            self.set(name, value);
        }
        Status::True
    }

    /// A command whose words are known.
    fn call(&mut self, name: &str, words: &[&str]) -> Status {
        let printed = match (name, words) {
            ("true" | ":", _) => return Status::True,
            ("false", _) => return Status::False,
            ("[", [words @ .., "]"]) | ("test", words) => {
                return match builtins::test(words) {
                    Some(true) => Status::True,
                    Some(false) => Status::False,
                    None => Status::Unknown(self.unknown("a condition")),
                };
            }
            ("cd" | "pushd", words) => return self.enter(name, words),
            ("popd", _) => {
                if let Some(folder) = self.folders.pop() {
                    self.folder = folder;
                }
                return Status::True;
            }
            ("unset", names) => {
                for name in names {
                    self.set(name, Value::Unset);
                }
                return Status::True;
            }
            ("read" | "mapfile" | "readarray" | "getopts", names) => {
                let unknown = self.unknown(format!("{name:?} is run"));
                for name in names.iter().filter(|name| name_at(name) == Some(**name)) {
                    self.set(name, Value::Unknown(unknown.clone()));
                }
                return Status::Unknown(unknown);
            }
            ("printf", ["-v", variable, ..]) => {
                let unknown = self.unknown("\"printf -v\" is run");
                self.set(variable, Value::Unknown(unknown));
                return Status::True;
            }
            ("set", words) => {
                self.mention(name, words);
                return Status::True;
            }
            // csh has no other word for it.
            ("setenv", [name, value]) => {
                let text = Zeroizing::new((*value).to_owned());
                self.set(
                    name,
                    Value::Known(Text {
                        text,
                        secret: false,
                    }),
                );
                return Status::True;
            }
            ("return" | "exit" | "logout" | "exec", _) => {
                match &self.doubt {
                    None => self.stopped = true,
                    Some(_) => self.note(format!("{name} may end the file here; gumnut reads on")),
                }
                return Status::True;
            }
            ("eval", words) => return self.eval(&words.join(" ")),
            ("source" | ".", [path, ..]) => {
                self.note(format!("a shell reads {path} here; gumnut does not"));
                return Status::Unknown(self.unknown("another file"));
            }
            ("pwd", words) => {
                let folder = if words.contains(&"-P") {
                    builtins::real(&self.folder)
                } else {
                    self.folder.clone()
                };
                Some(format!("{}\n", folder.display()))
            }
            ("dirname", [path] | ["--", path]) => Some(format!("{}\n", builtins::dirname(path))),
            ("basename", [path] | ["--", path]) => {
                Some(format!("{}\n", builtins::basename(path, "")))
            }
            ("basename", [path, ending]) => Some(format!("{}\n", builtins::basename(path, ending))),
            ("readlink", ["-f" | "-e" | "-m", path] | ["-f" | "-e" | "-m", "--", path])
            | ("realpath", [path] | ["--", path]) => {
                let path = builtins::real(&builtins::absolute(&self.folder, path));
                Some(format!("{}\n", path.display()))
            }
            ("echo", words) => builtins::echo(words),
            ("printf", words) => builtins::printf(words),
            _ => None,
        };
        if let Some(text) = printed {
            self.print(&text);
            return Status::True;
        }
        if let Some(body) = self.functions.get(name).map(Rc::clone) {
            let status = self.command(&body);
            // What ended was the function.
            self.stopped = false;
            return status;
        }
        self.mention(name, words);
        let unknown = self.unknown(format!("{name:?} is run"));
        self.print_unknown(&unknown);
        Status::Unknown(unknown)
    }

    /// A command of whose words some are not known.
    fn call_unknown(&mut self, name: &str, words: &[Word], unknown: Unknown) -> Status {
        let known: Vec<String> = words.iter().filter_map(Word::literal).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        match name {
            "eval" | "source" | "." => {
                self.note(format!(
                    "the argument of {name} is not known: {}",
                    unknown.why
                ));
            }
            "unset" => {}
            _ => self.mention(name, &known),
        }
        self.print_unknown(&unknown);
        Status::Unknown(unknown)
    }

    /// Remembers that a command which is not followed names a setting.
    fn mention(&mut self, name: &str, words: &[&str]) {
        if is_setting(name) && words.first().is_some_and(|word| word.starts_with('=')) {
            self.note(format!("{name} is not set: no blanks are allowed around ="));
            return;
        }
        if let Some(setting) = name.strip_suffix(':').filter(|name| is_setting(name)) {
            self.note(format!(
                "{setting} is not set: a setting is written as {setting}=VALUE"
            ));
        }
        let named = words.iter().filter_map(|word| {
            let start = word.split('=').next().unwrap_or_default();
            is_setting(start).then(|| start.to_owned())
        });
        for setting in named.collect::<Vec<_>>() {
            self.note(format!("{setting} is not set: {name:?} is not understood"));
        }
    }

    /// `cd` and `pushd`.
    fn enter(&mut self, name: &str, words: &[&str]) -> Status {
        let mut words = words;
        while let ["-P" | "-L" | "--", rest @ ..] = words {
            words = rest;
        }
        let folder = match words {
            ["-"] | [_, _, ..] => return Status::Unknown(self.unknown("another directory")),
            [folder] => (*folder).to_owned(),
            [] => match self.value("HOME") {
                Ok(Some(home)) => home.text.to_string(),
                _ => return Status::Unknown(self.unknown("the home directory")),
            },
        };
        let folder = builtins::absolute(&self.folder, &folder);
        let own = builtins::absolute(&self.folder, &builtins::dirname(&self.place.path_text()));
        if !folder.is_dir() && folder != own {
            return Status::False;
        }
        let before = std::mem::replace(&mut self.folder, folder);
        if name == "pushd" {
            self.folders.push(before);
        }
        Status::True
    }

    fn eval(&mut self, text: &str) -> Status {
        self.spend(text.len() as u64);
        let mut reader = Reader::new(text, self.line);
        let mut status = Status::True;
        loop {
            match reader.next_item() {
                Ok(Some(item)) if !self.is_exhausted() && !self.stopped => {
                    status = self.item(&item);
                }
                Ok(_) => return status,
                Err(broken) => {
                    self.note(format!("eval: {}", broken.why));
                    return Status::Unknown(self.unknown(broken.why));
                }
            }
        }
    }

    fn print(&mut self, text: &str) {
        self.spend(text.len() as u64);
        let line = self.line;
        if let Some(output) = &mut self.output {
            match (&self.doubt, output) {
                (Some(why), output) => *output = Err(why.clone()),
                (None, Ok(printed)) if printed.len() + text.len() <= MAX_VALUE => {
                    printed.push_str(text);
                }
                (None, output @ Ok(_)) => {
                    *output = Err(Unknown {
                        line,
                        why: "more than 64 KiB".to_owned(),
                    });
                }
                (None, Err(_)) => {}
            }
        }
    }

    fn print_unknown(&mut self, why: &Unknown) {
        if let Some(output) = &mut self.output {
            *output = Err(why.clone());
        }
    }

    /// The value of an assignment; with `why` it is not known.
    fn evaluate(&mut self, assignment: &Assignment, why: Option<&Unknown>) -> Value {
        let name = &assignment.name;
        self.missing.clear();
        self.secret = is_secret(name);
        let value = match (&assignment.value, why) {
            (_, Some(why)) => Err(why.clone()),
            (None, None) => Err(self.unknown("an array")),
            (Some(word), None) => self.expand(word, Mode::Plain),
        };
        let value = value.and_then(|value| {
            if !assignment.append {
                return Ok(value);
            }
            let mut whole = self.value(name)?.unwrap_or_default();
            whole.secret |= value.secret;
            self.push(&mut whole.text, &value.text)?;
            Ok(whole)
        });
        self.secret = false;
        let missing = std::mem::take(&mut self.missing);
        if is_setting(name) && value.is_ok() {
            for used in missing {
                self.note(format!(
                    "{name} uses {used}, which is not set: it is empty, as in a shell"
                ));
            }
        }
        match value {
            Ok(text) => Value::Known(text),
            Err(unknown) => Value::Unknown(Unknown {
                line: self.line,
                why: unknown.why,
            }),
        }
    }

    fn set(&mut self, name: &str, value: Value) {
        let value = match &self.doubt {
            Some(why) => Value::Unknown(Unknown {
                line: self.line,
                why: format!("it depends on something unknown ({})", why.why),
            }),
            None => value,
        };
        self.spend(name.len() as u64 + 64);
        self.variables.insert(name.to_owned(), value);
    }

    fn push(&self, text: &mut Zeroizing<String>, more: &str) -> Result<(), Unknown> {
        self.spend(more.len() as u64 + 1);
        if text.len() + more.len() > MAX_VALUE || self.is_exhausted() {
            return Err(self.unknown("it is longer than 64 KiB"));
        }
        text.push_str(more);
        Ok(())
    }

    /// The pattern that a word is, to be compared with a text of so many bytes.
    fn compile(&mut self, word: &Word, bytes: usize) -> Result<Pattern, Unknown> {
        let text = self.expand(word, Mode::Pattern)?;
        let pattern = Pattern::new(&text.text)
            .ok_or_else(|| self.unknown("a class of characters in a pattern"))?;
        self.spend(pattern.cost(bytes));
        if self.is_exhausted() {
            return Err(self.unknown("it takes too long to evaluate"));
        }
        Ok(pattern)
    }

    fn expand(&mut self, word: &Word, mode: Mode) -> Result<Text, Unknown> {
        if self.depth >= MAX_DEPTH {
            self.spend(BUDGET);
            return Err(self.unknown("it takes too long to evaluate"));
        }
        self.depth += 1;
        let expanded = self.expand_pieces(word, mode);
        self.depth -= 1;
        expanded
    }

    fn expand_pieces(&mut self, word: &Word, mode: Mode) -> Result<Text, Unknown> {
        let mut whole = Text::default();
        for piece in &word.pieces {
            let part = match &piece.part {
                Part::Text(text) => Text {
                    text: text.clone(),
                    secret: false,
                },
                Part::Variable { name, operation } => self.variable(name, operation.as_ref())?,
                Part::Substitution(script) => Text {
                    text: self.substitute(script)?,
                    secret: false,
                },
                Part::Strange(what) => return Err(self.unknown(*what)),
            };
            whole.secret |= part.secret;
            if mode == Mode::Pattern && piece.quoted {
                self.push(&mut whole.text, &escaped(&part.text))?;
            } else {
                self.push(&mut whole.text, &part.text)?;
            }
        }
        Ok(whole)
    }

    fn substitute(&mut self, script: &Script) -> Result<Zeroizing<String>, Unknown> {
        let mut child = self.child();
        child.output = Some(Ok(Zeroizing::new(String::new())));
        self.substituted = child.script(script);
        let printed = child
            .output
            .take()
            .unwrap_or_else(|| Ok(Zeroizing::default()))?;
        Ok(Zeroizing::new(printed.trim_end_matches('\n').to_owned()))
    }

    fn variable(&mut self, name: &str, operation: Option<&Operation>) -> Result<Text, Unknown> {
        let value = self.value(name)?;
        let is_set = |or_empty: bool| {
            value
                .as_ref()
                .is_some_and(|value| !or_empty || !value.text.is_empty())
        };
        match operation {
            None => {
                if value.is_none() {
                    self.missing.push(name.to_owned());
                }
                Ok(value.unwrap_or_default())
            }
            Some(Operation::Default { or_empty, word }) => {
                if is_set(*or_empty) {
                    return Ok(value.unwrap_or_default());
                }
                self.expand(word, Mode::Plain)
            }
            Some(Operation::Assign { or_empty, word }) => {
                if is_set(*or_empty) {
                    return Ok(value.unwrap_or_default());
                }
                let default = self.expand(word, Mode::Plain)?;
                if default.secret {
                    return Err(self.unknown("a secret of the environment"));
                }
                self.set(name, Value::Known(default.clone()));
                Ok(default)
            }
            Some(Operation::Alternative { or_empty, word }) => {
                if is_set(*or_empty) {
                    return self.expand(word, Mode::Plain);
                }
                Ok(Text::default())
            }
            Some(Operation::Insist { or_empty }) => {
                if is_set(*or_empty) {
                    return Ok(value.unwrap_or_default());
                }
                Err(self.unknown(format!("{name} is not set, and a shell would stop")))
            }
            Some(Operation::Length) => {
                let value = value.unwrap_or_default();
                Ok(Text {
                    text: Zeroizing::new(value.text.chars().count().to_string()),
                    secret: value.secret,
                })
            }
            Some(Operation::CutStart { longest, pattern }) => {
                let mut value = value.unwrap_or_default();
                let pattern = self.compile(pattern, value.text.len())?;
                let cut = pattern.start(&value.text, *longest).unwrap_or_default();
                value.text = Zeroizing::new(value.text.chars().skip(cut).collect());
                Ok(value)
            }
            Some(Operation::Replace {
                place,
                pattern,
                replacement,
            }) => {
                let mut value = value.unwrap_or_default();
                let length = value.text.len();
                let pattern = self.compile(pattern, length)?;
                let replacement = self.expand(replacement, Mode::Plain)?;
                // Versions of bash differ about these.
                if pattern.is_empty() || length == 0 || replacement.text.contains(['&', '\\']) {
                    return Err(self.unknown("an expansion"));
                }
                let tries = match place {
                    Where::First | Where::Everywhere => length as u64,
                    Where::Start | Where::End => 1,
                };
                let bytes = (replacement.text.len() as u64).saturating_add(pattern.cost(length));
                self.spend(bytes.saturating_mul(tries));
                if self.is_exhausted() {
                    return Err(self.unknown("it takes too long to evaluate"));
                }
                value.secret |= replacement.secret;
                let replaced = pattern.replace(*place, &value.text, &replacement.text);
                value.text = Zeroizing::default();
                self.push(&mut value.text, &replaced)?;
                Ok(value)
            }
            Some(Operation::CutEnd { longest, pattern }) => {
                let mut value = value.unwrap_or_default();
                let pattern = self.compile(pattern, value.text.len())?;
                let cut = pattern.end(&value.text, *longest).unwrap_or_default();
                let kept = value.text.chars().count() - cut;
                value.text = Zeroizing::new(value.text.chars().take(kept).collect());
                Ok(value)
            }
        }
    }

    /// The value of a variable: of the file, of the shell, or of the environment. `None`: it has none.
    fn value(&self, name: &str) -> Result<Option<Text>, Unknown> {
        match self.variables.get(name) {
            Some(Value::Known(text)) if text.secret && !self.secret => {
                return Err(self.unknown(format!("{name} is a secret of the environment")));
            }
            Some(Value::Known(text)) => {
                self.spend(text.text.len() as u64);
                return Ok(Some(text.clone()));
            }
            Some(Value::Unset) => return Ok(None),
            Some(Value::Unknown(Unknown { line, .. })) => {
                return Err(self.unknown(format!("it needs {name}, which line {line} sets")));
            }
            None => {}
        }
        let known = |text: String| {
            Ok(Some(Text {
                text: Zeroizing::new(text),
                secret: false,
            }))
        };
        match name {
            "BASH_SOURCE" | "0" => return known(self.place.path_text()),
            "BASH_VERSION" => return known("5".to_owned()),
            "PWD" => return known(self.folder.display().to_string()),
            "#" => return known("0".to_owned()),
            "ZSH_VERSION" => return Ok(None),
            _ => {}
        }
        let argument = name.starts_with(|c: char| c.is_ascii_digit());
        if argument || OF_THE_SHELL.contains(&name) {
            return Err(self.unknown(format!("${name} exists only in a shell")));
        }
        let Some(value) = (self.place.environment)(name) else {
            return Ok(None);
        };
        if is_secret(name) {
            if !self.secret {
                return Err(self.unknown(format!("{name} is a secret of the environment")));
            }
            return Ok(Some(Text {
                text: Zeroizing::new(value),
                secret: true,
            }));
        }
        if !is_shown(name) {
            return Err(self.unknown(format!(
                "{name} is set in the environment, from which a settings file can use only the settings and HOME"
            )));
        }
        known(value)
    }
}

/// The text as a pattern that fits only itself.
fn escaped(text: &str) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::new());
    for c in text.chars() {
        if "*?[\\".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
