//! The settings one by one, as a configuration file has them.

use std::path::Path;

use super::Settings;

/// A setting and its value in TOML; `None` when it has none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The key; of a table with the name of the table and a dot before it.
    pub(super) key: &'static str,
    pub(super) value: Option<String>,
}

/// All settings, in the order of the documentation.
pub(super) fn of(settings: &Settings) -> Vec<Line> {
    let limits = &settings.limits;
    let path = |path: &Option<_>| {
        path.as_deref()
            .map(|path: &Path| text(&path.to_string_lossy()))
    };
    let yes = |value: bool| Some(value.to_string());
    let line = |key, value| Line { key, value };
    let quoted = |value: &dyn std::fmt::Display| Some(text(&value.to_string()));
    let list = |values: &[String]| {
        let values: Vec<_> = values.iter().map(|value| text(value)).collect();
        Some(format!("[{}]", values.join(", ")))
    };
    let times: Vec<_> = settings.epoch_ms.iter().map(i64::to_string).collect();
    vec![
        line("data", path(&settings.data)),
        line("catalogue", quoted(&without_password(&settings.catalogue))),
        line("postgres-password", path(&settings.postgres_password)),
        line("blobs", quoted(&settings.blobs)),
        line("blobs-key", path(&settings.blobs_key)),
        line("master-key", path(&settings.master_key)),
        line("name", settings.name.as_deref().map(text)),
        line("inline", quoted(&settings.inline())),
        line("drain", quoted(&settings.drain)),
        line("grace", quoted(&settings.grace)),
        line("listen", quoted(&settings.listen)),
        line("allow-remote", yes(settings.allow_remote)),
        line("tls", yes(settings.tls)),
        line("tls-cert", path(&settings.tls_cert)),
        line("tls-key", path(&settings.tls_key)),
        line("tls-ca", path(&settings.tls_ca)),
        line("host", settings.host.as_deref().map(text)),
        line("domains", list(&settings.domains)),
        line("accept-regions", list(&settings.accept_regions)),
        line("extended-bucket-names", yes(settings.extended_bucket_names)),
        line("profile", quoted(&settings.profile)),
        line("ids", quoted(&settings.ids)),
        line("owner-id", quoted(&settings.owner_id)),
        line("default-public", yes(settings.default_public)),
        line("require-name", yes(settings.require_name)),
        line("full-unbundle", yes(settings.full_unbundle)),
        line("epoch-ms", Some(format!("[{}]", times.join(", ")))),
        line("limits.buckets", Some(limits.buckets.to_string())),
        line("limits.put", quoted(&limits.put)),
        line("limits.object", quoted(&limits.object)),
        line("limits.part", quoted(&limits.part)),
        line("limits.document", quoted(&limits.document)),
        line("limits.documents", quoted(&limits.documents)),
        line("limits.head", quoted(&limits.head)),
        line("limits.requests", Some(limits.requests.to_string())),
        line("limits.connections", Some(limits.connections.to_string())),
        line(
            "limits.connections-per-client",
            Some(limits.connections_per_client.to_string()),
        ),
        line("limits.head-time", quoted(&limits.head_time)),
        line("limits.patience", quoted(&limits.patience)),
        line("limits.pace", quoted(&limits.pace)),
    ]
}

impl Settings {
    /// The settings as a configuration file. It names files with secrets and has none itself.
    pub(in super::super) fn to_toml(&self) -> String {
        let mut filled = self.clone();
        filled.name = Some(self.name());
        filled.data = self.folder().ok();
        let mut toml = String::new();
        for Line { key, value } in of(&filled) {
            match value {
                Some(value) => toml.extend([key, " = ", &value, "\n"]),
                None => toml.extend(["# ", key, "\n"]),
            }
        }
        toml
    }
}

/// A text in TOML, which takes what JSON writes.
fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// A URL without the password that may be in it.
fn without_password(url: &str) -> String {
    let hidden = url.split_once("://").and_then(|(scheme, rest)| {
        let (login, place) = rest.split_once('@')?;
        let (user, _) = login.split_once(':')?;
        Some(format!("{scheme}://{user}@{place}"))
    });
    hidden.unwrap_or_else(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::read::parse;
    use super::*;

    const PAGE: &str = include_str!("../../../../../../docs/cloud-config.md");
    const PACKAGED: &str = include_str!("../../../../../../xtask/src/dist/cloud.toml");

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
        let text = "catalogue = \"postgres://gumnut:secret@db.example/cloud\"\ndrain = \"90 s\"\ndomains = [\"a\", \"ü\\\"\"]\n\
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
