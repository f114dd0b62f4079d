//! How the cloud registers and shows images.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use gumnut_cloud::{IdPolicy, ImageRules, OwnerId, Profile};
use gumnut_terminal::{Exit, Failure};

/// How the cloud registers and shows images.
#[derive(Args)]
#[command(next_help_heading = "Images")]
pub(crate) struct ImageOptions {
    /// Eucalyptus version to emulate: its checks, codes, messages, defaults and ids
    #[arg(
        long,
        value_name = "PROFILE",
        default_value = "strict",
        value_parser = PossibleValuesParser::new(Profile::ALL.map(Profile::as_str))
            .try_map(|name| name.parse::<Profile>())
    )]
    pub(super) profile: Profile,
    /// Times in milliseconds since 1970 for new ids, one per image; the last one is reused
    ///
    /// For ids of the form adler32-ms, which the profiles euca-1.6 and euca-2.0 use: the id is computed from the location
    /// and this time, so it is the same each time. If an id is already in use, the next millisecond is tried.
    #[arg(long, value_name = "MS", value_delimiter = ',')]
    epoch_ms: Vec<i64>,
    /// Form of ids, in the profile strict
    #[arg(long, value_enum, value_name = "POLICY", default_value = "random")]
    ids: Ids,
    /// Owner of an image in answers, in the profile strict
    #[arg(long, value_enum, value_name = "WHAT", default_value = "account")]
    owner_id: Owner,
    /// Make new images public, in the profile strict
    #[arg(long)]
    default_public: bool,
    /// Refuse images without a name, in the profile strict
    #[arg(long)]
    require_name: bool,
    /// Restore each new image in memory and compare it with its manifest, in the profile strict
    #[arg(long)]
    full_unbundle: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Ids {
    /// Random digits in lower case
    Random,
    /// From location and time, in upper case
    #[value(name = "adler32-ms")]
    AdlerMs,
}

#[derive(Clone, Copy, ValueEnum)]
enum Owner {
    /// The account's number
    Account,
    /// The user's name
    User,
}

impl ImageOptions {
    /// The rules of the cloud that these options ask for.
    pub(super) fn rules(&self) -> Result<ImageRules, Failure> {
        let mut rules = ImageRules::of(self.profile);
        rules.ids = Some(match self.ids {
            Ids::Random => IdPolicy::Random,
            Ids::AdlerMs => IdPolicy::AdlerMs,
        });
        rules.owner_id = match self.owner_id {
            Owner::Account => OwnerId::Account,
            Owner::User => OwnerId::User,
        };
        rules.default_public = self.default_public;
        rules.require_name = self.require_name;
        rules.full_unbundle = self.full_unbundle;
        rules.epoch_ms.clone_from(&self.epoch_ms);
        if !self.epoch_ms.is_empty() && rules.id_policy() == IdPolicy::Random {
            let message = format!(
                "--epoch-ms has no effect on the random ids of {}",
                self.profile
            );
            return Err(Failure::new(Exit::Usage, message)
                .hint("pass --profile euca-2.0, or --ids adler32-ms with --profile strict"));
        }
        Ok(rules)
    }
}
