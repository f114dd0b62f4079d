//! Reading a configuration file, and what is wrong with one.

use std::path::Path;

use gumnut_terminal::{Exit, Failure};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::lines;
use super::model::Settings;

/// What is wrong in a configuration file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The line, from 1.
    pub(super) line: usize,
    pub(super) message: String,
}

impl Settings {
    /// Reads a configuration file. Paths in it are relative to its directory.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs_err::read_to_string(path).map_err(|error| {
            Failure::new(Exit::Input, "cannot read the configuration of the cloud").because(error)
        })?;
        let mut settings = parse(&text).map_err(|wrong| {
            let at = format!("{}, line {}: {}", path.display(), wrong.line, wrong.message);
            Failure::new(Exit::Usage, at)
        })?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        for file in settings.paths().into_iter().flatten() {
            *file = folder.join(&*file);
        }
        Ok(settings)
    }
}

/// Reads a configuration.
pub(super) fn parse(text: &str) -> Result<Settings, Wrong> {
    let of_toml = |error: &toml::de::Error, key: Option<String>| {
        let at = error.span().map_or(0, |span| span.start);
        let message = error.message().replace('\n', " ");
        let message = match key {
            Some(key) => format!("`{key}`: {message}"),
            None => message,
        };
        Wrong {
            line: line(text, at),
            message,
        }
    };
    let table = DeTable::parse(text).map_err(|error| of_toml(&error, None))?;
    let known = lines::of(&Settings::default());
    let known: Vec<_> = known.iter().map(|line| line.key).collect();
    check(text, "", table.get_ref(), &known)?;
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        of_toml(&error, key_at("", table.get_ref(), at))
    })
}

/// Refuses a key that is not known, and names the nearest that is.
fn check(text: &str, prefix: &str, table: &DeTable<'_>, known: &[&str]) -> Result<(), Wrong> {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        let inner = format!("{name}.");
        match value.get_ref() {
            DeValue::Table(table) if known.iter().any(|known| known.starts_with(&inner)) => {
                check(text, &inner, table, known)?;
            }
            _ if known.contains(&name.as_str()) => {}
            _ => {
                return Err(Wrong {
                    line: line(text, key.span().start),
                    message: unknown(&name, known),
                });
            }
        }
    }
    Ok(())
}

fn unknown(name: &str, known: &[&str]) -> String {
    let shown: String = name.chars().take(64).collect();
    let near = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&shown, known), known))
        .min();
    match near {
        Some((distance, near)) if distance <= 3 && distance < near.len() => {
            format!("there is no setting `{shown}`; did you mean `{near}`?")
        }
        _ => format!("there is no setting `{shown}`"),
    }
}

/// The key whose value is at a place in the text.
fn key_at(prefix: &str, table: &DeTable<'_>, at: usize) -> Option<String> {
    let holds = |value: &Spanned<DeValue<'_>>| value.span().contains(&at);
    let (key, value) = table.iter().find(|(_, value)| match value.get_ref() {
        DeValue::Table(inner) => inner.iter().any(|(_, value)| holds(value)),
        _ => holds(value),
    })?;
    let name = format!("{prefix}{}", key.get_ref());
    match value.get_ref() {
        DeValue::Table(inner) => key_at(&format!("{name}."), inner, at),
        _ => Some(name),
    }
}

fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (usize, String) {
        let Wrong { line, message } = parse(text).unwrap_err();
        (line, message)
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_line_and_the_nearest_name() {
        for (text, line, name, near) in [
            (
                "tls = true\n\ncatalog = \"sqlite\"\n",
                3,
                "catalog",
                "catalogue",
            ),
            ("master_key = \"m\"", 1, "master_key", "master-key"),
            (
                "[limits]\nbuckets = 1\npatiense = \"1 s\"",
                3,
                "limits.patiense",
                "limits.patience",
            ),
            ("blobs-kye = 1", 1, "blobs-kye", "blobs-key"),
        ] {
            let expected = format!("there is no setting `{name}`; did you mean `{near}`?");
            assert_eq!(wrong(text), (line, expected));
        }
        let far = (1, "there is no setting `something-else`".to_owned());
        assert_eq!(wrong("something-else = 1"), far);
        assert_eq!(wrong("[tsl]\nx = 1").0, 1);
    }

    #[test]
    fn a_wrong_type_is_refused_with_what_is_expected() {
        for (text, line, key, expected) in [
            (
                "\ngrace = 10",
                2,
                "grace",
                "a time with its unit, as in \"10 s\"",
            ),
            ("grace = \"10\"", 1, "grace", "is not a time"),
            ("inline = true", 1, "inline", "a size, as in \"16 KiB\""),
            ("inline = -1", 1, "inline", "a size, as in \"16 KiB\""),
            ("inline = \"much\"", 1, "inline", "much"),
            ("tls = \"yes\"", 1, "tls", "a boolean"),
            ("listen = 8773", 1, "listen", "socket address"),
            ("profile = \"euca-9\"", 1, "profile", "euca-9"),
            ("ids = \"some\"", 1, "ids", "adler32-ms"),
            ("[limits]\n\nbuckets = \"x\"", 3, "limits.buckets", "u32"),
            ("domains = \"x\"", 1, "domains", "a sequence"),
        ] {
            let (found, message) = wrong(text);
            assert_eq!(found, line, "{text}: {message}");
            let begin = format!("`{key}`: ");
            assert!(
                message.starts_with(&begin) && message.contains(expected),
                "{message}"
            );
        }
        assert_eq!(wrong("tls = true\ntls = true").0, 2);
        assert_eq!(wrong("a = \n").0, 1);
    }
}
