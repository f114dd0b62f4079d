//! What a user gets: `eucarc`, keys and certificates, as a folder or as the zip of the old consoles.

use std::io::{Cursor, Write as _};
use std::path::Path;

use gumnut_types::SecretString;
use rusqlite::{Connection, OptionalExtension as _, Row};
use zeroize::Zeroizing;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{files, make};
use crate::catalogue::Catalogue;
use crate::{CloudError, tls};

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
    /// What the eucarc exports, relative to its folder.
    eucarc: Zeroizing<String>,
    /// Names and contents of the other files.
    files: Vec<(String, Zeroizing<String>)>,
}

/// The rows behind them.
struct Found {
    name: String,
    account: String,
    access_key: String,
    secret: SecretString,
    fingerprint: String,
}

impl Credentials {
    /// Those of a user, or of the first administrator, for a cloud that answers at `endpoint`.
    pub(crate) fn of(
        data_dir: &Path,
        catalogue: &Catalogue,
        user: Option<&str>,
        endpoint: &str,
    ) -> Result<Self, CloudError> {
        let keys = files::folder(data_dir)?;
        let found = catalogue.read_blocking(|connection| find(connection, user))?;
        let found = found.ok_or_else(|| CloudError::NoUser(user.unwrap_or("admin").to_owned()))?;
        let names = make::user_files(Path::new(""), &found.name, &found.fingerprint);
        let names = names.map(|name| name.display().to_string());
        // Users whose own cloud is meant trust its authority, not strangers on plain HTTP.
        let trusted = if endpoint.starts_with("https:") {
            tls::trusted(data_dir)?
        } else {
            None
        };
        let rc = eucarc(&found, &names, endpoint, trusted.is_some());
        let iamrc = iamrc(&found);
        let mut all = vec![("iamrc".to_owned(), iamrc)];
        for name in names
            .into_iter()
            .chain([files::CLOUD_CERTIFICATE.to_owned()])
        {
            let content = files::read(&keys.join(&name))?;
            all.push((name, content));
        }
        all.extend(trusted.map(|pem| (TRUSTED.to_owned(), Zeroizing::new(pem))));
        Ok(Self {
            user: found.name,
            account: found.account,
            access_key: found.access_key,
            secret_key: found.secret,
            eucarc: rc,
            files: all,
        })
    }

    /// The eucarc for a folder. Bash and zsh say where it lies, wherever it was moved; other shells do not.
    fn eucarc_in(&self, folder: &Path) -> Zeroizing<String> {
        let fallback = folder.join("eucarc").display().to_string();
        let fallback = fallback.replace('\'', r"'\''");
        let exports = self.eucarc.as_str();
        Zeroizing::new(format!(
            "EUCA_KEY_DIR=$(e=\"${{BASH_SOURCE:-${{ZSH_VERSION:+$0}}}}\"; [ -n \"$e\" ] || e='{fallback}'; \
             cd \"$(dirname \"$e\")\" && pwd -P)\n{exports}"
        ))
    }

    /// Writes the files to a folder, which only its owner may enter.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_folder(&self, folder: &Path) -> Result<(), CloudError> {
        files::make_folder(folder)?;
        let place = std::path::absolute(folder).map_err(|source| CloudError::Files {
            doing: "find the folder of the credentials",
            source,
        })?;
        let eucarc = self.eucarc_in(&place);
        files::write(&folder.join("eucarc"), eucarc.as_bytes())?;
        for (name, content) in &self.files {
            files::write(&folder.join(name), content.as_bytes())?;
        }
        Ok(())
    }

    /// Writes the files to a zip, which only its owner may read, as may each of the files when it is unpacked.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_zip(&self, path: &Path) -> Result<(), CloudError> {
        let failed = |source: std::io::Error| CloudError::Files {
            doing: "make the zip of the credentials",
            source,
        };
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .unix_permissions(0o600);
        let eucarc = ("eucarc".to_owned(), self.eucarc_in(Path::new(".")));
        for (name, content) in [&eucarc].into_iter().chain(&self.files) {
            zip.start_file(name.as_str(), options)
                .map_err(|error| failed(error.into()))?;
            zip.write_all(content.as_bytes()).map_err(failed)?;
        }
        let bytes = zip.finish().map_err(|error| failed(error.into()))?;
        let bytes = Zeroizing::new(bytes.into_inner());
        files::write(path, &bytes)
    }
}

fn find(connection: &Connection, user: Option<&str>) -> rusqlite::Result<Option<Found>> {
    let sql = "SELECT u.name, u.account, k.access_key, k.secret, c.fingerprint FROM users u \
               JOIN access_keys k ON k.user = u.id AND k.active JOIN certificates c ON c.user = u.id AND c.active \
               WHERE (?1 IS NULL AND u.admin) OR u.name = ?1 ORDER BY u.id, k.created, c.id LIMIT 1";
    let found = |row: &Row<'_>| {
        Ok(Found {
            name: row.get(0)?,
            account: row.get(1)?,
            access_key: row.get(2)?,
            secret: SecretString::new(row.get::<_, String>(3)?),
            fingerprint: row.get(4)?,
        })
    };
    connection.query_row(sql, [user], found).optional()
}

/// A file that a shell can run and that the oldest clients can parse line by line.
fn eucarc(
    user: &Found,
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
    let (access_key, secret, account) = (&user.access_key, user.secret.expose(), &user.account);
    Zeroizing::new(format!(
        "export S3_URL={endpoint}/services/objectstorage\n\
         export EC2_URL={endpoint}/services/compute\n\
         export EC2_PRIVATE_KEY=\"${{EUCA_KEY_DIR}}/{key}\"\n\
         export EC2_CERT=\"${{EUCA_KEY_DIR}}/{certificate}\"\n\
         export EUCALYPTUS_CERT=\"${{EUCA_KEY_DIR}}/{cloud}\"\n\
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
         export AWS_ENDPOINT_URL_S3={endpoint}/services/objectstorage\n\
         export AWS_ENDPOINT_URL_EC2={endpoint}/services/compute\n\
         {authority}\
         alias ec2-bundle-image=\"ec2-bundle-image --cert ${{EC2_CERT}} --privatekey ${{EC2_PRIVATE_KEY}} \
         --user ${{EC2_ACCOUNT_NUMBER}} --ec2cert ${{EUCALYPTUS_CERT}}\"\n\
         alias ec2-upload-bundle=\"ec2-upload-bundle -a ${{EC2_ACCESS_KEY}} -s ${{EC2_SECRET_KEY}} --url ${{S3_URL}}\"\n",
        cloud = files::CLOUD_CERTIFICATE,
    ))
}

/// What the tools for identities read.
fn iamrc(user: &Found) -> Zeroizing<String> {
    let (access_key, secret) = (&user.access_key, user.secret.expose());
    Zeroizing::new(format!(
        "AWSAccessKeyId={access_key}\nAWSSecretKey={secret}\n"
    ))
}
