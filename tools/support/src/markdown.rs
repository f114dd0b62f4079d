//! Markdown as the checks of pages need it: prose, code, headings and links. No parser: the pages are ours.

/// A piece of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Number of its line, counted from 1.
    pub line: usize,
    /// The text.
    pub text: String,
}

/// The lines of a page without code and without the targets of links.
pub fn prose(page: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    for (line, text, is_code) in lines(page) {
        if is_code {
            continue;
        }
        // In turn what is outside of backquotes and what is inside.
        let outside: Vec<&str> = text.split('`').step_by(2).collect();
        let text = without_targets(&outside.join(" "));
        found.push(Piece { line, text });
    }
    found
}

/// What a page shows as code: each line of a block, and what is between backquotes.
pub fn code(page: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    for (line, text, is_code) in lines(page) {
        if is_code {
            let text = text.trim().to_owned();
            found.push(Piece { line, text });
            continue;
        }
        let spans = text.split('`').skip(1).step_by(2);
        found.extend(spans.map(|span| Piece {
            line,
            text: span.to_owned(),
        }));
    }
    found
}

/// The anchors of a page's headings, as GitHub and the book have them.
pub fn anchors(page: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, text, is_code) in lines(page) {
        let heading = text.trim_start_matches('#');
        if is_code || heading.len() == text.len() || !heading.starts_with(' ') {
            continue;
        }
        let anchor = next_anchor(&slug(heading.trim()), &found);
        found.push(anchor);
    }
    found
}

/// A heading in the form of an anchor: lower case, hyphens for spaces, without other marks.
pub fn slug(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let lower = heading.to_lowercase();
    lower
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

/// The anchor of a heading on a page that has `others` before it: a repeated one gets a number.
pub fn next_anchor(slug: &str, others: &[String]) -> String {
    let repeated = |other: &&String| {
        let number = other.strip_prefix(slug).map(|rest| rest.strip_prefix('-'));
        *other == slug
            || number
                .flatten()
                .is_some_and(|rest| rest.parse::<usize>().is_ok())
    };
    match others.iter().filter(repeated).count() {
        0 => slug.to_owned(),
        count => format!("{slug}-{count}"),
    }
}

/// Each line of a page with its number, and whether it belongs to a block of code.
fn lines(page: &str) -> impl Iterator<Item = (usize, &str, bool)> {
    let mut is_fenced = false;
    let mut is_blank_before = true;
    let mut is_indented = false;
    page.lines().enumerate().map(move |(index, text)| {
        let is_fence = text.trim_start().starts_with("```");
        is_indented = text.starts_with("    ") && (is_blank_before || is_indented);
        is_blank_before = text.trim().is_empty();
        is_fenced ^= is_fence;
        // A fence belongs to neither; an empty line of code is as good as one of prose.
        let shown = if is_fence { "" } else { text };
        (index + 1, shown, is_fenced || is_indented)
    })
}

fn without_targets(text: &str) -> String {
    let mut pieces = text.split("](");
    let mut kept = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        kept.push_str("] ");
        kept.push_str(piece.split_once(')').map_or("", |(_, rest)| rest));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A `b` c\n\nSee [this](lies.md#x) and `that`.\n\n    four spaces\n\n```text\nfenced\n# no heading\n```\n\n- item\n    more\n\n## A b c\n";

    fn texts(pieces: &[Piece]) -> Vec<&str> {
        let texts = pieces.iter().map(|piece| piece.text.trim());
        texts.filter(|text| !text.is_empty()).collect()
    }

    #[test]
    fn prose_is_what_is_not_code() {
        let prose = prose(PAGE);
        assert_eq!(
            texts(&prose),
            [
                "# A   c",
                "See [this]  and  .",
                "- item",
                "more",
                "## A b c"
            ]
        );
        assert_eq!(prose[1].line, 2);
    }

    #[test]
    fn code_is_blocks_and_spans() {
        assert_eq!(
            texts(&code(PAGE)),
            ["b", "that", "four spaces", "fenced", "# no heading"]
        );
    }

    #[test]
    fn headings_have_anchors() {
        assert_eq!(anchors(PAGE), ["a-b-c", "a-b-c-1"]);
        assert_eq!(slug("What you can publish?"), "what-you-can-publish");
        assert_eq!(slug("ceph/s3-tests"), "cephs3-tests");
    }
}
