//! X.509 certificates: carriers of public keys.

use std::time::SystemTime;

use rsa::pkcs1v15::{Signature, SigningKey};
use rsa::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use rsa::sha2::Sha512;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder};
use x509_cert::certificate::{CertificateInner, Raw, TbsCertificate};
use x509_cert::der::pem::{LineEnding, PemLabel as _};
use x509_cert::der::{self, Decode as _, Encode as _};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

use crate::pem;
use crate::{CryptoError, PrivateKey, PublicKey, hash};

/// A certificate with an RSA key.
///
/// Bundles use certificates as carriers of keys only: no chain is checked, and an expired one is still
/// good (the published bundling certificates of EC2 all are).
#[derive(Clone, Debug)]
pub struct Certificate {
    // The profile `Raw` takes the odd serial numbers that clouds of 2009 issued.
    inner: CertificateInner<Raw>,
    der: Vec<u8>,
    key: PublicKey,
}

/// Who a self-signed certificate is for, and how long it is valid.
#[derive(Clone, Debug)]
pub struct CertificateSpec<'a> {
    /// The subject's common name, a user name.
    pub common_name: &'a str,
    /// Start of the validity.
    pub not_before: SystemTime,
    /// End of the validity.
    pub not_after: SystemTime,
}

/// The labels of certificates in PEM text.
const LABELS: [&str; 3] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];

impl Certificate {
    /// Reads the first certificate of a PEM file.
    ///
    /// # Errors
    /// When there is none, when it is damaged, or when its key is not of RSA.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CryptoError> {
        let blocks = pem::blocks(pem)?;
        let block = blocks
            .iter()
            .find(|block| LABELS.contains(&block.label))
            .ok_or_else(|| CryptoError::WrongPem {
                wanted: "certificate",
                found: pem::labels(&blocks),
            })?;
        let (_, der) = der::pem::decode_vec(block.text.as_bytes())
            .map_err(|error| CryptoError::Certificate(error.into()))?;
        Self::from_der(der)
    }

    fn from_der(der: Vec<u8>) -> Result<Self, CryptoError> {
        let inner = CertificateInner::<Raw>::from_der(&der).map_err(CryptoError::Certificate)?;
        let info = inner
            .tbs_certificate()
            .subject_public_key_info()
            .to_der()
            .map_err(CryptoError::Certificate)?;
        let key =
            rsa::PublicKey::from_public_key_der(&info).map_err(CryptoError::CertificateKey)?;
        Ok(Self {
            inner,
            der,
            key: PublicKey::new(key),
        })
    }

    /// Makes a certificate for `key`, signed by itself with SHA-512, as Eucalyptus issues them: subject
    /// `CN=<name>, OU=Eucalyptus, O=User, C=US`.
    ///
    /// # Errors
    /// When the name has characters other than letters, digits and `. _ - @`, when the validity cannot
    /// be written, or when the operating system has no random numbers.
    pub fn self_signed(key: &PrivateKey, spec: &CertificateSpec<'_>) -> Result<Self, CryptoError> {
        let subject = Subject(subject(spec.common_name)?);
        let validity = Validity::new(encoded(spec.not_before)?, encoded(spec.not_after)?);
        let public = key
            .inner()
            .to_public_key()
            .to_public_key_der()
            .map_err(CryptoError::CertificateKey)?;
        let info =
            SubjectPublicKeyInfo::from_der(public.as_bytes()).map_err(CryptoError::Certificate)?;
        let signer = SigningKey::<Sha512>::new(key.inner().clone());
        let certificate = CertificateBuilder::new(subject, serial_number()?, validity, info)
            .and_then(|builder| builder.build::<_, Signature>(&signer))
            .map_err(CryptoError::Encode)?;
        Self::from_der(certificate.to_der().map_err(CryptoError::Certificate)?)
    }

    /// The certificate as PEM text.
    ///
    /// # Errors
    /// When it cannot be encoded; a fault of this library.
    pub fn to_pem(&self) -> Result<String, CryptoError> {
        der::pem::encode_string(
            CertificateInner::<Raw>::PEM_LABEL,
            LineEnding::LF,
            &self.der,
        )
        .map_err(|error| CryptoError::Certificate(error.into()))
    }

    /// The certificate as DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The key that it carries.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The subject, as in `CN=admin,OU=Eucalyptus,O=User,C=US`.
    pub fn subject(&self) -> String {
        self.inner.tbs_certificate().subject().to_string()
    }

    /// The end of its validity.
    pub fn not_after(&self) -> SystemTime {
        self.inner
            .tbs_certificate()
            .validity()
            .not_after
            .to_system_time()
    }

    /// Whether the validity has ended at `now`.
    pub fn is_expired_at(&self, now: SystemTime) -> bool {
        self.not_after() < now
    }

    /// SHA-1 of the certificate, as `AB:CD:...`, the form that `openssl x509 -fingerprint` prints.
    pub fn fingerprint(&self) -> String {
        hash::fingerprint(&self.der)
    }
}

fn encoded(time: SystemTime) -> Result<Time, CryptoError> {
    Time::try_from(time).map_err(CryptoError::Certificate)
}

fn subject(common_name: &str) -> Result<Name, CryptoError> {
    let legal = common_name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@'));
    if common_name.is_empty() || common_name.len() > 64 || !legal {
        return Err(CryptoError::Subject(common_name.chars().take(64).collect()));
    }
    let name = format!("CN={common_name},OU=Eucalyptus,O=User,C=US");
    name.parse().map_err(CryptoError::Certificate)
}

/// A random positive serial number of 16 bytes.
fn serial_number() -> Result<SerialNumber, CryptoError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(CryptoError::Random)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::new(&bytes).map_err(CryptoError::Certificate)
}

/// The profile of a certificate that its subject issues itself, without extensions.
struct Subject(Name);

impl BuilderProfile for Subject {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.0.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(Vec::new())
    }
}
