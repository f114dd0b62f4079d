//! Every setting, and where its value comes from.

use crate::key_file::KeyFile;
use crate::overrides::Overrides;
use crate::settings::{BOOTSTRAP_URL, KEY_PAIRS, REGION, Settings, USER_ID};
use crate::sources::Layer;

/// A setting, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What it is.
    pub name: &'static str,
    /// Its value; of a secret only that there is one. `None`: no source has one.
    pub value: Option<String>,
    /// The variable and the source that has it, as in `EC2_URL in the environment`. `None`: no source has one.
    pub source: Option<String>,
}

/// What is shown instead of a secret.
const HIDDEN: &str = "(hidden)";

impl Settings {
    /// All settings. Secrets are not among the values.
    pub fn describe(&self) -> Vec<Setting> {
        let Overrides {
            s3_url, ec2_url, ..
        } = &self.overrides;
        let mut all = vec![
            self.endpoint_shown("object store", "--s3-url", s3_url.as_ref(), "S3_URL"),
            self.endpoint_shown("EC2 service", "--ec2-url", ec2_url.as_ref(), "EC2_URL"),
            self.shown("bootstrap service", &[BOOTSTRAP_URL]),
        ];
        all.extend(self.key_pair());
        for (name, file) in [
            ("private key", KeyFile::PrivateKey),
            ("certificate", KeyFile::Certificate),
            ("cloud certificate", KeyFile::CloudCertificate),
        ] {
            all.push(self.shown(name, file.variables()));
        }
        all.extend([
            self.shown("account number", USER_ID),
            self.shown("region", REGION),
            self.shown("verify TLS", &["verify-ssl"]),
            self.shown("certificate authorities", &["AWS_CA_BUNDLE"]),
            self.shown("signature version 4 for the store", &["s3-force-sigv4"]),
            self.shown("location of new buckets", &["s3-location-constraint"]),
            self.shown("retries", &["max-retries"]),
            self.shown("timeout in seconds", &["timeout"]),
        ]);
        all
    }

    /// An endpoint, which an option of the command line takes precedence over.
    fn endpoint_shown(
        &self,
        name: &'static str,
        option: &str,
        given: Option<&url::Url>,
        variable: &str,
    ) -> Setting {
        match given {
            Some(url) => Setting {
                name,
                value: Some(url.to_string()),
                source: Some(option.to_owned()),
            },
            None => self.shown(name, &[variable]),
        }
    }

    fn shown(&self, name: &'static str, variables: &[&str]) -> Setting {
        let found = self.layers.iter().find_map(|layer| {
            let variable = variables
                .iter()
                .find(|variable| layer.values.contains_key(**variable))?;
            Some((variable, layer))
        });
        Setting {
            name,
            value: found.map(|(variable, layer)| layer.values[*variable].expose().to_owned()),
            source: found.map(|(variable, layer)| source(variable, layer)),
        }
    }

    /// Both halves of the key pair, which come from one place.
    fn key_pair(&self) -> [Setting; 2] {
        let found = self.layers.iter().find_map(|layer| {
            let pair = KEY_PAIRS.iter().find(|(access, secret)| {
                layer.values.contains_key(*access) && layer.values.contains_key(*secret)
            })?;
            Some((pair, layer))
        });
        let access = found.map(|((access, _), layer)| layer.values[*access].expose().to_owned());
        [
            Setting {
                name: "access key",
                value: access,
                source: found.map(|((access, _), layer)| source(access, layer)),
            },
            Setting {
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
