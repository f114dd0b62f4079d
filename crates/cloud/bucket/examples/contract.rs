//! Puts a bucket of any store to the tests of the contract: `GUMNUT_BLOBS_KEY_FILE=FILE contract s3://BUCKET/PREFIX?endpoint=URL`.
//!
//! Each test works below a prefix of its own, `PREFIX/NUMBER/NAME`, and prints its name when it begins. What the tests leave
//! can be deleted.

#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gumnut_cloud_blobs::BlobStore;
use gumnut_cloud_bucket::{BucketBlobs, BucketConfig, BucketError, BucketKeys, BucketUrl};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let url: BucketUrl = std::env::args().nth(1).ok_or("which bucket?")?.parse()?;
    let file =
        std::env::var_os("GUMNUT_BLOBS_KEY_FILE").ok_or("GUMNUT_BLOBS_KEY_FILE is not set")?;
    let keys = BucketKeys::read(Path::new(&file))?;
    let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let below = |name: &str| {
        let mut config = BucketConfig {
            url: url.clone(),
            keys: keys.clone(),
            cluster: Some(format!("contract-{run}")),
        };
        let prefix = format!("{}/{run}/{name}", url.prefix);
        prefix
            .trim_start_matches('/')
            .clone_into(&mut config.url.prefix);
        BucketBlobs::open(config)
    };
    below("ready")?.ready().await?;
    let begun = Instant::now();
    let next = |name: &str| {
        println!("{name}");
        let store: Arc<dyn BlobStore> = Arc::new(below(name)?);
        Ok::<_, BucketError>(store)
    };
    gumnut_cloud_blobs::contract_run!(name => next(name)?);
    println!("all passed in {} ms", begun.elapsed().as_millis());
    Ok(())
}
