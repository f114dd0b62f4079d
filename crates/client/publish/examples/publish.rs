//! Publishes a disk image: bundles it straight into the object store and registers it.
//!
//! `cargo run --example publish -- disk.img`, with the settings of an eucarc in the environment.
#![expect(clippy::print_stdout, reason = "a program tells its result")]

use std::{env, error::Error, sync::Arc};

use gumnut_publish::{Plan, Publisher, Runs};
use gumnut_workflows::{
    AccessKeyId, Certificate, CloudClient, Connection, Credentials, Keys, NoProgress, PrivateKey,
    SecretString, SignatureVersion, Url,
};

fn main() -> Result<(), Box<dyn Error>> {
    let target = env::args_os().nth(1).ok_or("which image?")?;
    let access_key = AccessKeyId::new(setting("EC2_ACCESS_KEY")?);
    let secret_key = SecretString::new(setting("EC2_SECRET_KEY")?);
    let credentials = Credentials::new(access_key, secret_key);
    let region = "us-east-1".to_owned();
    let connection = Connection::new(credentials, SignatureVersion::V4 { region })
        .store(Url::parse(&setting("S3_URL")?)?)
        .ec2(Url::parse(&setting("EC2_URL")?)?);
    let keys = Keys::new(
        PrivateKey::from_pem(&fs_err::read(setting("EC2_PRIVATE_KEY")?)?)?,
        Some(Certificate::from_pem(&fs_err::read(setting("EC2_CERT")?)?)?),
        Certificate::from_pem(&fs_err::read(setting("EUCALYPTUS_CERT")?)?)?,
    )?;
    let account = setting("EC2_USER_ID")?.parse()?;
    let plan = Plan::new(std::path::absolute(target)?, account);
    let publisher = Publisher::new(CloudClient::connect(&connection)?, keys, Runs::new("runs"));
    let publishing = publisher.publish(&plan, Arc::new(NoProgress));
    for image in tokio::runtime::Runtime::new()?.block_on(publishing)?.images {
        println!("{}\t{}\t{:?}", image.class, image.location, image.id);
    }
    Ok(())
}

fn setting(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set"))
}
