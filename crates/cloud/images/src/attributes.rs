//! Attributes of images: who may run them, product codes, descriptions.

use std::collections::BTreeSet;

use gumnut_cloud_catalogue::{
    Caller, Image, ImageChange, ImagesState, LaunchPermissions, OwnerId, Profile,
};

use crate::{ImageError, ImageErrorKind};

/// Most accounts that an image may be shared with, as in EC2.
const MAX_LAUNCH: usize = 1000;
/// Most product codes of an image.
const MAX_PRODUCT_CODES: usize = 100;
/// Longest name of an account or user, and longest product code, in bytes.
const MAX_ENTRY: usize = 255;

/// What is to be changed of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageModification {
    /// Who may run it.
    Launch {
        /// Who is added.
        add: LaunchEntries,
        /// Who is removed; a user who is added and removed at once is removed.
        remove: LaunchEntries,
    },
    /// Product codes that it gets beside those that it has.
    ProductCodes(Vec<String>),
    /// The description that it gets.
    Description(String),
}

/// Who is added to or removed from the launch permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchEntries {
    /// The group `all`.
    pub everybody: bool,
    /// Account numbers, and names of users in clouds that know no accounts.
    pub accounts: BTreeSet<String>,
}

impl LaunchEntries {
    /// Whether all of them are in `launch`.
    fn are_in(&self, launch: &LaunchPermissions) -> bool {
        (!self.everybody || launch.public) && self.accounts.is_subset(&launch.accounts)
    }
}

/// The one image of a state, if the caller may run it.
pub(crate) fn visible_image<'s>(
    state: &'s ImagesState,
    id: &str,
    caller: &Caller,
    profile: Profile,
) -> Result<&'s Image, ImageError> {
    state
        .images
        .iter()
        .flatten()
        .find(|image| image.usable_by(caller, profile))
        .ok_or_else(|| ImageError::not_found(id))
}

/// The one image of a state, if the caller administers it.
pub(crate) fn own_image<'s>(
    state: &'s ImagesState,
    id: &str,
    caller: &Caller,
    profile: Profile,
) -> Result<&'s Image, ImageError> {
    let image = visible_image(state, id, caller, profile)?;
    if image.administered_by(caller) {
        return Ok(image);
    }
    let message = format!("Not authorized for image:{id}");
    Err(ImageError::of(
        profile,
        ImageErrorKind::NotAuthorized,
        message,
    ))
}

/// Decides on a modification of the one image of a state. The answer is whether it was made.
pub(crate) fn modify(
    state: &ImagesState,
    id: &str,
    caller: &Caller,
    profile: Profile,
    modification: &ImageModification,
) -> Result<(ImageChange, bool), ImageError> {
    let image = own_image(state, id, caller, profile)?;
    let mut change = ImageChange::default();
    match modification {
        ImageModification::Launch { add, remove } => {
            if profile == Profile::Euca16 && !remove.are_in(&image.launch) {
                return Ok((change, false));
            }
            let mut launch = image.launch.clone();
            launch.public = (launch.public || add.everybody) && !remove.everybody;
            launch.accounts.extend(add.accounts.iter().cloned());
            launch
                .accounts
                .retain(|account| !remove.accounts.contains(account));
            bounded("launch permissions", &launch.accounts, MAX_LAUNCH)?;
            change.launch = Some((image.id.clone(), launch));
        }
        ImageModification::ProductCodes(codes) => {
            let mut all = image.product_codes.clone();
            for code in codes {
                if !all.contains(code) {
                    all.push(code.clone());
                }
            }
            bounded("product codes", &all, MAX_PRODUCT_CODES)?;
            change.product_codes = Some((image.id.clone(), all));
        }
        ImageModification::Description(text) => {
            check_description(text)?;
            change.description = Some((image.id.clone(), text.clone()));
        }
    }
    Ok((change, true))
}

