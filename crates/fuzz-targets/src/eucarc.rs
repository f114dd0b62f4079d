//! Any text is an `eucarc` of a stranger.

use std::path::Path;

use gumnut_settings::eucarc::{self, Content, TooMuch};

/// Most bytes of a value.
const MOST_BYTES: usize = 64 << 10;

/// A secret key in the environment, which a stranger's file must not send anywhere.
const SECRET: &str = "a-secret-of-the-environment";

/// Reads the bytes as an `eucarc`.
///
/// # Panics
/// When a value is longer than the limit, a secret of the environment becomes part of an endpoint or of a note, a note could
/// control a terminal, or the bytes read differently a second time.
pub fn eucarc(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(content) = read(&text) else {
        return;
    };
    for (name, value) in &content.values {
        assert!(value.expose().len() <= MOST_BYTES, "{name} is too long");
    }
    for endpoint in ["EC2_URL", "S3_URL"] {
        let value = content.values.get(endpoint);
        assert!(
            !value.is_some_and(|value| value.expose().contains(SECRET)),
            "{endpoint} has a secret in it"
        );
    }
    let notes: Vec<_> = content.notes.iter().map(ToString::to_string).collect();
    for note in &notes {
        assert!(!note.contains(SECRET), "a note has a secret in it");
        assert!(
            !note.contains(char::is_control),
            "{note:?} could control a terminal"
        );
    }
    let again = read(&text).map(|content| (content.values.len(), content.notes.len()));
    assert_eq!(
        again,
        Ok((content.values.len(), content.notes.len())),
        "the bytes read the same twice"
    );
}

fn read(text: &str) -> Result<Content, TooMuch> {
    let environment = |name: &str| match name {
        "HOME" => Some("/home/flora".to_owned()),
        "EC2_SECRET_KEY" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" => Some(SECRET.to_owned()),
        _ => None,
    };
    eucarc::parse(text, Path::new("/keys/eucarc"), &environment)
}
