//! `DescribeServiceCertificates`: the certificate that bundles are made for.

use data_encoding::HEXLOWER;
use gumnut_cloud_images::{ImageError, ImageErrorKind};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

pub(crate) async fn run(context: &Context<'_>, parameters: &Parameters) -> Result<Xml, Refusal> {
    let format = parameters.get("Format").unwrap_or("pem");
    let digest = parameters.get("FingerprintDigest").unwrap_or("SHA-256");
    let keys = context.services.images.cloud_keys().await?;
    let der = keys.certificate.as_der();
    let certificate = match format {
        "pem" => keys.certificate.to_pem().map_err(internal)?,
        "der" => data_encoding::BASE64.encode(der),
        other => return Err(Refusal::invalid_value("Format", other)),
    };
    let fingerprint = match digest {
        "SHA-256" => with_colons(&Sha256::digest(der)),
        "SHA-1" => with_colons(&Sha1::digest(der)),
        other => return Err(Refusal::invalid_value("FingerprintDigest", other)),
    };
    let mut xml = Xml::new();
    xml.element("serviceCertificates", |xml| {
        xml.element("item", |xml| {
            xml.leaf("serviceType", "compute");
            xml.leaf("certificateUsage", "image-bundling");
            xml.leaf("certificateFormat", format);
            xml.text("certificate", &certificate);
            xml.leaf("certificateFingerprint", &fingerprint);
            xml.leaf("certificateFingerprintDigest", digest);
        });
    });
    Ok(xml)
}

/// `aa:bb:cc`
fn with_colons(digest: &[u8]) -> String {
    let pairs: Vec<_> = digest
        .iter()
        .map(|byte| HEXLOWER.encode(&[*byte]))
        .collect();
    pairs.join(":")
}

fn internal(reason: impl std::fmt::Display) -> Refusal {
    tracing::error!(%reason, "the certificate cannot be returned");
    ImageError::new(ImageErrorKind::Internal, "An internal error has occurred").into()
}
