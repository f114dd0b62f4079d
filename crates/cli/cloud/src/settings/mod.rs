//! What a cloud is started with, from its configuration file and the options.

mod lines;
mod model;
mod read;
mod values;

pub(crate) use model::Settings;
pub(crate) use values::{Ids, Owner, time};

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::lines::of;
    use super::read::parse;
    use super::*;

    const PAGE: &str = include_str!("../../../../../docs/cloud-config.md");
    const PACKAGED: &str = include_str!("../../../../../xtask/src/dist/cloud.toml");

    /// Keys of the page and their defaults, in its order. A dash is no default.
    fn documented() -> Vec<(String, Option<String>)> {
        let rows = PAGE.lines().filter_map(|row| row.strip_prefix("| `"));
        let rows = rows.map(|row| {
            let (key, rest) = row.split_once("` | ").unwrap();
            let default = rest.split(" | ").next().unwrap();
            let default = default
                .strip_prefix('`')
                .and_then(|it| it.strip_suffix('`'));
            (key.to_owned(), default.map(str::to_owned))
        });
        rows.collect()
    }

    #[test]
    fn the_page_the_packaged_file_and_the_code_have_the_same_settings_and_defaults() {
        let lines = of(&Settings::default());
        let expected = lines.into_iter().map(|it| (it.key.to_owned(), it.value));
        assert_eq!(documented(), expected.collect::<Vec<_>>());

        let written = PACKAGED.lines().filter_map(|line| {
            let (key, value) = line.trim_start_matches('#').split_once(" = ")?;
            Some((key.trim().to_owned(), value.to_owned()))
        });
        let written: Vec<_> = written.collect();
        let mut table = "";
        let mut keys = Vec::new();
        for line in PACKAGED.lines() {
            if line == "[limits]" {
                table = "limits.";
            }
            let text = line.trim_start_matches('#');
            if let Some((key, value)) = text.split_once(" = ").filter(|(key, _)| !key.contains(' '))
            {
                keys.push((format!("{table}{key}"), value.to_owned()));
            }
        }
        assert_eq!(keys.len(), written.len(), "prose has no ` = `");
        let of_page = documented();
        assert_eq!(keys.len(), of_page.len());
        for ((key, value), (expected, default)) in keys.iter().zip(&of_page) {
            assert_eq!(key, expected);
            if let Some(default) = default {
                assert_eq!(value, default, "{key}");
            }
        }
        // As it is, and with each setting that stands behind a number sign.
        let settings = parse(PACKAGED).unwrap();
        assert_eq!(settings.data.unwrap(), Path::new("/var/lib/gumnut"));
        let all: Vec<_> = PACKAGED
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => setting,
                _ => line,
            })
            .collect();
        parse(&all.join("\n")).unwrap();
    }

    #[test]
    fn what_is_printed_is_read_as_the_same_and_has_no_password() {
        let text = "catalogue = \"postgres://gumnut:secret@db.example/cloud\"\ngrace = \"90 s\"\ndomains = [\"a\", \"ü\\\"\"]\n\
            epoch-ms = [1, 2]\n[limits]\nput = \"1 GiB\"\n";
        let settings = parse(text).unwrap();
        let printed = settings.to_toml();
        assert!(!printed.contains("secret@"), "{printed}");
        assert!(printed.contains("\"postgres://gumnut@db.example/cloud\""));
        let again = parse(&printed).unwrap();
        assert_eq!(again.to_toml(), printed);
        assert_eq!(again.domains, settings.domains);
    }
}
