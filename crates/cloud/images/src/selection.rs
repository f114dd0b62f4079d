//! Which images a caller asks for.

use gumnut_cloud_catalogue::{Caller, Image, ImageRules, ImageState, Profile};

/// Which images a caller asks for: an image must satisfy all of it. What is empty asks for nothing. In the clouds of 2009 and
/// 2010 it is enough to satisfy the owners or who may run it.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Ids, in any case.
    pub ids: Vec<String>,
    /// Whether images in every state are wanted, which only administrators get.
    pub verbose: bool,
    /// Owners: account numbers, `self`, or names of users in clouds that know no accounts.
    pub owners: Vec<String>,
    /// Who may run them: account numbers, `self`, `all`, or names of users in clouds that know no accounts.
    pub executable_by: Vec<String>,
}

impl Selection {
    /// The first id that is not the id of one of the images; `None` when all are there. The clouds of 2009 and 2010 do not mind.
    pub(crate) fn missing(&self, images: &[Image], profile: Profile) -> Option<&String> {
        self.ids
            .iter()
            .filter(|_| !profile.is_legacy())
            .find(|id| !images.iter().any(|image| image.id.eq_ignore_ascii_case(id)))
    }

    /// Whether an image that the caller may run is asked for.
    pub(crate) fn wants(&self, image: &Image, caller: &Caller, rules: &ImageRules) -> bool {
        let profile = rules.profile;
        let listed = (self.verbose && caller.admin) || image.state != ImageState::Deregistered;
        let named =
            self.ids.is_empty() || self.ids.iter().any(|id| image.id.eq_ignore_ascii_case(id));
        let chosen = if profile.is_legacy() {
            self.chosen_by_any(image, caller, profile)
        } else {
            self.chosen_by_both(image, caller, profile)
        };
        listed && named && chosen
    }

    /// Whether owners and who may run it both choose an image.
    fn chosen_by_both(&self, image: &Image, caller: &Caller, profile: Profile) -> bool {
        let owned = self.owners.iter().any(|owner| match owner.as_str() {
            "self" => image.owner == caller.account,
            number => image.owner.as_str() == number,
        });
        let runs = self.executable_by.iter().any(|who| match who.as_str() {
            "all" => image.launch.public,
            "self" => image.launch.names(caller, profile),
            number => image.launch.accounts.contains(number),
        });
        (owned || self.owners.is_empty()) && (runs || self.executable_by.is_empty())
    }

    /// Whether one of the owners or of those who may run it chooses an image that the caller may run. `self` chooses all of
    /// them, on either side. The group `all` is no name of a user: it chooses nothing, and 1.6 takes it for not there at all.
    fn chosen_by_any(&self, image: &Image, caller: &Caller, profile: Profile) -> bool {
        let owned = self
            .owners
            .iter()
            .any(|owner| owner == "self" || *owner == image.user);
        let runs = self.executable_by.iter().any(|who| match who.as_str() {
            "self" => true,
            "all" => false,
            name => {
                let launch = &image.launch;
                image.owner == caller.account && (launch.public || launch.accounts.contains(name))
            }
        });
        let asks = |who: &String| profile == Profile::Euca20 || who != "all";
        let for_all = self.owners.is_empty() && !self.executable_by.iter().any(asks);
        owned || runs || for_all
    }
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::LaunchPermissions;

    use super::*;
    use crate::samples::{caller, image, owner, stranger};

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    fn wants(selection: &Selection, image: &Image, caller: &Caller, profile: Profile) -> bool {
        selection.wants(image, caller, &ImageRules::of(profile))
    }

    /// Whether an image of [`owner`] that the account 222222222222 may run is chosen.
    fn chosen(owners: &[&str], who: &[&str], caller: &Caller, profile: Profile) -> bool {
        let selection = Selection {
            owners: texts(owners),
            executable_by: texts(who),
            ..Selection::default()
        };
        let shared = Image {
            launch: LaunchPermissions {
                public: false,
                accounts: texts(&["222222222222"]).into_iter().collect(),
            },
            ..image()
        };
        wants(&selection, &shared, caller, profile)
    }

    #[test]
    fn owners_and_who_may_run_it_are_accounts_and_both_must_fit() {
        for (owners, who, is_chosen) in [
            (&[][..], &[][..], true),
            (&["self"], &[], true),
            (&["111111111111"], &[], true),
            (&["333333333333", "111111111111"], &[], true),
            (&["user-111111111111"], &[], false),
            (&["222222222222"], &[], false),
            (&[], &["222222222222"], true),
            (&[], &["333333333333"], false),
            (&[], &["all"], false),
            (&[], &["self"], false),
            (&["self"], &["222222222222"], true),
            (&["self"], &["self"], false),
            (&["333333333333"], &["222222222222"], false),
        ] {
            for profile in [Profile::Strict, Profile::Euca44] {
                let found = chosen(owners, who, &owner(), profile);
                assert_eq!(found, is_chosen, "{owners:?} {who:?}");
            }
        }
        assert!(!chosen(&["self"], &[], &stranger(), Profile::Strict));
        assert!(chosen(&[], &["self"], &stranger(), Profile::Strict));
    }

    #[test]
    fn in_old_clouds_they_are_users_and_one_of_them_is_enough() {
        for (owners, who, in_1_6, in_2_0) in [
            (&[][..], &[][..], true, true),
            (&["user-111111111111"], &[], true, true),
            (&["111111111111"], &[], false, false),
            (&["self"], &[], true, true),
            (&[], &["self"], true, true),
            // What the tools of 2010 send without options, and with `-a`.
            (&["self"], &["self"], true, true),
            (&["self"], &["self", "all"], true, true),
            (&[], &["all"], true, false),
            (&["other"], &["all"], false, false),
            (&["other"], &["self"], true, true),
            (&["other"], &["another"], false, false),
        ] {
            for caller in [owner(), stranger()] {
                let found = chosen(owners, who, &caller, Profile::Euca16);
                assert_eq!(found, in_1_6, "{owners:?} {who:?}");
                let found = chosen(owners, who, &caller, Profile::Euca20);
                assert_eq!(found, in_2_0, "{owners:?} {who:?}");
            }
        }
        // Of the caller's own images those that another user may run.
        let by_name = |caller: &Caller| chosen(&[], &["222222222222"], caller, Profile::Euca20);
        assert!(by_name(&owner()) && !by_name(&stranger()));
    }

    #[test]
    fn hidden_images_are_for_administrators_who_ask() {
        let hidden = Image {
            state: ImageState::Deregistered,
            ..image()
        };
        let admin = caller("333333333333", true);
        for (verbose, who, shown) in [
            (true, &admin, true),
            (false, &admin, false),
            (true, &owner(), false),
        ] {
            let selection = Selection {
                verbose,
                ..Selection::default()
            };
            assert_eq!(wants(&selection, &hidden, who, Profile::Strict), shown);
        }
    }

    #[test]
    fn ids_compare_without_case_and_must_be_there() {
        let selection = Selection {
            ids: texts(&["EMI-0000000a", "emi-FFFFFFFF"]),
            ..Selection::default()
        };
        assert!(wants(&selection, &image(), &owner(), Profile::Strict));
        let missing = |profile| selection.missing(&[image()], profile);
        assert_eq!(missing(Profile::Strict), Some(&selection.ids[1]));
        assert_eq!(missing(Profile::Euca20), None);
    }
}
