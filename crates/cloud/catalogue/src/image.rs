//! Registered images.

use std::collections::BTreeSet;

use gumnut_types::{AccountId, ImageClass};

use crate::{Caller, OwnerId, Profile};

/// A registered image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `emi-`, `eki-` or `eri-` and 8 hex digits. Compared without regard to case, shown as it was made.
    pub id: String,
    /// `BUCKET/KEY` of the manifest, as `imageLocation` shows it.
    pub location: String,
    /// Whether it can be used.
    pub state: ImageState,
    /// The number of the owner's account.
    pub owner: AccountId,
    /// The user who registered it.
    pub user: String,
    /// The name of the owner's account.
    pub account_name: String,
    /// Machine, kernel or ramdisk.
    pub class: ImageClass,
    /// `i386`, `x86_64`, or what the manifest says.
    pub architecture: String,
    /// The name that the client gave; `None` when it gave none.
    pub name: Option<String>,
    /// Whether the account may have no other usable image of that name. Clouds that did not check names let it be.
    pub name_is_unique: bool,
    /// The description that the client gave.
    pub description: Option<String>,
    /// The id of the kernel; `None` for kernels, ramdisks and whole disks.
    pub kernel: Option<String>,
    /// The id of the ramdisk; `None` for kernels, ramdisks and whole disks.
    pub ramdisk: Option<String>,
    /// `windows`; `None` for everything else.
    pub platform: Option<String>,
    /// The root device, such as `/dev/sda1`; `None` for kernels and ramdisks.
    pub root_device: Option<String>,
    /// Virtual name and device of each block device that the manifest maps.
    pub block_devices: Vec<(String, String)>,
    /// Product codes, each once.
    pub product_codes: Vec<String>,
    /// The ids of the images that it was made of.
    pub ancestry: Vec<String>,
    /// `paravirtual` or `hvm`.
    pub virtualization: String,
    /// Who may run it beside its owner.
    pub launch: LaunchPermissions,
    /// Size of the image in bytes, as the manifest says.
    pub size: u64,
    /// Size of all parts in bytes, as the manifest says.
    pub bundled_size: u64,
    /// SHA-256 of the manifest in base64.
    pub manifest_sha256: String,
    /// The manifest's signature as it stands there.
    pub signature: String,
    /// The profile under which it was registered.
    pub profile: String,
    /// When it was registered, in milliseconds since 1970.
    pub created: i64,
    /// When its state changed last, in milliseconds since 1970.
    pub changed: i64,
    /// The tags of the account that asked, by key; empty where nobody asked for them.
    pub tags: Vec<Tag>,
}

/// Whether an image can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageState {
    /// It can.
    Available,
    /// It is being made.
    Pending,
    /// It could not be made.
    Failed,
    /// It was deregistered once and is hidden; the second deregistration, or time, removes it.
    Deregistered,
}

/// Who may run an image beside its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchPermissions {
    /// Everybody: the group `all`.
    pub public: bool,
    /// Account numbers, and names of users in clouds that know no accounts.
    pub accounts: BTreeSet<String>,
}

/// A tag of an account on an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value, which may be empty.
    pub value: String,
}

/// A tag and the image that it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceTag {
    /// The id of the image.
    pub resource: String,
    /// What the image is.
    pub class: ImageClass,
    /// The tag.
    pub tag: Tag,
}

impl ImageState {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Available,
        Self::Pending,
        Self::Failed,
        Self::Deregistered,
    ];

    /// The word of the EC2 API: `available`, `pending`, `failed`, `deregistered`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Deregistered => "deregistered",
        }
    }

    /// The state of this word; `None` for one that is not known.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether an image in this state holds its name against others of the account.
    pub fn holds_name(self) -> bool {
        matches!(self, Self::Available | Self::Pending)
    }
}

impl Image {
    /// Whether the caller may see and run it.
    pub fn usable_by(&self, caller: &Caller, profile: Profile) -> bool {
        self.administered_by(caller) || self.launch.public || self.launch.names(caller, profile)
    }

    /// Whether the caller may change it.
    pub fn administered_by(&self, caller: &Caller) -> bool {
        caller.admin || caller.account == self.owner
    }

    /// What `imageOwnerId` shows.
    pub fn shown_owner(&self, owner: OwnerId) -> &str {
        match owner {
            OwnerId::Account => self.owner.as_str(),
            OwnerId::User => &self.user,
        }
    }

    /// What `imageOwnerAlias` shows.
    pub fn alias(&self, owner: OwnerId) -> &str {
        match owner {
            OwnerId::Account => &self.account_name,
            OwnerId::User => &self.user,
        }
    }
}

impl LaunchPermissions {
    /// Whether the caller is named: by account, or by user in clouds that know no accounts.
    pub fn names(&self, caller: &Caller, profile: Profile) -> bool {
        self.accounts.contains(caller.account.as_str())
            || (profile.is_legacy() && self.accounts.contains(&caller.user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_states_are_read_back() {
        for state in ImageState::ALL {
            assert_eq!(ImageState::parse(state.as_str()), Some(state));
        }
        assert_eq!(ImageState::parse("Available"), None);
    }
}
