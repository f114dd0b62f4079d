//! The text of a settings file, taken apart as a shell takes it apart. Nothing is executed.

use std::collections::VecDeque;
use std::rc::Rc;

use zeroize::Zeroizing;

use super::tree::{
    Assignment, Command, Item, Joint, Kind, Operation, Part, Pipeline, Script, Where, Word,
};

/// How deep commands, quotes and braces may are in each other.
const MAX_DEPTH: usize = 120;

/// Commands whose words may be assignments.
const DECLARING: [&str; 5] = ["export", "declare", "typeset", "readonly", "local"];

/// Why a shell would stop here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) line: usize,
    pub(super) why: &'static str,
}

/// Reads commands one by one, as a shell does: what comes before a fault counts.
pub(super) struct Reader<'t> {
    rest: std::str::Chars<'t>,
    line: usize,
    depth: usize,
    /// The ends of documents (`<<END`) whose lines begin after this one, and whether tabs before them count.
    documents: VecDeque<(String, bool)>,
}

impl<'t> Reader<'t> {
    /// Reads a text whose lines end with a line feed alone and are counted from `line`.
    pub(super) fn new(text: &'t str, line: usize) -> Self {
        Self {
            rest: text.chars(),
            line,
            depth: 0,
            documents: VecDeque::new(),
        }
    }

