//! `euca-check-bucket`

use clap::Args;
use gumnut_types::BucketName;
use gumnut_walrus_client::BucketState;

use super::options::{Calling, Calls, Keys, Service};
use super::session::{Session, print};
use super::tool::Tool;
use crate::commands::remote;
use crate::exit::{Exit, Failure};

/// Tell whether a bucket exists
#[derive(Args)]
pub(super) struct CheckBucket {
    /// The bucket
    #[arg(short, long, required = true)]
    bucket: BucketName,
    #[command(flatten)]
    calling: Calling<Keys>,
}

impl Tool for CheckBucket {
    const SERVICE: Service = Service::S3;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, session: &Session) -> Result<(), anyhow::Error> {
        let context = session.context();
        let store = remote::walrus(&context, &context.settings()?)?;
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
