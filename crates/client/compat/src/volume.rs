//! `euca-bundle-vol`

use std::ffi::OsString;

use clap::Args;
use gumnut_terminal::{Exit, Failure};

use super::call::Call;
use super::options::{Calls, Common, Service};
use super::tool::Tool;

/// Bundle the disk of a running system: not done here, see the message
#[derive(Args)]
pub(super) struct BundleVolume {
    /// The options of the old tool
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "OPTIONS"
    )]
    options: Vec<OsString>,
    #[command(flatten)]
    common: Common,
}

impl Tool for BundleVolume {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.common
    }

    async fn run(self, _call: &Call) -> Result<(), anyhow::Error> {
        Err(Failure::new(
            Exit::Usage,
            "gumnut bundles images, not volumes: the image is made by another command; nothing was done",
        )
        .hint(
            "make an image of the running system with gumnut capture -o disk.img, then: euca-bundle-image -i disk.img",
        )
        .into())
    }
}
