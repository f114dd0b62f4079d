//! The keys that bundles are made with.

use gumnut_crypto::{Certificate, PrivateKey};

use crate::WorkflowError;

/// The keys that bundles are made with.
#[derive(Debug)]
pub struct Keys {
    private_key: PrivateKey,
    user: Option<Certificate>,
    cloud: Certificate,
}

impl Keys {
    /// The owner's private key, which signs manifests; the owner's certificate, which the cloud knows and which opens the
    /// bundle (`None`: only the cloud can open it); and the cloud's certificate.
    ///
    /// # Errors
    /// [`WorkflowError::KeysDiffer`] when key and certificate of the owner are not one pair: clouds check the signature with
    /// the certificate.
    pub fn new(
        private_key: PrivateKey,
        user: Option<Certificate>,
        cloud: Certificate,
    ) -> Result<Self, WorkflowError> {
        match &user {
            Some(user) if !private_key.matches(user) => Err(WorkflowError::KeysDiffer {
                subject: user.subject(),
            }),
            _ => Ok(Self {
                private_key,
                user,
                cloud,
            }),
        }
    }

    /// The key that signs.
    pub fn private_key(&self) -> &PrivateKey {
        &self.private_key
    }

    /// The owner's certificate, if the owner will be able to open bundles.
    pub fn user(&self) -> Option<&Certificate> {
        self.user.as_ref()
    }

    /// The cloud's certificate.
    pub fn cloud(&self) -> &Certificate {
        &self.cloud
    }
}
