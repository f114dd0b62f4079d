//! What the commands that talk to a cloud share.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use gumnut_crypto::Certificate;
use gumnut_ec2_client::Ec2Client;
use gumnut_transport::SignatureVersion;
use gumnut_types::ManifestLocation;
use gumnut_walrus_client::WalrusClient;
use gumnut_workflows::{BundleRef, CloudClient, Connection, StoredBundle};
use url::Url;

use super::{Context, keys, read_bounded};
use crate::args::Signature;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::progress::Stop;
use gumnut_settings::{KeyFile, Settings};

/// Largest file of certificate authorities, in bytes.
const MAX_CA: u64 = 4 << 20;

/// How often it is looked whether the user wants to stop.
const TICK: Duration = Duration::from_millis(50);

/// Runs a command of the network until it ends or ^C comes.
pub(crate) fn block_on<T>(
    command: impl Future<Output = Result<T, anyhow::Error>>,
) -> Result<T, anyhow::Error> {
    block_on_until(command, async {
        // Without a handler ^C ends the program by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// Runs something that waits for the network until it ends or the user wants to stop.
pub(crate) fn block_on_or_stop<T>(
    work: impl Future<Output = Result<T, anyhow::Error>>,
    stop: &Stop,
) -> Result<T, anyhow::Error> {
    block_on_until(work, async {
        while !stop.asked() {
            tokio::time::sleep(TICK).await;
        }
    })
}

/// Runs something that waits for the network until it ends or `stop` does.
pub(crate) fn block_on_until<T>(
    command: impl Future<Output = Result<T, anyhow::Error>>,
    stop: impl Future<Output = ()>,
) -> Result<T, anyhow::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        tokio::select! {
            result = command => result,
            () = stop => Err(Failure::new(Exit::Interrupted, "interrupted").into()),
        }
    })
}

/// A client of the object store that the settings name.
pub(crate) fn walrus(
    context: &Context<'_>,
    settings: &Settings,
) -> Result<WalrusClient, anyhow::Error> {
    let endpoint = settings.s3_url()?;
    let connection = connection(context, settings)?.store(endpoint);
    Ok(connect(&connection)?.store()?.clone())
}

/// A client of the EC2 service that the settings name.
pub(crate) fn ec2(context: &Context<'_>, settings: &Settings) -> Result<Ec2Client, anyhow::Error> {
    let endpoint = settings.ec2_url()?;
    let connection = connection(context, settings)?.ec2(endpoint);
    Ok(connect(&connection)?.ec2()?.clone())
}

/// Both services that the settings name; the EC2 service may be missing.
pub(crate) fn cloud(
    context: &Context<'_>,
    settings: &Settings,
) -> Result<CloudClient, anyhow::Error> {
    let store = settings.s3_url()?;
    let connection = connection(context, settings)?
        .store(store)
        .ec2(settings.ec2_url().ok());
    connect(&connection)
}

/// What a command needs to find a bundle: the store, and for an image the EC2 service, too.
pub(crate) fn cloud_of(
    bundle: &BundleRef,
    context: &Context<'_>,
    settings: &Settings,
) -> Result<CloudClient, anyhow::Error> {
    let cloud = cloud(context, settings)?;
    if matches!(bundle, BundleRef::Image(_)) {
        settings.ec2_url()?;
    }
    Ok(cloud)
}

/// Both services of a cloud, whose requests are signed so.
pub(crate) fn signed_cloud(
    context: &Context<'_>,
    settings: &Settings,
    signature: Signature,
) -> Result<CloudClient, anyhow::Error> {
    let connection = signed_connection(context, settings, signature)?
        .store(settings.s3_url()?)
        .ec2(settings.ec2_url().ok());
    connect(&connection)
}

/// Makes clients, and warns where nobody has to prove who it is.
fn connect(connection: &Connection) -> Result<CloudClient, anyhow::Error> {
    if connection.is_unverified() {
        Output::warn("verify-ssl is false: anybody on the way can read and change what is sent");
    }
    Ok(CloudClient::connect(connection)?)
}

/// The certificate of the cloud, as the cloud tells it.
pub(crate) async fn cloud_certificate(
    context: &Context<'_>,
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
    let connection = signed_connection(context, settings, Signature::V4)?.ec2(endpoint);
    let pem = connect(&connection)?.ec2()?.bundling_certificate().await?;
    let certificate = Certificate::from_pem(pem.as_bytes())?;
    Output::warn(format!(
        "no cloud certificate is set; using that of {}, which the cloud told",
        certificate.subject()
    ));
    Ok(certificate)
}

/// How the cloud of the settings is reached, without its endpoints.
fn connection(context: &Context<'_>, settings: &Settings) -> Result<Connection, anyhow::Error> {
    let store = match context.tradition.s3_signature {
        Some(_) if settings.force_sigv4()? => Signature::V4,
        Some(signature) => signature,
        None => context.global.signature,
    };
    let connection = signed_connection(context, settings, context.global.signature)?;
    Ok(connection.store_signature(version(settings, store)))
}

/// How a cloud is reached whose requests are all signed so, without its endpoints.
pub(crate) fn signed_connection(
    context: &Context<'_>,
    settings: &Settings,
    signature: Signature,
) -> Result<Connection, anyhow::Error> {
    let mut connection = Connection::new(settings.credentials()?, version(settings, signature));
    let retries = match context.global.retries {
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
    let authorities = match (&context.global.ca_cert, settings.ca_bundle()) {
        (Some(path), _) => Some(read_authorities(path)?),
        // Plain HTTP does without, and HTTPS trusts nobody for want of it.
        (None, Some(path)) => read_authorities(path)
            .inspect_err(|error| Output::warn(format!("AWS_CA_BUNDLE: {error}")))
            .ok(),
        (None, None) => None,
    };
    Ok(connection.trust(authorities))
}

/// The version of a signature, with the region of its scope.
pub(crate) fn version(settings: &Settings, signature: Signature) -> SignatureVersion {
    match signature {
        Signature::V4 => SignatureVersion::V4 {
            region: settings.region().to_owned(),
        },
        Signature::V2 => SignatureVersion::V2,
    }
}

fn read_authorities(path: &Path) -> Result<Vec<u8>, Failure> {
    read_bounded("certificate authority", path, MAX_CA)
}

/// The bundle whose manifest lies at a location.
pub(crate) fn stored(store: &WalrusClient, location: &ManifestLocation) -> StoredBundle {
    StoredBundle {
        store: store.clone(),
        location: location.clone(),
    }
}
