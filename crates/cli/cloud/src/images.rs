//! How the cloud registers and shows images.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use gumnut_cloud::Profile;

use crate::settings::{Ids, Owner, Settings};

/// How the cloud registers and shows images.
#[derive(Args)]
#[command(next_help_heading = "Images")]
pub(crate) struct ImageOptions {
    /// Eucalyptus version to emulate: its checks, codes, messages, defaults and ids [default: strict]
    #[arg(
        long,
        value_name = "PROFILE",
        value_parser = PossibleValuesParser::new(Profile::ALL.map(Profile::as_str))
            .try_map(|name| name.parse::<Profile>())
    )]
    profile: Option<Profile>,
    /// Times in milliseconds since 1970 for new ids, one per image; the last one is reused
    ///
    /// For ids of the form adler32-ms, which the profiles euca-1.6 and euca-2.0 use: the id is computed from the location
    /// and this time, so it is the same each time. If an id is already in use, the next millisecond is tried.
    #[arg(long, value_name = "MS", value_delimiter = ',')]
    epoch_ms: Vec<i64>,
    /// Form of ids, in the profile strict [default: random]
    #[arg(long, value_enum, value_name = "POLICY")]
    ids: Option<Ids>,
    /// Owner of an image in answers, in the profile strict [default: account]
    #[arg(long, value_enum, value_name = "WHAT")]
    owner_id: Option<Owner>,
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

impl ImageOptions {
    /// Says it to the cloud, in the place of what its configuration file says.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.profile = self.profile.unwrap_or(settings.profile);
        settings.ids = self.ids.unwrap_or(settings.ids);
        settings.owner_id = self.owner_id.unwrap_or(settings.owner_id);
        settings.default_public |= self.default_public;
        settings.require_name |= self.require_name;
        settings.full_unbundle |= self.full_unbundle;
        if !self.epoch_ms.is_empty() {
            settings.epoch_ms.clone_from(&self.epoch_ms);
        }
    }
}
