//! `gumnut tag`

use std::str::FromStr;

use clap::Args;
use gumnut_ec2_client::DescribeImages;
use gumnut_terminal::{Exit, Failure, Lines, Session};
use gumnut_types::ImageId;
use serde_json::{Map, json};

use crate::several::{each, once_each};

/// Longest key and value of a tag, in characters, that EC2 takes.
const LONGEST_KEY: usize = 127;
const LONGEST_VALUE: usize = 255;

/// Add tags to images, remove tags, or show them.
///
/// An existing tag gets the new value. Prints one line for each tag of each image: TAG, id, key, value.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut tag emi-9FE813FD release=12 stage=test
  gumnut tag emi-9FE813FD --remove stage
  gumnut tag emi-9FE813FD
  gumnut images --filter tag:release=12")]
pub struct Tag {
    /// The images, and their tags
    #[arg(value_name = "ID|KEY=VALUE", required = true)]
    words: Vec<Word>,
    /// Remove the tag with this key; can be repeated
    #[arg(long, value_name = "KEY")]
    remove: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Id(ImageId),
    Tag(String, String),
}

impl FromStr for Word {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((key, value)) = text.split_once('=') else {
            let id = text.parse().map(Self::Id);
            return id.map_err(|error| format!("{error}, and a tag like KEY=VALUE"));
        };
        if key.is_empty() || key.chars().count() > LONGEST_KEY {
            return Err(format!(
                "the key of a tag has 1 to {LONGEST_KEY} characters"
            ));
        }
        if value.chars().count() > LONGEST_VALUE {
            return Err(format!(
                "the value of a tag has at most {LONGEST_VALUE} characters"
            ));
        }
        if ["aws:", "euca:"].iter().any(|own| key.starts_with(own)) {
            return Err("keys that begin with aws: or euca: belong to the cloud".to_owned());
        }
        Ok(Self::Tag(key.to_owned(), value.to_owned()))
    }
}

impl Tag {
    /// Sets and removes tags, and prints the tags.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let (mut named, mut tags) = (Vec::new(), Vec::new());
        for word in &self.words {
            match word {
                Word::Id(id) => named.push(id.clone()),
                Word::Tag(key, value) => tags.push((key.as_str(), value.as_str())),
            }
        }
        let ids = once_each(&named);
        if ids.is_empty() {
            let message = "no image id is given";
            return Err(Failure::new(Exit::Usage, message)
                .hint("gumnut tag ID KEY=VALUE; `gumnut images` lists the ids")
                .into());
        }
        let client = session.ec2(&session.settings()?)?;
        let all = each(&ids, async |id| {
            if !tags.is_empty() {
                client.create_tags(id, tags.iter().copied()).await?;
            }
            if !self.remove.is_empty() {
                let keys = self.remove.iter().map(String::as_str);
                client.delete_tags(id, keys).await?;
            }
            let wanted = DescribeImages {
                ids: vec![id.clone()],
                ..DescribeImages::default()
            };
            Ok(client.describe_images(&wanted).await?)
        })
        .await;
        all.finish(session, |done, failed| {
            let mut lines = Lines::default();
            let mut values = Vec::new();
            for image in done.iter().flatten() {
                let mut object = Map::new();
                for (key, value) in &image.tags {
                    lines.push(["TAG", &image.image_id, key, value]);
                    object.insert(key.clone(), json!(value));
                }
                values.push(json!({ "image_id": image.image_id, "tags": object }));
            }
            (json!({ "images": values, "failed": failed }), lines)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_ids_or_tags() {
        let parse = str::parse::<Word>;
        assert!(matches!(parse("emi-9FE813FD"), Ok(Word::Id(_))));
        let tag = |key: &str, value: &str| Ok(Word::Tag(key.to_owned(), value.to_owned()));
        assert_eq!(parse("release=12"), tag("release", "12"));
        assert_eq!(parse("a=b=c"), tag("a", "b=c"));
        assert_eq!(parse("empty="), tag("empty", ""));
        for text in ["emi-1", "=x", "aws:x=1", "euca:x=1"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&format!("{}=x", "k".repeat(128))).is_err());
        assert!(parse(&format!("k={}", "x".repeat(256))).is_err());
    }
}
