//! How a cloud that speaks TLS proves who it is, and what its clients have to trust.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::secrets::{AUTHORITY, joined, pems};
use crate::{AccountsError, Secrets, files};

/// What clients of the cloud have to trust, in the data directory.
const TRUSTED: &str = "tls-trusted.pem";
/// Life of certificates.
const VALIDITY: Duration = Duration::days(3650);
/// Clients whose clocks are slow take a new certificate too.
const SLACK: Duration = Duration::days(1);

/// How a cloud proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// With a certificate of an authority of its own, which the catalogue keeps and the credentials carry.
    Made,
    /// With the certificate and the key in these PEM files.
    Given {
        /// The certificate, followed by those between it and its authority.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
        /// The authority's certificate, which the credentials carry then; without one, clients know it already.
        authority: Option<PathBuf>,
    },
}

/// Where it is found what clients of a cloud have to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// What the last start has kept in this data directory.
    Kept(PathBuf),
    /// What a cloud has that is started so; without TLS, nothing.
    Of(Option<Tls>),
}

/// What a listener proves its name with.
#[derive(Debug)]
pub struct ServerCertificate {
    /// The certificate, followed by those between it and its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key to it.
    pub key: PrivateKeyDer<'static>,
    /// The authority's certificate in PEM, which clients have to trust; `None` when they do already.
    trusted: Option<String>,
}

impl Tls {
    /// Makes or reads the certificate of a listener that clients reach by `names`. It blocks.
    ///
    /// # Errors
    /// When the catalogue cannot be used, or a file cannot be read or written, or holds no certificate or key.
    pub fn certificate(
        &self,
        secrets: &Secrets,
        names: &[String],
    ) -> Result<ServerCertificate, AccountsError> {
        match self {
            Self::Made => made(secrets, names),
            Self::Given {
                certificate,
                key,
                authority,
            } => given(certificate, key, authority.as_deref()),
        }
    }
}

impl ServerCertificate {
    /// Keeps what clients have to trust in the data directory, so that credentials carry it. Call it when the certificate has
    /// been accepted: credentials of an earlier start are valid until then.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_trusted(&self, data_dir: &Path) -> Result<(), AccountsError> {
        let path = data_dir.join(TRUSTED);
        match &self.trusted {
            Some(authority) => files::write(&path, authority.as_bytes()),
            None => match fs_err::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(failed("the certificate of another start", error))
                }
                _ => Ok(()),
            },
        }
    }
}

impl Trust {
    /// What clients have to trust, in PEM form, unless they do already or the cloud has never spoken TLS.
    pub(crate) fn pem(&self, secrets: &Secrets) -> Result<Option<String>, AccountsError> {
        match self {
            Self::Kept(data_dir) => {
                let path = data_dir.join(TRUSTED);
                if !path.exists() {
                    return Ok(None);
                }
                Ok(Some(files::read(&path)?.to_string()))
            }
            Self::Of(None) => Ok(None),
            Self::Of(Some(Tls::Made)) => Ok(Some(own_authority(secrets)?.1)),
            Self::Of(Some(Tls::Given { authority, .. })) => {
                authority.as_deref().map(authority_in).transpose()
            }
        }
    }
}

/// Moves what clients have to trust from where it was kept before.
pub(crate) fn move_trusted(old: &Path, data_dir: &Path) -> Result<(), AccountsError> {
    match fs_err::rename(old.join(TRUSTED), data_dir.join(TRUSTED)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failed("the certificate of another start", error))
        }
        _ => Ok(()),
    }
}

/// The names that a listener's certificate is for: `ip` it listens at, `host` and `domains` of the cloud, and those of this
/// machine. Of buckets that stand in front of a domain it covers those without dots.
pub fn names(ip: IpAddr, host: String, domains: &[String]) -> Vec<String> {
    let loopback = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let mut names = vec!["localhost".to_owned()];
    names.extend(loopback.map(|ip| ip.to_string()));
    names.extend((!ip.is_unspecified()).then(|| ip.to_string()));
    names.push(host);
    for domain in domains {
        names.extend([domain.clone(), format!("*.{domain}")]);
    }
    names.sort();
    names.dedup();
    names
}

