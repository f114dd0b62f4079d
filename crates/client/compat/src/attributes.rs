//! `euca-describe-image-attribute`, `euca-modify-image-attribute`, `euca-reset-image-attribute`

use clap::Args;
use gumnut_ec2_client::{
    DeviceMapping, DeviceTarget, ImageAttribute, LaunchPermission, PermissionChange,
};
use gumnut_terminal::Failure;
use gumnut_types::ImageId;

use super::call::{Call, print};
use super::dialect::Dialect;
use super::options::{AnyKeys, Calling, Calls, CapitalKeys, Service};
use super::report::unusable;
use super::tool::Tool;

/// Everybody, as entries of permissions name it.
const ALL: &str = "all";

/// Show an attribute of an image
#[derive(Args)]
#[command(group = clap::ArgGroup::new("attribute").required(true))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(super) struct DescribeAttribute {
    /// The image
    id: ImageId,
    /// Its launch permissions
    #[arg(short, long = "launch-permission", group = "attribute")]
    launch_permission: bool,
    /// Its product codes
    #[arg(
        short,
        long = "product-code",
        alias = "product-codes",
        group = "attribute"
    )]
    product_code: bool,
    /// Its block devices
    #[arg(short = 'B', long = "block-device-mapping", group = "attribute")]
    block_devices: bool,
    /// Its kernel
    #[arg(long, group = "attribute")]
    kernel: bool,
    /// Its ramdisk
    #[arg(long, group = "attribute")]
    ramdisk: bool,
    /// Its description
    #[arg(long, group = "attribute")]
    description: bool,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl DescribeAttribute {
    fn name(&self) -> &'static str {
        match self {
            _ if self.launch_permission => "launchPermission",
            _ if self.product_code => "productCodes",
            _ if self.block_devices => "blockDeviceMapping",
            _ if self.kernel => "kernel",
            _ if self.ramdisk => "ramdisk",
            _ => "description",
        }
    }
}

impl Tool for DescribeAttribute {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let session = &call.session;
        let client = session.ec2(&session.settings()?)?;
        let name = self.name();
        let id = &self.id;
        let attribute = client.attribute(id, name).await?;
        for (kind, value) in values(call.dialect, attribute) {
            let columns = [name, id.as_str(), kind, &value];
            print(&self.calling.common.line(&columns));
        }
        Ok(())
    }
}

/// The values of an attribute, each with the kind that stands before it.
fn values(dialect: Dialect, attribute: ImageAttribute) -> Vec<(&'static str, String)> {
    match attribute {
        ImageAttribute::LaunchPermission(permissions) => permissions
            .into_iter()
            .map(|who| match who {
                LaunchPermission::All => ("group", ALL.to_owned()),
                LaunchPermission::Account(account) => ("userId", account),
            })
            .collect(),
        ImageAttribute::ProductCodes(codes) => codes
            .into_iter()
            .map(|code| ("productCode", code))
            .collect(),
        ImageAttribute::BlockDevices(devices) => devices
            .into_iter()
            .filter_map(|device| Some(("blockDeviceMap", mapping(dialect, device)?)))
            .collect(),
        ImageAttribute::Kernel(value)
        | ImageAttribute::Ramdisk(value)
        | ImageAttribute::Description(value) => vec![("", value.unwrap_or_default())],
        _ => Vec::new(),
    }
}

/// A block device as `LEFT: RIGHT`. `None`: the device is left out of the image.
fn mapping(dialect: Dialect, device: DeviceMapping) -> Option<String> {
    let name = device.device;
    match device.target {
        // 1.x and 2.x name the virtual device first.
        DeviceTarget::Virtual(target) if dialect.is_2010() => Some(format!("{target}: {name}")),
        DeviceTarget::Virtual(target) => Some(format!("{name}: {target}")),
        DeviceTarget::Volume(volume) => {
            let snapshot = volume.snapshot.unwrap_or_default();
            Some(format!("{name}: {snapshot}"))
        }
        DeviceTarget::None => None,
    }
}

