//! `euca-check-bucket`

use clap::Args;
use gumnut_types::BucketName;
use gumnut_walrus_client::BucketState;

use super::options::{Common, KeyPair, Keys, Service};
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
    keys: Keys,
    #[command(flatten)]
    common: Common,
}

impl Tool for CheckBucket {
    const SERVICE: Service = Service::S3;

    fn common(&self) -> &Common {
        &self.common
    }

    fn key_pair(&self) -> KeyPair {
        self.keys.pair()
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