    /// The next command of the file with what is joined to it. `None`: the file is at its end.
    pub(super) fn next_item(&mut self) -> Result<Option<Item>, Broken> {
        self.skip_lines();
        if self.peek().is_none() {
            return Ok(None);
        }
        self.item().map(Some)
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    /// Whether the text continues with this.
    fn sees(&self, text: &str) -> bool {
        self.rest.as_str().starts_with(text)
    }

    fn take(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    /// Takes this if the text continues with it.
    fn took(&mut self, text: &str) -> bool {
        let is_there = self.sees(text);
        if is_there {
            for _ in text.chars() {
                self.take();
            }
        }
        is_there
    }

    fn broken<T>(&self, why: &'static str) -> Result<T, Broken> {
        Err(Broken {
            line: self.line,
            why,
        })
    }

    /// Does something one level deeper.
    fn deeper<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Broken>,
    ) -> Result<T, Broken> {
        if self.depth == MAX_DEPTH {
            return self.broken("brackets and quotes are nested too deeply");
        }
        self.depth += 1;
        let done = work(self);
        self.depth -= 1;
        done
    }

    /// Skips blanks, continued lines and comments.
    fn skip_blanks(&mut self) {
        loop {
            if self.sees(" ") || self.sees("\t") {
                self.take();
            } else if !self.took("\\\n") {
                break;
            }
        }
        if self.sees("#") {
            while self.peek().is_some_and(|c| c != '\n') {
                self.take();
            }
        }
    }

    /// Takes the end of a line, and the documents that begin behind it.
    fn end_of_line(&mut self) {
        self.take();
        while let Some((end, tabs)) = self.documents.pop_front() {
            while let Some(line) = self.whole_line() {
                let bare = if tabs {
                    line.trim_start_matches('\t')
                } else {
                    &line
                };
                if bare == end {
                    break;
                }
            }
        }
    }

    fn whole_line(&mut self) -> Option<String> {
        self.peek()?;
        let mut line = String::new();
        while let Some(c) = self.take().filter(|c| *c != '\n') {
            line.push(c);
        }
        Some(line)
    }

    /// Skips blanks and ends of lines.
    fn skip_lines(&mut self) {
        loop {
            self.skip_blanks();
            if !self.sees("\n") {
                break;
            }
            self.end_of_line();
        }
    }

    /// Commands up to one of these words, which is not taken.
    fn script(&mut self, ends: &[&str]) -> Result<Script, Broken> {
        self.deeper(|this| {
            let mut script = Script::default();
            loop {
                this.skip_lines();
                if this.ends_with(ends) {
                    return Ok(script);
                }
                if this.peek().is_none() {
                    return this.broken("the file ends in the middle of a command");
                }
                script.items.push(this.item()?);
            }
        })
    }

    fn ends_with(&self, ends: &[&str]) -> bool {
        ends.iter().any(|end| {
            if end.starts_with(|c: char| c.is_ascii_alphabetic()) || *end == "}" {
                self.sees_word(end)
            } else {
                self.sees(end)
            }
        })
    }

    /// Whether the next word is this one.
    fn sees_word(&self, word: &str) -> bool {
        self.rest
            .as_str()
            .strip_prefix(word)
            .is_some_and(|rest| rest.chars().next().is_none_or(is_end_of_word))
    }

    fn took_word(&mut self, word: &str) -> bool {
        self.sees_word(word) && self.took(word)
    }

    fn insist(&mut self, word: &str, why: &'static str) -> Result<(), Broken> {
        self.skip_lines();
        if self.took(word) {
            Ok(())
        } else {
            self.broken(why)
        }
    }

    fn item(&mut self) -> Result<Item, Broken> {
        let first = self.pipeline()?;
        let mut item = Item {
            first,
            rest: Vec::new(),
            background: false,
        };
        loop {
            self.skip_blanks();
            let joint = if self.took("&&") {
                Joint::And
            } else if self.took("||") {
                Joint::Or
            } else {
                break;
            };
            self.skip_lines();
            item.rest.push((joint, self.pipeline()?));
        }
        if self.sees(";;") {
            return Ok(item);
        }
        item.background = self.sees("&");
        match self.peek() {
            Some('\n') => self.end_of_line(),
            Some(';' | '&') => drop(self.take()),
            None | Some(')') => {}
            Some(_) => return self.broken("unexpected text after a command"),
        }
        Ok(item)
    }

    fn pipeline(&mut self) -> Result<Pipeline, Broken> {
        let negated = self.took_word("!");
        self.skip_blanks();
        let mut commands = vec![self.command()?];
        loop {
            self.skip_blanks();
            if self.sees("||") || !self.took("|") {
                break;
            }
            // `|&` also passes errors on.
            self.took("&");
            self.skip_lines();
            commands.push(self.command()?);
        }
        Ok(Pipeline { negated, commands })
    }

    fn command(&mut self) -> Result<Command, Broken> {
        self.skip_blanks();
        let line = self.line;
        let kind = self.deeper(Self::kind)?;
        if !matches!(kind, Kind::Simple { .. }) {
            self.redirections()?;
        }
        Ok(Command { line, kind })
    }

    fn kind(&mut self) -> Result<Kind, Broken> {
        if self.took_word("if") {
            return self.conditions();
        }
        if self.took_word("case") {
            return self.case();
        }
        if self.took_word("while") || self.took_word("until") {
            let mut condition = self.script(&["do"])?;
            let body = self.body_of_loop()?;
            condition.items.extend(body.items);
            return Ok(Kind::Loop(None, condition));
        }
        if self.took_word("for") || self.took_word("select") {
            return self.for_loop();
        }
        if self.took_word("{") {
            let script = self.script(&["}"])?;
            self.took("}");
            return Ok(Kind::Group(script));
        }
        if self.took_word("[[") {
            return self.test();
        }
        if self.sees("((") {
            self.skip_arithmetic()?;
            return Ok(Kind::Test(None));
        }
        if self.took("(") {
            let script = self.script(&[")"])?;
            self.took(")");
            return Ok(Kind::Subshell(script));
        }
        if self.took_word("function") {
            self.skip_blanks();
            let name = self.word()?.literal().unwrap_or_default();
            self.skip_blanks();
            if self.took("(") {
                self.insist(")", "a function has no closing bracket")?;
            }
            self.skip_lines();
            return Ok(Kind::Function(name, Rc::new(self.command()?)));
        }
        self.simple()
    }

    fn conditions(&mut self) -> Result<Kind, Broken> {
        let mut branches = Vec::new();
        loop {
            let condition = self.script(&["then"])?;
            self.took("then");
            let script = self.script(&["elif", "else", "fi"])?;
            branches.push((condition, script));
            if !self.took_word("elif") {
                break;
            }
        }
        let mut otherwise = Script::default();
        if self.took_word("else") {
            otherwise = self.script(&["fi"])?;
        }
        self.took("fi");
        Ok(Kind::If {
            branches,
            otherwise,
        })
    }

    fn case(&mut self) -> Result<Kind, Broken> {
        self.skip_blanks();
        let word = self.word()?;
        self.insist("in", "`in` is missing in a case")?;
        let mut branches = Vec::new();
        loop {
            self.skip_lines();
            if self.took_word("esac") {
                return Ok(Kind::Case { word, branches });
            }
            self.took("(");
            let mut patterns = Vec::new();
            loop {
                self.skip_blanks();
                patterns.push(self.word()?);
                self.skip_blanks();
                if !self.took("|") {
                    break;
                }
            }
            self.insist(")", "a pattern of a case has no bracket")?;
            let script = self.script(&[";;", ";&", "esac"])?;
            branches.push((patterns, script));
            if self.took(";;") {
                self.took("&");
            } else if self.took(";&") {
                return self.broken("`;&` and `;;&` in a case are not supported");
            }
        }
    }

    fn for_loop(&mut self) -> Result<Kind, Broken> {
        self.skip_blanks();
        if self.sees("((") {
            self.skip_arithmetic()?;
            return Ok(Kind::Loop(None, self.body_of_loop()?));
        }
        let name = self.word()?.literal();
        self.skip_lines();
        if self.took_word("in") {
            loop {
                self.skip_blanks();
                if self.peek().is_none_or(|c| matches!(c, ';' | '\n')) {
                    break;
                }
                let rest = self.rest.as_str().len();
                self.word()?;
                // What begins no word (`<` without a bracket, `&`) ends the list, too.
                if self.rest.as_str().len() == rest {
                    break;
                }
            }
        }
        Ok(Kind::Loop(name, self.body_of_loop()?))
    }

    fn body_of_loop(&mut self) -> Result<Script, Broken> {
        self.skip_lines();
        self.took(";");
        self.insist("do", "a loop has no `do`")?;
        let script = self.script(&["done"])?;
        self.took("done");
        Ok(script)
    }

    /// What stands in double brackets.
    fn test(&mut self) -> Result<Kind, Broken> {
        let mut words = Some(Vec::new());
        loop {
            self.skip_lines();
            if self.took_word("]]") {
                return Ok(Kind::Test(words));
            }
            match self.peek() {
                None => return self.broken("`[[` has no closing `]]`"),
                Some('(' | ')' | '&' | '|' | '<' | '>' | ';') => {
                    self.take();
                    words = None;
                }
                Some(_) => {
                    let word = self.word()?;
                    if let Some(words) = &mut words {
                        words.push(word);
                    }
                }
            }
        }
    }

    fn simple(&mut self) -> Result<Kind, Broken> {
        let mut assignments = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut declared = Vec::new();
        let mut silent = false;
        // `None`: no word has shown yet which command it is.
        let mut is_declaring = None;
        let start = self.rest.as_str().len();
        loop {
            self.skip_blanks();
            if let Some(is_output) = self.redirection()? {
                silent |= is_output;
                continue;
            }
            match self.peek() {
                None | Some('\n' | ';' | '&' | '|' | ')') => break,
                Some('(') => return self.function(&words),
                Some(_) => {}
            }
            let is_declared = is_declaring == Some(true);
            if (words.is_empty() || is_declared)
                && let Some(assignment) = self.assignment()?
            {
                if is_declared {
                    declared.push(assignment);
                } else {
                    assignments.push(assignment);
                }
                continue;
            }
            let word = self.word()?;
            if is_declaring.is_none() {
                is_declaring = match word.literal().as_deref() {
                    Some("command" | "builtin") => None,
                    Some(name) => Some(DECLARING.contains(&name)),
                    None => Some(false),
                };
            }
            words.push(word);
        }
        if self.rest.as_str().len() == start {
            return self.broken("a command is missing");
        }
        Ok(Kind::Simple {
            assignments,
            words,
            declared,
            silent,
        })
    }

    fn function(&mut self, words: &[Word]) -> Result<Kind, Broken> {
        let [name] = words else {
            return self.broken("unexpected bracket");
        };
        let name = name.literal().unwrap_or_default();
        self.take();
        self.insist(")", "unexpected bracket")?;
        self.skip_lines();
        Ok(Kind::Function(name, Rc::new(self.command()?)))
    }

    /// `NAME=VALUE` or `NAME+=VALUE`. `None`: the text does not continue with one.
    fn assignment(&mut self) -> Result<Option<Assignment>, Broken> {
        let Some(name) = name_at(self.rest.as_str()) else {
            return Ok(None);
        };
        let name = name.to_owned();
        let behind = &self.rest.as_str()[name.len()..];
        let end = behind.find(|c: char| c == ']' || is_end_of_word(c));
        let index = match end {
            Some(end) if behind.starts_with('[') && behind[end..].starts_with(']') => {
                &behind[..=end]
            }
            _ => "",
        };
        let behind = &behind[index.len()..];
        let append = behind.starts_with("+=");
        if !append && !behind.starts_with('=') {
            return Ok(None);
        }
        let index = index.to_owned();
        self.took(&name);
        self.took(&index);
        self.took(if append { "+=" } else { "=" });
        let mut value = if self.sees("(") {
            self.skip_brackets()?;
            None
        } else {
            Some(self.value()?)
        };
        if !index.is_empty() {
            value = None;
        }
        Ok(Some(Assignment {
            name,
            append,
            value,
        }))
    }

    /// Skips brackets with whatever is in them.
    fn skip_brackets(&mut self) -> Result<(), Broken> {
        let mut open = 0_usize;
        loop {
            match self.peek() {
                None => return self.broken("a bracket is not closed"),
                Some('(') => {
                    open += 1;
                    self.take();
                }
                Some(')') => {
                    self.take();
                    open -= 1;
                    if open == 0 {
                        return Ok(());
                    }
                }
                Some(' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>') => drop(self.take()),
                Some(_) => drop(self.word()?),
            }
        }
    }

    fn skip_arithmetic(&mut self) -> Result<(), Broken> {
        let mut open = 0_usize;
        while let Some(c) = self.take() {
            match c {
                '(' => open += 1,
                ')' if open <= 1 => return Ok(()),
                ')' => open -= 1,
                _ => {}
            }
        }
        self.broken("`((` has no closing `))`")
    }

    fn redirections(&mut self) -> Result<(), Broken> {
        loop {
            self.skip_blanks();
            if self.redirection()?.is_none() {
                return Ok(());
            }
        }
    }

    /// Takes `2>/dev/null` and its kin, which change no variable, and says whether standard output goes elsewhere. No file
    /// is opened. `None`: the text does not continue with one.
    fn redirection(&mut self) -> Result<Option<bool>, Broken> {
        let text = self.rest.as_str();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let sign = &text[digits..];
        let is_process = digits == 0 && (sign.starts_with("<(") || sign.starts_with(">("));
        if is_process || !(sign.starts_with(['<', '>']) || text.starts_with("&>")) {
            return Ok(None);
        }
        let is_output =
            sign.starts_with('&') || sign.starts_with('>') && ["", "1"].contains(&&text[..digits]);
        for _ in 0..digits {
            self.take();
        }
        let document = self.took("<<<");
        if !document && self.took("<<") {
            let tabs = self.took("-");
            self.skip_blanks();
            let end = self.word()?.literal().unwrap_or_default();
            self.documents.push_back((end, tabs));
            return Ok(Some(false));
        }
        while self
            .peek()
            .is_some_and(|c| matches!(c, '<' | '>' | '&' | '|'))
        {
            self.take();
        }
        self.skip_blanks();
        self.word()?;
        Ok(Some(is_output))
    }

    /// The value of an assignment, in which `~` counts also behind a colon.
    fn value(&mut self) -> Result<Word, Broken> {
        self.word_until(is_end_of_word, true)
    }

    fn word(&mut self) -> Result<Word, Broken> {
        self.word_until(is_end_of_word, false)
    }

    fn word_until(&mut self, ends: fn(char) -> bool, is_value: bool) -> Result<Word, Broken> {
        self.deeper(|this| {
            let mut word = Word::default();
            this.home(&mut word);
            while let Some(c) = this.peek() {
                let is_process = matches!(c, '<' | '>') && {
                    let behind = this.rest.as_str().get(1..);
                    behind.is_some_and(|behind| behind.starts_with('('))
                };
                if is_process {
                    this.take();
                    this.skip_brackets()?;
                    word.push(false, Part::Strange("a process substitution"));
                } else if ends(c) {
                    break;
                } else {
                    this.piece(&mut word)?;
                    if is_value && c == ':' {
                        this.home(&mut word);
                    }
                }
            }
            Ok(word)
        })
    }

    /// `~` at a place where it means a home directory.
    fn home(&mut self, word: &mut Word) {
        if !self.sees("~") {
            return;
        }
        self.take();
        if self
            .peek()
            .is_none_or(|c| is_end_of_word(c) || matches!(c, '/' | ':' | '}'))
        {
            let name = "HOME".to_owned();
            word.push(
                true,
                Part::Variable {
                    name,
                    operation: None,
                },
            );
        } else {
            word.push(false, Part::Strange("another user's home directory"));
        }
    }

    /// One piece of a word outside quotes.
    fn piece(&mut self, word: &mut Word) -> Result<(), Broken> {
        match self.take() {
            Some('\\') => match self.take() {
                Some('\n') => {}
                Some(c) => word.push_char(true, c),
                None => word.push_char(true, '\\'),
            },
            Some('\'') => {
                let text = self.single_quotes()?;
                word.push(true, Part::Text(text));
            }
            Some('"') => self.double_quotes(word)?,
            Some('`') => {
                let part = self.back_quotes(false)?;
                word.push(false, part);
            }
            Some('$') if self.took("'") => {
                let text = self.ansi_quotes()?;
                word.push(true, Part::Text(text));
            }
            Some('$') if self.took("\"") => self.double_quotes(word)?,
            Some('$') => self.dollar(word, false)?,
            Some(c) => word.push_char(false, c),
            None => {}
        }
        Ok(())
    }

    fn single_quotes(&mut self) -> Result<Zeroizing<String>, Broken> {
        let line = self.line;
        let mut text = Zeroizing::new(String::new());
        loop {
            match self.take() {
                Some('\'') => return Ok(text),
                Some(c) => text.push(c),
                None => return Err(open_quote(line)),
            }
        }
    }

    fn double_quotes(&mut self, word: &mut Word) -> Result<(), Broken> {
        let line = self.line;
        // Quotes around nothing are something.
        word.push(true, Part::Text(Zeroizing::new(String::new())));
        self.deeper(|this| {
            loop {
                match this.take() {
                    Some('"') => return Ok(()),
                    Some('\\') => this.escape_in_quotes(word),
                    Some('`') => {
                        let part = this.back_quotes(true)?;
                        word.push(true, part);
                    }
                    Some('$') => this.dollar(word, true)?,
                    Some(c) => word.push_char(true, c),
                    None => return Err(open_quote(line)),
                }
            }
        })
    }

    /// A backslash in double quotes keeps its place before most characters.
    fn escape_in_quotes(&mut self, word: &mut Word) {
        match self.peek() {
            Some('\n') => drop(self.take()),
            Some(c @ ('$' | '`' | '"' | '\\')) => {
                self.take();
                word.push_char(true, c);
            }
            _ => word.push_char(true, '\\'),
        }
    }

    /// `$'...'`, in which backslashes stand for other characters.
    fn ansi_quotes(&mut self) -> Result<Zeroizing<String>, Broken> {
        let line = self.line;
        let mut text = Zeroizing::new(String::new());
        loop {
            let c = match self.take() {
                None => return Err(open_quote(line)),
                Some('\'') => return Ok(text),
                Some('\\') => self.ansi_escape(),
                Some(c) => Some(c),
            };
            match c {
                Some(c) => text.push(c),
                None => return self.broken("a character in $'...' is not known"),
            }
        }
    }

    fn ansi_escape(&mut self) -> Option<char> {
        Some(match self.take()? {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'e' | 'E' => '\u{1b}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => self.code(16, 2)?,
            'u' => self.code(16, 4)?,
            'U' => self.code(16, 8)?,
            'c' => char::from_u32(u32::from(self.take()?) & 0x1f)?,
            c if c.is_digit(8) => {
                let mut code = c.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else {
                        break;
                    };
                    self.take();
                    code = code * 8 + digit;
                }
                ascii(code)?
            }
            c @ ('\\' | '\'' | '"' | '?') => c,
            _ => return None,
        })
    }

