//! `euca-create-keypair`, `euca-add-keypair`, `euca-import-keypair`, `euca-describe-keypairs` and `euca-delete-keypair`

use std::path::PathBuf;

use clap::Args;
use gumnut_ec2_client::Filter;
use gumnut_terminal::{NewSecretFile, read_bounded};

use super::call::{Call, print, print_lines};
use super::options::{AnyKeys, Calling, Calls, Service, filter};
use super::tool::Tool;

/// Largest file of a public key, in bytes.
const MOST: u64 = 16 << 10;
/// The filters that clouds know.
const FILTERS: [&str; 3] = ["fingerprint", "key-name", "key-pair-id"];

/// Create a key pair
#[derive(Args)]
pub(super) struct CreateKeyPair {
    /// Name of the key pair
    #[arg(value_name = "KEYPAIR")]
    name: String,
    /// Write the private key to this file, which must not exist
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for CreateKeyPair {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let client = call.session.ec2(&call.session.settings()?)?;
        // Before the key pair is there: what cannot be written would be lost.
        let file = self.file.as_deref().map(NewSecretFile::begin).transpose()?;
        let created = client.create_key_pair(&self.name, None).await?;
        let material = created.material.expose();
        if let Some(file) = file
            && let Err(error) = file.keep(material.as_bytes())
        {
            // Nobody has the private key.
            let _ = client.delete_key_pair(&self.name).await;
            return Err(error.into());
        }
        let key_pair = &created.key_pair;
        let columns = ["KEYPAIR", &key_pair.name, &key_pair.fingerprint];
        print(&self.calling.common.line(&columns));
        if self.file.is_none() {
            print_lines(material.trim_end());
        }
        Ok(())
    }
}

/// Import a public key as a key pair
#[derive(Args)]
pub(super) struct ImportKeyPair {
    /// Name of the key pair
    #[arg(value_name = "KEYPAIR")]
    name: String,
    /// File with the public key
    #[arg(short = 'f', long = "public-key-file", value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for ImportKeyPair {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let public = read_bounded("public key", &self.file, MOST)?;
        let client = call.session.ec2(&call.session.settings()?)?;
        let imported = client.import_key_pair(&self.name, &public).await?;
        let columns = ["KEYPAIR", &imported.name, &imported.fingerprint];
        print(&self.calling.common.line(&columns));
        Ok(())
    }
}

/// List key pairs
#[derive(Args)]
pub(super) struct DescribeKeyPairs {
    /// Only these key pairs
    #[arg(value_name = "KEYPAIR")]
    names: Vec<String>,
    /// Only key pairs that match
    #[arg(long, value_name = "NAME=VALUE", value_parser = |text: &str| filter(text, &FILTERS))]
    filter: Vec<Filter>,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for DescribeKeyPairs {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let client = call.session.ec2(&call.session.settings()?)?;
        let found = client.describe_key_pairs(&self.names, &self.filter).await?;
        for key_pair in &found {
            let columns = ["KEYPAIR", &key_pair.name, &key_pair.fingerprint];
            print(&self.calling.common.line(&columns));
        }
        Ok(())
    }
}

/// Delete a key pair
#[derive(Args)]
pub(super) struct DeleteKeyPair {
    /// Name of the key pair
    #[arg(value_name = "KEYPAIR")]
    name: String,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for DeleteKeyPair {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let client = call.session.ec2(&call.session.settings()?)?;
        client.delete_key_pair(&self.name).await?;
        print(&self.calling.common.line(&["KEYPAIR", &self.name]));
        Ok(())
    }
}
