//! `euca-describe-images`

use clap::Args;
use gumnut_ec2_client::{DescribeImages as Wanted, DeviceMapping, DeviceTarget, Filter, Image};
use gumnut_terminal::Failure;
use gumnut_types::ImageId;

use super::call::{Call, print};
use super::dialect::Dialect;
use super::options::{Calling, Calls, CapitalKeys, Service, any_filter};
use super::report::unusable;
use super::tool::Tool;

/// The filters that clouds know, beside `tag:KEY`.
const FILTERS: [&str; 28] = [
    "architecture",
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.volume-size",
    "block-device-mapping.volume-type",
    "description",
    "hypervisor",
    "image-id",
    "image-type",
    "is-public",
    "kernel-id",
    "manifest-location",
    "name",
    "owner-alias",
    "owner-id",
    "platform",
    "product-code",
    "product-code.type",
    "ramdisk-id",
    "root-device-name",
    "root-device-type",
    "state",
    "state-reason-code",
    "state-reason-message",
    "tag-key",
    "tag-value",
    "virtualization-type",
];

/// List images
#[derive(Args)]
pub(super) struct DescribeImages {
    /// Only these images
    #[arg(value_name = "ID")]
    ids: Vec<ImageId>,
    /// All visible images
    #[arg(short, long)]
    all: bool,
    /// Only images of this owner
    #[arg(short, long, value_name = "ACCOUNT")]
    owner: Vec<String>,
    /// Only images that this account can use
    #[arg(short = 'x', long = "executable-by", value_name = "ACCOUNT")]
    executable_by: Vec<String>,
    /// Only images that match
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_filter)]
    filter: Vec<Filter>,
    #[command(flatten)]
    calling: Calling<CapitalKeys>,
}

fn parse_filter(text: &str) -> Result<Filter, String> {
    let filter = any_filter(text)?;
    let name = filter.name.as_str();
    if !FILTERS.contains(&name) && !name.starts_with("tag:") {
        return Err(format!(
            "unknown filter {name:?}: use {} or tag:KEY",
            FILTERS.join(", ")
        ));
    }
    Ok(filter)
}

impl Tool for DescribeImages {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let session = &call.session;
        let requests = self.requests(call.dialect)?;
        let client = session.ec2(&session.settings()?)?;
        let mut images = Vec::new();
        for request in &requests {
            images.extend(client.describe_images(request).await?);
        }
        if call.dialect == Dialect::Euca34 {
            images.sort_by(|one, other| one.image_id.cmp(&other.image_id));
            images.dedup_by(|one, other| one.image_id == other.image_id);
        }
        for image in &images {
            for line in self.lines(call.dialect, image) {
                print(&line);
            }
        }
        Ok(())
    }
}

impl DescribeImages {
    fn requests(&self, dialect: Dialect) -> Result<Vec<Wanted>, Failure> {
        let chosen =
            !self.ids.is_empty() || !self.owner.is_empty() || !self.executable_by.is_empty();
        if dialect == Dialect::Euca34 && self.all && chosen {
            return Err(unusable("--all excludes ids, --owner and --executable-by"));
        }
        let all = Wanted {
            ids: self.ids.clone(),
            owners: self.owner.clone(),
            executable_by: self.executable_by.clone(),
            filters: self.filter.clone(),
        };
        if self.all || chosen || dialect != Dialect::Euca34 {
            return Ok(vec![all]);
        }
        let me = vec!["self".to_owned()];
        let owned = Wanted {
            owners: me.clone(),
            ..all.clone()
        };
        let granted = Wanted {
            executable_by: me,
            ..all
        };
        Ok(vec![owned, granted])
    }

    /// The lines of an image: one in the dialect of 2010, and later one more for each block device and tag.
    fn lines(&self, dialect: Dialect, image: &Image) -> Vec<String> {
        let common = &self.calling.common;
        if dialect.is_2010() {
            return vec![common.line(&columns_of_2010(image))];
        }
        let mut lines = vec![common.line(&columns(image))];
        lines.extend(
            image
                .block_devices
                .iter()
                .filter_map(|device| Some(common.line(&device_columns(device)?))),
        );
        lines.extend(
            image
                .tags
                .iter()
                .map(|(key, value)| common.line(&["TAG", "image", &image.image_id, key, value])),
        );
        lines
    }
}

fn visibility(image: &Image) -> String {
    let text = if image.is_public { "public" } else { "private" };
    text.to_owned()
}

fn columns_of_2010(image: &Image) -> [String; 11] {
    [
        "IMAGE".to_owned(),
        image.image_id.clone(),
        some(image.location.as_ref()),
        some(image.owner_id.as_ref()),
        some(image.state.as_ref()),
        visibility(image),
        image.product_codes.join(","),
        some(image.architecture.as_ref()),
        some(image.image_type.as_ref()),
        // In this order before 1.3.
        some(image.ramdisk_id.as_ref()),
        some(image.kernel_id.as_ref()),
    ]
}

fn columns(image: &Image) -> [String; 14] {
    [
        "IMAGE".to_owned(),
        image.image_id.clone(),
        location(image),
        some(image.owner_alias.as_ref().or(image.owner_id.as_ref())),
        some(image.state.as_ref()),
        visibility(image),
        some(image.architecture.as_ref()),
        some(image.image_type.as_ref()),
        some(image.kernel_id.as_ref()),
        some(image.ramdisk_id.as_ref()),
        some(image.platform.as_ref()),
        some(image.root_device_type.as_ref()),
        some(image.virtualization_type.as_ref()),
        some(image.hypervisor.as_ref()),
    ]
}

/// The columns of a block device. `None`: the device is left out of the image.
fn device_columns(device: &DeviceMapping) -> Option<Vec<String>> {
    let kind = "BLOCKDEVICEMAPPING".to_owned();
    let name = device.device.clone();
    match &device.target {
        DeviceTarget::None => None,
        DeviceTarget::Virtual(target) => {
            Some(vec![kind, "EPHEMERAL".to_owned(), name, target.clone()])
        }
        DeviceTarget::Volume(volume) => Some(vec![
            kind,
            "EBS".to_owned(),
            name,
            some(volume.snapshot.as_ref()),
            shown(volume.gib),
            shown(volume.delete_on_termination),
            some(volume.kind.as_ref()),
            shown(volume.iops),
        ]),
    }
}

/// A number or a truth that the cloud may have left out, as a column.
fn shown(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A value that the cloud may have left out, as a column.
fn some(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

/// Where the image is; for those that are volumes, whose it is and its name.
fn location(image: &Image) -> String {
    let ebs = image.root_device_type.as_deref() == Some("ebs");
    match (&image.location, &image.owner_id, &image.name) {
        (_, Some(owner), Some(name)) if ebs => format!("{owner}/{name}"),
        (Some(location), _, _) => location.clone(),
        _ => String::new(),
    }
}
