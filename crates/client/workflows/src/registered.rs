//! The images that are registered from a location, and a request that registers one only once.

use std::time::Duration;

use gumnut_ec2_client::{DescribeImages, Ec2Client, Image, RegisterImage};
use gumnut_transport::TransportError;
use gumnut_types::{ImageId, ManifestLocation};

use crate::WorkflowError;

/// How often the cloud is asked before it is taken for dead.
const ATTEMPTS: u32 = 5;
/// The wait after the first failure; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// States of images that nobody can start any more.
const DEAD: [&str; 2] = ["deregistered", "failed"];

/// The images of the account that asks, as the EC2 service shows them.
#[derive(Clone, Debug, Default)]
pub struct OwnImages(Vec<Image>);

impl OwnImages {
    /// Asks for them: `DescribeImages` with the owner `self`.
    ///
    /// # Errors
    /// [`WorkflowError::Transport`] when the cloud refuses or does not answer.
    pub async fn list(ec2: &Ec2Client) -> Result<Self, WorkflowError> {
        let wanted = DescribeImages {
            owners: vec!["self".to_owned()],
            ..DescribeImages::default()
        };
        Ok(Self(ec2.describe_images(&wanted).await?))
    }

    /// The id of the image that is registered from the manifest at `location`. `None`: there is none, or it is deregistered or
    /// failed.
    pub fn registered_from(&self, location: &ManifestLocation) -> Option<ImageId> {
        let text = location.to_string();
        self.0
            .iter()
            .find(|image| {
                let state = image.state.as_deref().unwrap_or_default();
                let shown = image.location.as_deref().unwrap_or_default();
                shown.trim_start_matches('/') == text && !DEAD.contains(&state)
            })
            .and_then(|image| image.image_id.parse().ok())
    }
}

/// Registers an image with `RegisterImage`, asking until there is an answer. Before each further request it looks whether an
/// earlier one was heard: whether one of the caller's images is registered from `location`, the one that the request names.
///
/// # Errors
/// [`WorkflowError::Transport`] when the cloud refuses, and when it does not answer five times.
pub async fn register_once(
    ec2: &Ec2Client,
    request: &RegisterImage,
    location: &ManifestLocation,
) -> Result<ImageId, WorkflowError> {
    let mut wait = FIRST_WAIT;
    for attempt in 1.. {
        if attempt > 1
            && let Some(id) = OwnImages::list(ec2).await?.registered_from(location)
        {
            return Ok(id);
        }
        match ec2.register_image_once(request).await {
            Ok(id) => return Ok(id),
            Err(error) if attempt < ATTEMPTS && may_have_been_heard(&error) => {
                tracing::info!(%error, ?wait, "asking again after looking");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(WorkflowError::Died)
}

/// Whether the cloud may have done it although it did not say so.
fn may_have_been_heard(error: &TransportError) -> bool {
    match error {
        TransportError::Network { .. }
        | TransportError::Timeout { .. }
        | TransportError::Malformed { .. } => true,
        TransportError::Refused(refusal) => refusal.status >= 500 || refusal.status == 429,
        _ => false,
    }
}
