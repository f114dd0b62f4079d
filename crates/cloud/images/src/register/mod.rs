//! Registering an image: what a cloud checks before it gives an id.
//!
//! A profile is one function from a request to an image or a refusal: [`strict`], [`euca44`], [`legacy`].

mod check;
mod content;
mod euca44;
mod facts;
mod image_type;
mod legacy;
mod registrar;
mod request;
mod resolved;
mod strict;

use gumnut_cloud_catalogue::{Caller, Profile};

use crate::ImageError;

pub(crate) use check::{invalid, key_unopened, parse, signature};
pub(crate) use registrar::Registrar;
pub use request::{BlockDevices, RegisterRequest};

/// Checks everything that the profile checks, in its order, and stores the image under a new id.
pub(crate) async fn register(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &RegisterRequest,
) -> Result<String, ImageError> {
    match registrar.rules.profile {
        Profile::Strict => strict::register(registrar, caller, request).await,
        Profile::Euca44 => euca44::register(registrar, caller, request).await,
        Profile::Euca16 | Profile::Euca20 => legacy::register(registrar, caller, request).await,
    }
}

/// Checks what needs no look at the manifest: rights, the form of what is said, and that the kernel and the ramdisk that the request
/// names can be used.
pub(crate) async fn rehearse(
    registrar: &Registrar<'_>,
    caller: &Caller,
    request: &RegisterRequest,
) -> Result<(), ImageError> {
    match registrar.rules.profile {
        Profile::Strict => strict::rehearse(registrar, caller, request).await,
        Profile::Euca44 => euca44::rehearse(registrar, caller, request).await,
        Profile::Euca16 | Profile::Euca20 => legacy::own_location(registrar, caller, request)
            .await
            .map(drop),
    }
}
