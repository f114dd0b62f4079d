//! From what request and manifest say to an image of the catalogue.

use gumnut_cloud_catalogue::{Caller, Image, ImageState, LaunchPermissions};
use gumnut_types::ImageClass;

use super::facts::ManifestFacts;
use super::registrar::Registrar;
use super::request::RegisterRequest;

/// What a profile has made of request and manifest.
#[derive(Clone, Debug)]
pub(super) struct ResolvedImage {
    /// `BUCKET/KEY` of the manifest, as answers show it.
    pub(super) location: String,
    pub(super) class: ImageClass,
    pub(super) architecture: String,
    pub(super) kernel: Option<String>,
    pub(super) ramdisk: Option<String>,
    pub(super) windows: bool,
    pub(super) hvm: bool,
}

impl ResolvedImage {
    /// The image, which has no id yet.
    pub(super) fn image(
        self,
        registrar: &Registrar<'_>,
        caller: &Caller,
        request: &RegisterRequest,
        facts: ManifestFacts,
    ) -> Image {
        let is_machine = self.class == ImageClass::Machine;
        let root_device = request.root_device.clone();
        Image {
            id: String::new(),
            location: self.location,
            state: ImageState::Available,
            owner: caller.account.clone(),
            user: caller.user.clone(),
            account_name: caller.account_name.clone(),
            class: self.class,
            architecture: self.architecture,
            name: request.name.clone(),
            name_is_unique: true,
            description: request.description.clone(),
            kernel: self.kernel.filter(|_| is_machine),
            ramdisk: self.ramdisk.filter(|_| is_machine),
            platform: self.windows.then(|| "windows".to_owned()),
            root_device: root_device.or_else(|| is_machine.then(|| "/dev/sda1".to_owned())),
            block_devices: facts.block_devices,
            product_codes: facts.product_codes,
            ancestry: facts.ancestry,
            virtualization: if self.hvm { "hvm" } else { "paravirtual" }.to_owned(),
            launch: LaunchPermissions {
                public: registrar.rules.is_public(),
                ..LaunchPermissions::default()
            },
            size: facts.size,
            bundled_size: facts.bundled_size,
            manifest_sha256: facts.sha256,
            signature: facts.signature,
            profile: registrar.rules.profile.as_str().to_owned(),
            created: registrar.now,
            changed: registrar.now,
            tags: Vec::new(),
        }
    }
}
