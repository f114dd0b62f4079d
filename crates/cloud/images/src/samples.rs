//! Images and callers for the tests of decisions.

use gumnut_cloud_catalogue::{Caller, Image, ImageState, ImagesState, LaunchPermissions};
use gumnut_types::ImageClass;

/// A user of the account with this number, who is named as the number is.
pub(crate) fn caller(number: &str, admin: bool) -> Caller {
    Caller {
        user_id: 1,
        user: format!("user-{number}"),
        account: number.parse().unwrap(),
        account_name: number.to_owned(),
        canonical_id: "c".repeat(64),
        admin,
    }
}

pub(crate) fn owner() -> Caller {
    caller("111111111111", false)
}

pub(crate) fn stranger() -> Caller {
    caller("222222222222", false)
}

/// A private machine image of the owner.
pub(crate) fn image() -> Image {
    Image {
        id: "emi-0000000A".to_owned(),
        location: "bucket/disk.manifest.xml".to_owned(),
        state: ImageState::Available,
        owner: owner().account,
        user: owner().user,
        account_name: owner().account_name,
        class: ImageClass::Machine,
        architecture: "x86_64".to_owned(),
        name: None,
        name_is_unique: true,
        description: None,
        kernel: None,
        ramdisk: None,
        platform: None,
        root_device: None,
        block_devices: Vec::new(),
        product_codes: vec!["A".to_owned()],
        ancestry: Vec::new(),
        virtualization: "hvm".to_owned(),
        launch: LaunchPermissions::default(),
        size: 1,
        bundled_size: 1,
        manifest_sha256: String::new(),
        signature: String::new(),
        profile: "strict".to_owned(),
        created: 0,
        changed: 0,
        tags: Vec::new(),
    }
}

/// A state with this image at this time, in milliseconds since 1970.
pub(crate) fn state_of(image: Image, now: i64) -> ImagesState {
    ImagesState {
        images: vec![Some(image)],
        now,
    }
}
