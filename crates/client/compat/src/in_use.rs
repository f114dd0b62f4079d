//! The registered images of the cloud, for warnings that the old tools never had.

use std::time::Duration;

use gumnut_settings::Settings;
use gumnut_workflows::{CloudClient, ImagesInUse};

use super::call::Call;

/// How long the EC2 service may take to say which images are registered.
const PATIENCE: Duration = Duration::from_secs(3);

/// The images that are registered. `None`: there is no EC2 service, or it does not say, so that there is nothing to warn of.
pub(super) async fn images(call: &Call, settings: &Settings) -> Option<ImagesInUse> {
    let (session, endpoint) = (&call.session, settings.ec2_url().ok()?);
    let connection = session
        .signed_connection(settings, session.cloud.signature)
        .ok()?
        .retries(0)
        .timeout(PATIENCE)
        .ec2(endpoint);
    let cloud = CloudClient::connect(&connection).ok()?;
    ImagesInUse::list(cloud.ec2().ok()?).await.ok()
}