/// Change an attribute of an image
#[derive(Args)]
pub(super) struct ModifyAttribute {
    /// The image
    id: ImageId,
    /// Change its launch permissions
    #[arg(short, long = "launch-permission")]
    launch_permission: bool,
    /// Allow this account to use it; `all` is everybody
    #[arg(short, long, value_name = "ENTITY")]
    add: Vec<String>,
    /// No longer allow this account to use it
    #[arg(short, long, value_name = "ENTITY")]
    remove: Vec<String>,
    /// Add a product code
    #[arg(
        short,
        long = "product-code",
        alias = "product-codes",
        value_name = "CODE"
    )]
    product_code: Vec<String>,
    /// Set its description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    calling: Calling<CapitalKeys>,
}

fn entities(names: &[String]) -> Vec<LaunchPermission> {
    names
        .iter()
        .map(|name| match name.as_str() {
            ALL => LaunchPermission::All,
            _ => LaunchPermission::Account(name.clone()),
        })
        .collect()
}

impl ModifyAttribute {
    fn check(&self) -> Result<(), Failure> {
        let kinds = [
            self.launch_permission,
            !self.product_code.is_empty(),
            self.description.is_some(),
        ];
        let entries = !self.add.is_empty() || !self.remove.is_empty();
        if kinds.iter().filter(|given| **given).count() != 1 {
            return Err(unusable(
                "exactly one of --launch-permission, --product-code and --description is needed",
            ));
        }
        match (self.launch_permission, entries) {
            (true, false) => Err(unusable("--launch-permission needs --add or --remove")),
            (false, true) => Err(unusable("--add and --remove belong to --launch-permission")),
            _ => Ok(()),
        }
    }

    /// The lines of 3.4, one for each change.
    fn changes(&self) -> Vec<String> {
        let (id, common) = (self.id.as_str(), &self.calling.common);
        let mut lines = Vec::new();
        for (change, names) in [("ADD", &self.add), ("REMOVE", &self.remove)] {
            for name in names {
                let kind = if name == ALL { "Group" } else { "UserId" };
                lines.push(common.line(&["launchPermission", id, change, kind, name]));
            }
        }
        for code in &self.product_code {
            lines.push(common.line(&["productcodes", id, "productCode", code]));
        }
        if let Some(text) = &self.description {
            lines.push(common.line(&["description", id, "", text]));
        }
        lines
    }
}

impl Tool for ModifyAttribute {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        self.check()?;
        let session = &call.session;
        let client = session.ec2(&session.settings()?)?;
        let id = &self.id;
        for (change, names) in [
            (PermissionChange::Add, &self.add),
            (PermissionChange::Remove, &self.remove),
        ] {
            client
                .change_launch_permission(id, change, &entities(names))
                .await?;
        }
        if !self.product_code.is_empty() {
            client.add_product_codes(id, &self.product_code).await?;
        }
        if let Some(text) = &self.description {
            client.set_description(id, text).await?;
        }
        if call.dialect.is_2010() {
            print(&format!("IMAGE\t{id}"));
        } else {
            self.changes().iter().for_each(|line| print(line));
        }
        Ok(())
    }
}

/// Reset an attribute of an image
#[derive(Args)]
pub(super) struct ResetAttribute {
    /// The image
    id: ImageId,
    /// Its launch permissions
    #[arg(short, long = "launch-permission", required = true)]
    launch_permission: bool,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for ResetAttribute {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let session = &call.session;
        let client = session.ec2(&session.settings()?)?;
        client.reset_launch_permission(&self.id).await?;
        if call.dialect.is_2010() {
            print(&format!("IMAGE\t{}", self.id));
        } else {
            print(&format!("launchPermission\t{}\tRESET", self.id));
        }
        Ok(())
    }
}
