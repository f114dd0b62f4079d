//! `euca-describe-images`

use clap::Args;
use gumnut_ec2_client::{DescribeImages as Wanted, DeviceTarget, Filter, Image};
use gumnut_terminal::Failure;
use gumnut_types::ImageId;

use super::call::{Call, print};
use super::dialect::Dialect;
use super::options::{Calling, Calls, CapitalKeys, Service};
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
    /// All images that can be seen
    #[arg(short, long)]
    all: bool,
    /// Only images of this owner
    #[arg(short, long, value_name = "ACCOUNT")]
    owner: Vec<String>,
    /// Only images that this account may run
    #[arg(short = 'x', long = "executable-by", value_name = "ACCOUNT")]
    executable_by: Vec<String>,
    /// Only images that match
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_filter)]
    filter: Vec<Filter>,
    #[command(flatten)]
    calling: Calling<CapitalKeys>,
}

fn parse_filter(text: &str) -> Result<Filter, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a filter has the form NAME=VALUE")?;
    if !FILTERS.contains(&name) && !name.starts_with("tag:") {
        return Err(format!(
            "there is no filter {name:?}; there are {} and tag:KEY",
            FILTERS.join(", ")
        ));
    }
    Ok(Filter {
        name: name.to_owned(),
        values: vec![value.to_owned()],
    })
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

    fn lines(&self, dialect: Dialect, image: &Image) -> Vec<String> {
        let visibility = if image.is_public { "public" } else { "private" };
        let mut columns = vec!["IMAGE".to_owned(), image.image_id.clone()];
        if dialect.is_2010() {
            columns.extend([
                some(image.location.as_ref()),
                some(image.owner_id.as_ref()),
                some(image.state.as_ref()),
                visibility.to_owned(),
                image.product_codes.join(","),
                some(image.architecture.as_ref()),
                some(image.image_type.as_ref()),
                // In this order before 1.3.
                some(image.ramdisk_id.as_ref()),
                some(image.kernel_id.as_ref()),
            ]);
            return vec![self.calling.common.line(&columns)];
        }
        let owner = image
            .owner_alias
            .as_ref()
            .or(image.owner_id.as_ref())
            .cloned();
        columns.extend([
            location(image),
            owner.unwrap_or_default(),
            some(image.state.as_ref()),
            visibility.to_owned(),
            some(image.architecture.as_ref()),
            some(image.image_type.as_ref()),
            some(image.kernel_id.as_ref()),
            some(image.ramdisk_id.as_ref()),
            some(image.platform.as_ref()),
            some(image.root_device_type.as_ref()),
            some(image.virtualization_type.as_ref()),
            some(image.hypervisor.as_ref()),
        ]);
        let mut lines = vec![self.calling.common.line(&columns)];
        lines.extend(image.block_devices.iter().filter_map(|device| {
            let name = device.device.clone();
            let columns = match &device.target {
                DeviceTarget::None => return None,
                DeviceTarget::Virtual(target) => vec!["EPHEMERAL".to_owned(), name, target.clone()],
                DeviceTarget::Volume(volume) => vec![
                    "EBS".to_owned(),
                    name,
                    some(volume.snapshot.as_ref()),
                    volume.gib.map(|gib| gib.to_string()).unwrap_or_default(),
                    volume
                        .delete_on_termination
                        .map(|delete| delete.to_string())
                        .unwrap_or_default(),
                    some(volume.kind.as_ref()),
                    volume.iops.map(|iops| iops.to_string()).unwrap_or_default(),
                ],
            };
            let all: Vec<_> = std::iter::once("BLOCKDEVICEMAPPING".to_owned())
                .chain(columns)
                .collect();
            Some(self.calling.common.line(&all))
        }));
        lines.extend(image.tags.iter().map(|(key, value)| {
            let columns = ["TAG", "image", &image.image_id, key, value];
            self.calling.common.line(&columns.map(str::to_owned))
        }));
        lines
    }
}

/// A value that the cloud may have left out, as a column.
fn some(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

/// Where the image lies; for those that are volumes, whose it is and its name.
fn location(image: &Image) -> String {
    let ebs = image.root_device_type.as_deref() == Some("ebs");
    match (&image.location, &image.owner_id, &image.name) {
        (_, Some(owner), Some(name)) if ebs => format!("{owner}/{name}"),
        (Some(location), _, _) => location.clone(),
        _ => String::new(),
    }
}
