//! Where the cloud listens, and how clients know that it is the cloud.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::settings::Settings;

/// Where clouds listen when nothing else is said: the port of Eucalyptus.
pub(crate) const DEFAULT: &str = "127.0.0.1:8773";

/// Where the cloud listens, and how clients know that it is the cloud.
#[derive(Args)]
#[command(next_help_heading = "Listening")]
pub(crate) struct Listen {
    /// Address to listen on; use port 0 to pick a free port [default: 127.0.0.1:8773]
    #[arg(long = "listen", value_name = "ADDR")]
    addr: Option<SocketAddr>,
    /// Accept connections from other machines, for an address that is not a loopback address; needs TLS
    #[arg(long)]
    allow_remote: bool,
    /// Use HTTPS with a certificate from the cloud's own CA
    ///
    /// The CA certificate is `tls-ca.pem` in the credentials, and their eucarc sets `AWS_CA_BUNDLE` to it.
    #[arg(long)]
    tls: bool,
    /// Use HTTPS with this certificate (PEM), followed by intermediate certificates
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        conflicts_with = "tls"
    )]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// CA certificate (PEM) for the credentials; without it, clients must already trust the certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_ca: Option<PathBuf>,
    /// Host name or address in the eucarc and the certificate [default: that of ADDR]
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Accept bucket names in host names BUCKET.DOMAIN, in addition to BUCKET.localhost; can be repeated
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// Accept signatures of version 4 for this region only, and use it as the name of the cloud; may be repeated
    ///
    /// The location of a bucket, and the regions of clients that have none (`us-east-1`, `eucalyptus`, `undefined-N`), are accepted too.
    /// Without this option, every region is accepted.
    #[arg(long = "accept-region", value_name = "NAME")]
    regions: Vec<String>,
}

impl Listen {
    /// Says it to the cloud, in the place of what its configuration file says.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.listen = self.addr.unwrap_or(settings.listen);
        settings.allow_remote |= self.allow_remote;
        if self.tls || self.tls_cert.is_some() {
            settings.tls = self.tls;
            settings.tls_cert.clone_from(&self.tls_cert);
            settings.tls_key.clone_from(&self.tls_key);
            settings.tls_ca.clone_from(&self.tls_ca);
        }
        if self.host.is_some() {
            settings.host.clone_from(&self.host);
        }
        if !self.domains.is_empty() {
            settings.domains.clone_from(&self.domains);
        }
        if !self.regions.is_empty() {
            settings.accept_regions.clone_from(&self.regions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_address_is_that_of_the_help() {
        assert_eq!(Settings::default().listen.to_string(), DEFAULT);
    }
}
