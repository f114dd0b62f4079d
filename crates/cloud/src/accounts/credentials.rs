//! The folder that a user gets: `eucarc`, keys and certificates.

use std::path::Path;

use gumnut_types::SecretString;
use rusqlite::Connection;
use zeroize::Zeroizing;

use super::{files, make};
use crate::CloudError;
use crate::catalogue::Catalogue;

/// The first user of the first account.
struct User {
    name: String,
    account: String,
    access_key: String,
    secret: SecretString,
    fingerprint: String,
}

/// Writes the administrator's credentials for a cloud that answers at `endpoint`.
pub(crate) fn write(
    data_dir: &Path,
    catalogue: &Catalogue,
    output: &Path,
    endpoint: &str,
) -> Result<(), CloudError> {
    let keys = files::folder(data_dir)?;
    let user = catalogue.read_blocking(first_user)?;
    files::make_folder(output)?;
    let names = make::user_files(Path::new(""), &user.name, &user.fingerprint);
    for name in &names {
        files::write(&output.join(name), &files::read(&keys.join(name))?)?;
    }
    let certificate = files::read(&keys.join(files::CLOUD_CERTIFICATE))?;
    files::write(&output.join(files::CLOUD_CERTIFICATE), &certificate)?;
    let [key, certificate] = names.map(|name| name.display().to_string());
    files::write(
        &output.join("eucarc"),
        &eucarc(&user, &key, &certificate, endpoint),
    )
}

fn first_user(connection: &Connection) -> Result<User, CloudError> {
    let sql = "SELECT u.name, u.account, k.access_key, k.secret, c.fingerprint FROM users u \
               JOIN access_keys k ON k.user = u.id AND k.active JOIN certificates c ON c.user = u.id AND c.active \
               WHERE u.admin ORDER BY u.id, k.created, c.id LIMIT 1";
    let user = connection.query_row(sql, [], |row| {
        Ok(User {
            name: row.get(0)?,
            account: row.get(1)?,
            access_key: row.get(2)?,
            secret: SecretString::new(row.get::<_, String>(3)?),
            fingerprint: row.get(4)?,
        })
    });
    Ok(user?)
}

/// A file that a shell can run and that the oldest clients can parse line by line.
fn eucarc(user: &User, key: &str, certificate: &str, endpoint: &str) -> Zeroizing<String> {
    let endpoint = endpoint.trim_end_matches('/');
    let (access_key, secret, account) = (&user.access_key, user.secret.expose(), &user.account);
    Zeroizing::new(format!(
        "EUCA_KEY_DIR=$(cd \"$(dirname \"${{BASH_SOURCE:-$0}}\")\" && pwd -P)\n\
         export S3_URL={endpoint}/services/objectstorage\n\
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
         export AWS_ACCESS_KEY_ID='{access_key}'\n\
         export AWS_SECRET_ACCESS_KEY='{secret}'\n\
         export AWS_DEFAULT_REGION='us-east-1'\n",
        cloud = files::CLOUD_CERTIFICATE,
    ))
}
