//! Attributes of images: who may run them, and what they say of themselves.

use gumnut_transport::{TransportError, xml::Element};
use gumnut_types::ImageId;

use crate::Ec2Client;
use crate::client::{Parameters, answer, malformed};
use crate::describe::device;
use crate::register::DeviceMapping;

/// An attribute together with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageAttribute {
    /// Who may run the image.
    LaunchPermission(Vec<LaunchPermission>),
    /// Its product codes.
    ProductCodes(Vec<String>),
    /// Its kernel.
    Kernel(Option<String>),
    /// Its ramdisk.
    Ramdisk(Option<String>),
    /// What it is for.
    Description(Option<String>),
    /// Its block devices.
    BlockDevices(Vec<DeviceMapping>),
}

/// One who may run an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaunchPermission {
    /// Everybody.
    All,
    /// One account.
    Account(String),
}

/// How permission changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermissionChange {
    /// It is given.
    Add,
    /// It is taken away.
    Remove,
}

impl ImageAttribute {
    /// Reads the attribute of this name from the body of an answer.
    ///
    /// # Errors
    /// [`TransportError::Malformed`].
    pub fn read(name: &str, body: &[u8]) -> Result<Self, TransportError> {
        attribute(name, &answer("DescribeImageAttribute", body)?)
    }
}

impl Ec2Client {
    /// Asks who may run an image.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn launch_permission(&self, id: &ImageId) -> Result<ImageAttribute, TransportError> {
        self.attribute(id, "launchPermission").await
    }

    /// Asks for an attribute by its name: `launchPermission`, `productCodes`, `kernel`, `ramdisk`,
    /// `blockDeviceMapping` or `description`.
    ///
    /// # Errors
    /// When the cloud refuses, or answers with another attribute.
    pub async fn attribute(
        &self,
        id: &ImageId,
        name: &str,
    ) -> Result<ImageAttribute, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("ImageId", id.as_str());
        parameters.add("Attribute", name);
        let answer = self.call("DescribeImageAttribute", parameters).await?;
        attribute(name, &answer)
    }

    /// Lets some run an image, or no longer. Clouds take groups and accounts in requests of their own.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn change_launch_permission(
        &self,
        id: &ImageId,
        change: PermissionChange,
        who: &[LaunchPermission],
    ) -> Result<(), TransportError> {
        let (accounts, all): (Vec<_>, Vec<_>) = who
            .iter()
            .partition(|who| matches!(who, LaunchPermission::Account(_)));
        for group in [all, accounts] {
            if !group.is_empty() {
                self.change_permissions(id, change, &group).await?;
            }
        }
        Ok(())
    }

    async fn change_permissions(
        &self,
        id: &ImageId,
        change: PermissionChange,
        who: &[&LaunchPermission],
    ) -> Result<(), TransportError> {
        let operation = match change {
            PermissionChange::Add => "add",
            PermissionChange::Remove => "remove",
        };
        let mut parameters = Parameters::default();
        parameters.add("ImageId", id.as_str());
        parameters.add("Attribute", "launchPermission");
        parameters.add("OperationType", operation);
        for (index, who) in (1..).zip(who) {
            match who {
                LaunchPermission::All => parameters.add(format!("UserGroup.{index}"), "all"),
                LaunchPermission::Account(account) => {
                    parameters.add(format!("UserId.{index}"), account);
                }
            }
        }
        self.command("ModifyImageAttribute", parameters).await
    }

    /// Gives an image product codes.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn add_product_codes(
        &self,
        id: &ImageId,
        codes: &[String],
    ) -> Result<(), TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("ImageId", id.as_str());
        parameters.add("Attribute", "productCodes");
        parameters.add_all("ProductCode", codes);
        self.command("ModifyImageAttribute", parameters).await
    }

    /// Says what an image is for.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn set_description(&self, id: &ImageId, text: &str) -> Result<(), TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("ImageId", id.as_str());
        parameters.add("Description.Value", text);
        self.command("ModifyImageAttribute", parameters).await
    }

    /// Gives the permission to run an image back to its owner alone.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn reset_launch_permission(&self, id: &ImageId) -> Result<(), TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("ImageId", id.as_str());
        parameters.add("Attribute", "launchPermission");
        self.command("ResetImageAttribute", parameters).await
    }
}

fn attribute(name: &str, answer: &Element) -> Result<ImageAttribute, TransportError> {
    match name {
        "launchPermission" => {
            let permissions: Option<_> = answer.items(name).map(permission).collect();
            permissions
                .map(ImageAttribute::LaunchPermission)
                .ok_or_else(|| {
                    malformed(
                        "DescribeImageAttribute",
                        "a permission names neither a user nor a group".to_owned(),
                    )
                })
        }
        "productCodes" => {
            let codes = answer
                .items(name)
                .filter_map(|item| item.text_of("productCode"));
            Ok(ImageAttribute::ProductCodes(
                codes.map(str::to_owned).collect(),
            ))
        }
        "blockDeviceMapping" => Ok(ImageAttribute::BlockDevices(
            answer.items(name).filter_map(device).collect(),
        )),
        "kernel" => Ok(ImageAttribute::Kernel(value(answer, name))),
        "ramdisk" => Ok(ImageAttribute::Ramdisk(value(answer, name))),
        "description" => Ok(ImageAttribute::Description(value(answer, name))),
        _ => Err(malformed(
            "DescribeImageAttribute",
            format!("{name:?} is not supported"),
        )),
    }
}

/// The text of an attribute; `None` when the image has none.
fn value(answer: &Element, name: &str) -> Option<String> {
    answer.child(name)?.text_of("value").map(str::to_owned)
}

fn permission(item: &Element) -> Option<LaunchPermission> {
    match (item.text_of("group"), item.text_of("userId")) {
        (Some("all"), _) => Some(LaunchPermission::All),
        (_, Some(account)) => Some(LaunchPermission::Account(account.to_owned())),
        _ => None,
    }
}
