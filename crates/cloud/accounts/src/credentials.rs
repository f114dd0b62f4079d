//! What a user gets: `eucarc`, keys and certificates, as a directory or as the zip of the old consoles.

use std::io::{self, Cursor, Write as _};
use std::path::Path;

use gumnut_cloud_catalogue::{Catalogue, UserRow};
use gumnut_crypto::Certificate;
use gumnut_types::SecretString;
use zeroize::Zeroizing;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::secrets::{CLOUD, of_user, pems};
use crate::wait::wait;
use crate::{AccountsError, Keys, SecretFiles, Trust, files, make};

/// The file with the settings.
const EUCARC: &str = "eucarc";
/// How the line with the endpoint of the object store begins.
const S3_URL: &str = "export S3_URL=";
/// What follows the endpoint of the cloud in that of the object store.
const S3_PATH: &str = "/services/objectstorage";
/// The file with the certificate of the cloud.
const CLOUD_CERTIFICATE: &str = "cloud-cert.pem";
/// The file with the authority of a cloud that speaks TLS.
const TRUSTED: &str = "tls-ca.pem";

/// The credentials of a user for a cloud at one place.
#[derive(Debug)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The number of the user's account.
    pub account: String,
    /// The access key.
    pub access_key: String,
    /// The secret key.
    pub secret_key: SecretString,
    source: Source,
}

/// Where credentials come from, and the cloud that they are for.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) catalogue: Catalogue,
    pub(crate) secrets: SecretFiles,
    pub(crate) trust: Trust,
    pub(crate) keys: Option<Keys>,
    pub(crate) endpoint: String,
}

/// What is written.
struct Files {
    /// What the eucarc exports, relative to its directory.
    eucarc: Zeroizing<String>,
    /// Names and contents of the others.
    others: Vec<(String, Zeroizing<String>)>,
}

impl Credentials {
    /// Those of a user, or of the first administrator for `None`.
    pub(crate) fn of(source: Source, user: Option<&str>) -> Result<Self, AccountsError> {
        let key = wait(source.catalogue.access_key(user))?
            .ok_or_else(|| AccountsError::NoUser(user.unwrap_or("admin").to_owned()))?;
        Ok(Self {
            user: key.user,
            account: key.account,
            access_key: key.access_key,
            secret_key: key.secret_key,
            source,
        })
    }

    /// The endpoint of the cloud that credentials in this directory are for; `None` when there are none.
    ///
    /// # Errors
    /// When they cannot be read, or name no endpoint.
    pub fn endpoint_in(folder: &Path) -> Result<Option<String>, AccountsError> {
        let path = folder.join(EUCARC);
        if !path.exists() {
            return Ok(None);
        }
        let text = files::read(&path)?;
        let url = text.lines().find_map(|line| line.strip_prefix(S3_URL));
        match url.and_then(|url| url.strip_suffix(S3_PATH)) {
            Some(endpoint) => Ok(Some(endpoint.to_owned())),
            None => Err(AccountsError::NoEndpoint(path)),
        }
    }

    /// Reads what is to be written, when all of it has been made.
    fn files(&self) -> Result<Files, AccountsError> {
        let Source {
            catalogue,
            secrets,
            trust,
            keys,
            endpoint,
        } = &self.source;
        keys.as_ref().map_or(Ok(()), Keys::make)?;
        let secrets = match keys {
            Some(keys) => keys.secrets().clone(),
            None => secrets.open(catalogue)?,
        };
        let users = wait(catalogue.accounts())?.users;
        let user = users.iter().find(|user| user.name == self.user);
        let no_user = || AccountsError::NoUser(self.user.clone());
        let user = user.ok_or_else(no_user)?;
        let fingerprint = user.certificates.first().ok_or_else(no_user)?;
        let key = secrets.find(&of_user(fingerprint))?;
        let key = key.ok_or_else(|| AccountsError::NoUserKey(self.user.clone()))?;
        let certificate = certificate(catalogue, user, fingerprint)?.ok_or_else(no_user)?;
        let cloud = secrets.find(CLOUD)?;
        let cloud = cloud.ok_or_else(|| AccountsError::DamagedSecret(CLOUD.to_owned()))?;
        let (_, cloud_certificate) = pems(CLOUD, &cloud)?;
        let names = make::user_files(&self.user, fingerprint);
        // Users whose own cloud is meant trust its authority, not strangers on plain HTTP.
        let trusted = if endpoint.starts_with("https:") {
            trust.pem(&secrets)?
        } else {
            None
        };
        let eucarc = eucarc(self, &names, endpoint, trusted.is_some());
        let [key_file, certificate_file] = names;
        let damaged = |_| AccountsError::DamagedSecret(of_user(fingerprint));
        let key = std::str::from_utf8(&key).map_err(damaged)?;
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let mut others = vec![
            ("iamrc".to_owned(), iamrc(self)),
            (key_file, text(key)),
            (certificate_file, text(&certificate)),
            (CLOUD_CERTIFICATE.to_owned(), text(cloud_certificate)),
        ];
        others.extend(trusted.map(|pem| (TRUSTED.to_owned(), Zeroizing::new(pem))));
        Ok(Files { eucarc, others })
    }

