//! Which program wrote a manifest, for people: no decision rests on it.

use std::fmt;

use crate::BundlerVersion;

/// Which program wrote a manifest, as far as its `bundler` element shows. Nobody signs that element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// euca2ools 1.0 to 1.2: no image digest.
    Euca2ools10,
    /// euca2ools 1.3 and 1.3.1: no image digest.
    Euca2ools13,
    /// euca2ools 1.3.2.
    Euca2ools132,
    /// euca2ools 2.x.
    Euca2ools2,
    /// euca2ools 3.0.x.
    Euca2ools30,
    /// euca2ools 3.1.0 to 3.1.2.
    Euca2ools310,
    /// euca2ools 3.1.3 to 3.4.1.
    Euca2ools313,
    /// ec2-ami-tools.
    Ec2AmiTools,
    /// This program.
    Gumnut,
    /// Another one.
    Unknown,
}

impl Dialect {
    pub(crate) fn of(bundler: &BundlerVersion) -> Self {
        let version = bundler.version.as_str();
        match (bundler.name.as_str(), version, bundler.release.as_str()) {
            ("euca-tools", "1.0", _) => Self::Euca2ools10,
            ("euca-tools", "1.3", _) => Self::Euca2ools13,
            ("euca-tools", "1.3.2", "31337") => Self::Euca2ools2,
            ("euca-tools", "1.3.2", _) => Self::Euca2ools132,
            ("euca2ools", ..) if is_of(version, "3.0") => Self::Euca2ools30,
            ("euca2ools", "3.1" | "3.1.0" | "3.1.1" | "3.1.2", _) => Self::Euca2ools310,
            ("euca2ools", ..) if version.starts_with("3.") => Self::Euca2ools313,
            ("ec2-ami-tools", ..) => Self::Ec2AmiTools,
            ("gumnut", ..) => Self::Gumnut,
            _ => Self::Unknown,
        }
    }
}

fn is_of(version: &str, line: &str) -> bool {
    let rest = version.strip_prefix(line);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Euca2ools10 => "euca2ools 1.0 to 1.2",
            Self::Euca2ools13 => "euca2ools 1.3 to 1.3.1",
            Self::Euca2ools132 => "euca2ools 1.3.2",
            Self::Euca2ools2 => "euca2ools 2.x",
            Self::Euca2ools30 => "euca2ools 3.0",
            Self::Euca2ools310 => "euca2ools 3.1.0 to 3.1.2",
            Self::Euca2ools313 => "euca2ools 3.1.3 to 3.4.1",
            Self::Ec2AmiTools => "ec2-ami-tools",
            Self::Gumnut => "gumnut",
            Self::Unknown => "unknown",
        })
    }
}
