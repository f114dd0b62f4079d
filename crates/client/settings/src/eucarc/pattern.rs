//! Patterns of a shell: `*`, `?`, `[...]`.

use std::ops::RangeInclusive;

use zeroize::Zeroizing;

use super::tree::Where;

/// A pattern.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Element>);

#[derive(Debug)]
enum Element {
    /// `*`
    Any,
    /// `?`
    One,
    Char(char),
    Set {
        negated: bool,
        ranges: Vec<RangeInclusive<char>>,
    },
}

impl Pattern {
    /// Reads a pattern in which a backslash takes the meaning from what follows it. `None`: it has a class of characters
    /// (`[[:alpha:]]`), which depend on the language.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut elements = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            elements.push(match c {
                '*' => Element::Any,
                '?' => Element::One,
                '\\' => Element::Char(rest.next().unwrap_or('\\')),
                '[' => match set(rest.as_str()) {
                    Set::Closed(element, tail) => {
                        rest = tail.chars();
                        element
                    }
                    Set::Open => Element::Char('['),
                    Set::OfClass => return None,
                },
                c => Element::Char(c),
            });
        }
        Some(Self(elements))
    }

    /// What it costs to compare this with a text of so many bytes.
    pub(super) fn cost(&self, bytes: usize) -> u64 {
        (self.0.len() as u64 + 1).saturating_mul(bytes as u64 + 1)
    }

    /// Whether only the empty text fits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text with the longest piece that fits at a place replaced.
    pub(super) fn replace(&self, place: Where, text: &str, replacement: &str) -> Zeroizing<String> {
        let mut replaced = Zeroizing::new(String::new());
        if place == Where::End {
            let fitting = self.end(text, true).unwrap_or_default();
            let kept = text.chars().count() - fitting;
            replaced.extend(text.chars().take(kept));
            replaced.push_str(if fitting > 0 { replacement } else { "" });
            return replaced;
        }
        let mut rest = text;
        loop {
            let fitting = self.start(rest, true).unwrap_or_default();
            if fitting > 0 {
                replaced.push_str(replacement);
            }
            let mut after = rest.chars();
            if fitting > 0 {
                let _ = after.nth(fitting - 1);
            } else {
                replaced.extend(after.next());
            }
            rest = after.as_str();
            let is_last = match place {
                Where::First => fitting > 0,
                Where::Everywhere => false,
                Where::Start | Where::End => true,
            };
            if is_last || rest.is_empty() {
                replaced.push_str(rest);
                return replaced;
            }
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        ends(self.0.iter(), text.chars()).last() == Some(&text.chars().count())
    }

    /// How many characters at the start of the text fit, at least or at most. `None`: no number of them fits.
    pub(super) fn start(&self, text: &str, longest: bool) -> Option<usize> {
        pick(ends(self.0.iter(), text.chars()), longest)
    }

    /// How many characters at the end of the text fit, at least or at most. `None`: no number of them fits.
    pub(super) fn end(&self, text: &str, longest: bool) -> Option<usize> {
        pick(ends(self.0.iter().rev(), text.chars().rev()), longest)
    }
}

fn pick(mut ends: Vec<usize>, longest: bool) -> Option<usize> {
    if longest {
        ends.pop()
    } else {
        ends.first().copied()
    }
}

/// The numbers of characters after which all elements fit, in ascending order.
fn ends<'p>(
    elements: impl Iterator<Item = &'p Element>,
    text: impl Iterator<Item = char>,
) -> Vec<usize> {
    let elements: Vec<_> = elements.collect();
    // Where the comparison may stand: before which elements.
    let mut states = vec![false; elements.len() + 1];
    states[0] = true;
    skip_stars(&elements, &mut states);
    let mut found = Vec::new();
    let mut count = 0;
    let mut text = text;
    loop {
        if states[elements.len()] {
            found.push(count);
        }
        let Some(c) = text.next() else { break };
        let mut next = vec![false; states.len()];
        for (at, element) in elements.iter().enumerate() {
            if states[at] {
                match element {
                    Element::Any => next[at] = true,
                    element if element.is(c) => next[at + 1] = true,
                    _ => {}
                }
            }
        }
        states = next;
        skip_stars(&elements, &mut states);
        count += 1;
    }
    found
}

/// A star also fits nothing.
fn skip_stars(elements: &[&Element], states: &mut [bool]) {
    for (at, element) in elements.iter().enumerate() {
        if states[at] && matches!(element, Element::Any) {
            states[at + 1] = true;
        }
    }
}

impl Element {
    fn is(&self, c: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Char(own) => *own == c,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|range| range.contains(&c)) != *negated
            }
        }
    }
}

/// What is behind an opening bracket.
enum Set<'t> {
    /// A set, and what follows it.
    Closed(Element, &'t str),
    /// Nothing closes the bracket, which then is one.
    Open,
    /// A class of characters is in it.
    OfClass,
}

fn set(text: &str) -> Set<'_> {
    let negated = text.starts_with(['!', '^']);
    let mut rest = text[usize::from(negated)..].chars();
    let mut ranges = Vec::new();
    loop {
        let Some(c) = rest.next() else {
            return Set::Open;
        };
        let first = match c {
            // At the start it is one of the set.
            ']' if !ranges.is_empty() => break,
            '[' if rest.as_str().starts_with([':', '.', '=']) => return Set::OfClass,
            '\\' => rest.next().unwrap_or('\\'),
            c => c,
        };
        let mut ahead = rest.clone();
        let last = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) if last != ']' => {
                rest = ahead;
                last
            }
            _ => first,
        };
        ranges.push(first..=last);
    }
    Set::Closed(Element::Set { negated, ranges }, rest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    #[test]
    fn the_shortest_and_the_longest_are_found() {
        let path = "/home/me/eucarc";
        assert_eq!(pattern("/*").end(path, false), Some("/eucarc".len()));
        assert_eq!(pattern("/*").end(path, true), Some(path.len()));
        assert_eq!(pattern("*/").start(path, false), Some(1));
        assert_eq!(pattern("*/").start(path, true), Some("/home/me/".len()));
        assert_eq!(pattern("x").start(path, true), None);
    }

    #[test]
    fn sets_and_escapes() {
        assert!(pattern("[a-c]?\\*").matches("bx*"));
        assert!(pattern("[!a-c]").matches("d"));
        assert!(!pattern("[!a-c]").matches("b"));
        assert!(pattern("[]]").matches("]"));
        assert!(pattern("[").matches("["));
        assert!(Pattern::new("[[:alpha:]]").is_none());
    }

    #[test]
    fn many_stars_cost_no_more_than_they_are_long() {
        let stars = pattern(&"*a".repeat(200));
        assert!(!stars.matches(&format!("{}b", "a".repeat(4000))));
    }
}
