//! What can be known to fail before anything is unpacked, bundled or sent. Nothing here changes anything in the cloud.

use std::time::{SystemTime, UNIX_EPOCH};

use gumnut_ec2_client::{Ec2Client, RegisterImage};
use gumnut_transport::{Refusal, TransportError};
use gumnut_types::{Architecture, ImageClass, ImageId, ManifestLocation};
use gumnut_walrus_client::BucketState;

use crate::{CloudClient, Destination, StoredBundle, WorkflowError};

/// What a cloud says that would register the image if it were asked in earnest.
const WOULD_DO_IT: &str = "DryRunOperation";
/// Refusals for another reason than the missing manifest, which is not there when the cloud is asked in advance.
const REASONS: [&str; 12] = [
    "AuthFailure",
    "UnauthorizedOperation",
    "OptInRequired",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "RequestExpired",
    "MissingParameter",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidAMIName.Malformed",
    "InvalidAMIName.Duplicate",
];

impl CloudClient {
    /// Insists that an id names an image of this class that is available and, where both say it, of this architecture. `None`: of
    /// any architecture.
    ///
    /// # Errors
    /// [`WorkflowError::Unusable`] when the cloud shows no such image, or another one than is needed;
    /// [`WorkflowError::Transport`] when it refuses for another reason or does not answer.
    pub async fn insist_on(
        &self,
        id: &ImageId,
        class: ImageClass,
        architecture: Option<Architecture>,
    ) -> Result<(), WorkflowError> {
        let unusable = |reason: String| WorkflowError::Unusable {
            id: id.clone(),
            class,
            reason,
        };
        let missing = || unusable("this cloud shows you no such image".to_owned());
        let image = match self.image(id).await {
            Err(WorkflowError::NoImage(_)) => return Err(missing()),
            Err(WorkflowError::Transport(error)) if is_unknown_id(&error) => return Err(missing()),
            image => image?,
        };
        let kind = image.image_type.unwrap_or_default();
        if !kind.is_empty() && kind != class.as_str() {
            return Err(unusable(format!("it is a {kind}, not a {class}")));
        }
        let state = image.state.unwrap_or_default();
        if !state.is_empty() && state != "available" {
            return Err(unusable(format!("its state is {state}")));
        }
        let of_image = image
            .architecture
            .and_then(|text| text.parse::<Architecture>().ok());
        match (architecture, of_image) {
            (Some(wanted), Some(found)) if wanted != found => Err(unusable(format!(
                "it is for {found}, and the image is for {wanted}"
            ))),
            _ => Ok(()),
        }
    }
}

impl Destination {
    /// Insists that the caller may write to the bucket, or that it is missing and may be made; says which.
    ///
    /// # Errors
    /// [`WorkflowError::CheckBucket`] when the store refuses or does not answer, [`WorkflowError::ForeignBucket`] when it belongs to
    /// somebody else and the caller may only read it.
    pub async fn check(&self) -> Result<BucketState, WorkflowError> {
        let bucket = self.bucket();
        let failed = |source| WorkflowError::CheckBucket {
            bucket: bucket.clone(),
            source,
        };
        let state = self.store.bucket_state(bucket).await.map_err(failed)?;
        if state == BucketState::Missing {
            return Ok(state);
        }
        // Who may not list buckets is not known to own none.
        let own = match self.store.list_buckets().await {
            Ok(own) => own,
            Err(error) if error.refusal().is_some() => return Ok(state),
            Err(error) => return Err(failed(error)),
        };
        let mut names = own.buckets.iter().map(|listed| listed.name.as_str());
        if names.any(|name| name == bucket.as_str()) {
            return Ok(state);
        }
        let key = self.target.key(&nowhere())?;
        match self.store.may_write(bucket, &key).await {
            Ok(false) => Err(WorkflowError::ForeignBucket(bucket.clone())),
            Ok(true) => Ok(state),
            Err(error) if error.refusal().is_some() => Ok(state),
            Err(error) => Err(failed(error)),
        }
    }

    /// Asks the cloud whether it would register an image of this class from here: whether the caller may, and whether it takes
    /// name, kernel, ramdisk and what else `request` says. If a cloud cannot say it in advance, success is assumed.
    ///
    /// # Errors
    /// [`WorkflowError::NotRegistered`] when the cloud would refuse, [`WorkflowError::Transport`] when it does not answer.
    pub async fn try_register(
        &self,
        ec2: &Ec2Client,
        class: ImageClass,
        request: RegisterImage,
    ) -> Result<(), WorkflowError> {
        // Clouds recognise kernels and ramdisks by such names where there is no manifest.
        let name = match class {
            ImageClass::Kernel => "vmlinuz.manifest.xml",
            ImageClass::Ramdisk => "initrd.manifest.xml",
            ImageClass::Machine => "machine.manifest.xml",
        };
        let location = self.location(&format!("{}/{name}", nowhere()))?;
        let request = RegisterImage {
            location: location.to_string(),
            ..request
        };
        match ec2.try_register_image(&request).await {
            Err(TransportError::Refused(refusal)) if is_a_reason(&refusal) => {
                Err(WorkflowError::NotRegistered {
                    class,
                    source: TransportError::Refused(refusal),
                })
            }
            Ok(()) | Err(TransportError::Refused(_) | TransportError::Malformed { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl StoredBundle {
    /// Insists that there is an object where the manifest should be. Anyone who may not look there is not told that it is missing.
    ///
    /// # Errors
    /// [`WorkflowError::NoSuchBucket`] and [`WorkflowError::NoSuchKey`].
    pub async fn insist(&self) -> Result<(), WorkflowError> {
        let ManifestLocation { bucket, key } = &self.location;
        let Ok(None) = self.store.head_object(bucket, key).await else {
            return Ok(());
        };
        match self.store.bucket_state(bucket).await {
            Ok(BucketState::Usable) => Err(WorkflowError::NoSuchKey(self.location.clone())),
            Ok(BucketState::Missing) => Err(WorkflowError::NoSuchBucket(bucket.clone())),
            Err(_) => Ok(()),
        }
    }
}

/// A name that no object has.
fn nowhere() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = now.unwrap_or_default().as_nanos();
    format!("gumnut-preflight-{}-{nanoseconds}", std::process::id())
}

fn is_unknown_id(error: &TransportError) -> bool {
    error
        .refusal()
        .is_some_and(|refusal| refusal.code.starts_with("InvalidAMIID"))
}

fn is_a_reason(refusal: &Refusal) -> bool {
    // Clouds of 2010 have the code of a component for everything.
    refusal.code != WOULD_DO_IT
        && (REASONS.contains(&refusal.code.as_str()) || refusal.message.contains("administrators"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_for_want_of_the_manifest_is_no_reason() {
        let reason = |code: &str, message: &str| {
            is_a_reason(&Refusal {
                what: "RegisterImage".to_owned(),
                status: 400,
                code: code.to_owned(),
                message: message.to_owned(),
                request_id: None,
            })
        };
        assert!(reason(
            "AuthFailure",
            "Only administrators can register kernel images."
        ));
        assert!(reason(
            "eucalyptus",
            "Only administrators can register kernel images."
        ));
        assert!(reason("MissingParameter", "Ramdisk ID must be specified"));
        assert!(!reason("DryRunOperation", "Request would have succeeded"));
        assert!(!reason("InvalidManifest", "Failed to read manifest file"));
        assert!(!reason("InternalFailure", ""));
    }
}