/// A new certificate of the cloud's own authority.
fn made(secrets: &Secrets, names: &[String]) -> Result<ServerCertificate, AccountsError> {
    let what = "a new certificate";
    let (issuer, authority) = own_authority(secrets)?;
    let key = KeyPair::generate().map_err(|error| failed(what, error))?;
    let mut params = params(names)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
        .distinguished_name
        .push(DnType::CommonName, "gumnut cloud");
    let certificate = params
        .signed_by(&key, &issuer)
        .map_err(|error| failed(what, error))?;
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| failed(what, std::io::Error::other(error)))?;
    Ok(ServerCertificate {
        chain: vec![certificate.der().clone()],
        key,
        trusted: Some(authority),
    })
}

/// The authority, made if there is none, and its certificate in PEM form.
fn own_authority(secrets: &Secrets) -> Result<(Issuer<'static, KeyPair>, String), AccountsError> {
    let what = "the cloud's authority";
    let kept = match secrets.find(AUTHORITY)? {
        Some(kept) => kept,
        None => secrets.keep(AUTHORITY, new_authority(what)?.as_bytes())?,
    };
    let (key, certificate) = pems(AUTHORITY, &kept)?;
    let key = KeyPair::from_pem(key).map_err(|error| failed(what, error))?;
    Ok((
        Issuer::new(authority_params(&key)?, key),
        certificate.to_owned(),
    ))
}

/// A new authority: its private key and its certificate, one behind the other, in PEM form.
fn new_authority(what: &str) -> Result<Zeroizing<String>, AccountsError> {
    let key = KeyPair::generate().map_err(|error| failed(what, error))?;
    let certificate = authority_params(&key)?
        .self_signed(&key)
        .map_err(|error| failed(what, error))?;
    let pem = Zeroizing::new(key.serialize_pem());
    Ok(joined(&pem, &certificate.pem()))
}

/// Parameters of the authority with this key: always those, so that the certificate need not be taken apart to issue others.
fn authority_params(key: &KeyPair) -> Result<CertificateParams, AccountsError> {
    let mut params = params(&[])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Two clouds have authorities of different names, so that a client that knows both tries the right one.
    let digest = HEXLOWER.encode(&Sha256::digest(key.der_bytes())[..4]);
    let name = format!("gumnut cloud authority {digest}");
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn params(names: &[String]) -> Result<CertificateParams, AccountsError> {
    let mut params = CertificateParams::new(names)
        .map_err(|error| failed("the names for the certificate", error))?;
    // Those who check it have clocks of their own, whatever the cloud's clock says.
    let now = OffsetDateTime::now_utc();
    params.not_before = now - SLACK;
    params.not_after = now + VALIDITY;
    params.distinguished_name = DistinguishedName::new();
    Ok(params)
}

fn given(
    certificate: &Path,
    key: &Path,
    authority: Option<&Path>,
) -> Result<ServerCertificate, AccountsError> {
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed(&certificate.display(), error))?;
    let private = PrivateKeyDer::from_pem_slice(&Zeroizing::new(read(key)?))
        .map_err(|error| failed(&key.display(), error))?;
    Ok(ServerCertificate {
        chain,
        key: private,
        trusted: authority.map(authority_in).transpose()?,
    })
}

/// The certificate of an authority in a file, in PEM.
fn authority_in(path: &Path) -> Result<String, AccountsError> {
    let text = String::from_utf8(read(path)?).map_err(|error| failed(&path.display(), error))?;
    CertificateDer::from_pem_slice(text.as_bytes())
        .map_err(|error| failed(&path.display(), error))?;
    Ok(text)
}

fn read(path: &Path) -> Result<Vec<u8>, AccountsError> {
    fs_err::read(path).map_err(|error| failed(&path.display(), error))
}

fn failed(
    what: &(impl std::fmt::Display + ?Sized),
    source: impl std::error::Error + Send + Sync + 'static,
) -> AccountsError {
    AccountsError::Tls {
        what: what.to_string(),
        source: Box::new(source),
    }
}
