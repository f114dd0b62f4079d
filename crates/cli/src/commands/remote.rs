//! What the commands that talk to a cloud share.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gumnut_crypto::Certificate;
use gumnut_ec2_client::Ec2Client;
use gumnut_manifest::UntrustedManifest;
use gumnut_transport::{ServerIdentity, SignatureVersion, Transport, TransportConfig};
use gumnut_types::{Limits, ManifestLocation};
use gumnut_walrus_client::WalrusClient;
use gumnut_workflows::{PublishError, Site, StoredBundle};
use url::Url;

use super::{Context, keys, read_bounded};
use crate::args::Signature;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::progress::Stop;
use crate::settings::{KeyFile, Settings};

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
    let signature = match context.tradition.s3_signature {
        Some(_) if settings.force_sigv4()? => Signature::V4,
        Some(signature) => signature,
        None => context.global.signature,
    };
    Ok(WalrusClient::new(
        settings.s3_url()?,
        transport(context, settings, signature)?,
    ))
}

/// A client of the EC2 service that the settings name.
pub(crate) fn ec2(context: &Context<'_>, settings: &Settings) -> Result<Ec2Client, anyhow::Error> {
    Ok(Ec2Client::new(
        settings.ec2_url()?,
        transport(context, settings, context.global.signature)?,
    ))
}

/// Both services of a cloud, whose requests are signed so.
pub(crate) fn site(
    context: &Context<'_>,
    settings: &Settings,
    signature: Signature,
) -> Result<Site, anyhow::Error> {
    let transport = transport(context, settings, signature)?;
    let ec2 = settings.ec2_url().ok();
    Ok(Site {
        store: WalrusClient::new(settings.s3_url()?, Arc::clone(&transport)),
        ec2: ec2.map(|url| Ec2Client::new(url, transport)),
    })
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
    let client = Ec2Client::new(endpoint, transport(context, settings, Signature::V4)?);
    let pem = client.bundling_certificate().await?;
    let certificate = Certificate::from_pem(pem.as_bytes())?;
    Output::warn(format!(
        "no cloud certificate is set; using that of {}, which the cloud told",
        certificate.subject()
    ));
    Ok(certificate)
}

fn transport(
    context: &Context<'_>,
    settings: &Settings,
    signature: Signature,
) -> Result<Arc<Transport>, anyhow::Error> {
    let config = transport_config(context, settings, signature)?;
    if config.server_identity == ServerIdentity::Unverified {
        Output::warn("verify-ssl is false: anybody on the way can read and change what is sent");
    }
    Ok(Arc::new(Transport::new(config)?))
}

/// How requests are made, as the settings say.
pub(crate) fn transport_config(
    context: &Context<'_>,
    settings: &Settings,
    signature: Signature,
) -> Result<TransportConfig, anyhow::Error> {
    let signature = match signature {
        Signature::V4 => SignatureVersion::V4 {
            region: settings.region().to_owned(),
        },
        Signature::V2 => SignatureVersion::V2,
    };
    let mut config = TransportConfig::new(Some(settings.credentials()?), signature);
    config.retry.retries = match context.global.retries {
        Some(retries) => retries,
        None => settings.max_retries()?.unwrap_or(config.retry.retries),
    };
    config.retry.per_attempt = settings.timeout()?.unwrap_or(config.retry.per_attempt);
    if !settings.verify_tls()? {
        config.server_identity = ServerIdentity::Unverified;
    }
    let read = |path: &Path| read_bounded("certificate authority", path, MAX_CA);
    config.extra_ca_pem = match (&context.global.ca_cert, settings.ca_bundle()) {
        (Some(path), _) => Some(read(path)?),
        // Plain HTTP does without, and HTTPS trusts nobody for want of it.
        (None, Some(path)) => read(path)
            .inspect_err(|error| Output::warn(format!("AWS_CA_BUNDLE: {error}")))
            .ok(),
        (None, None) => None,
    };
    Ok(config)
}

/// Fetches and reads the manifest at a location. Nothing vouches for it but the store.
pub(crate) async fn fetch_manifest(
    store: &WalrusClient,
    location: &ManifestLocation,
) -> Result<UntrustedManifest, PublishError> {
    let limits = Limits::default();
    stored(store, location).manifest(&limits).await
}

/// The bundle whose manifest lies at a location.
pub(crate) fn stored(store: &WalrusClient, location: &ManifestLocation) -> StoredBundle {
    StoredBundle {
        store: store.clone(),
        location: location.clone(),
    }
}
