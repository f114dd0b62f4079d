//! Rust source as words and marks, without comments and the insides of literals.

/// A word, a mark or a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// An identifier or keyword, one mark, `::`, or the quote that a literal begins with.
    pub(super) text: &'a str,
    /// Counted from 1.
    pub(super) line: usize,
}

/// What every literal is called: its inside does not matter.
pub(super) const LITERAL: &str = "\"";

/// The tokens of a file.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let (text, length) = next(rest, first);
        found.extend(text.map(|text| Token { text, line }));
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// The token at the start of `rest`, `None` for space and comments; and its length in bytes.
fn next(rest: &str, first: char) -> (Option<&str>, usize) {
    if rest.starts_with("//") {
        return (None, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (None, block_comment(rest));
    }
    if let Some(length) = literal(rest) {
        return (Some(LITERAL), length);
    }
    if first.is_alphanumeric() || first == '_' {
        let length = word(rest);
        return (Some(&rest[..length]), length);
    }
    if rest.starts_with("::") {
        return (Some("::"), 2);
    }
    let length = first.len_utf8();
    ((!first.is_whitespace()).then_some(&rest[..length]), length)
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(rest.len())
}

/// Length of a comment that may hold others.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of the text, byte text or character at the start, `None` when there is none.
pub(super) fn literal(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with(['"', '#', '\'']))
    })?;
    let body = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        body[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let inside = prefix.len() + hashes + 1;
        return Some(
            rest[inside..]
                .find(&end)
                .map_or(rest.len(), |at| inside + at + end.len()),
        );
    }
    match body.as_bytes() {
        [b'"', ..] => Some(prefix.len() + quoted(body, '"')),
        [b'\'', b'\\', ..] => Some(prefix.len() + quoted(body, '\'')),
        // One character between quotes; anything else is a lifetime.
        [b'\'', ..] => {
            let inside = body[1..].chars().next()?;
            let end = 1 + inside.len_utf8();
            body[end..]
                .starts_with('\'')
                .then_some(prefix.len() + end + 1)
        }
        _ => None,
    }
}

/// Length of what stands between two quotes, with both, and with escaped ones inside.
fn quoted(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in body.char_indices().skip(1) {
        if character == quote && !escaped {
            return at + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_hide_what_is_in_them() {
        let source = "a::b /* crate /* x */ y */ \"use \\\" crate\" 'x' '\\'' r#\"mod \" it\"# b\"q\" &'a c // d\n_e1";
        let texts: Vec<&str> = tokens(source).iter().map(|token| token.text).collect();
        let literal = LITERAL;
        assert_eq!(
            texts,
            [
                "a", "::", "b", literal, literal, literal, literal, literal, "&", "'", "a", "c",
                "_e1"
            ]
        );
        assert_eq!(tokens(source).last().unwrap().line, 2);
    }
}
