//! Text of strangers, made harmless for terminals, logs and JSON.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text on one line, with everything escaped that is more than text: control characters (C0, DEL, C1, and so line feeds
/// and tabs), line and paragraph separators, and format characters such as those that reverse the direction of writing.
/// They become `\n`, `\t`, `\u{1b}`. Letters, marks, symbols, blanks and private characters are kept.
pub fn printable(text: &str) -> Cow<'_, str> {
    replaced(text, |c, text| {
        let _ = write!(text, "{}", c.escape_default());
    })
}

/// A JSON text in which no string holds a control or format character: each is written as `\uXXXX`, which means the same.
/// JSON itself asks for that only below U+0020.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    replaced(json, |c, text| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(text, "\\u{unit:04x}");
        }
    })
}

fn replaced(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let Some(first) = text.find(|c| !is_text(c)) else {
        return Cow::Borrowed(text);
    };
    let (plain, rest) = text.split_at(first);
    let mut escaped = plain.to_owned();
    for c in rest.chars() {
        if is_text(c) {
            escaped.push(c);
        } else {
            escape(c, &mut escaped);
        }
    }
    Cow::Owned(escaped)
}

/// Whether a character is nothing but text.
fn is_text(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\0'..='\u{9f}' | '\u{2028}' | '\u{2029}' => false,
        _ => c.is_whitespace() || is_private(c) || is_shown(c),
    }
}

/// Whether a character means what those who use it have agreed on: file names that come from other systems are full of them.
fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}')
}

/// Whether `Debug` shows a character as it is, which it does not with those of the categories Cf, Cn, Co, Z and C.
fn is_shown(c: char) -> bool {
    // Behind a letter: a combining mark is escaped where it stands alone.
    let mut pair = [b'a'; 5];
    let length = c.encode_utf8(&mut pair[1..]).len();
    std::str::from_utf8(&pair[..=length]).is_ok_and(|pair| pair.escape_debug().count() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The format characters (category Cf) of Unicode 16.
    const FORMAT: [(u32, u32); 21] = [
        (0xad, 0xad),
        (0x600, 0x605),
        (0x61c, 0x61c),
        (0x6dd, 0x6dd),
        (0x70f, 0x70f),
        (0x890, 0x891),
        (0x8e2, 0x8e2),
        (0x180e, 0x180e),
        (0x200b, 0x200f),
        (0x202a, 0x202e),
        (0x2060, 0x2064),
        (0x2066, 0x206f),
        (0xfeff, 0xfeff),
        (0xfff9, 0xfffb),
        (0x110bd, 0x110bd),
        (0x110cd, 0x110cd),
        (0x13430, 0x1343f),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0001, 0xe0001),
        (0xe0020, 0xe007f),
    ];

    fn is_format(c: char) -> bool {
        let within = |(first, last): &(u32, u32)| (*first..=*last).contains(&u32::from(c));
        FORMAT.iter().any(within)
    }

    fn is_harmless(c: char) -> bool {
        !c.is_control() && !is_format(c) && !matches!(c, '\u{2028}' | '\u{2029}')
    }

    #[test]
    fn every_control_and_format_character_is_escaped() {
        for c in '\0'..=char::MAX {
            if !is_harmless(c) {
                let text = printable(&c.to_string()).into_owned();
                assert!(text.len() > 1 && text.is_ascii(), "{c:?}: {text:?}");
            }
        }
    }

    #[test]
    fn words_and_names_of_all_scripts_stay() {
        for text in [
            "disk image-1.raw ~!@#$%^&*()\\\"'",
            "Größe, año, e\u{301}te\u{301}, ναός, Санкт-Петербург",
            "ディスク\u{3000}イメージ, 磁盘, 디스크, ดิสก์, डिस्क",
            "5\u{a0}GiB \u{202f}– ½ €, \u{f8ff}",
            "\u{2764}\u{fe0f} \u{1f4be}",
        ] {
            assert_eq!(printable(text), text);
            assert_eq!(printable_json(text), text);
        }
    }

    #[test]
    fn what_a_terminal_obeys_becomes_visible() {
        let cases = [
            ("a\u{1b}[2Jb\n", "a\\u{1b}[2Jb\\n"),
            ("\u{9b}31m\u{85}\u{7f}", "\\u{9b}31m\\u{85}\\u{7f}"),
            ("\u{202e}gpj.exe\u{2066}", "\\u{202e}gpj.exe\\u{2066}"),
            ("one\r\n\ttwo\u{2028}", "one\\r\\n\\ttwo\\u{2028}"),
        ];
        for (text, shown) in cases {
            assert_eq!(printable(text), shown);
        }
        assert_eq!(
            printable_json("\"\u{9b}\u{7f}\u{202e}\u{e0041}\""),
            "\"\\u009b\\u007f\\u202e\\udb40\\udc41\""
        );
    }

    proptest! {
        #[test]
        fn nothing_printed_is_more_than_text(text: String) {
            let shown = printable(&text);
            prop_assert!(shown.chars().all(is_harmless), "{shown:?}");
            prop_assert_eq!(printable(&shown), shown.as_ref());
            prop_assert!(printable_json(&text).chars().all(is_harmless));
        }
    }
}
