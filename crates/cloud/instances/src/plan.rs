//! From a request to run instances to all that it names.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use gumnut_cloud_catalogue::{
    Caller, Catalogue, Image, ImageRef, ImageState, InstanceSettings, Launch, LaunchImage,
    LaunchKey, Profile,
};
use gumnut_types::{Architecture, ImageClass};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::error::{InstanceError, InstanceErrorKind};
use crate::lookup::LaunchLookup;
use crate::quota::Quota;
use crate::run::{DeviceRequest, RunPlan, RunRequest};
use crate::types::{InstanceType, default_type, instance_types};

/// Where the things are that requests name.
pub(crate) struct Planner<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) profile: Profile,
    pub(crate) zone: &'a str,
    pub(crate) lookup: &'a dyn LaunchLookup,
    pub(crate) quota: Option<Quota>,
    pub(crate) network: Option<Ipv4Addr>,
}

impl Planner<'_> {
    /// Finds everything that a request names.
    pub(crate) async fn plan(
        &self,
        caller: &Caller,
        request: RunRequest,
    ) -> Result<RunPlan, InstanceError> {
        let digest = request.digest();
        let profile = self.profile;
        let kind = self.kind(request.instance_type.as_deref())?;
        let image = self
            .image(caller, &request.image, ImageClass::Machine)
            .await?;
        check_image(&image, &kind, profile)?;
        let kernel = request.kernel.clone().or_else(|| image.kernel.clone());
        let ramdisk = request.ramdisk.clone().or_else(|| image.ramdisk.clone());
        let kernel = self.part(caller, kernel, ImageClass::Kernel).await?;
        let ramdisk = self.part(caller, ramdisk, ImageClass::Ramdisk).await?;
        let lookup = self.lookup;
        let key = match &request.key {
            Some(name) => Some(lookup.key(caller, name).await?),
            None => None,
        };
        let groups = lookup
            .groups(caller, &request.group_names, &request.group_ids)
            .await?;
        Ok(RunPlan {
            profile,
            owner: caller.account.clone(),
            least: request.least,
            most: request.most,
            kind,
            launch: launch(
                caller,
                &request,
                digest,
                &image,
                kind,
                self.zone,
                key,
                (kernel, ramdisk),
            ),
            settings: InstanceSettings {
                reason: None,
                protected: request.protected,
                on_shutdown: request.on_shutdown,
                metadata: request.metadata,
            },
            groups,
            tags: request.tags,
            user_data: request.user_data,
            quota: self.quota,
            network: self.network,
            numbers: numbers(request.most)?,
        })
    }

    fn kind(&self, name: Option<&str>) -> Result<InstanceType, InstanceError> {
        let profile = self.profile;
        let Some(name) = name else {
            return Ok(*default_type(profile));
        };
        let named = instance_types(profile).iter().find(|it| it.name == name);
        named.copied().ok_or_else(|| {
            let message = if profile.is_legacy() {
                format!("instance type does not exist: {name}")
            } else {
                format!("Invalid value '{name}' for InstanceType.")
            };
            InstanceError::new(InstanceErrorKind::InvalidParameterValue, message)
        })
    }

    /// An image that the caller may run.
    async fn image(
        &self,
        caller: &Caller,
        id: &str,
        class: ImageClass,
    ) -> Result<Image, InstanceError> {
        let at = ImageRef {
            ids: vec![id.to_owned()],
            tags_of: None,
        };
        let found = self.catalogue.images_by_id(at).await?.images;
        let usable = |image: &Image| {
            image.usable_by(caller, self.profile)
                && image.state == ImageState::Available
                && image.class == class
        };
        let found = found.into_iter().flatten().find(usable);
        found.ok_or_else(|| {
            let message = format!("The image ID '{id}' does not exist");
            InstanceError::new(InstanceErrorKind::ImageNotFound, message)
        })
    }

    /// A kernel or a ramdisk that the caller may run.
    async fn part(
        &self,
        caller: &Caller,
        id: Option<String>,
        class: ImageClass,
    ) -> Result<Option<LaunchImage>, InstanceError> {
        match id {
            Some(id) => Ok(Some(launch_image(&self.image(caller, &id, class).await?))),
            None => Ok(None),
        }
    }
}

