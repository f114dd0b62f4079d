//! Which images a caller asks for.

use gumnut_cloud_catalogue::{Caller, Image, ImageRules, ImageState, Profile};

/// Which images a caller asks for: an image must satisfy all of it. What is empty asks for nothing.
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
    /// The first id that is none of the images; `None` when all are there. The clouds of 2009 and 2010 do not mind.
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
        let owned = self.owners.is_empty()
            || self
                .owners
                .iter()
                .any(|owner| is_owner(owner, image, caller, profile));
        listed && named && owned && self.executable(image, caller, profile)
    }

    fn executable(&self, image: &Image, caller: &Caller, profile: Profile) -> bool {
        // The clouds of 2009 and 2010 know no group there.
        let mut wanted = self
            .executable_by
            .iter()
            .filter(|who| !(profile.is_legacy() && *who == "all"))
            .peekable();
        wanted.peek().is_none() || wanted.any(|who| may_execute(who, image, caller, profile))
    }
}

fn is_owner(owner: &str, image: &Image, caller: &Caller, profile: Profile) -> bool {
    match owner {
        "self" => image.owner == caller.account,
        name if profile.is_legacy() => image.user == name,
        number => image.owner.as_str() == number,
    }
}

fn may_execute(who: &str, image: &Image, caller: &Caller, profile: Profile) -> bool {
    let launch = &image.launch;
    match who {
        "all" => launch.public,
        "self" => launch.names(caller, profile),
        name if profile.is_legacy() => {
            image.owner == caller.account && (launch.public || launch.accounts.contains(name))
        }
        number => launch.accounts.contains(number),
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

    #[test]
    fn owners_are_accounts_and_in_old_clouds_users() {
        let by = |owner: &str| Selection {
            owners: texts(&[owner]),
            ..Selection::default()
        };
        for (name, strict, legacy) in [
            ("self", true, true),
            ("111111111111", true, false),
            ("user-111111111111", false, true),
            ("222222222222", false, false),
        ] {
            let selection = by(name);
            assert_eq!(
                wants(&selection, &image(), &owner(), Profile::Strict),
                strict,
                "{name}"
            );
            assert_eq!(
                wants(&selection, &image(), &owner(), Profile::Euca20),
                legacy,
                "{name}"
            );
        }
        assert!(!wants(&by("self"), &image(), &stranger(), Profile::Strict));
    }

    #[test]
    fn who_may_run_it() {
        let by = |who: &[&str]| Selection {
            executable_by: texts(who),
            ..Selection::default()
        };
        let named = Image {
            launch: LaunchPermissions {
                public: false,
                accounts: texts(&["222222222222"]).into_iter().collect(),
            },
            ..image()
        };
        for (who, strict) in [
            ("222222222222", true),
            ("333333333333", false),
            ("all", false),
            ("self", false),
        ] {
            assert_eq!(
                wants(&by(&[who]), &named, &owner(), Profile::Strict),
                strict,
                "{who}"
            );
        }
        assert!(wants(&by(&["self"]), &named, &stranger(), Profile::Strict));
        // The group is not known there, so that it asks for nothing.
        assert!(wants(&by(&["all"]), &named, &owner(), Profile::Euca16));
        assert!(!wants(
            &by(&["all", "333333333333"]),
            &named,
            &owner(),
            Profile::Euca16
        ));
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
