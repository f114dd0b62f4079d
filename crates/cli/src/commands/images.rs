//! `gumnut images`

use clap::Args;
use gumnut_ec2_client::{DescribeImages, Filter, Image};
use gumnut_terminal::Session;
use gumnut_types::ImageId;
use serde_json::{Value, json};

/// List images.
///
/// One line an image, tab separated: `IMAGE`, id, location, owner, state, public or private, architecture,
/// type, kernel, ramdisk, name.
#[derive(Args)]
pub(crate) struct Images {
    /// Only these images
    #[arg(value_name = "ID")]
    ids: Vec<ImageId>,
    /// Only images of this owner: an account number, or `self`
    #[arg(long, value_name = "OWNER")]
    owner: Vec<String>,
    /// Only images that match; values may hold `*` and `?`
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_filter)]
    filter: Vec<Filter>,
}

fn parse_filter(text: &str) -> Result<Filter, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Filter {
            name: name.to_owned(),
            values: vec![value.to_owned()],
        }),
        _ => Err("a filter has the form NAME=VALUE, as in image-type=kernel".to_owned()),
    }
}

impl Images {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let client = session.ec2(&session.settings()?)?;
        let request = DescribeImages {
            ids: self.ids.clone(),
            owners: self.owner.clone(),
            filters: self.filter.clone(),
            ..DescribeImages::default()
        };
        let mut images = client.describe_images(&request).await?;
        images.sort_by(|a, b| a.image_id.cmp(&b.image_id));
        let values: Vec<Value> = images.iter().map(describe).collect();
        let lines: String = images.iter().map(line).collect();
        session.output.result(&json!({ "images": values }), &lines)
    }
}

fn describe(image: &Image) -> Value {
    json!({
        "image_id": image.image_id,
        "location": image.location,
        "state": image.state,
        "owner_id": image.owner_id,
        "public": image.is_public,
        "architecture": image.architecture,
        "kind": image.image_type,
        "type": image.image_type,
        "kernel_id": image.kernel_id,
        "ramdisk_id": image.ramdisk_id,
        "platform": image.platform,
        "name": image.name,
        "description": image.description,
        "product_codes": image.product_codes,
        "root_device_type": image.root_device_type,
        "root_device_name": image.root_device_name,
        "virtualization_type": image.virtualization_type,
    })
}

fn line(image: &Image) -> String {
    let visibility = if image.is_public { "public" } else { "private" };
    let columns = [
        Some("IMAGE"),
        Some(image.image_id.as_str()),
        image.location.as_deref(),
        image.owner_id.as_deref(),
        image.state.as_deref(),
        Some(visibility),
        image.architecture.as_deref(),
        image.image_type.as_deref(),
        image.kernel_id.as_deref(),
        image.ramdisk_id.as_deref(),
        image.name.as_deref(),
    ];
    // Tabs, line ends and escapes in a value would break the line.
    let line = columns.map(|text| text.unwrap_or_default().replace(char::is_control, "?"));
    line.join("\t") + "\n"
}
