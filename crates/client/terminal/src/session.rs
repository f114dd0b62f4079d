//! The way from a command line to settings, and from settings to the clients of a cloud.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gumnut_crypto::Certificate;
use gumnut_ec2_client::Ec2Client;
use gumnut_settings::{KeyFile, Overrides, Settings, SettingsError};
use gumnut_transport::SignatureVersion;
use gumnut_walrus_client::WalrusClient;
use gumnut_workflows::{BundleRef, CloudClient, Connection};
use url::Url;

use crate::failure::Failure;
use crate::files::read_bounded;
use crate::keys;
use crate::output::Output;
use crate::teller::Teller;

/// Largest file of certificate authorities, in bytes.
const MAX_CA: u64 = 4 << 20;

/// The version of request signatures. The region that version 4 signs for comes from the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// AWS Signature Version 4.
    #[default]
    V4,
    /// AWS Signature Version 2, for old clouds.
    V2,
}

/// What the command line says about the cloud: where it is, and how requests are made.
#[derive(Clone, Debug, Default)]
pub struct CloudOptions {
    /// What takes precedence over the settings.
    pub overrides: Overrides,
    /// How requests are signed.
    pub signature: Signature,
    /// How requests to the object store are signed where the region does not insist on version 4. `None`: as `signature` says.
    pub store_signature: Option<Signature>,
    /// How often a request is tried again. `None`: as the settings say, else the usual number.
    pub retries: Option<u32>,
    /// Whether requests are signed with the time of this machine whatever a server says of its own.
    pub no_clock_correction: bool,
    /// Whether a person is shown every request.
    pub show_requests: bool,
    /// File of certificate authorities (PEM) to trust beside those of the system. `None`: as the settings say.
    pub ca_cert: Option<PathBuf>,
}

/// What every command works with: an output, and the cloud that the command line means.
#[derive(Clone, Debug)]
pub struct Session {
    /// Says what there is to say.
    pub output: Output,
    /// What the command line says about the cloud.
    pub cloud: CloudOptions,
}

impl Session {
    /// Reads the settings of all sources, and says what is odd about them.
    ///
    /// # Errors
    /// When a file that was named cannot be read, or an ini file cannot be understood.
    pub fn settings(&self) -> Result<Settings, SettingsError> {
        let settings = Settings::load(self.cloud.overrides.clone())?;
        Output::warn_all(&settings.warnings());
        Ok(settings)
    }

    /// A client of the object store that the settings name.
    ///
    /// # Errors
    /// When endpoint, key pair or another setting is missing or wrong.
    pub fn walrus(&self, settings: &Settings) -> Result<WalrusClient, anyhow::Error> {
        let endpoint = settings.s3_url()?;
        let connection = self.connection(settings)?.store(endpoint);
        Ok(connect(&connection)?.store()?.clone())
    }

    /// A client of the EC2 service that the settings name.
    ///
    /// # Errors
    /// When endpoint, key pair or another setting is missing or wrong.
    pub fn ec2(&self, settings: &Settings) -> Result<Ec2Client, anyhow::Error> {
        let endpoint = settings.ec2_url()?;
        let connection = self.connection(settings)?.ec2(endpoint);
        Ok(connect(&connection)?.ec2()?.clone())
    }

    /// Both services that the settings name; the EC2 service may be missing.
    ///
    /// # Errors
    /// When the endpoint of the store, the key pair or another setting is missing or wrong.
    pub fn cloud(&self, settings: &Settings) -> Result<CloudClient, anyhow::Error> {
        let store = settings.s3_url()?;
        let connection = self
            .connection(settings)?
            .store(store)
            .ec2(settings.ec2_url().ok());
        connect(&connection)
    }

    /// The cloud in which a bundle is to be found: its store, and for an image its EC2 service, too.
    ///
    /// # Errors
    /// When an endpoint, the key pair or another setting is missing or wrong.
    pub fn cloud_of(
        &self,
        bundle: &BundleRef,
        settings: &Settings,
    ) -> Result<CloudClient, anyhow::Error> {
        let cloud = self.cloud(settings)?;
        if matches!(bundle, BundleRef::Image(_)) {
            settings.ec2_url()?;
        }
        Ok(cloud)
    }