    /// Writes the files to a directory, which only its owner may enter. A cloud that has just been made for the first time
    /// is waited for: its keys take a moment.
    ///
    /// # Errors
    /// When they cannot be written, or the user's certificates are good no more.
    pub fn write_folder(&self, folder: &Path) -> Result<(), AccountsError> {
        let found = self.files()?;
        files::make_folder(folder)?;
        let place = std::path::absolute(folder).map_err(|source| AccountsError::Files {
            doing: "find the directory of the credentials",
            source,
        })?;
        let eucarc = found.eucarc_in(&place);
        files::write(&folder.join(EUCARC), eucarc.as_bytes())?;
        for (name, content) in &found.others {
            files::write(&folder.join(name), content.as_bytes())?;
        }
        Ok(())
    }

    /// Writes the files to a zip, which only its owner may read, as may each of the files when it is unpacked. It waits
    /// as [`Credentials::write_folder`] does.
    ///
    /// # Errors
    /// When it cannot be written, or the user's certificates are good no more.
    pub fn write_zip(&self, path: &Path) -> Result<(), AccountsError> {
        let zip = self.files()?.zip().map_err(|source| AccountsError::Files {
            doing: "create the zip of the credentials",
            source,
        })?;
        files::write(path, &zip)
    }
}

/// The good certificate of a user whose key has this fingerprint, in PEM.
fn certificate(
    catalogue: &Catalogue,
    user: &UserRow,
    fingerprint: &str,
) -> Result<Option<String>, AccountsError> {
    let pems = wait(catalogue.certificates(&user.account.number))?;
    Ok(pems.into_iter().find(|pem| {
        Certificate::from_pem(pem.as_bytes())
            .is_ok_and(|it| it.public_key().fingerprint() == fingerprint)
    }))
}

impl Files {
    fn zip(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .unix_permissions(0o600);
        let eucarc = ("eucarc".to_owned(), self.eucarc_in(Path::new(".")));
        for (name, content) in [&eucarc].into_iter().chain(&self.others) {
            zip.start_file(name.as_str(), options)?;
            zip.write_all(content.as_bytes())?;
        }
        Ok(Zeroizing::new(zip.finish()?.into_inner()))
    }

    /// The eucarc for a directory. Bash and zsh say where it is, wherever it was moved; other shells do not.
    fn eucarc_in(&self, folder: &Path) -> Zeroizing<String> {
        let fallback = folder
            .join("eucarc")
            .display()
            .to_string()
            .replace('\'', r"'\''");
        let exports = self.eucarc.as_str();
        Zeroizing::new(format!(
            "EUCA_KEY_DIR=$(e=\"${{BASH_SOURCE:-${{ZSH_VERSION:+$0}}}}\"; [ -n \"$e\" ] || e='{fallback}'; \
             cd \"$(dirname \"$e\")\" && pwd -P)\n{exports}"
        ))
    }
}

/// A file that a shell can run and that the oldest clients can parse line by line.
fn eucarc(
    user: &Credentials,
    [key, certificate]: &[String; 2],
    endpoint: &str,
    with_authority: bool,
) -> Zeroizing<String> {
    let authority = if with_authority {
        format!("export AWS_CA_BUNDLE=\"${{EUCA_KEY_DIR}}/{TRUSTED}\"\n")
    } else {
        String::new()
    };
    let endpoint = endpoint.trim_end_matches('/');
    let (access_key, secret, account) = (&user.access_key, user.secret_key.expose(), &user.account);
    Zeroizing::new(format!(
        "{S3_URL}{endpoint}{S3_PATH}\n\
         export EC2_URL={endpoint}/services/compute\n\
         export EUCA_BOOTSTRAP_URL={endpoint}/services/bootstrap\n\
         export EC2_PRIVATE_KEY=\"${{EUCA_KEY_DIR}}/{key}\"\n\
         export EC2_CERT=\"${{EUCA_KEY_DIR}}/{certificate}\"\n\
         export EUCALYPTUS_CERT=\"${{EUCA_KEY_DIR}}/{CLOUD_CERTIFICATE}\"\n\
         export EC2_ACCESS_KEY='{access_key}'\n\
         export EC2_SECRET_KEY='{secret}'\n\
         export EC2_USER_ID='{account}'\n\
         export EC2_ACCOUNT_NUMBER='{account}'\n\
         export AWS_ACCESS_KEY='{access_key}'\n\
         export AWS_SECRET_KEY='{secret}'\n\
         export AWS_CREDENTIAL_FILE=\"${{EUCA_KEY_DIR}}/iamrc\"\n\
         export AWS_ACCESS_KEY_ID='{access_key}'\n\
         export AWS_SECRET_ACCESS_KEY='{secret}'\n\
         export AWS_DEFAULT_REGION='us-east-1'\n\
         export AWS_ENDPOINT_URL_S3={endpoint}{S3_PATH}\n\
         export AWS_ENDPOINT_URL_EC2={endpoint}/services/compute\n\
         {authority}\
         alias ec2-bundle-image=\"ec2-bundle-image --cert ${{EC2_CERT}} --privatekey ${{EC2_PRIVATE_KEY}} \
         --user ${{EC2_ACCOUNT_NUMBER}} --ec2cert ${{EUCALYPTUS_CERT}}\"\n\
         alias ec2-upload-bundle=\"ec2-upload-bundle -a ${{EC2_ACCESS_KEY}} -s ${{EC2_SECRET_KEY}} --url ${{S3_URL}}\"\n",
    ))
}

/// What the tools for identities read.
fn iamrc(user: &Credentials) -> Zeroizing<String> {
    let (access_key, secret) = (&user.access_key, user.secret_key.expose());
    Zeroizing::new(format!(
        "AWSAccessKeyId={access_key}\nAWSSecretKey={secret}\n"
    ))
}