/// Insists on at most `most` entries, none of them too long.
fn bounded<'a>(
    what: &str,
    entries: impl IntoIterator<Item = &'a String>,
    most: usize,
) -> Result<(), ImageError> {
    let (mut count, mut longest) = (0, 0);
    for entry in entries {
        (count, longest) = (count + 1, longest.max(entry.len()));
    }
    if count <= most && longest <= MAX_ENTRY {
        return Ok(());
    }
    let message = format!("An image has at most {most} {what} of {MAX_ENTRY} bytes");
    Err(ImageError::new(ImageErrorKind::LimitExceeded, message))
}

/// Insists on a description of at most 255 characters.
pub(crate) fn check_description(text: &str) -> Result<(), ImageError> {
    if text.chars().count() <= 255 {
        return Ok(());
    }
    let message = "AMI descriptions must be less than 256 characters long";
    Err(ImageError::new(ImageErrorKind::InvalidParameter, message))
}

/// Decides on taking back all launch permissions of the one image of a state. The owner remains, and in the clouds of 2009 and
/// 2010 everybody.
pub(crate) fn reset_launch(
    state: &ImagesState,
    id: &str,
    caller: &Caller,
    profile: Profile,
    owner: OwnerId,
) -> Result<(ImageChange, ()), ImageError> {
    let image = own_image(state, id, caller, profile)?;
    let launch = LaunchPermissions {
        public: profile.is_legacy(),
        accounts: BTreeSet::from([image.shown_owner(owner).to_owned()]),
    };
    let change = ImageChange {
        launch: Some((image.id.clone(), launch)),
        ..ImageChange::default()
    };
    Ok((change, ()))
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue::Profile::{Euca16, Euca20, Euca44, Strict};

    use super::*;
    use crate::samples::{image, owner, state_of, stranger};

    const ID: &str = "emi-0000000a";

    fn entries(everybody: bool, accounts: &[&str]) -> LaunchEntries {
        LaunchEntries {
            everybody,
            accounts: accounts.iter().map(ToString::to_string).collect(),
        }
    }

    fn launch(public: bool, accounts: &[&str]) -> LaunchPermissions {
        LaunchPermissions {
            public,
            accounts: accounts.iter().map(ToString::to_string).collect(),
        }
    }

    /// What the owner makes of an image with the launch permissions `old`.
    fn modified(
        profile: Profile,
        old: &LaunchPermissions,
        add: LaunchEntries,
        remove: LaunchEntries,
    ) -> (Option<LaunchPermissions>, bool) {
        let image = Image {
            launch: old.clone(),
            ..image()
        };
        let modification = ImageModification::Launch { add, remove };
        let decided = modify(&state_of(image, 0), ID, &owner(), profile, &modification);
        let (change, done) = decided.unwrap();
        (change.launch.map(|(_, launch)| launch), done)
    }

    #[test]
    fn launch_permissions_are_added_and_removed() {
        let none = || entries(false, &[]);
        for (old, add, remove, new) in [
            (
                launch(false, &[]),
                entries(true, &["1"]),
                none(),
                launch(true, &["1"]),
            ),
            (
                launch(true, &["1", "2"]),
                none(),
                entries(true, &["1"]),
                launch(false, &["2"]),
            ),
            (
                launch(false, &["1"]),
                entries(true, &["2"]),
                entries(true, &["2"]),
                launch(false, &["1"]),
            ),
            (
                launch(false, &["1"]),
                none(),
                entries(false, &["9"]),
                launch(false, &["1"]),
            ),
        ] {
            assert_eq!(modified(Strict, &old, add, remove), (Some(new), true));
        }
    }

    #[test]
    fn eucalyptus_1_6_denies_to_remove_who_is_not_there() {
        let old = launch(false, &["1"]);
        let none = || entries(false, &[]);
        for remove in [entries(true, &[]), entries(false, &["1", "9"])] {
            assert_eq!(
                modified(Euca16, &old, none(), remove.clone()),
                (None, false)
            );
            assert!(modified(Euca20, &old, none(), remove).1);
        }
        assert_eq!(
            modified(Euca16, &old, none(), entries(false, &["1"])),
            (Some(launch(false, &[])), true)
        );
    }

    #[test]
    fn product_codes_are_added_once_and_descriptions_replaced() {
        let state = state_of(image(), 0);
        let codes = ["B", "A", "B"].map(str::to_owned).to_vec();
        let codes = ImageModification::ProductCodes(codes);
        let (change, done) = modify(&state, ID, &owner(), Strict, &codes).unwrap();
        let all = change.product_codes.unwrap().1;
        assert_eq!(
            (all.as_slice(), done),
            (["A".to_owned(), "B".to_owned()].as_slice(), true)
        );
        let text = ImageModification::Description("new".to_owned());
        let (change, _) = modify(&state, ID, &owner(), Strict, &text).unwrap();
        assert_eq!(change.description.unwrap().1, "new");
    }

    #[test]
    fn what_an_image_keeps_is_bounded() {
        let add = |count: usize, length: usize| {
            let accounts = (0..count).map(|number| format!("{number:0length$}"));
            let add = LaunchEntries {
                everybody: false,
                accounts: accounts.collect(),
            };
            let remove = LaunchEntries::default();
            let modification = ImageModification::Launch { add, remove };
            modify(&state_of(image(), 0), ID, &owner(), Strict, &modification).map(drop)
        };
        let kind = |refused: Result<(), ImageError>| refused.map_err(|error| error.kind());
        assert_eq!(kind(add(1000, 12)), Ok(()));
        assert_eq!(kind(add(1001, 12)), Err(ImageErrorKind::LimitExceeded));
        assert_eq!(kind(add(1, 256)), Err(ImageErrorKind::LimitExceeded));
        let modified = |modification| {
            let state = state_of(image(), 0);
            kind(modify(&state, ID, &owner(), Strict, &modification).map(drop))
        };
        let codes = (0..101).map(|code| code.to_string()).collect();
        let codes = modified(ImageModification::ProductCodes(codes));
        assert_eq!(codes, Err(ImageErrorKind::LimitExceeded));
        let text = |length| modified(ImageModification::Description("ü".repeat(length)));
        assert_eq!(text(255), Ok(()));
        assert_eq!(text(256), Err(ImageErrorKind::InvalidParameter));
    }

    #[test]
    fn who_may_not_is_refused_and_whoever_may_not_see_it_hears_of_nothing() {
        let text = ImageModification::Description("new".to_owned());
        let hidden = state_of(image(), 0);
        let refused = modify(&hidden, ID, &stranger(), Strict, &text).unwrap_err();
        assert_eq!(refused, ImageError::not_found(ID));
        let public = Image {
            launch: launch(true, &[]),
            ..image()
        };
        let public = state_of(public, 0);
        for (profile, kind) in [
            (Strict, ImageErrorKind::NotAuthorized),
            (Euca44, ImageErrorKind::Unspecific),
        ] {
            let refused = modify(&public, ID, &stranger(), profile, &text).unwrap_err();
            assert_eq!(refused.kind(), kind);
            assert_eq!(refused.to_string(), "Not authorized for image:emi-0000000a");
        }
    }

    #[test]
    fn a_reset_leaves_the_owner_and_in_old_clouds_everybody() {
        let open = Image {
            launch: launch(true, &["1", "2"]),
            ..image()
        };
        let state = state_of(open, 0);
        for (profile, shown, expected) in [
            (Strict, OwnerId::Account, launch(false, &["111111111111"])),
            (Euca20, OwnerId::User, launch(true, &["user-111111111111"])),
        ] {
            let (change, ()) = reset_launch(&state, ID, &owner(), profile, shown).unwrap();
            assert_eq!(change.launch.unwrap().1, expected);
        }
    }
}
