//! `DescribeImageAttribute`, `ModifyImageAttribute`, `ResetImageAttribute`

use gumnut_cloud_catalogue::{Caller, LaunchPermissions, Profile};
use gumnut_cloud_images::{ImageModification, LaunchEntries};
use gumnut_types::AccountId;

use crate::context::Context;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::{self, Xml};

/// The devices that every image in an object store has.
const DEVICES: [(&str, &str); 4] = [
    ("emi", "sda1"),
    ("ephemeral0", "sda2"),
    ("swap", "sda3"),
    ("root", "/dev/sda1"),
];

pub(crate) async fn describe(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let id = parameters.image_id(context.profile())?;
    let attribute = parameters.required("Attribute")?;
    let image = context.services.images.attributes(caller, id).await?;
    let mut xml = Xml::new();
    xml.leaf("imageId", &image.id);
    match attribute {
        "launchPermission" => xml.element("launchPermission", |xml| launch(xml, &image.launch)),
        "productCodes" => xml.element("productCodes", |xml| {
            for code in &image.product_codes {
                xml.element("item", |xml| xml.leaf("productCode", code));
            }
        }),
        "kernel" => value(&mut xml, attribute, image.kernel.as_deref()),
        "ramdisk" => value(&mut xml, attribute, image.ramdisk.as_deref()),
        "description" => value(&mut xml, attribute, image.description.as_deref()),
        "blockDeviceMapping" => xml.element("blockDeviceMapping", |xml| {
            for (virtual_name, device) in DEVICES {
                xml.element("item", |xml| {
                    xml.leaf("virtualName", virtual_name);
                    xml.leaf("deviceName", device);
                });
            }
        }),
        other => return Err(Refusal::invalid_value("attribute", other)),
    }
    Ok(xml)
}

fn value(xml: &mut Xml, attribute: &str, value: Option<&str>) {
    xml.element(attribute, |xml| xml.some("value", value));
}

fn launch(xml: &mut Xml, launch: &LaunchPermissions) {
    if launch.public {
        xml.element("item", |xml| xml.leaf("group", "all"));
    }
    for account in &launch.accounts {
        xml.element("item", |xml| xml.leaf("userId", account));
    }
}

/// Whom `UserId` and `Group` parameters name; user ids win when both are given.
fn entries(
    users: &[String],
    groups: &[String],
    profile: Profile,
) -> Result<LaunchEntries, Refusal> {
    if users.is_empty() {
        if let Some(group) = groups.iter().find(|group| *group != "all") {
            return Err(Refusal::invalid_value("userGroup", group));
        }
        return Ok(LaunchEntries {
            everybody: !groups.is_empty(),
            ..LaunchEntries::default()
        });
    }
    Ok(LaunchEntries {
        everybody: false,
        accounts: users
            .iter()
            .map(|user| account(user, profile))
            .collect::<Result<_, _>>()?,
    })
}

fn account(user: &str, profile: Profile) -> Result<String, Refusal> {
    match user.parse::<AccountId>() {
        Ok(account) => Ok(account.to_string()),
        // Those clouds know users by name.
        Err(_) if profile.is_legacy() => Ok(user.to_owned()),
        Err(_) => {
            let message = format!("Not a valid userId : {user}");
            Err(Refusal::of(profile, "InvalidParameterValue", message))
        }
    }
}

/// The entries of `LaunchPermission.Add.1.UserId` and its relatives, each of which names a group or an account; `operation` is
/// `Add` or `Remove`.
fn launch_entries(
    parameters: &Parameters,
    operation: &str,
    profile: Profile,
) -> Result<LaunchEntries, Refusal> {
    let mut found = LaunchEntries::default();
    let name = format!("LaunchPermission.{operation}");
    for number in parameters.numbers(&name) {
        let [user, group] =
            ["UserId", "Group"].map(|what| parameters.owned(&format!("{name}.{number}.{what}")));
        if user.is_none() && group.is_none() {
            parameters.required(&format!("{name}.{number}.UserId"))?;
        }
        found.everybody |= entries(&[], group.as_slice(), profile)?.everybody;
        let named = entries(user.as_slice(), &[], profile)?;
        found.accounts.extend(named.accounts);
    }
    Ok(found)
}

/// What is to be modified: one attribute, as in EC2.
fn modification(parameters: &Parameters, profile: Profile) -> Result<ImageModification, Refusal> {
    let description = parameters
        .get("Description.Value")
        .or(parameters.get("Description"));
    let codes = parameters.list("ProductCode");
    let by_entries = parameters.any(|name| name.starts_with("LaunchPermission."));
    let users = parameters.list("UserId");
    let mut groups = parameters.list("UserGroup");
    groups.extend(parameters.list("Group"));
    let kinds = [
        description.is_some(),
        !codes.is_empty(),
        by_entries,
        !users.is_empty() || !groups.is_empty(),
    ];
    if kinds.into_iter().filter(|given| *given).count() > 1 {
        let message = "Only one attribute can be modified at a time";
        return Err(Refusal::new("InvalidParameterCombination", message));
    }
    if let Some(description) = description {
        return Ok(ImageModification::Description(description.to_owned()));
    }
    if !codes.is_empty() {
        return Ok(ImageModification::ProductCodes(codes));
    }
    if by_entries {
        return Ok(ImageModification::Launch {
            add: launch_entries(parameters, "Add", profile)?,
            remove: launch_entries(parameters, "Remove", profile)?,
        });
    }
    let attribute = parameters.required("Attribute")?;
    if attribute != "launchPermission" {
        return Err(Refusal::invalid_value("attribute", attribute));
    }
    let named = entries(&users, &groups, profile)?;
    match parameters.required("OperationType")? {
        "add" => Ok(ImageModification::Launch {
            add: named,
            remove: LaunchEntries::default(),
        }),
        "remove" => Ok(ImageModification::Launch {
            add: LaunchEntries::default(),
            remove: named,
        }),
        other => Err(Refusal::invalid_value("operationType", other)),
    }
}

pub(crate) async fn modify(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let profile = context.profile();
    let id = parameters.image_id(profile)?;
    let modification = modification(parameters, profile)?;
    let done = context
        .services
        .images
        .modify(caller, id, modification)
        .await?;
    Ok(xml::returned(done))
}

pub(crate) async fn reset(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let id = parameters.image_id(context.profile())?;
    let attribute = parameters.required("Attribute")?;
    if attribute != "launchPermission" {
        return Err(Refusal::invalid_value("attribute", attribute));
    }
    context
        .services
        .images
        .reset_launch_permissions(caller, id)
        .await?;
    Ok(xml::returned(true))
}
