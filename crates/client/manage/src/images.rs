//! `gumnut images`

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use futures::stream::{self, StreamExt as _};
use gumnut_ec2_client::{DescribeImages, Filter, Image};
use gumnut_settings::Settings;
use gumnut_terminal::{Session, Table};
use gumnut_types::{ByteSize, ImageId, Limits};
use gumnut_workflows::StoredBundle;
use serde_json::{Value, json};

use crate::listed::remember;

/// Manifests that are read at the same time for the sizes of images.
const AT_ONCE: usize = 8;
/// Most manifests that are read for the sizes of images.
const MOST: usize = 64;
/// How long the sizes of images may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// List images.
///
/// On a terminal this is a table; sizes are those of the images whose manifests you may read. Elsewhere it is one line per image, tab
/// separated: `IMAGE`, id, location, owner, state, public or private, architecture, type, kernel, ramdisk, name.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  gumnut images
  gumnut images --owner self --filter image-type=machine")]
pub struct Images {
    /// Only these images
    #[arg(value_name = "ID")]
    ids: Vec<ImageId>,
    /// Only images of this owner: an account number, or `self`
    #[arg(long, value_name = "OWNER")]
    owner: Vec<String>,
    /// Only images that match; values can contain `*` and `?`
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
    /// Runs the command.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let settings = session.settings()?;
        let client = session.ec2(&settings)?;
        let request = DescribeImages {
            ids: self.ids.clone(),
            owners: self.owner.clone(),
            filters: self.filter.clone(),
            ..DescribeImages::default()
        };
        let mut images = client.describe_images(&request).await?;
        images.sort_by(|a, b| a.image_id.cmp(&b.image_id));
        remember(images.iter().map(|image| image.image_id.as_str()));
        let sizes = if session.output.shows_tables() {
            sizes(session, &settings, &images).await
        } else {
            BTreeMap::new()
        };
        let values: Vec<Value> = images.iter().map(describe).collect();
        let none = if self.owner.is_empty() && self.filter.is_empty() {
            "no images; `gumnut publish IMAGE` publishes one"
        } else {
            "no image matches"
        };
        session.output.listing(
            &json!({ "images": values }),
            &images.iter().map(line).collect(),
            &table(&images, &sizes),
            none,
        )
    }
}

/// The sizes of the images whose manifests can be read soon enough, in bytes. An image without one is listed anyway.
async fn sizes<'i>(
    session: &Session,
    settings: &Settings,
    images: &'i [Image],
) -> BTreeMap<&'i str, u64> {
    let mut sizes = BTreeMap::new();
    let Ok(store) = session.walrus(settings) else {
        return sizes;
    };
    let limits = Limits::default();
    let reading = async {
        let bundles = images.iter().take(MOST).filter_map(|image| {
            let location = image.location.as_deref()?.parse().ok()?;
            let store = store.clone();
            Some((image, StoredBundle { store, location }))
        });
        let mut read = stream::iter(bundles)
            .map(|(image, bundle)| {
                let limits = &limits;
                async move { (image, bundle.manifest(limits).await) }
            })
            .buffer_unordered(AT_ONCE);
        while let Some((image, manifest)) = read.next().await {
            if let Ok(manifest) = manifest {
                sizes.insert(image.image_id.as_str(), manifest.manifest().image_size);
            }
        }
    };
    // Those that have come until then are shown.
    let _ = tokio::time::timeout(PATIENCE, reading).await;
    sizes
}

fn table(images: &[Image], sizes: &BTreeMap<&str, u64>) -> Table {
    let mut table = Table::new(&["!id", "kind", "arch", ">size", "?date", "name", "?tags"]);
    for image in images {
        let size = sizes.get(image.image_id.as_str());
        let size = size.map(|bytes| ByteSize(*bytes).to_string());
        let date = image.created.as_deref().and_then(|date| date.get(..10));
        let tags: Vec<_> = image
            .tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        table.push([
            image.image_id.as_str(),
            image.image_type.as_deref().unwrap_or_default(),
            image.architecture.as_deref().unwrap_or_default(),
            size.as_deref().unwrap_or_default(),
            date.unwrap_or_default(),
            image.name.as_deref().unwrap_or_default(),
            &tags.join(" "),
        ]);
    }
    table
}

fn describe(image: &Image) -> Value {
    let tags: BTreeMap<_, _> = image.tags.iter().cloned().collect();
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
        "created": image.created,
        "tags": tags,
        "product_codes": image.product_codes,
        "root_device_type": image.root_device_type,
        "root_device_name": image.root_device_name,
        "virtualization_type": image.virtualization_type,
    })
}

fn line(image: &Image) -> [String; 11] {
    let visibility = if image.is_public { "public" } else { "private" };
    [
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
    ]
    .map(|text| text.unwrap_or_default().to_owned())
}
