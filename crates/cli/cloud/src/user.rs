//! `gumnut cloud user`

use clap::{Args, Subcommand};
use gumnut_cloud::{Cloud, User as CloudUser};
use gumnut_terminal::{Lines, Session, Table};
use serde_json::{Value, json};

use crate::data::Data;

/// Users of the embedded cloud, which can be running.
#[derive(Subcommand)]
pub enum User {
    Add(Add),
    List(List),
    Modify(Modify),
    Revoke(Revoke),
}

/// Add a user with an access key, an RSA key and a certificate.
///
/// `gumnut cloud credentials --user NAME` writes them to files.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud user add alice --account research")]
pub struct Add {
    #[command(flatten)]
    data: Data,
    /// Name of the user, unique in the cloud
    name: String,
    /// Account, created if it does not exist [default: one with the name of the user]
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Make the user an administrator, who can register kernels and ramdisks
    #[arg(long)]
    admin: bool,
    /// E-mail address of the account, which ACLs can use to name it
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
}

/// Change the e-mail address of a user's account.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud user modify alice --email alice@example.com")]
pub struct Modify {
    #[command(flatten)]
    data: Data,
    /// Name of the user
    name: String,
    /// E-mail address of the account, which ACLs can use to name it
    #[arg(long, value_name = "ADDRESS", required_unless_present = "no_email")]
    email: Option<String>,
    /// Remove the e-mail address
    #[arg(long, conflicts_with = "email")]
    no_email: bool,
}

/// List the users.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud user list")]
pub struct List {
    #[command(flatten)]
    data: Data,
}

/// Disable the keys and certificates of a user. The data of the account is kept.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut cloud user revoke alice")]
pub struct Revoke {
    #[command(flatten)]
    data: Data,
    /// Name of the user
    name: String,
}

impl User {
    pub(crate) fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        match self {
            Self::Add(command) => command.run(session),
            Self::List(command) => command.run(session),
            Self::Modify(command) => command.run(session),
            Self::Revoke(command) => command.run(session),
        }
    }
}

impl Add {
    fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let users = Cloud::users(&self.data.config()?)?;
        let email = self.email.as_deref();
        let user = users.add(&self.name, self.account.as_deref(), self.admin, email)?;
        let lines = [line(&user)].into_iter().collect();
        session.output.result(&value(&user), &lines)
    }
}

impl List {
    fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let users = Cloud::users(&self.data.config()?)?.list()?;
        let mut table = Table::new(&[
            "name",
            "account",
            "account name",
            "role",
            "state",
            "?e-mail",
        ]);
        for user in &users {
            table.push(&line(user)[1..]);
        }
        let values: Vec<_> = users.iter().map(value).collect();
        session.output.listing(
            &json!({ "users": values }),
            &users.iter().map(line).collect(),
            &table,
            "the cloud has no users",
        )
    }
}

impl Modify {
    fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let users = Cloud::users(&self.data.config()?)?;
        let user = users.set_email(&self.name, self.email.as_deref())?;
        let lines = [line(&user)].into_iter().collect();
        session.output.result(&value(&user), &lines)
    }
}

impl Revoke {
    fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        Cloud::users(&self.data.config()?)?.revoke(&self.name)?;
        let json = json!({ "revoked": self.name });
        session.output.result(&json, &Lines::one(&self.name))
    }
}

fn line(user: &CloudUser) -> Vec<String> {
    let columns = user.columns();
    std::iter::once("USER".to_owned())
        .chain(columns.iter().map(ToString::to_string))
        .collect()
}

fn value(user: &CloudUser) -> Value {
    json!({
        "name": user.name,
        "account": user.account,
        "account_name": user.account_name,
        "owner_id": user.owner_id,
        "email": user.email,
        "admin": user.admin,
        "access_keys": user.access_keys,
        "certificates": user.certificates,
    })
}