/// Insists on an image that machines of a type can start from.
fn check_image(image: &Image, kind: &InstanceType, profile: Profile) -> Result<(), InstanceError> {
    let id = &image.id;
    if !matches!(
        image.architecture.parse(),
        Ok(Architecture::I386 | Architecture::X86_64)
    ) {
        let message = format!(
            "The architecture '{}' of the image {id} is not supported: instances are i386 or x86_64",
            image.architecture
        );
        return Err(InstanceError::new(InstanceErrorKind::Unsupported, message));
    }
    if image.size > kind.disk() {
        let (size, name) = (image.size, kind.name);
        let message = if profile.is_legacy() {
            let (size, disk) = (size.div_ceil(1 << 20), kind.disk() >> 20);
            format!("image too large [size={size}MB] for instance type {name} [disk={disk}MB]")
        } else {
            format!(
                "Unable to run instance {id} in which the size {size} bytes of the instance is greater than the vmType {name} \
                 size {} GB.",
                kind.disk_gib
            )
        };
        let kind = InstanceErrorKind::InvalidParameterCombination;
        return Err(InstanceError::new(kind, message));
    }
    Ok(())
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is a different part of the row"
)]
fn launch(
    caller: &Caller,
    request: &RunRequest,
    digest: String,
    image: &Image,
    kind: InstanceType,
    zone: &str,
    key: Option<LaunchKey>,
    (kernel, ramdisk): (Option<LaunchImage>, Option<LaunchImage>),
) -> Launch {
    let root_device = image.root_device.as_deref().unwrap_or("/dev/sda1");
    Launch {
        user: caller.user.clone(),
        index: 0,
        client_token: request.client_token.clone(),
        request: digest,
        image: launch_image(image),
        kernel,
        ramdisk,
        architecture: image.architecture.clone(),
        virtualization: image.virtualization.clone(),
        platform: image.platform.clone(),
        root_device: root_device.to_owned(),
        product_codes: image.product_codes.clone(),
        ancestry: image.ancestry.clone(),
        instance_type: kind.name.to_owned(),
        processors: kind.processors,
        memory_mib: kind.memory_mib,
        disk_gib: kind.disk_gib,
        zone: zone.to_owned(),
        key,
        block_devices: devices(&image.block_devices, &request.block_devices),
        monitoring: request.monitoring,
    }
}

/// The block devices of an image, changed by those of a request.
fn devices(of_image: &[(String, String)], requested: &[DeviceRequest]) -> Vec<(String, String)> {
    let plain = |device: &str| device.trim_start_matches("/dev/").to_owned();
    let kept = of_image.iter().filter(|(_, device)| {
        !requested
            .iter()
            .any(|it| plain(&it.device) == plain(device))
    });
    let mut devices: Vec<_> = kept.cloned().collect();
    devices.extend(requested.iter().filter_map(|it| {
        let name = it.virtual_name.clone()?;
        Some((name, it.device.clone()))
    }));
    devices
}

fn launch_image(image: &Image) -> LaunchImage {
    LaunchImage {
        id: image.id.clone(),
        location: image.location.clone(),
        manifest_sha256: image.manifest_sha256.clone(),
    }
}

/// Random numbers for the ids of a reservation and its instances, and some more: few of them are taken.
fn numbers(most: u32) -> Result<Vec<u32>, InstanceError> {
    const SPARE: u32 = 17;
    let random = SystemRandom::new();
    let draw = |_| {
        let mut bytes = [0; 4];
        random.fill(&mut bytes).map(|()| u32::from_be_bytes(bytes))
    };
    let drawn: Result<Vec<_>, _> = (0..most + SPARE).map(draw).collect();
    let mut drawn = drawn.map_err(|error| InstanceError::internal(&error))?;
    // Two may be the same; of a reservation's instances none has the id of another.
    let mut seen = BTreeSet::new();
    drawn.retain(|number| seen.insert(*number));
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_a_request_replace_those_of_the_image() {
        let pair = |name: &str, device: &str| (name.to_owned(), device.to_owned());
        let of_image = [
            pair("ami", "sda1"),
            pair("ephemeral0", "sda2"),
            pair("swap", "sda3"),
        ];
        let wanted = |device: &str, name: Option<&str>| DeviceRequest {
            device: device.to_owned(),
            virtual_name: name.map(str::to_owned),
        };
        let requested = [
            wanted("/dev/sda2", Some("ephemeral1")),
            wanted("sda3", None),
            wanted("/dev/sdc", Some("swap")),
        ];
        let expected = [
            pair("ami", "sda1"),
            pair("ephemeral1", "/dev/sda2"),
            pair("swap", "/dev/sdc"),
        ];
        assert_eq!(devices(&of_image, &requested), expected);
    }
}
