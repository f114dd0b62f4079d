//! `DescribeImageAttribute`, `ModifyImageAttribute`, `ResetImageAttribute`

use std::collections::BTreeSet;

use gumnut_types::AccountId;
use rusqlite::Connection;

use super::images::{self, Image, Launch};
use super::parameters::{Parameters, not_found};
use super::{Context, Xml, xml};
use crate::auth::Caller;
use crate::register::Refusal;
use gumnut_cloud_catalogue::Profile;

/// The devices that every image in an object store has.
const DEVICES: [(&str, &str); 4] = [
    ("emi", "sda1"),
    ("ephemeral0", "sda2"),
    ("swap", "sda3"),
    ("root", "/dev/sda1"),
];

/// The image, if the caller administers it.
fn own_image(
    connection: &Connection,
    id: &str,
    caller: &Caller,
    profile: Profile,
) -> Result<Image, Refusal> {
    let image = visible_image(connection, id, caller, profile)?;
    if image.administered_by(caller) {
        Ok(image)
    } else {
        let message = "Not authorized for image:".to_owned() + id;
        Err(crate::register::refuse(profile, "AuthFailure", message))
    }
}

/// The image, if the caller may run it.
fn visible_image(
    connection: &Connection,
    id: &str,
    caller: &Caller,
    profile: Profile,
) -> Result<Image, Refusal> {
    let image = images::get(connection, id)?.filter(|image| image.usable_by(caller, profile));
    image.ok_or_else(|| not_found(id))
}

pub(super) async fn describe(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let profile = context.rules.profile;
    let id = parameters.image_id(profile)?.to_owned();
    let attribute = parameters.required("Attribute")?.to_owned();
    let caller = caller.clone();
    let find = move |connection: &Connection| {
        // The clouds of 2009 and 2010 tell whoever may run the image.
        if profile.is_legacy() {
            visible_image(connection, &id, &caller, profile)
        } else {
            own_image(connection, &id, &caller, profile)
        }
    };
    let image = context.catalogue.read(find).await?;
    let mut xml = Xml::new();
    xml.leaf("imageId", &image.id);
    let value = |xml: &mut Xml, value: &Option<String>| {
        xml.element(&attribute, |xml| xml.some("value", value.as_deref()));
    };
    match attribute.as_str() {
        "launchPermission" => xml.element("launchPermission", |xml| launch(xml, &image.launch)),
        "productCodes" => xml.element("productCodes", |xml| {
            for code in &image.product_codes {
                xml.element("item", |xml| xml.leaf("productCode", code));
            }
        }),
        "kernel" => value(&mut xml, &image.kernel),
        "ramdisk" => value(&mut xml, &image.ramdisk),
        "description" => value(&mut xml, &image.description),
        "blockDeviceMapping" => xml.element("blockDeviceMapping", |xml| {
            for (virtual_name, device) in DEVICES {
                xml.element("item", |xml| {
                    xml.leaf("virtualName", virtual_name);
                    xml.leaf("deviceName", device);
                });
            }
        }),
        other => return Err(invalid("attribute", other)),
    }
    Ok(xml)
}

fn launch(xml: &mut Xml, launch: &Launch) {
    if launch.public {
        xml.element("item", |xml| xml.leaf("group", "all"));
    }
    for account in &launch.accounts {
        xml.element("item", |xml| xml.leaf("userId", account));
    }
}

fn invalid(parameter: &str, value: &str) -> Refusal {
    let message = format!("Value ({value}) for parameter {parameter} is invalid.");
    Refusal::new("InvalidParameterValue", message)
}

/// What is to be changed.
enum Change {
    Launch { add: Entries, remove: Entries },
    ProductCodes(Vec<String>),
    Description(String),
}

/// Who is added or removed.
#[derive(Default)]
struct Entries {
    everybody: bool,
    accounts: BTreeSet<String>,
}

