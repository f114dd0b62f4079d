//! Every setting, and where its value comes from.

use super::key_file::KeyFile;
use super::{BOOTSTRAP_URL, KEY_PAIRS, Layer, REGION, Settings, USER_ID};

/// A setting, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// What it is.
    pub(crate) name: &'static str,
    /// Its value; of secrets only that there is one; nothing when nobody sets it.
    pub(crate) value: Option<String>,
    /// Who says so, as in `EC2_URL in the environment`.
    pub(crate) source: Option<String>,
}

/// What is shown instead of a secret.
const HIDDEN: &str = "(hidden)";

impl Settings {
    /// All settings. Secrets are not among the values.
    pub(crate) fn describe(&self) -> Vec<Shown> {
        let named = |name, variables: &[&str]| self.shown(name, variables);
        let given = |name, option: &str, url: Option<&url::Url>, variable| match url {
            Some(url) => Shown {
                name,
                value: Some(url.to_string()),
                source: Some(option.to_owned()),
            },
            None => named(name, &[variable]),
        };
        let overrides = &self.overrides;
        let mut all = vec![
            given(
                "object store",
                "--s3-url",
                overrides.s3_url.as_ref(),
                "S3_URL",
            ),
            given(
                "EC2 service",
                "--ec2-url",
                overrides.ec2_url.as_ref(),
                "EC2_URL",
            ),
            named("bootstrap service", &[BOOTSTRAP_URL]),
        ];
        all.extend(self.key_pair());
        for (name, file) in [
            ("private key", KeyFile::PrivateKey),
            ("certificate", KeyFile::Certificate),
            ("cloud certificate", KeyFile::CloudCertificate),
        ] {
            all.push(named(name, file.variables()));
        }
        all.extend([
            named("account number", USER_ID),
            named("region", REGION),
            named("verify TLS", &["verify-ssl"]),
            named("certificate authorities", &["AWS_CA_BUNDLE"]),
            named("version 4 for the store", &["s3-force-sigv4"]),
            named("where buckets are made", &["s3-location-constraint"]),
            named("retries", &["max-retries"]),
            named("seconds for an answer", &["timeout"]),
        ]);
        all
    }

    fn shown(&self, name: &'static str, variables: &[&str]) -> Shown {
        let found = self.layers.iter().find_map(|layer| {
            let variable = variables
                .iter()
                .find(|variable| layer.values.contains_key(**variable))?;
            Some((variable, layer))
        });
        Shown {
            name,
            value: found.map(|(variable, layer)| layer.values[*variable].expose().to_owned()),
            source: found.map(|(variable, layer)| source(variable, layer)),
        }
    }

    /// Both halves of the key pair, which come from one place.
    fn key_pair(&self) -> [Shown; 2] {
        let found = self.layers.iter().find_map(|layer| {
            let both = |(access, secret): &&(&str, &str)| {
                layer.values.contains_key(*access) && layer.values.contains_key(*secret)
            };
            Some((KEY_PAIRS.iter().find(both)?, layer))
        });
        let access = found.map(|((access, _), layer)| layer.values[*access].expose().to_owned());
        [
            Shown {
                name: "access key",
                value: access,
                source: found.map(|((access, _), layer)| source(access, layer)),
            },
            Shown {
                name: "secret key",
                value: found.map(|_| HIDDEN.to_owned()),
                source: found.map(|((_, secret), layer)| source(secret, layer)),
            },
        ]
    }
}

fn source(variable: &str, layer: &Layer) -> String {
    format!("{variable} in {}", layer.source)
}
