//! The texts in a source file: what its string literals say.

use super::tokens::literal;

/// A string literal of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    /// Counted from 1.
    pub(super) line: usize,
    /// Its content, with escapes replaced.
    pub(super) text: String,
}

/// The string literals of a file, up to its tests.
pub(super) fn literals(source: &str) -> Vec<Literal> {
    let program = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut rest = program;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(length) = literal(rest) {
            let text = content(&rest[..length]);
            found.extend(text.map(|text| Literal { line, text }));
            length
        } else if first.is_alphanumeric() || first == '_' {
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// What a literal says; `None` for bytes and characters.
fn content(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        return Some(raw.trim_matches('#').trim_matches('"').to_owned());
    }
    let inside = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut rest = inside;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let escaped = after.chars().next()?;
        rest = &after[escaped.len_utf8()..];
        match escaped {
            // The line goes over the end of the source's line.
            '\n' => rest = rest.trim_start(),
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'x' => rest = rest.get(2..)?,
            'u' => rest = rest.split_once('}')?.1,
            other => text.push(other),
        }
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_say_what_a_user_reads() {
        let source = "let a = \"one \\\n    two\"; // \"no\"\nb(b\"bytes\", 'c', r#\"a \"raw\" one\"#, \"\\x1b[31merror:\\x1b[0m \\\"x\\\"\");\n#[cfg(test)]\nmod tests { \"not this\" }\n";
        let texts: Vec<(usize, String)> = literals(source)
            .into_iter()
            .map(|literal| (literal.line, literal.text))
            .collect();
        assert_eq!(
            texts,
            [
                (1, "one two".to_owned()),
                (3, "a \"raw\" one".to_owned()),
                (3, "[31merror:[0m \"x\"".to_owned()),
            ]
        );
    }
}
