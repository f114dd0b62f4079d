//! `gumnut keypair`

use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use gumnut_ec2_client::{Ec2Client, KeyPair as Described};
use gumnut_terminal::{Lines, NewSecretFile, Output, Session, Table, read_bounded};
use serde_json::{Value, json};

/// Largest file of a public key, in bytes.
const MOST: u64 = 16 << 10;

/// Key pairs with which you log in to instances.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut keypair create mykey -o mykey.pem
  gumnut keypair import laptop ~/.ssh/id_rsa.pub
  gumnut keypair list")]
pub struct KeyPair {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Create(Create),
    Import(Import),
    List(List),
    Delete(Delete),
}

/// Create a key pair, and print the private key or write it to a file.
///
/// The cloud does not keep the private key. The file is readable by you only, as ssh requires, and an existing file is never replaced. If
/// standard output is a file, it is made readable by you only, too.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut keypair create mykey > mykey.pem
  gumnut keypair create mykey -o ~/.ssh/mykey.pem
  gumnut keypair create mykey --type ed25519 -o mykey.pem")]
struct Create {
    /// Name of the key pair
    name: String,
    /// Write the private key to this file, which must not exist
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Kind of key [default: that of the cloud, which is RSA]
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<Kind>,
}

/// A kind of key.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// RSA with 2048 bits
    Rsa,
    /// Ed25519, which Eucalyptus does not know
    Ed25519,
}

/// Import a public key as a key pair.
///
/// The file can be one of OpenSSH (`id_rsa.pub`), RFC 4716, PEM or DER. Clouds take RSA keys of 1024, 2048 and 4096 bits; EC2 and the
/// embedded cloud also Ed25519.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut keypair import mykey ~/.ssh/id_rsa.pub")]
struct Import {
    /// Name of the key pair
    name: String,
    /// File with the public key
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// List the key pairs of your account.
///
/// One line per key pair, tab separated: `KEYPAIR`, name, fingerprint, type, id.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut keypair list")]
struct List {
    /// Only these
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Delete a key pair. Instances that run keep their keys.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut keypair delete mykey")]
struct Delete {
    /// Name of the key pair
    name: String,
}

impl KeyPair {
    /// Runs the command.
    ///
    /// # Errors
    /// When the settings are incomplete, a file cannot be read or written, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        match &self.action {
            Action::Create(command) => command.run(session).await,
            Action::Import(command) => command.run(session).await,
            Action::List(command) => command.run(session).await,
            Action::Delete(command) => command.run(session).await,
        }
    }
}

fn client(session: &Session) -> Result<Ec2Client, anyhow::Error> {
    session.ec2(&session.settings()?)
}

impl Create {
    async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let client = client(session)?;
        // Before the key pair is there: what cannot be written would be lost.
        let file = self
            .output
            .as_deref()
            .map(NewSecretFile::begin)
            .transpose()?;
        let kind = self.kind.map(|kind| match kind {
            Kind::Rsa => "rsa",
            Kind::Ed25519 => "ed25519",
        });
        let created = client.create_key_pair(&self.name, kind).await?;
        let mut value = describe(&created.key_pair);
        let Some(file) = file else {
            make_output_private()?;
            value["private_key"] = json!(created.material.expose());
            return session.output.script(&value, created.material.expose());
        };
        let path = file.path().display().to_string();
        if let Err(error) = file.keep(created.material.expose().as_bytes()) {
            // Nobody has the private key.
            let _ = client.delete_key_pair(&self.name).await;
            return Err(error)
                .with_context(|| format!("the key pair {} was deleted again", self.name));
        }
        value["file"] = json!(path);
        let mut lines = Lines::default();
        lines.push(line(&created.key_pair).into_iter().chain([path]));
        session.output.result(&value, &lines)
    }
}

/// Makes the file that standard output was sent to readable by its owner only: it is to hold a private key, and ssh insists on that.
fn make_output_private() -> Result<(), anyhow::Error> {
    let file = std::fs::File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let found = file.metadata()?;
    if found.is_file() && found.mode() & 0o077 != 0 {
        let changed = file.set_permissions(std::fs::Permissions::from_mode(0o600));
        if changed.is_err() {
            Output::warn("others can read the file that standard output goes to: chmod 600 it");
        }
    }
    Ok(())
}

impl Import {
    async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let public = read_bounded("public key", &self.file, MOST)?;
        let imported = client(session)?
            .import_key_pair(&self.name, &public)
            .await?;
        let lines = [line(&imported)].into_iter().collect();
        session.output.result(&describe(&imported), &lines)
    }
}

impl List {
    async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let mut found = client(session)?
            .describe_key_pairs(&self.names, &[])
            .await?;
        found.sort_by(|one, other| one.name.cmp(&other.name));
        let mut table = Table::new(&["name", "type", "fingerprint", "?date"]);
        for key_pair in &found {
            let date = key_pair.created.as_deref().and_then(|date| date.get(..10));
            table.push([
                key_pair.name.as_str(),
                key_pair.kind.as_deref().unwrap_or_default(),
                &key_pair.fingerprint,
                date.unwrap_or_default(),
            ]);
        }
        let values: Vec<_> = found.iter().map(describe).collect();
        session.output.listing(
            &json!({ "key_pairs": values }),
            &found.iter().map(line).collect(),
            &table,
            "no key pairs; `gumnut keypair create NAME` creates one",
        )
    }
}

impl Delete {
    async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        client(session)?.delete_key_pair(&self.name).await?;
        let lines = [["KEYPAIR", &self.name]].into_iter().collect();
        session
            .output
            .result(&json!({ "name": self.name, "deleted": true }), &lines)
    }
}

fn describe(key_pair: &Described) -> Value {
    json!({
        "name": key_pair.name,
        "fingerprint": key_pair.fingerprint,
        "type": key_pair.kind,
        "id": key_pair.id,
        "created": key_pair.created,
    })
}

fn line(key_pair: &Described) -> [String; 5] {
    [
        "KEYPAIR".to_owned(),
        key_pair.name.clone(),
        key_pair.fingerprint.clone(),
        key_pair.kind.clone().unwrap_or_default(),
        key_pair.id.clone().unwrap_or_default(),
    ]
}
