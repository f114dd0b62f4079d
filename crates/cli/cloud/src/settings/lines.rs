//! The settings one by one, as a configuration file has them.

use std::path::Path;

use super::model::Settings;

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
        line("postgres-time", quoted(&settings.postgres_time)),
        line("blobs", quoted(&settings.blobs)),
        line("blobs-key", path(&settings.blobs_key)),
        line("master-key", path(&settings.master_key)),
        line("inline", quoted(&settings.inline())),
        line("name", settings.name.as_deref().map(text)),
        line("drain", quoted(&settings.drain())),
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
        line("instances", yes(settings.instances)),
        line("max-instances", Some(settings.max_instances.to_string())),
        line(
            "replacement-kernel",
            settings.replacement_kernel.as_deref().map(text),
        ),
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
    pub(crate) fn to_toml(&self) -> String {
        let mut filled = self.clone();
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
