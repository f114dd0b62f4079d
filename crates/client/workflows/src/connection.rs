//! How a cloud is reached, and as whom.

use std::sync::Arc;
use std::time::Duration;

use gumnut_signing::Credentials;
use gumnut_transport::{RetryPolicy, ServerIdentity, SignatureVersion, Trace, TransportConfig};
use url::Url;

/// How a cloud is reached, and as whom: endpoints, key pair, signatures, patience, and whom to trust.
///
/// It opens nothing; [`CloudClient::connect`](crate::CloudClient::connect) makes clients of it.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(crate) store: Option<Url>,
    pub(crate) ec2: Option<Url>,
    credentials: Credentials,
    pub(crate) signature: SignatureVersion,
    pub(crate) store_signature: SignatureVersion,
    retry: RetryPolicy,
    authorities: Option<Vec<u8>>,
    server_identity: ServerIdentity,
    clock_correction: bool,
    trace: Option<Arc<dyn Trace>>,
}

impl Connection {
    /// A connection whose requests are signed with this key pair, in this version for both services. It has no endpoint yet,
    /// tries again as [`RetryPolicy::default`] does, and trusts the authorities of the system.
    pub fn new(credentials: Credentials, signature: SignatureVersion) -> Self {
        Self {
            store: None,
            ec2: None,
            credentials,
            store_signature: signature.clone(),
            signature,
            retry: RetryPolicy::default(),
            authorities: None,
            server_identity: ServerIdentity::Verified,
            clock_correction: true,
            trace: None,
        }
    }

    /// Sets the endpoint of the object store (Walrus, S3); its path, as in `/services/Walrus`, comes before every bucket.
    /// `None`: the cloud is used without one.
    #[must_use]
    pub fn store(mut self, endpoint: impl Into<Option<Url>>) -> Self {
        self.store = endpoint.into();
        self
    }

    /// Sets the endpoint of the EC2 service. `None`: nothing is registered, and ids mean nothing.
    #[must_use]
    pub fn ec2(mut self, endpoint: impl Into<Option<Url>>) -> Self {
        self.ec2 = endpoint.into();
        self
    }

    /// Signs requests to the object store in another version than those to the EC2 service.
    #[must_use]
    pub fn store_signature(mut self, signature: SignatureVersion) -> Self {
        self.store_signature = signature;
        self
    }

    /// Sets how often a request is tried again after a timeout, a reset, or an answer of status 429 or 5xx.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retry.retries = retries;
        self
    }

    /// Sets how long an answer may take, beyond what the body of the request needs at [`RetryPolicy::SLOWEST`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.retry.per_attempt = timeout;
        self
    }

    /// Trusts these certificate authorities, one or more in PEM form, beside those of the system.
    #[must_use]
    pub fn trust(mut self, authorities: impl Into<Option<Vec<u8>>>) -> Self {
        self.authorities = authorities.into();
        self
    }

    /// Trusts any server. Anyone who sits between can then read and change everything.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.server_identity = ServerIdentity::Unverified;
        self
    }

    /// Signs with the time of this machine whatever a server says of its own.
    #[must_use]
    pub fn without_clock_correction(mut self) -> Self {
        self.clock_correction = false;
        self
    }

    /// Reports one what happens to requests, while it happens.
    #[must_use]
    pub fn trace(mut self, trace: Arc<dyn Trace>) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Whether any server is trusted.
    pub fn is_unverified(&self) -> bool {
        self.server_identity == ServerIdentity::Unverified
    }

    /// The configuration of a transport for requests that are signed in this version.
    pub fn transport_config(&self, signature: SignatureVersion) -> TransportConfig {
        let mut config = TransportConfig::new(Some(self.credentials.clone()), signature);
        config.retry = self.retry.clone();
        config.extra_ca_pem.clone_from(&self.authorities);
        config.server_identity = self.server_identity;
        config.clock_correction = self.clock_correction;
        config.trace.clone_from(&self.trace);
        config
    }
}
