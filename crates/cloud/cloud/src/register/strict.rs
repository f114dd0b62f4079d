//! The profile `strict`: everything that any generation of clouds checked, and the parts.

use gumnut_types::ImageClass;
use rusqlite::Connection;

use super::image::{self, Decided, Said};
use super::{Refusal, Registration, Request, check, content, image_type};
use crate::accounts;
use crate::auth::{Caller, Identity};
use crate::ec2::images::{self, Image};
use gumnut_cloud_catalogue::Profile;

/// Checks everything, in the order in which clients are told, and stores the image under a new id.
pub(super) async fn register(
    registration: &Registration<'_>,
    caller: &Caller,
    request: &Request,
) -> Result<String, Refusal> {
    let catalogue = registration.catalogue;
    let checked = request.check_with(registration, caller).await?;
    let architecture = request.architecture()?;
    let windows = request.is_windows(Profile::Strict)?;
    administrators_only(caller, image_type::by_name(&checked.key))?;

    let read = check::fetch(
        registration,
        &Identity::ExecRead,
        &checked.bucket,
        &checked.key,
    );
    let bytes = read.await.map_err(|error| {
        let (bucket, key, code) = (&checked.bucket, &checked.key, error.0);
        check::invalid(format!(
            "Failed to read manifest file: {bucket}/{key} ({code})"
        ))
    })?;
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

    let said = Said::of(&manifest);
    let windows = windows || checked.windows || image_type::is_windows(&checked.key);
    let requested = architecture.map(|architecture| architecture.to_string());
    let decided = Decided {
        location: format!("{}/{}", checked.bucket, checked.key),
        class,
        architecture: requested.unwrap_or_else(|| said.architecture.clone()),
        kernel: checked.kernel.or_else(|| said.kernel.clone()),
        ramdisk: checked.ramdisk.or_else(|| said.ramdisk.clone()),
        windows,
        hvm: checked.hvm || windows,
    };
    let image = image::row(registration, caller, request, decided, said);
    let (caller, ids) = (caller.clone(), registration.ids.clone());
    let limit = registration.rules.max_image_bytes;
    if registration.rules.full_unbundle {
        // Before the long work, and once more with it: what is named may go in the meantime.
        let (caller, image) = (caller.clone(), image.clone());
        catalogue
            .read(move |connection: &Connection| references(connection, &caller, &image, limit))
            .await?;
        let (objects, cloud) = (registration.objects, registration.cloud);
        content::check(objects, manifest, cloud, &checked.bucket, &checked.key).await?;
    }
    catalogue
        .write(move |transaction| {
            references(transaction, &caller, &image, limit)?;
            images::insert(transaction, image, &ids)
        })
        .await
}

/// What the image refers to, and its size.
fn references(
    connection: &Connection,
    caller: &Caller,
    image: &Image,
    limit: u64,
) -> Result<(), Refusal> {
    kernel_and_ramdisk(connection, caller, image)?;
    check::size(Profile::Strict, image.size, limit)
}

fn administrators_only(caller: &Caller, class: ImageClass) -> Result<(), Refusal> {
    match image_type::forbidden(class) {
        Some(message) if !caller.admin => Err(Refusal::new("AuthFailure", message)),
        _ => Ok(()),
    }
}

/// A paravirtual machine needs both, and what is named must be there, of the right type, and usable.
fn kernel_and_ramdisk(
    connection: &Connection,
    caller: &Caller,
    image: &Image,
) -> Result<(), Refusal> {
    if image.class != ImageClass::Machine {
        return Ok(());
    }
    check::kernel_and_ramdisk_given(image)?;
    for (id, class) in [
        (&image.kernel, ImageClass::Kernel),
        (&image.ramdisk, ImageClass::Ramdisk),
    ] {
        let Some(id) = id else {
            continue;
        };
        let found = images::get(connection, id)?;
        let usable = found.is_some_and(|found| {
            found.class == class
                && found.state == images::AVAILABLE
                && found.usable_by(caller, Profile::Strict)
        });
        if !usable {
            let message = format!("The image ID '{id}' does not exist");
            return Err(Refusal::new("InvalidAMIID.NotFound", message));
        }
    }
    Ok(())
}
