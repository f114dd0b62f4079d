//! The profile `strict`: everything that any generation of clouds checked, and the parts.

use gumnut_types::{ImageClass, ImageId, ImageKind};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::request::Checked;
use super::{Objects, Refusal, Request, check, image_type};
use crate::accounts::{self, CloudKeys};
use crate::auth::Caller;
use crate::catalogue::Catalogue;
use crate::ec2::images::{self, Image, Launch};

/// Largest image, in bytes: 30 GiB, as Eucalyptus 4.
const MAX_IMAGE: u64 = 30 << 30;
/// The same as clients are told.
const MAX_IMAGE_GB: u64 = MAX_IMAGE >> 30;

/// What registering needs beside the request.
pub(crate) struct Registration<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) objects: &'a dyn Objects,
    pub(crate) cloud: &'a CloudKeys,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// Checks everything, in the order in which clients are told, and stores the image under a new id.
pub(crate) async fn register(
    registration: &Registration<'_>,
    caller: &Caller,
    request: &Request,
) -> Result<String, Refusal> {
    let catalogue = registration.catalogue;
    let checked = {
        let (caller, request) = (caller.clone(), request.clone());
        let check = move |connection: &Connection| {
            request.check(|name| Ok(images::name_in_use(connection, &caller.account, name)?))
        };
        catalogue.read(check).await?
    };
    administrators_only(caller, image_type::by_name(&checked.key))?;

    let bytes = check::fetch(registration.objects, &checked.bucket, &checked.key).await?;
    let manifest = check::parse(&bytes)?;
    check::owner(&manifest, &caller.account)?;
    let class = image_type::by_both(&checked.key, &manifest.manifest().kind);
    administrators_only(caller, class)?;
    let account = caller.account.clone();
    let keys = catalogue
        .read(move |connection: &Connection| {
            accounts::certificate_keys(connection, &account).map_err(Refusal::from)
        })
        .await?;
    let manifest = check::signature(manifest, &keys, registration.cloud)?;
    check::key(&manifest, registration.cloud)?;
    check::parts(
        registration.objects,
        &manifest,
        &checked.bucket,
        &checked.key,
    )
    .await?;

    let image = image(
        registration,
        caller,
        request,
        &checked,
        class,
        &manifest,
        &bytes,
    );
    let caller = caller.clone();
    catalogue
        .write(move |transaction| {
            kernel_and_ramdisk(transaction, &caller, &image, checked.hvm)?;
            if image.size > MAX_IMAGE {
                return Err(too_large(image.size));
            }
            images::insert(transaction, image)
        })
        .await
}

fn administrators_only(caller: &Caller, class: ImageClass) -> Result<(), Refusal> {
    match image_type::forbidden(class) {
        Some(message) if !caller.admin => Err(Refusal::new("AuthFailure", message)),
        _ => Ok(()),
    }
}

fn too_large(size: u64) -> Refusal {
    check::invalid(format!(
        "Cannot register image of size {size} bytes because it exceeds the configured maximum instance-store \
         image size of {MAX_IMAGE_GB} GB."
    ))
}

/// What the request says, and for the rest what the manifest says.
fn image(
    registration: &Registration<'_>,
    caller: &Caller,
    request: &Request,
    checked: &Checked,
    class: ImageClass,
    signed: &gumnut_manifest::SignedManifest,
    bytes: &[u8],
) -> Image {
    let manifest = signed.manifest();
    let (kernel, ramdisk) = match &manifest.kind {
        ImageKind::Machine { kernel, ramdisk } => (kernel.as_ref(), ramdisk.as_ref()),
        _ => (None, None),
    };
    let machine = class == ImageClass::Machine;
    let id = |requested: &Option<ImageId>, found: Option<&ImageId>| {
        requested
            .as_ref()
            .or(found)
            .filter(|_| machine)
            .map(ToString::to_string)
    };
    let windows = checked.windows || image_type::object_name(&checked.key).starts_with("windows");
    let devices = manifest.block_devices.iter();
    Image {
        id: String::new(),
        location: format!("{}/{}", checked.bucket, checked.key),
        state: images::AVAILABLE.to_owned(),
        owner: caller.account.clone(),
        owner_name: caller.account_name.clone(),
        class,
        architecture: checked
            .architecture
            .unwrap_or(manifest.architecture)
            .to_string(),
        name: request.name.clone(),
        description: request.description.clone(),
        kernel: id(&checked.kernel, kernel),
        ramdisk: id(&checked.ramdisk, ramdisk),
        platform: windows.then(|| "windows".to_owned()),
        root_device: request
            .root_device
            .clone()
            .or_else(|| machine.then(|| "/dev/sda1".to_owned())),
        block_devices: devices
            .map(|device| (device.virtual_name.clone(), device.device.clone()))
            .collect(),
        product_codes: product_codes(&manifest.product_codes),
        ancestry: manifest.ancestry.clone(),
        virtualization: if checked.hvm || windows {
            "hvm"
        } else {
            "paravirtual"
        }
        .to_owned(),
        launch: Launch::default(),
        size: manifest.image_size,
        bundled_size: manifest.bundled_size,
        manifest_sha256: data_encoding::BASE64.encode(&Sha256::digest(bytes)),
        signature: signed.signature().as_str().to_owned(),
        profile: "strict".to_owned(),
        created: registration.now,
    }
}

/// One code each, from elements that may hold lists.
fn product_codes(found: &[String]) -> Vec<String> {
    let codes = found.iter().flat_map(|text| text.split(',')).map(str::trim);
    codes
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A machine that is not `hvm` needs both, and what is named must be there, of the right type, and usable.
fn kernel_and_ramdisk(
    connection: &Connection,
    caller: &Caller,
    image: &Image,
    hvm: bool,
) -> Result<(), Refusal> {
    if image.class != ImageClass::Machine {
        return Ok(());
    }
    let paravirtual = !hvm && image.platform.is_none();
    for (id, class, missing) in [
        (
            &image.kernel,
            ImageClass::Kernel,
            "Kernel ID must be specified",
        ),
        (
            &image.ramdisk,
            ImageClass::Ramdisk,
            "Ramdisk ID must be specified",
        ),
    ] {
        let Some(id) = id else {
            if paravirtual {
                return Err(Refusal::new("MissingParameter", missing));
            }
            continue;
        };
        let found = images::get(connection, id)?;
        let usable = found.is_some_and(|found| {
            found.class == class && found.state == images::AVAILABLE && found.usable_by(caller)
        });
        if !usable {
            let message = format!("The image ID '{id}' does not exist");
            return Err(Refusal::new("InvalidAMIID.NotFound", message));
        }
    }
    Ok(())
}
