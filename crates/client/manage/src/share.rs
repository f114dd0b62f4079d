//! `gumnut share` and `gumnut unshare`

use std::str::FromStr;

use clap::Args;
use gumnut_ec2_client::{
    DescribeImages, Ec2Client, ImageAttribute, LaunchPermission, PermissionChange,
};
use gumnut_terminal::Session;
use gumnut_types::{AccountId, ImageId};
use serde_json::{Value, json};

use crate::several::{each, once_each};

/// Allow other accounts, or everybody, to see and run images.
///
/// Prints one line for each image: IMAGE, id, public or private, and the accounts that may run it beside the owner. Kernel and
/// ramdisk of an image are shared by their own ids.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut share emi-9FE813FD --with 123456789012
  gumnut share emi-9FE813FD eki-90461381 eri-E85914C7 --with all
  gumnut share emi-9FE813FD --with all --stop")]
pub struct Share {
    /// The images
    #[arg(value_name = "ID", required = true)]
    ids: Vec<ImageId>,
    /// Account numbers, or `all` for everybody
    #[arg(
        long,
        value_name = "ACCOUNT|all",
        value_delimiter = ',',
        required_unless_present = "stop"
    )]
    with: Vec<With>,
    /// Revoke the permission; without --with, for everybody except the owner
    #[arg(long)]
    stop: bool,
}

/// Revoke the permission to see and run images, as `share --stop` does.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut unshare emi-9FE813FD --with 123456789012")]
pub struct Unshare {
    /// The images
    #[arg(value_name = "ID", required = true)]
    ids: Vec<ImageId>,
    /// Account numbers, or `all` [default: everybody except the owner]
    #[arg(long, value_name = "ACCOUNT|all", value_delimiter = ',')]
    with: Vec<With>,
}

/// One who may run an image.
#[derive(Clone, Debug, PartialEq, Eq)]
struct With(LaunchPermission);

impl FromStr for With {
    type Err = String;

    /// Clouds of 2010 know users by their names, so a word is one; what has only digits is a number.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(LaunchPermission::All));
        }
        let is_number = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let is_word = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b));
        match text.parse::<AccountId>() {
            Ok(account) => Ok(Self(LaunchPermission::Account(account.to_string()))),
            Err(error) if is_number || !is_word || text.is_empty() => {
                Err(format!("{error}; use `all` for everybody"))
            }
            Err(_) => Ok(Self(LaunchPermission::Account(text.to_owned()))),
        }
    }
}

impl Share {
    /// Changes who may launch the images, and prints it.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        run(session, &self.ids, &self.with, self.stop).await
    }
}

impl Unshare {
    /// Changes who may launch the images, and prints it.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        run(session, &self.ids, &self.with, true).await
    }
}

async fn run(
    session: &Session,
    ids: &[ImageId],
    with: &[With],
    stop: bool,
) -> Result<(), anyhow::Error> {
    let client = session.ec2(&session.settings()?)?;
    let who: Vec<_> = with.iter().map(|with| with.0.clone()).collect();
    let all = each(&once_each(ids), async |id| {
        match (stop, who.is_empty()) {
            (true, true) => {
                // Not by a reset, with which old clouds make an image public.
                let change = PermissionChange::Remove;
                let others = permissions(&client, id).await?;
                client.change_launch_permission(id, change, &others).await?;
            }
            (true, false) => {
                let change = PermissionChange::Remove;
                client.change_launch_permission(id, change, &who).await?;
            }
            (false, _) => {
                let change = PermissionChange::Add;
                client.change_launch_permission(id, change, &who).await?;
            }
        }
        shared(&client, id).await
    })
    .await;
    all.finish(session, |done, failed| {
        let images: Vec<Value> = done.iter().map(Shared::json).collect();
        let lines = done.iter().map(Shared::line).collect();
        (json!({ "images": images, "failed": failed }), lines)
    })
}

/// Who may run an image now.
struct Shared {
    id: ImageId,
    public: bool,
    accounts: Vec<String>,
}

/// Who may run an image beside its owner.
async fn permissions(
    client: &Ec2Client,
    id: &ImageId,
) -> Result<Vec<LaunchPermission>, anyhow::Error> {
    let all = match client.launch_permission(id).await? {
        ImageAttribute::LaunchPermission(permissions) => permissions,
        _ => Vec::new(),
    };
    let wanted = DescribeImages {
        ids: vec![id.clone()],
        ..DescribeImages::default()
    };
    let images = client.describe_images(&wanted).await?;
    let owner = images.into_iter().find_map(|image| image.owner_id);
    let of_owner = owner.map(LaunchPermission::Account);
    Ok(all
        .into_iter()
        .filter(|permission| Some(permission) != of_owner.as_ref())
        .collect())
}

async fn shared(client: &Ec2Client, id: &ImageId) -> Result<Shared, anyhow::Error> {
    let permissions = permissions(client, id).await?;
    let accounts = permissions
        .iter()
        .filter_map(|permission| match permission {
            LaunchPermission::Account(account) => Some(account.clone()),
            LaunchPermission::All => None,
        });
    Ok(Shared {
        id: id.clone(),
        public: permissions.contains(&LaunchPermission::All),
        accounts: accounts.collect(),
    })
}

impl Shared {
    fn line(&self) -> [String; 4] {
        let visibility = if self.public { "public" } else { "private" };
        let accounts = self.accounts.join(",");
        ["IMAGE", self.id.as_str(), visibility, &accounts].map(str::to_owned)
    }

    fn json(&self) -> Value {
        json!({
            "image_id": self.id.as_str(),
            "public": self.public,
            "accounts": self.accounts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_numbers_or_names_of_old_clouds() {
        let parse = |text: &str| text.parse::<With>().map(|with| with.0);
        let account = |text: &str| Ok(LaunchPermission::Account(text.to_owned()));
        assert_eq!(parse("all"), Ok(LaunchPermission::All));
        assert_eq!(parse("1234-5678-9012"), account("123456789012"));
        assert_eq!(parse("admin"), account("admin"));
        for text in ["", "1234", "12345678901234", "a b", "x;y"] {
            assert!(parse(text).unwrap_err().contains("12 digits"), "{text}");
        }
    }
}
