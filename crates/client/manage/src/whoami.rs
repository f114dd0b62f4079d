//! `gumnut whoami`

use clap::Args;
use gumnut_ec2_client::DescribeImages;
use gumnut_settings::{Settings, SettingsError};
use gumnut_terminal::{Exit, Failure, Output, Session};
use gumnut_transport::TransportError;
use gumnut_walrus_client::OwnBuckets;
use serde_json::json;

/// Show the cloud, the access key and the account in use.
///
/// Sends a request to each service, so it also shows whether the keys are valid. `gumnut doctor` checks more.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut whoami")]
pub struct Whoami {}

/// What the services say.
struct Told {
    store: Option<OwnBuckets>,
    /// The owner of your own images, if there are any.
    owner: Option<String>,
}

impl Whoami {
    /// Prints what the settings and the cloud say.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let credentials = settings.credentials()?;
        let (s3, ec2) = (settings.s3_url(), settings.ec2_url());
        if let (Err(error), Err(_)) = (&s3, &ec2) {
            let message = error.to_string();
            let hint = error.hint().unwrap_or_default();
            return Err(Failure::new(Exit::Usage, message).hint(hint).into());
        }
        let told = ask(session, &settings, s3.is_ok(), ec2.is_ok()).await?;
        let account = settings.account(None).map(|account| account.to_string());
        warn_of_another(&account, told.owner.as_deref());
        let store = told.store.unwrap_or_default();
        let text_of = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        let url = |url: Result<url::Url, SettingsError>| url.ok().map(|url| url.to_string());
        let shown = [
            ("ec2_url", url(ec2)),
            ("s3_url", url(s3)),
            ("region", Some(settings.region().to_owned())),
            (
                "access_key",
                Some(credentials.access_key().as_str().to_owned()),
            ),
            ("account", account.ok()),
            ("image_owner", told.owner),
            ("bucket_owner", text_of(&store.owner_id)),
            ("bucket_owner_name", text_of(&store.owner_name)),
        ];
        let lines = shown
            .iter()
            .map(|(name, value)| {
                let value = value.as_deref().unwrap_or("-").to_owned();
                [name.replace('_', " "), value]
            })
            .collect();
        let json: serde_json::Map<_, _> = shown
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        session.output.result(&json, &lines)
    }
}

async fn ask(
    session: &Session,
    settings: &Settings,
    has_store: bool,
    has_ec2: bool,
) -> Result<Told, anyhow::Error> {
    let store = if has_store {
        unless_denied(session.walrus(settings)?.list_buckets().await)?
    } else {
        None
    };
    let images = if has_ec2 {
        let own = DescribeImages {
            owners: vec!["self".to_owned()],
            ..DescribeImages::default()
        };
        unless_denied(session.ec2(settings)?.describe_images(&own).await)?
    } else {
        None
    };
    let owner = images
        .iter()
        .flatten()
        .find_map(|image| image.owner_id.clone());
    Ok(Told { store, owner })
}

/// An account that may not list is still an account.
fn unless_denied<T>(answer: Result<T, TransportError>) -> Result<Option<T>, TransportError> {
    let denied = |error: &TransportError| {
        let codes = ["AccessDenied", "UnauthorizedOperation"];
        let refusal = error.refusal();
        refusal.is_some_and(|refusal| codes.contains(&refusal.code.as_str()))
    };
    match answer {
        Err(error) if denied(&error) => Ok(None),
        answer => answer.map(Some),
    }
}

/// An account number that is not that of the keys makes bundles that the cloud does not take.
fn warn_of_another(account: &Result<String, SettingsError>, owner: Option<&str>) {
    let (Ok(account), Some(owner)) = (account, owner) else {
        return;
    };
    let digits = owner.replace('-', "");
    if digits.bytes().all(|b| b.is_ascii_digit()) && digits != *account {
        Output::warn(format!(
            "the settings name the account {account}, and the access key is one of {owner}: set EC2_USER_ID={owner}"
        ));
    }
}
