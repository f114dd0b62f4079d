//! The dialects, and what differs between them.

use std::str::FromStr;

use gumnut_settings::SourceOrder;
use gumnut_terminal::{Exit, Signature};

/// The variable that chooses the dialect of the `euca-*` names.
pub(super) const VARIABLE: &str = "GUMNUT_DIALECT";

/// Whose tool it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// euca2ools.
    Euca,
    /// ec2-ami-tools.
    Ec2,
}

/// How a tool is spoken to, and how it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// euca2ools 1.x, as tutorials of 2009 to 2012 show it.
    Euca2010,
    /// euca2ools 3.1 to 3.4.
    Euca34,
    /// ec2-ami-tools 1.5.
    AmiTools,
}

/// The text names no dialect.
#[derive(Debug, thiserror::Error)]
#[error("unknown dialect {0:?}: use 2010 or 3.4")]
pub(super) struct DialectError(String);

/// A dialect that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// `2010`.
    Y2010,
    /// `3.4`.
    V34,
}

impl FromStr for Chosen {
    type Err = DialectError;

    fn from_str(text: &str) -> Result<Self, DialectError> {
        match text {
            "2010" => Ok(Self::Y2010),
            "3.4" => Ok(Self::V34),
            _ => Err(DialectError(text.chars().take(32).collect())),
        }
    }
}

impl Chosen {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Y2010 => "2010",
            Self::V34 => "3.4",
        }
    }
}

impl Dialect {
    /// The dialect of a family's tools: the chosen one, else that of the environment, else the newest.
    pub(super) fn of(family: Family, chosen: Option<Chosen>) -> Result<Self, DialectError> {
        if family == Family::Ec2 {
            return Ok(Self::AmiTools);
        }
        let decided = match (chosen, std::env::var(VARIABLE)) {
            (Some(chosen), _) => chosen,
            (None, Ok(text)) if !text.is_empty() => text.parse()?,
            _ => Chosen::V34,
        };
        Ok(match decided {
            Chosen::Y2010 => Self::Euca2010,
            Chosen::V34 => Self::Euca34,
        })
    }

    /// Whether this is the dialect of 2010.
    pub(super) fn is_2010(self) -> bool {
        self == Self::Euca2010
    }

    /// The sources of settings in the order of these tools.
    pub(super) fn order(self) -> SourceOrder {
        match self {
            Self::Euca2010 => SourceOrder::Eucarc,
            Self::Euca34 => SourceOrder::Ini,
            Self::AmiTools => SourceOrder::Native,
        }
    }

    /// How requests to the EC2 service are signed.
    pub(super) fn ec2_signature(self) -> Signature {
        match self {
            Self::Euca2010 => Signature::V2,
            Self::Euca34 | Self::AmiTools => Signature::V4,
        }
    }

    /// How requests to the object store are signed where the region does not insist on version 4.
    pub(super) fn s3_signature(self) -> Signature {
        match self {
            Self::Euca2010 | Self::Euca34 => Signature::V2,
            Self::AmiTools => Signature::V4,
        }
    }

    /// Name and version that `--version` prints: scripts look for them.
    pub(super) fn version(self, name: &str) -> (String, &'static str) {
        match self {
            Self::Euca2010 => (format!("    {name}"), "version: 1.0 (BSD)"),
            Self::Euca34 => ("euca2ools".to_owned(), "3.4.1 (Newton)"),
            Self::AmiTools => (name.to_owned(), "1.5.3"),
        }
    }

    /// The exit code of a failure.
    pub(super) fn code(self, exit: Exit, missing_file: bool) -> u8 {
        match (self, exit) {
            (
                Self::Euca2010 | Self::Euca34,
                Exit::Interrupted | Exit::Terminated | Exit::HungUp,
            ) => exit as u8,
            (Self::Euca34, Exit::Usage) => 2,
            (Self::Euca2010 | Self::Euca34, _) | (Self::AmiTools, Exit::Usage) => 1,
            (Self::AmiTools, Exit::Input) if missing_file => 2,
            (Self::AmiTools, Exit::Refused | Exit::Network) => 3,
            (Self::AmiTools, Exit::Input | Exit::NotSeen | Exit::Unexpected) => 254,
            (Self::AmiTools, Exit::Interrupted | Exit::Terminated | Exit::HungUp) => 255,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_tools() {
        let codes = |exit| {
            [Dialect::Euca2010, Dialect::Euca34, Dialect::AmiTools]
                .map(|dialect| dialect.code(exit, false))
        };
        assert_eq!(codes(Exit::Usage), [1, 2, 1]);
        assert_eq!(codes(Exit::Input), [1, 1, 254]);
        assert_eq!(codes(Exit::Refused), [1, 1, 3]);
        assert_eq!(codes(Exit::Interrupted), [130, 130, 255]);
        assert_eq!(codes(Exit::Terminated), [143, 143, 255]);
        assert_eq!(Dialect::AmiTools.code(Exit::Input, true), 2);
    }
}