    /// A character by its number in at most so many digits. `None`: there is no such character, or it is a byte of a
    /// longer one.
    fn code(&mut self, radix: u32, digits: usize) -> Option<char> {
        let mut code = 0_u32;
        let mut count = 0;
        while count < digits
            && let Some(digit) = self.peek().and_then(|c| c.to_digit(radix))
        {
            self.take();
            code = code.checked_mul(radix)?.checked_add(digit)?;
            count += 1;
        }
        match (count, digits) {
            (0, _) => None,
            (_, 2) => ascii(code),
            _ => char::from_u32(code).filter(|c| *c != '\0'),
        }
    }

    /// A command in back quotes, in which backslashes protect back quotes.
    fn back_quotes(&mut self, quoted: bool) -> Result<Part, Broken> {
        let line = self.line;
        let mut text = Zeroizing::new(String::new());
        loop {
            match self.take() {
                Some('`') => break,
                Some('\\') => match self.take() {
                    Some(c @ ('`' | '$' | '\\')) => text.push(c),
                    Some('"') if quoted => text.push('"'),
                    Some(c) => {
                        text.push('\\');
                        text.push(c);
                    }
                    None => return Err(open_quote(line)),
                },
                Some(c) => text.push(c),
                None => return Err(open_quote(line)),
            }
        }
        let script = self.deeper(|this| {
            let mut reader = Reader::new(&text, line);
            reader.depth = this.depth;
            let mut script = Script::default();
            while let Some(item) = reader.next_item()? {
                script.items.push(item);
            }
            Ok(script)
        })?;
        Ok(Part::Substitution(script))
    }

