//! The profiles `euca-1.6` and `euca-2.0`: a manifest is opened with the cloud's key, and its parts are believed.

use gumnut_crypto::{HexRule, PublicKey, WrappedSecret};
use gumnut_types::ImageClass;
use rusqlite::Connection;

use super::image::{self, Decided, Said};
use super::lenient::Lenient;
use super::{Refusal, Registration, Request, check, image_type};
use crate::accounts;
use crate::auth::{Caller, Identity};
use crate::catalogue::buckets;
use crate::ec2::images;
use gumnut_cloud_catalogue::Profile;

const NOT_THE_OWNER: &str =
    "Image registration failed: you must own the bucket containing the image.";
const BAD_MANIFEST: &str =
    "Image registration failed because the manifest referenced is invalid or unavailable.";

/// Checks what Eucalyptus 1.6 or 2.0 checks, in its order, and stores the image under a new id.
pub(super) async fn register(
    registration: &Registration<'_>,
    caller: &Caller,
    request: &Request,
) -> Result<String, Refusal> {
    let (bucket, key) = location(&request.location)?;
    if !caller.admin {
        own_bucket(registration, caller, bucket).await?;
    }
    let bad = || Refusal::generic(BAD_MANIFEST);
    let bytes = check::fetch(registration, &Identity::Internal, bucket, key).await;
    let bytes = bytes.map_err(|_| bad())?;
    let manifest = Lenient::parse(&bytes).ok_or_else(bad)?;
    let keys = certificates(registration, caller).await?;
    let signed = !keys.is_empty()
        && (registration.rules.profile == Profile::Euca20 || manifest.is_signed_by(&keys));
    if !signed || !opens(registration, &manifest) {
        return Err(bad());
    }
    let again = check::fetch(registration, &Identity::User(caller.clone()), bucket, key).await;
    again.map_err(|_| Refusal::generic(format!("Failed to read manifest file: {bucket}/{key}")))?;

    let said = Said::of_lenient(&manifest, &bytes);
    let class = image_type::by_lenient(key, &manifest, false);
    if let (false, Some(message)) = (caller.admin, image_type::forbidden(class)) {
        return Err(Refusal::generic(message));
    }
    let windows = registration.rules.profile == Profile::Euca20 && image_type::is_windows(key);
    let decided = Decided {
        location: request.location.clone(),
        class,
        architecture: said.architecture.clone(),
        kernel: said.kernel.clone(),
        ramdisk: said.ramdisk.clone(),
        windows,
        hvm: false,
    };
    // Nothing else of the request is looked at.
    let request = Request::default();
    let image = image::row(registration, caller, &request, decided, said);
    let ids = registration.ids.clone();
    registration
        .catalogue
        .write(move |transaction| {
            if image.class == ImageClass::Machine && !windows {
                registered(transaction, "kernel", image.kernel.as_deref())?;
                registered(transaction, "ramdisk", image.ramdisk.as_deref())?;
            }
            images::insert(transaction, image, &ids)
        })
        .await
}

/// Bucket and key: exactly two pieces.
fn location(location: &str) -> Result<(&str, &str), Refusal> {
    match location.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() && !key.contains('/') => {
            Ok((bucket, key))
        }
        _ => Err(Refusal::generic(
            "Image registration failed:  Invalid image location.",
        )),
    }
}

/// Insists that the bucket is the caller's. There, each user is what an account is today.
async fn own_bucket(
    registration: &Registration<'_>,
    caller: &Caller,
    bucket: &str,
) -> Result<(), Refusal> {
    let name = bucket.to_owned();
    let find =
        move |connection: &Connection| buckets::find(connection, &name).map_err(Refusal::from);
    let found = registration.catalogue.read(find).await?;
    let own = found.is_some_and(|bucket| bucket.account == caller.account.as_str());
    own.then_some(())
        .ok_or_else(|| Refusal::generic(NOT_THE_OWNER))
}

async fn certificates(
    registration: &Registration<'_>,
    caller: &Caller,
) -> Result<Vec<PublicKey>, Refusal> {
    let account = caller.account.clone();
    let find = move |connection: &Connection| {
        accounts::certificate_keys(connection, &account).map_err(Refusal::from)
    };
    registration.catalogue.read(find).await
}

/// Whether the cloud's key opens key and iv. The real clouds ask only whether the padding is right; what cannot be
/// opened comes out as random bytes here, so that being hex digits has to tell.
fn opens(registration: &Registration<'_>, manifest: &Lenient<'_>) -> bool {
    let wrapped = |name: &str| {
        let text = manifest.at(&format!("image/{name}")).unwrap_or_default();
        WrappedSecret::from_hex(text).ok()
    };
    let (key, rule) = (&registration.cloud.key, HexRule::Legacy);
    let (Some(secret), Some(iv)) = (wrapped("ec2_encrypted_key"), wrapped("ec2_encrypted_iv"))
    else {
        return false;
    };
    secret.unwrap_key(key, rule).is_ok() && iv.unwrap_iv(key, rule).is_ok()
}

/// Insists that an image that is named is there.
fn registered(connection: &Connection, what: &str, id: Option<&str>) -> Result<(), Refusal> {
    let Some(id) = id else {
        return Ok(());
    };
    let found = images::get(connection, id)?;
    let there = found.is_some_and(|image| image.state == images::AVAILABLE);
    there
        .then_some(())
        .ok_or_else(|| Refusal::generic(format!("Referenced {what} id is invalid: {id}")))
}
