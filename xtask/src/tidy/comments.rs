//! The comments in a source file.

use support::markdown::{Piece, prose};

use super::tokens::literal;

/// The prose of all comments of a file, line by line: without code, names in backquotes and the targets of links.
pub(super) fn comments(source: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for block in blocks(source) {
        let lines = block.iter().flat_map(|piece| [&*piece.text, "\n"]);
        let page: String = lines.collect();
        pieces.extend(prose(&page).into_iter().map(|piece| Piece {
            line: block[piece.line - 1].line,
            text: piece.text,
        }));
    }
    pieces
}

/// The comments, without their marks; those on successive lines with the same mark are one block.
fn blocks(source: &str) -> Vec<Vec<Piece>> {
    let mut found: Vec<Vec<Piece>> = Vec::new();
    let mut mark_above = "";
    for comment in lines(source) {
        let mark = ["///", "//!", "//"]
            .into_iter()
            .find(|mark| comment.text.starts_with(mark))
            .unwrap_or_default();
        let inside = &comment.text[mark.len()..];
        let piece = Piece {
            line: comment.line,
            text: inside.strip_prefix(' ').unwrap_or(inside).to_owned(),
        };
        match found.last_mut() {
            Some(block)
                if mark == mark_above
                    && block
                        .last()
                        .is_some_and(|above| above.line + 1 == piece.line) =>
            {
                block.push(piece);
            }
            _ => found.push(vec![piece]),
        }
        mark_above = mark;
    }
    found
}

/// The comments with their marks, as far as they go to the end of the line.
fn lines(source: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            found.push(Piece {
                line,
                text: rest[..length].to_owned(),
            });
            length
        } else if let Some(length) = literal(rest) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_read_without_code_and_texts() {
        let source = "//! One `name`\n//! two.\n\nlet a = \"// no\"; // three\n/// ```\n/// no\n/// ```\n/// [four](no.md)\n// five `six\n// seven` eight\nr#\"\n// no\n\"#\n#[cfg(test)]\n// nine\n";
        let found: Vec<(usize, String)> = comments(source)
            .into_iter()
            .map(|piece| (piece.line, piece.text.trim().to_owned()))
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let expected = [
            (1, "One"),
            (2, "two."),
            (4, "three"),
            (8, "[four]"),
            (9, "five"),
            (10, "seven"),
            (15, "nine"),
        ];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
    }
}