    /// What follows a dollar sign.
    fn dollar(&mut self, word: &mut Word, quoted: bool) -> Result<(), Broken> {
        if self.sees("((") || self.sees("[") {
            if self.took("[") {
                while self.take().is_some_and(|c| c != ']') {}
            } else {
                self.skip_arithmetic()?;
            }
            word.push(quoted, Part::Strange("a computation"));
        } else if self.took("(") {
            let script = self.script(&[")"])?;
            self.took(")");
            word.push(quoted, Part::Substitution(script));
        } else if self.took("{") {
            let part = self.braces(quoted)?;
            word.push(quoted, part);
        } else if let Some(name) = parameter_at(self.rest.as_str()) {
            let name = name.to_owned();
            self.took(&name);
            word.push(
                quoted,
                Part::Variable {
                    name,
                    operation: None,
                },
            );
        } else {
            word.push_char(quoted, '$');
        }
        Ok(())
    }

    /// `${...}` behind the opening brace.
    fn braces(&mut self, quoted: bool) -> Result<Part, Broken> {
        let is_length = self.sees("#") && !self.sees("#}");
        if is_length {
            self.take();
        }
        let Some(name) = parameter_at(self.rest.as_str()).map(str::to_owned) else {
            self.operand(quoted)?;
            return Ok(Part::Strange("an expansion"));
        };
        self.took(&name);
        // The first element of an array is the variable itself.
        self.took("[0]");
        let or_empty = self.took(":");
        let operator = self.peek();
        let operation = match operator {
            Some('}') if !or_empty => {
                self.take();
                let operation = is_length.then_some(Operation::Length);
                return Ok(Part::Variable { name, operation });
            }
            Some('-') => {
                self.take();
                let word = self.operand(quoted)?;
                Operation::Default { or_empty, word }
            }
            Some('=') => {
                self.take();
                let word = self.operand(quoted)?;
                Operation::Assign { or_empty, word }
            }
            Some('+') => {
                self.take();
                let word = self.operand(quoted)?;
                Operation::Alternative { or_empty, word }
            }
            Some('?') => {
                self.take();
                self.operand(quoted)?;
                Operation::Insist { or_empty }
            }
            Some(sign @ ('#' | '%')) if !or_empty => {
                self.take();
                let longest = self.peek() == Some(sign);
                if longest {
                    self.take();
                }
                let pattern = self.operand(false)?;
                if sign == '#' {
                    Operation::CutStart { longest, pattern }
                } else {
                    Operation::CutEnd { longest, pattern }
                }
            }
            Some('/') if !or_empty => {
                self.take();
                let place = if self.took("/") {
                    Where::Everywhere
                } else if self.took("#") {
                    Where::Start
                } else if self.took("%") {
                    Where::End
                } else {
                    Where::First
                };
                let (pattern, has_replacement) = self.operand_to('/', false)?;
                let replacement = if has_replacement {
                    self.operand(quoted)?
                } else {
                    Word::default()
                };
                Operation::Replace {
                    place,
                    pattern,
                    replacement,
                }
            }
            _ => {
                self.operand(quoted)?;
                return Ok(Part::Strange("an expansion"));
            }
        };
        if is_length {
            return Ok(Part::Strange("an expansion"));
        }
        Ok(Part::Variable {
            name,
            operation: Some(operation),
        })
    }

