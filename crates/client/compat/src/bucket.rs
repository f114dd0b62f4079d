//! `euca-check-bucket`

use clap::Args;
use gumnut_terminal::{Exit, Failure};
use gumnut_types::BucketName;
use gumnut_walrus_client::BucketState;

use super::call::{Call, print};
use super::options::{AnyKeys, Calling, Calls, Service};
use super::tool::Tool;

/// Check whether a bucket exists
#[derive(Args)]
pub(super) struct CheckBucket {
    /// The bucket
    #[arg(short, long, required = true)]
    bucket: BucketName,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for CheckBucket {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let session = &call.session;
        let store = session.walrus(&session.settings()?)?;
        print(&format!("Checking bucket: {}", self.bucket));
        match store.bucket_state(&self.bucket).await? {
            BucketState::Usable => Ok(()),
            BucketState::Missing => {
                let message = format!("there is no bucket {}", self.bucket);
                Err(Failure::new(Exit::Refused, message).into())
            }
        }
    }
}
