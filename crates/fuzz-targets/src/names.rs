//! Any text is a name that is printed: of a file, a member of a tarball, an image, or what a server says.

use gumnut_types::{printable, printable_json};

/// Characters that are more than text and are no control characters: a sample of each kind.
const FORMAT: [char; 12] = [
    '\u{ad}',
    '\u{61c}',
    '\u{200b}',
    '\u{200e}',
    '\u{2028}',
    '\u{2029}',
    '\u{202e}',
    '\u{2066}',
    '\u{feff}',
    '\u{fff9}',
    '\u{1d173}',
    '\u{e0041}',
];

/// Prints the bytes as a name.
///
/// # Panics
/// When a terminal could obey what is printed, when it is more than one line, and when JSON means another text than it is.
pub fn names(bytes: &[u8]) {
    let name = String::from_utf8_lossy(bytes);
    let shown = printable(&name);
    text_only(&shown);
    assert_eq!(printable(&shown), shown, "what is text already is changed");
    // Without back slashes, every escape is one that was made here.
    let plain = name.replace('\\', "/");
    let json = printable_json(&plain);
    text_only(&json);
    assert_eq!(unescaped(&json), plain, "JSON means another text");
}

fn text_only(text: &str) {
    let is_more = |c: char| c.is_control() || FORMAT.contains(&c);
    assert!(!text.contains(is_more), "{text:?} is more than text");
}

/// The text that a JSON string without other escapes than `\uXXXX` means.
fn unescaped(json: &str) -> String {
    let mut units = Vec::new();
    let mut pieces = json.split("\\u");
    units.extend(pieces.next().unwrap_or_default().encode_utf16());
    for piece in pieces {
        let (digits, rest) = piece.split_at(4);
        units.push(u16::from_str_radix(digits, 16).unwrap_or_default());
        units.extend(rest.encode_utf16());
    }
    String::from_utf16_lossy(&units)
}
