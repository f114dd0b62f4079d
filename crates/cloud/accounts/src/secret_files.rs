//! The files that the secrets of a cloud need, and those in which keys were kept before they were in the catalogue.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use fs_err as fs;
use gumnut_cloud_catalogue::Catalogue;
use gumnut_crypto::PrivateKey;
use zeroize::Zeroizing;

use crate::master_key::MasterKeyFile;
use crate::secrets::{AUTHORITY, CLOUD, joined, of_user};
use crate::{AccountsError, Secrets, authority, files};

/// The directory of those files, below that of the data.
const FOLDER: &str = "keys";
/// How the names of private keys end.
const KEY_END: &str = "-pk.pem";
/// How the names of certificates end.
const CERTIFICATE_END: &str = "-cert.pem";

/// The files that the secrets of a cloud need beside the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFiles {
    /// The key that the secrets are encrypted with.
    pub master_key: MasterKeyFile,
    /// The data directory, where keys were files before they were in the catalogue; `None` for a cloud that has none.
    pub data_dir: Option<PathBuf>,
}

/// A secret in one or several files.
struct InFiles {
    name: String,
    content: Zeroizing<String>,
    files: Vec<PathBuf>,
}

impl SecretFiles {
    /// Those of a cloud that has its master key in the data directory.
    pub fn in_data_dir(data_dir: &Path) -> Self {
        Self {
            master_key: MasterKeyFile::in_data_dir(data_dir),
            data_dir: Some(data_dir.to_owned()),
        }
    }

    /// Opens the secrets in a catalogue, and moves there what is in files still. It blocks.
    ///
    /// # Errors
    /// When the master key cannot be used or is not the one that the secrets are encrypted with, or the catalogue cannot be used.
    pub fn open(&self, catalogue: &Catalogue) -> Result<Secrets, AccountsError> {
        let secrets = Secrets::open(catalogue, &self.master_key)?;
        if let Some(data_dir) = &self.data_dir {
            take_over(data_dir, &secrets)?;
        }
        Ok(secrets)
    }
}

/// Takes the keys in files over to the catalogue. The files are removed by a later start, which has found the keys in the catalogue
/// as they are in the files: then they are there for good.
fn take_over(data_dir: &Path, secrets: &Secrets) -> Result<(), AccountsError> {
    let folder = data_dir.join(FOLDER);
    if !folder.exists() {
        return Ok(());
    }
    authority::move_trusted(&folder, data_dir)?;
    for found in all_in(&folder)? {
        match secrets.find(&found.name)? {
            None => {
                secrets.keep(&found.name, found.content.as_bytes())?;
                tracing::info!(name = found.name, "a key was moved to the catalogue");
            }
            Some(kept) if *kept == found.content.as_bytes() => remove(&found.files)?,
            Some(_) => tracing::warn!(
                name = found.name,
                ?folder,
                "the catalogue has another key than the files, which are not used"
            ),
        }
    }
    match fs::remove_dir(&folder) {
        Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty => Err(failed(error)),
        _ => Ok(()),
    }
}

/// The keys of the cloud, of its authority, and of users, as far as they are there with their certificates.
fn all_in(folder: &Path) -> Result<Vec<InFiles>, AccountsError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(base) = name.to_str().and_then(|name| name.strip_suffix(KEY_END)) else {
            continue;
        };
        let key_file = folder.join(&name);
        let certificate_file = folder.join(format!("{base}{CERTIFICATE_END}"));
        // A key without a certificate was never used: the certificate was written last.
        if !certificate_file.exists() {
            continue;
        }
        let key = files::read(&key_file)?;
        let with_certificate = || {
            let certificate = files::read(&certificate_file)?;
            Ok::<_, AccountsError>(joined(&key, &certificate))
        };
        let (name, content) = match base {
            "cloud" => (CLOUD.to_owned(), with_certificate()?),
            "tls-ca" => (AUTHORITY.to_owned(), with_certificate()?),
            _ => {
                let Ok(parsed) = PrivateKey::from_pem(key.as_bytes()) else {
                    tracing::warn!(?key_file, "not a private key, left where it is");
                    continue;
                };
                (of_user(&parsed.public_key().fingerprint()), key)
            }
        };
        found.push(InFiles {
            name,
            content,
            files: vec![key_file, certificate_file],
        });
    }
    Ok(found)
}

fn remove(paths: &[PathBuf]) -> Result<(), AccountsError> {
    for path in paths {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(())
}

fn failed(source: std::io::Error) -> AccountsError {
    AccountsError::Files {
        doing: "move the keys of the cloud to the catalogue",
        source,
    }
}
