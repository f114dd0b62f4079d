//! Which images a `DescribeImages` is about.

use rusqlite::Connection;

use super::filter::Filter;
use super::images::{self, Image};
use super::parameters::not_found;
use super::tags;
use crate::auth::Caller;
use crate::register::Refusal;
use gumnut_cloud_catalogue::ImageRules;

/// What a request asks for: an image must satisfy all of it.
pub(super) struct Wanted {
    pub(super) rules: ImageRules,
    pub(super) caller: Caller,
    pub(super) ids: Vec<String>,
    /// Images in every state.
    pub(super) verbose: bool,
    pub(super) owners: Vec<String>,
    pub(super) executable_by: Vec<String>,
    pub(super) filters: Vec<Filter>,
}

impl Wanted {
    pub(super) fn select(&self, connection: &Connection) -> Result<Vec<Image>, Refusal> {
        let profile = self.rules.profile;
        let mut images = images::all(connection)?;
        images.retain(|image| image.usable_by(&self.caller, profile));
        for id in self.ids.iter().filter(|_| !profile.is_legacy()) {
            if !images.iter().any(|image| image.id.eq_ignore_ascii_case(id)) {
                return Err(not_found(id));
            }
        }
        for image in &mut images {
            image.tags = tags::of_image(connection, &image.id, self.caller.account.as_str())?;
        }
        images.retain(|image| self.wants(image));
        Ok(images)
    }

    fn wants(&self, image: &Image) -> bool {
        let state = image.state.as_str();
        let listed = self.verbose || matches!(state, "available" | "pending" | "failed");
        let named =
            self.ids.is_empty() || self.ids.iter().any(|id| image.id.eq_ignore_ascii_case(id));
        let owned =
            self.owners.is_empty() || self.owners.iter().any(|owner| self.is_owner(owner, image));
        let shown = self.rules.shown_owner();
        let filtered = self
            .filters
            .iter()
            .all(|filter| filter.matches(image, shown));
        listed && named && owned && self.executable(image) && filtered
    }

    fn is_owner(&self, owner: &str, image: &Image) -> bool {
        match owner {
            "self" => image.owner == self.caller.account,
            name if self.rules.profile.is_legacy() => image.user == name,
            number => image.owner.as_str() == number,
        }
    }

    fn executable(&self, image: &Image) -> bool {
        let legacy = self.rules.profile.is_legacy();
        // The clouds of 2009 and 2010 know no group there.
        let mut wanted = self.executable_by.iter();
        let mut wanted = wanted
            .by_ref()
            .filter(|who| !(legacy && *who == "all"))
            .peekable();
        wanted.peek().is_none() || wanted.any(|who| self.may_execute(who, image))
    }

    fn may_execute(&self, who: &str, image: &Image) -> bool {
        let launch = &image.launch;
        match who {
            "all" => launch.public,
            "self" => launch.names(&self.caller, self.rules.profile),
            name if self.rules.profile.is_legacy() => {
                image.owner == self.caller.account
                    && (launch.public || launch.accounts.contains(name))
            }
            number => launch.accounts.contains(number),
        }
    }
}
