//! Key pairs with which users log in to instances.

use data_encoding::BASE64;
use gumnut_transport::{TransportError, xml::Element};
use gumnut_types::SecretString;

use crate::client::{Parameters, malformed};
use crate::{Ec2Client, Filter};

/// A key pair as the cloud describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPair {
    /// Its name.
    pub name: String,
    /// As the cloud shows it: what it is the digest of differs between key pairs that were created and that were imported.
    pub fingerprint: String,
    /// `key-...`. `None`: the cloud has no ids for key pairs.
    pub id: Option<String>,
    /// `rsa` or `ed25519`. `None`: the cloud does not say.
    pub kind: Option<String>,
    /// When it was created or imported, as in `2010-06-03T23:02:37.552Z`. `None`: the cloud does not say.
    pub created: Option<String>,
}

/// A key pair that the cloud has created.
#[derive(Clone, Debug)]
pub struct CreatedKeyPair {
    /// The key pair.
    pub key_pair: KeyPair,
    /// The private key in PEM, which the cloud does not keep.
    pub material: SecretString,
}

impl Ec2Client {
    /// Creates a key pair. `kind` is `rsa` or `ed25519`; `None` for what the cloud prefers, and for clouds that know RSA only.
    ///
    /// # Errors
    /// When the cloud refuses, or its answer makes no sense. The call is not repeated when the cloud may have acted on it.
    pub async fn create_key_pair(
        &self,
        name: &str,
        kind: Option<&str>,
    ) -> Result<CreatedKeyPair, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("KeyName", name);
        parameters.add_some("KeyType", kind.as_ref());
        let answer = self.call_once("CreateKeyPair", parameters).await?;
        let (Some(key_pair), Some(material)) = (key_pair(&answer), answer.text_of("keyMaterial"))
        else {
            let reason = "it has no key".to_owned();
            return Err(malformed("CreateKeyPair", reason));
        };
        Ok(CreatedKeyPair {
            key_pair,
            material: SecretString::new(format!("{material}\n")),
        })
    }

    /// Makes a key pair of a public key, in a form that the cloud knows: OpenSSH, RFC 4716, PEM or DER.
    ///
    /// # Errors
    /// When the cloud refuses, or its answer makes no sense.
    pub async fn import_key_pair(
        &self,
        name: &str,
        public: &[u8],
    ) -> Result<KeyPair, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("KeyName", name);
        parameters.add("PublicKeyMaterial", BASE64.encode(public));
        let answer = self.call_once("ImportKeyPair", parameters).await?;
        key_pair(&answer).ok_or_else(|| malformed("ImportKeyPair", "it has no name".to_owned()))
    }

    /// Lists key pairs with these names, all when there are none, that match every filter.
    ///
    /// # Errors
    /// When the cloud refuses, as for a name that is not there, or its answer makes no sense.
    pub async fn describe_key_pairs(
        &self,
        names: &[String],
        filters: &[Filter],
    ) -> Result<Vec<KeyPair>, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add_all("KeyName", names);
        parameters.add_filters(filters);
        let answer = self.call("DescribeKeyPairs", parameters).await?;
        let found: Option<_> = answer.items("keySet").map(key_pair).collect();
        found.ok_or_else(|| malformed("DescribeKeyPairs", "a key pair has no name".to_owned()))
    }

    /// Deletes a key pair.
    ///
    /// # Errors
    /// When the cloud refuses. Eucalyptus does for a name that is not there, EC2 does not.
    pub async fn delete_key_pair(&self, name: &str) -> Result<(), TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("KeyName", name);
        self.command("DeleteKeyPair", parameters).await
    }
}

fn key_pair(item: &Element) -> Option<KeyPair> {
    let text = |name: &str| item.text_of(name).map(str::to_owned);
    Some(KeyPair {
        name: text("keyName")?,
        fingerprint: text("keyFingerprint").unwrap_or_default(),
        id: text("keyPairId"),
        kind: text("keyType"),
        created: text("createTime"),
    })
}
