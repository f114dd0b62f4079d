//! `euca-describe-image-attribute`, `euca-modify-image-attribute`, `euca-reset-image-attribute`

use clap::Args;
use gumnut_ec2_client::{DeviceTarget, ImageAttribute, LaunchPermission, PermissionChange};
use gumnut_terminal::Failure;
use gumnut_types::ImageId;

use super::call::{Call, print};
use super::options::{Calling, Calls, CapitalKeys, Keys, Service};
use super::report::unusable;
use super::tool::Tool;

/// Everybody, as entries of permissions name it.
const ALL: &str = "all";

/// Tell an attribute of an image
#[derive(Args)]
#[command(group = clap::ArgGroup::new("attribute").required(true))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(super) struct DescribeAttribute {
    /// The image
    id: ImageId,
    /// Who may run it
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
    /// What it is for
    #[arg(long, group = "attribute")]
    description: bool,
    #[command(flatten)]
    calling: Calling<Keys>,
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
        let line = |kind: &str, value: &str| {
            let columns = [name, id.as_str(), kind, value];
            self.calling.common.line(&columns)
        };
        let one = |value: Option<String>| vec![line("", &value.unwrap_or_default())];
        let lines = match client.attribute(id, name).await? {
            ImageAttribute::LaunchPermission(permissions) => {
                let permission = |who: &LaunchPermission| match who {
                    LaunchPermission::All => line("group", ALL),
                    LaunchPermission::Account(account) => line("userId", account),
                };
                permissions.iter().map(permission).collect()
            }
            ImageAttribute::ProductCodes(codes) => {
                let code = |code: &String| line("productCode", code);
                codes.iter().map(code).collect()
            }
            ImageAttribute::BlockDevices(devices) => {
                let mut lines = Vec::new();
                for device in devices {
                    let (left, right) = match device.target {
                        // 1.x and 2.x name the virtual device first.
                        DeviceTarget::Virtual(target) if call.dialect.is_2010() => {
                            (target, device.device)
                        }
                        DeviceTarget::Virtual(target) => (device.device, target),
                        DeviceTarget::Volume(volume) => {
                            (device.device, volume.snapshot.unwrap_or_default())
                        }
                        DeviceTarget::None => continue,
                    };
                    lines.push(line("blockDeviceMap", &format!("{left}: {right}")));
                }
                lines
            }
            ImageAttribute::Kernel(value)
            | ImageAttribute::Ramdisk(value)
            | ImageAttribute::Description(value) => one(value),
            _ => Vec::new(),
        };
        for line in lines {
            print(&line);
        }
        Ok(())
    }
}

/// Change an attribute of an image
#[derive(Args)]
pub(super) struct ModifyAttribute {
    /// The image
    id: ImageId,
    /// Change who may run it
    #[arg(short, long = "launch-permission")]
    launch_permission: bool,
    /// Let this account run it; `all` is everybody
    #[arg(short, long, value_name = "ENTITY")]
    add: Vec<String>,
    /// No longer let this account run it
    #[arg(short, long, value_name = "ENTITY")]
    remove: Vec<String>,
    /// Give it a product code
    #[arg(
        short,
        long = "product-code",
        alias = "product-codes",
        value_name = "CODE"
    )]
    product_code: Vec<String>,
    /// Say what it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    calling: Calling<CapitalKeys>,
}

fn entities(names: &[String]) -> Vec<LaunchPermission> {
    let entity = |name: &String| match name.as_str() {
        ALL => LaunchPermission::All,
        _ => LaunchPermission::Account(name.clone()),
    };
    names.iter().map(entity).collect()
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
        let id = self.id.as_str();
        let line = |columns: &[&str]| self.calling.common.line(columns);
        let permission = |change: &str, name: &String| {
            let kind = if name == ALL { "Group" } else { "UserId" };
            line(&["launchPermission", id, change, kind, name])
        };
        let added = self.add.iter().map(|name| permission("ADD", name));
        let removed = self.remove.iter().map(|name| permission("REMOVE", name));
        let codes = self
            .product_code
            .iter()
            .map(|code| line(&["productcodes", id, "productCode", code]));
        let text = self
            .description
            .iter()
            .map(|text| line(&["description", id, "", text]));
        added.chain(removed).chain(codes).chain(text).collect()
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

/// Take changes of an image's attribute back
#[derive(Args)]
pub(super) struct ResetAttribute {
    /// The image
    id: ImageId,
    /// Who may run it
    #[arg(short, long = "launch-permission", required = true)]
    launch_permission: bool,
    #[command(flatten)]
    calling: Calling<Keys>,
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