impl Entries {
    /// User ids win when both users and groups are given.
    fn new(users: &[String], groups: &[String], profile: Profile) -> Result<Self, Refusal> {
        if users.is_empty() {
            if let Some(group) = groups.iter().find(|group| *group != "all") {
                return Err(invalid("userGroup", group));
            }
            return Ok(Self {
                everybody: !groups.is_empty(),
                accounts: BTreeSet::new(),
            });
        }
        let user = |user: &String| {
            let account: Result<AccountId, _> = user.parse();
            match account {
                Ok(account) => Ok(account.to_string()),
                // Those clouds know users by name.
                Err(_) if profile.is_legacy() => Ok(user.clone()),
                Err(_) => {
                    let message = format!("Not a valid userId : {user}");
                    Err(crate::register::refuse(
                        profile,
                        "InvalidParameterValue",
                        message,
                    ))
                }
            }
        };
        let accounts = users.iter().map(user).collect::<Result<_, _>>()?;
        Ok(Self {
            everybody: false,
            accounts,
        })
    }

    /// Whether all of them are in `launch`.
    fn are_in(&self, launch: &Launch) -> bool {
        (!self.everybody || launch.public) && self.accounts.is_subset(&launch.accounts)
    }
}

fn change(parameters: &Parameters, profile: Profile) -> Result<Change, Refusal> {
    if let Some(description) = parameters
        .get("Description.Value")
        .or(parameters.get("Description"))
    {
        return Ok(Change::Description(description.to_owned()));
    }
    let codes = parameters.list("ProductCode");
    if !codes.is_empty() {
        return Ok(Change::ProductCodes(codes));
    }
    let new = |operation: &str| {
        let list = |what: &str| {
            (1..=100)
                .map_while(|index| {
                    parameters.owned(&format!("LaunchPermission.{operation}.{index}.{what}"))
                })
                .collect::<Vec<_>>()
        };
        Entries::new(&list("UserId"), &list("Group"), profile)
    };
    if parameters.any(|name| name.starts_with("LaunchPermission.")) {
        return Ok(Change::Launch {
            add: new("Add")?,
            remove: new("Remove")?,
        });
    }
    let attribute = parameters.required("Attribute")?;
    if attribute != "launchPermission" {
        return Err(invalid("attribute", attribute));
    }
    let mut groups = parameters.list("UserGroup");
    groups.extend(parameters.list("Group"));
    let entries = Entries::new(&parameters.list("UserId"), &groups, profile)?;
    match parameters.required("OperationType")? {
        "add" => Ok(Change::Launch {
            add: entries,
            remove: Entries::default(),
        }),
        "remove" => Ok(Change::Launch {
            add: Entries::default(),
            remove: entries,
        }),
        other => Err(invalid("operationType", other)),
    }
}

pub(super) async fn modify(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let profile = context.rules.profile;
    let id = parameters.image_id(profile)?.to_owned();
    let change = change(parameters, profile)?;
    let caller = caller.clone();
    context
        .catalogue
        .write(move |transaction| {
            let image = own_image(transaction, &id, &caller, profile)?;
            match change {
                Change::Launch { add, remove } => {
                    if profile == Profile::Euca16 && !remove.are_in(&image.launch) {
                        return Ok(xml::returned(false));
                    }
                    let mut launch = image.launch.clone();
                    launch.public = (launch.public || add.everybody) && !remove.everybody;
                    launch.accounts.extend(add.accounts);
                    launch
                        .accounts
                        .retain(|account| !remove.accounts.contains(account));
                    images::set_launch(transaction, &image.id, &launch)?;
                }
                Change::ProductCodes(codes) => {
                    images::add_product_codes(transaction, &image, &codes)?;
                }
                Change::Description(text) => {
                    images::set_description(transaction, &image.id, &text)?;
                }
            }
            Ok(xml::returned(true))
        })
        .await
}

pub(super) async fn reset(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let profile = context.rules.profile;
    let id = parameters.image_id(profile)?.to_owned();
    let attribute = parameters.required("Attribute")?;
    if attribute != "launchPermission" {
        return Err(invalid("attribute", attribute));
    }
    let (caller, owner) = (caller.clone(), context.rules.shown_owner());
    context
        .catalogue
        .write(move |transaction| {
            let image = own_image(transaction, &id, &caller, profile)?;
            // The owner remains, and in the clouds of 2009 and 2010 everybody.
            let launch = Launch {
                public: profile.is_legacy(),
                accounts: BTreeSet::from([image.shown_owner(owner).to_owned()]),
            };
            images::set_launch(transaction, &image.id, &launch)?;
            Ok(xml::returned(true))
        })
        .await
}