    /// Both services of a cloud, to which all requests are signed in one version; the EC2 service may be missing.
    ///
    /// # Errors
    /// When the endpoint of the store, the key pair or another setting is missing or wrong.
    pub fn signed_cloud(
        &self,
        settings: &Settings,
        signature: Signature,
    ) -> Result<CloudClient, anyhow::Error> {
        let connection = self
            .signed_connection(settings, signature)?
            .store(settings.s3_url()?)
            .ec2(settings.ec2_url().ok());
        connect(&connection)
    }

    /// The certificate of the cloud, as the cloud says it at `endpoint`, else at the bootstrap service of the settings.
    ///
    /// # Errors
    /// When there is no such endpoint and no certificate is set; and when the cloud says none.
    pub async fn cloud_certificate(
        &self,
        settings: &Settings,
        endpoint: Option<&Url>,
    ) -> Result<Certificate, anyhow::Error> {
        let Some(endpoint) = settings.bootstrap_url(endpoint)? else {
            // A failure without a certificate, not one about an endpoint that few have heard of.
            return Ok(keys::certificate(
                settings,
                KeyFile::CloudCertificate,
                None,
            )?);
        };
        let connection = self
            .signed_connection(settings, Signature::V4)?
            .ec2(endpoint);
        let pem = connect(&connection)?.ec2()?.bundling_certificate().await?;
        let certificate = Certificate::from_pem(pem.as_bytes())?;
        Output::warn(format!(
            "no cloud certificate is set; using that of {}, which the cloud sent",
            certificate.subject()
        ));
        Ok(certificate)
    }

    /// How the cloud of the settings is reached, without its endpoints.
    fn connection(&self, settings: &Settings) -> Result<Connection, anyhow::Error> {
        let signature = self.cloud.signature;
        let store = match self.cloud.store_signature {
            Some(_) if settings.force_sigv4()? => Signature::V4,
            given => given.unwrap_or(signature),
        };
        let connection = self.signed_connection(settings, signature)?;
        Ok(connection.store_signature(store.version(settings)))
    }

    /// How a cloud is reached to which all requests are signed in one version, without its endpoints.
    ///
    /// # Errors
    /// When the key pair is missing, another setting is wrong, or the file of `--ca-cert` cannot be read.
    pub fn signed_connection(
        &self,
        settings: &Settings,
        signature: Signature,
    ) -> Result<Connection, anyhow::Error> {
        let mut connection = Connection::new(settings.credentials()?, signature.version(settings));
        let retries = match self.cloud.retries {
            Some(retries) => Some(retries),
            None => settings.max_retries()?,
        };
        if let Some(retries) = retries {
            connection = connection.retries(retries);
        }
        if let Some(timeout) = settings.timeout()? {
            connection = connection.timeout(timeout);
        }
        if !settings.verify_tls()? {
            connection = connection.unverified();
        }
        if self.cloud.no_clock_correction {
            connection = connection.without_clock_correction();
        }
        connection = connection.trace(Arc::new(Teller::new(
            &self.output,
            self.cloud.show_requests,
            settings,
        )));
        let authorities = match (&self.cloud.ca_cert, settings.ca_bundle()) {
            (Some(path), _) => Some(read_authorities(path)?),
            // Plain HTTP does without, and HTTPS without it trusts nobody.
            (None, Some(path)) => read_authorities(path)
                .inspect_err(|error| Output::warn(format!("AWS_CA_BUNDLE: {error}")))
                .ok(),
            (None, None) => None,
        };
        Ok(connection.trust(authorities))
    }
}

impl Signature {
    /// The version with the region of its scope.
    pub fn version(self, settings: &Settings) -> SignatureVersion {
        match self {
            Self::V4 => SignatureVersion::V4 {
                region: settings.region().to_owned(),
            },
            Self::V2 => SignatureVersion::V2,
        }
    }
}

fn read_authorities(path: &Path) -> Result<Vec<u8>, Failure> {
    read_bounded("certificate authority", path, MAX_CA)
}

/// Makes clients, and warns where nobody has to prove who it is.
fn connect(connection: &Connection) -> Result<CloudClient, anyhow::Error> {
    if connection.is_unverified() {
        Output::warn("verify-ssl is false: anyone on the network can read and change what is sent");
    }
    Ok(CloudClient::connect(connection)?)
}
