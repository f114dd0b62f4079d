//! The clients of a cloud's services.

use std::sync::Arc;

use gumnut_ec2_client::{DescribeImages, Ec2Client, Image};
use gumnut_transport::{SignatureVersion, Transport, TransportError};
use gumnut_types::{ImageId, ManifestLocation};
use gumnut_walrus_client::WalrusClient;

use crate::{BundleRef, Connection, StoredBundle, WorkflowError};

/// A cloud: its object store and its EC2 service, as far as it has them.
#[derive(Clone, Debug)]
pub struct CloudClient {
    store: Option<WalrusClient>,
    ec2: Option<Ec2Client>,
}

impl CloudClient {
    /// Makes clients of the services that the connection names. Nothing is asked of them yet.
    ///
    /// # Errors
    /// When the authorities of the connection are no certificates, or the machine has no usable TLS.
    pub fn connect(connection: &Connection) -> Result<Self, WorkflowError> {
        let store = match &connection.store {
            None => None,
            Some(endpoint) => Some((
                endpoint.clone(),
                open(connection, &connection.store_signature)?,
            )),
        };
        let ec2 = match (&connection.ec2, &store) {
            (None, _) => None,
            // One pool of connections serves both where nothing distinguishes their requests.
            (Some(endpoint), Some((_, transport)))
                if connection.signature == connection.store_signature =>
            {
                Some((endpoint.clone(), Arc::clone(transport)))
            }
            (Some(endpoint), _) => {
                Some((endpoint.clone(), open(connection, &connection.signature)?))
            }
        };
        Ok(Self {
            store: store.map(|(endpoint, transport)| WalrusClient::new(endpoint, transport)),
            ec2: ec2.map(|(endpoint, transport)| Ec2Client::new(endpoint, transport)),
        })
    }

    /// A cloud of clients that are there already. `None`: the cloud is used without an EC2 service.
    pub fn of(store: WalrusClient, ec2: Option<Ec2Client>) -> Self {
        Self {
            store: Some(store),
            ec2,
        }
    }

    /// A cloud of a client that is there already, which is used without an object store.
    pub fn of_ec2(ec2: Ec2Client) -> Self {
        Self {
            store: None,
            ec2: Some(ec2),
        }
    }

    /// The client of the object store.
    ///
    /// # Errors
    /// [`WorkflowError::NoStore`] when the cloud is used without one.
    pub fn store(&self) -> Result<&WalrusClient, WorkflowError> {
        self.store.as_ref().ok_or(WorkflowError::NoStore)
    }

    /// The client of the EC2 service.
    ///
    /// # Errors
    /// [`WorkflowError::NoEc2`] when the cloud is used without one.
    pub fn ec2(&self) -> Result<&Ec2Client, WorkflowError> {
        self.ec2.as_ref().ok_or(WorkflowError::NoEc2)
    }

    /// Whether the cloud has an EC2 service.
    pub fn has_ec2(&self) -> bool {
        self.ec2.is_some()
    }

    /// What the cloud says of an image.
    ///
    /// # Errors
    /// When the cloud refuses, or shows no such image.
    pub async fn image(&self, id: &ImageId) -> Result<Image, WorkflowError> {
        let wanted = DescribeImages {
            ids: vec![id.clone()],
            ..DescribeImages::default()
        };
        self.ec2()?
            .describe_images(&wanted)
            .await?
            .into_iter()
            .find(|image| image.image_id.eq_ignore_ascii_case(id.as_str()))
            .ok_or_else(|| WorkflowError::NoImage(id.clone()))
    }

    /// Where the manifest of an image is.
    ///
    /// # Errors
    /// When the cloud refuses or shows no such image; and when the image has no manifest, as one that was made of a snapshot.
    pub async fn location(&self, id: &ImageId) -> Result<ManifestLocation, WorkflowError> {
        self.image(id)
            .await?
            .location
            .unwrap_or_default()
            .parse()
            .map_err(|_| WorkflowError::NoManifest { id: id.clone() })
    }

    /// The bundle whose manifest is at a location. Whether there is one is not looked at.
    ///
    /// # Errors
    /// When the cloud has no object store.
    pub fn bundle(&self, location: ManifestLocation) -> Result<StoredBundle, WorkflowError> {
        Ok(StoredBundle {
            store: self.store()?.clone(),
            location,
        })
    }

    /// The bundle that a reference means; the cloud is asked where an image's is.
    ///
    /// # Errors
    /// When the cloud has no object store; and for an image, when the cloud has no EC2 service, refuses, shows no such image,
    /// or the image has no manifest.
    pub async fn find(&self, bundle: &BundleRef) -> Result<StoredBundle, WorkflowError> {
        match bundle {
            BundleRef::Location(location) => self.bundle(location.clone()),
            BundleRef::Image(id) => self.bundle(self.location(id).await?),
        }
    }
}

fn open(
    connection: &Connection,
    signature: &SignatureVersion,
) -> Result<Arc<Transport>, TransportError> {
    Transport::new(connection.transport_config(signature.clone())).map(Arc::new)
}