    /// The word behind an operator, and its closing brace.
    fn operand(&mut self, quoted: bool) -> Result<Word, Broken> {
        Ok(self.operand_to('}', quoted)?.0)
    }

    /// The word behind an operator up to `end` or the closing brace, and whether it was `end`.
    fn operand_to(&mut self, end: char, quoted: bool) -> Result<(Word, bool), Broken> {
        let line = self.line;
        self.deeper(|this| {
            let mut word = Word::default();
            if !quoted {
                this.home(&mut word);
            }
            loop {
                match this.peek() {
                    None => return Err(open_quote(line)),
                    Some(c) if c == end || c == '}' => {
                        this.take();
                        return Ok((word, c == end));
                    }
                    // Single quotes are no quotes inside double ones.
                    Some('\'') if quoted => {
                        this.take();
                        word.push_char(true, '\'');
                    }
                    Some('\\') if quoted => {
                        this.take();
                        if this.took("}") {
                            word.push_char(true, '}');
                        } else {
                            this.escape_in_quotes(&mut word);
                        }
                    }
                    Some('$') if quoted => {
                        this.take();
                        this.dollar(&mut word, true)?;
                    }
                    Some(_) => this.piece(&mut word)?,
                }
            }
        })
    }
}

fn open_quote(line: usize) -> Broken {
    Broken {
        line,
        why: "a quote or brace is open to the end of the file",
    }
}

fn ascii(code: u32) -> Option<char> {
    (1..0x80).contains(&code).then(|| char::from_u32(code))?
}

fn is_end_of_word(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')'
    )
}

/// The name of a variable at the start of a text.
pub(super) fn name_at(text: &str) -> Option<&str> {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let name = &text[..end];
    (!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some(name)
}

/// The name of a variable, or a digit or sign that stands for a value, at the start of a text.
fn parameter_at(text: &str) -> Option<&str> {
    let special = |c: char| c.is_ascii_digit() || "@*#?-$!".contains(c);
    name_at(text).or_else(|| text.starts_with(special).then(|| &text[..1]))
}
