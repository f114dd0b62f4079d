//! `gumnut modify`

use clap::{ArgGroup, Args};
use gumnut_terminal::Session;
use gumnut_types::ImageId;
use serde_json::{Value, json};

use crate::several::{each, once_each};

/// Longest description that EC2 takes, in characters.
const LONGEST: usize = 255;

/// Change the description or the product codes of images.
///
/// `gumnut share` changes who may run an image, `gumnut tag` its tags. Prints one line for each image: IMAGE, id.
#[derive(Args)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(["description", "product_codes"])))]
#[command(after_help = "\
Example:
  gumnut modify emi-9FE813FD --description 'Debian 12 with our agent'")]
pub struct Modify {
    /// The images
    #[arg(value_name = "ID", required = true)]
    ids: Vec<ImageId>,
    /// New description of the images
    #[arg(long, value_name = "TEXT", value_parser = description)]
    description: Option<String>,
    /// Product codes to add; they cannot be removed
    #[arg(long, value_name = "CODE,...", value_delimiter = ',')]
    product_codes: Vec<String>,
}

fn description(text: &str) -> Result<String, String> {
    match text.chars().count() {
        length if length > LONGEST => Err(format!(
            "the description has {length} characters: use at most {LONGEST}"
        )),
        _ => Ok(text.to_owned()),
    }
}

impl Modify {
    /// Changes the images, and prints their ids.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let client = session.ec2(&session.settings()?)?;
        let all = each(&once_each(&self.ids), async |id| {
            if let Some(text) = &self.description {
                client.set_description(id, text).await?;
            }
            if !self.product_codes.is_empty() {
                client.add_product_codes(id, &self.product_codes).await?;
            }
            Ok(id.clone())
        })
        .await;
        all.finish(session, |ids, failed| {
            let images = ids
                .iter()
                .map(|id| json!({ "image_id": id.as_str(), "description": self.description }));
            let images: Vec<Value> = images.collect();
            let lines = ids.iter().map(|id| ["IMAGE", id.as_str()]).collect();
            (json!({ "images": images, "failed": failed }), lines)
        })
    }
}
