//! What calls work with.

use gumnut_cloud_catalogue::{ImageRules, Profile};

use crate::services::Services;

/// What calls work with.
pub(crate) struct Context<'a> {
    pub(crate) services: &'a Services,
    /// Where the client has found the cloud: `http://127.0.0.1:8773`.
    pub(crate) endpoint: &'a str,
    /// The name of the one region that there is.
    pub(crate) region: &'a str,
}

impl Context<'_> {
    /// How images are registered and shown.
    pub(crate) fn rules(&self) -> &ImageRules {
        self.services.images.rules()
    }

    /// The cloud that is played.
    pub(crate) fn profile(&self) -> Profile {
        self.rules().profile
    }
}
