//! Which cloud is played: how images are checked, described, refused and removed.

use std::fmt;
use std::str::FromStr;

/// A generation of clouds, as clients see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Everything that any generation checked, and the parts too. The profile to develop and test with.
    #[default]
    Strict,
    /// Eucalyptus 1.6 of 2009.
    Euca16,
    /// Eucalyptus 2.0 of 2010.
    Euca20,
    /// Eucalyptus 4.4 of 2017.
    Euca44,
}

/// The text names no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown profile {0:?}: use strict, euca-1.6, euca-2.0 or euca-4.4")]
pub struct ProfileError(String);

/// How ids of images are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdPolicy {
    /// Four random bytes, in lower case.
    Random,
    /// Adler-32 of the location and the time in milliseconds, in upper case.
    AdlerMs,
}

/// What `imageOwnerId` shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OwnerId {
    /// The number of the account.
    #[default]
    Account,
    /// The name of the user who has registered the image.
    User,
}

/// How images are registered and shown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageRules {
    /// The cloud that is played. The others than `strict` decide for themselves what the next four fields decide.
    pub profile: Profile,
    /// How ids are made; random when nothing is said.
    pub ids: Option<IdPolicy>,
    /// Whether everybody may run a new image.
    pub default_public: bool,
    /// What `imageOwnerId` shows.
    pub owner_id: OwnerId,
    /// Whether an image must have a name. The tools of 2010 send none.
    pub require_name: bool,
    /// The times, in milliseconds since 1970, that ids of the policy [`IdPolicy::AdlerMs`] are made with: each new
    /// image takes the next one, and those behind the last take the last. An id that is taken takes the next
    /// millisecond. Without any, the clock is asked.
    pub epoch_ms: Vec<i64>,
    /// Restores the image of each new bundle, to nowhere, and compares it with the manifest; in the profile strict. It takes
    /// as long as unbundling does.
    pub full_unbundle: bool,
    /// Largest image, in bytes. Not checked by the clouds of 2009 and 2010.
    pub max_image_bytes: u64,
    /// The error code of the clouds of 2009 and 2010: the name of one of their components.
    pub component: String,
}

impl Default for ImageRules {
    fn default() -> Self {
        Self {
            profile: Profile::Strict,
            ids: None,
            default_public: false,
            owner_id: OwnerId::Account,
            require_name: false,
            epoch_ms: Vec::new(),
            full_unbundle: false,
            max_image_bytes: 30 << 30,
            component: "ImageManager".to_owned(),
        }
    }
}

impl ImageRules {
    /// The rules of a profile.
    pub fn of(profile: Profile) -> Self {
        Self {
            profile,
            ..Self::default()
        }
    }

    /// How ids are made.
    pub fn id_policy(&self) -> IdPolicy {
        match self.profile {
            Profile::Strict => self.ids.unwrap_or(IdPolicy::Random),
            Profile::Euca16 | Profile::Euca20 => IdPolicy::AdlerMs,
            Profile::Euca44 => IdPolicy::Random,
        }
    }

    /// Whether everybody may run a new image.
    pub fn is_public(&self) -> bool {
        match self.profile {
            Profile::Strict => self.default_public,
            Profile::Euca16 | Profile::Euca20 => true,
            Profile::Euca44 => false,
        }
    }

    /// What `imageOwnerId` shows.
    pub fn shown_owner(&self) -> OwnerId {
        match self.profile {
            Profile::Strict => self.owner_id,
            Profile::Euca16 | Profile::Euca20 => OwnerId::User,
            Profile::Euca44 => OwnerId::Account,
        }
    }
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Strict, Self::Euca16, Self::Euca20, Self::Euca44];

    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Euca16 => "euca-1.6",
            Self::Euca20 => "euca-2.0",
            Self::Euca44 => "euca-4.4",
        }
    }

    /// Whether it is one of the clouds of 2009 and 2010.
    pub fn is_legacy(self) -> bool {
        matches!(self, Self::Euca16 | Self::Euca20)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let named = Self::ALL.into_iter().find(|known| known.as_str() == text);
        named.ok_or_else(|| ProfileError(text.chars().take(32).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for profile in Profile::ALL {
            assert_eq!(profile.as_str().parse(), Ok(profile));
        }
        assert!("euca-3".parse::<Profile>().is_err());
    }

    #[test]
    fn defaults_of_the_profiles() {
        let of = |profile| {
            let rules = ImageRules::of(profile);
            (rules.is_public(), rules.shown_owner(), rules.id_policy())
        };
        let legacy = (true, OwnerId::User, IdPolicy::AdlerMs);
        let modern = (false, OwnerId::Account, IdPolicy::Random);
        assert_eq!(of(Profile::Euca16), legacy);
        assert_eq!(of(Profile::Euca20), legacy);
        assert_eq!(of(Profile::Euca44), modern);
        assert_eq!(of(Profile::Strict), modern);
    }
}
