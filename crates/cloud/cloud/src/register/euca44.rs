//! The profile `euca-4.4`: Eucalyptus 4.4 believes what the manifest says.

use gumnut_types::ImageClass;

use super::image::{self, Decided, Said};
use super::lenient::Lenient;
use super::{Refusal, Registration, Request, check, image_type};
use crate::auth::{Caller, Identity};
use crate::ec2::images;
use gumnut_cloud_catalogue::Profile;

/// The architectures that it knows.
const ARCHITECTURES: [&str; 3] = ["i386", "x86_64", "other"];

/// Checks what Eucalyptus 4.4 checks, in its order, and stores the image under a new id.
pub(super) async fn register(
    registration: &Registration<'_>,
    caller: &Caller,
    request: &Request,
) -> Result<String, Refusal> {
    let checked = request.check_with(registration, caller).await?;
    if let (false, Some(message)) = (
        caller.admin,
        image_type::forbidden(image_type::by_name(&checked.key)),
    ) {
        return Err(Refusal::generic(message));
    }
    let (bucket, key) = (&checked.bucket, &checked.key);
    let read = check::fetch(registration, &Identity::ExecRead, bucket, key).await;
    let bytes = read
        .map_err(|_| Refusal::generic(format!("Failed to read manifest file: {bucket}/{key}")))?;
    let manifest = Lenient::parse(&bytes)
        .ok_or_else(|| Refusal::generic("The manifest is not well formed"))?;
    let said = said(&manifest, &bytes, request)?;
    let class = image_type::by_lenient(key, &manifest, true);
    let kernel_says = said.kernel.as_deref() == Some("windows");
    let user = manifest.named("user").unwrap_or_default();
    if user != caller.account.as_str() {
        return Err(Refusal::new("AuthFailure", "Manifest is not accessible"));
    }
    let windows = request.is_windows(Profile::Euca44)?
        || checked.windows
        || kernel_says
        || image_type::is_windows(key);
    let like = |id: &Option<String>, prefix| id.clone().filter(|id| id.starts_with(prefix));
    let decided = Decided {
        location: format!("{bucket}/{key}"),
        class,
        architecture: said.architecture.clone(),
        kernel: checked.kernel.or_else(|| like(&said.kernel, "eki-")),
        ramdisk: checked.ramdisk.or_else(|| like(&said.ramdisk, "eri-")),
        windows,
        hvm: checked.hvm || windows,
    };
    let image = image::row(registration, caller, request, decided, said);
    if image.class == ImageClass::Machine {
        check::kernel_and_ramdisk_given(&image)?;
    }
    check::size(
        Profile::Euca44,
        image.size,
        registration.rules.max_image_bytes,
    )?;
    let ids = registration.ids.clone();
    registration
        .catalogue
        .write(move |transaction| images::insert(transaction, image, &ids))
        .await
}

/// What the manifest says, with the architecture of the request, if sizes and architecture make sense.
fn said(manifest: &Lenient<'_>, bytes: &[u8], request: &Request) -> Result<Said, Refusal> {
    for path in ["image/size", "image/bundled_size"] {
        let text = manifest.at(path).unwrap_or_default();
        if text.parse::<u64>().is_err() {
            let message = format!("Manifest element {path} is no number: {text}");
            return Err(Refusal::generic(message));
        }
    }
    let mut said = Said::of_lenient(manifest, bytes);
    if let Some(requested) = &request.architecture {
        said.architecture.clone_from(requested);
    }
    if ARCHITECTURES.contains(&said.architecture.as_str()) {
        Ok(said)
    } else {
        let message = format!("Unknown architecture: {}", said.architecture);
        Err(Refusal::generic(message))
    }
}
