//! The cloud's own certificate.

use gumnut_transport::TransportError;

use crate::Ec2Client;
use crate::client::{Parameters, malformed};

/// The call.
const ACTION: &str = "DescribeServiceCertificates";

impl Ec2Client {
    /// Asks for the certificate that bundles are made for, as PEM.
    ///
    /// # Errors
    /// When the cloud refuses, or has none for this.
    pub async fn bundling_certificate(&self) -> Result<String, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("Format", "pem");
        let answer = self.call(ACTION, parameters).await?;
        let mut items = answer.items("serviceCertificates");
        let fits = items.find(|item| {
            item.text_of("certificateUsage") == Some("image-bundling")
                && item.text_of("serviceType") == Some("compute")
        });
        fits.and_then(|item| item.child("certificate"))
            .map(|pem| pem.text.clone())
            .ok_or_else(|| {
                let reason = "it has no certificate for bundling images".to_owned();
                malformed(ACTION, reason)
            })
    }
}
