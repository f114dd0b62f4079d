//! `DescribeInstanceAttribute` and `ModifyInstanceAttribute`

use data_encoding::BASE64;
use gumnut_cloud_catalogue::{Caller, OnShutdown};
use gumnut_cloud_instances::Modification;

use super::{required_ids, run_request, truth};
use crate::context::Context;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::{self, Xml};

/// Attributes that a stopped instance could be given, by their names in both forms of the call. An instance store cannot be stopped.
const OF_STOPPED: [(&str, &str); 4] = [
    ("instanceType", "InstanceType"),
    ("kernel", "Kernel"),
    ("ramdisk", "Ramdisk"),
    ("userData", "UserData"),
];

pub(crate) async fn describe(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let ids = required_ids(parameters, context.profile())?;
    let attribute = parameters.required("Attribute")?;
    let instances = &context.services.instances;
    let found = instances.one(caller, &ids[0]).await?;
    let (launch, settings) = (&found.launch, &found.settings);
    let value = match attribute {
        "disableApiTermination" => Some(settings.protected.to_string()),
        "instanceInitiatedShutdownBehavior" => Some(
            match settings.on_shutdown {
                OnShutdown::Stop => "stop",
                OnShutdown::Terminate => "terminate",
            }
            .to_owned(),
        ),
        "instanceType" => Some(launch.instance_type.clone()),
        "kernel" => launch.kernel.as_ref().map(|it| it.id.clone()),
        "ramdisk" => launch.ramdisk.as_ref().map(|it| it.id.clone()),
        "rootDeviceName" => Some(launch.root_device.clone()),
        "userData" => {
            let data = instances.user_data(caller, &found.id).await?;
            data.map(|data| BASE64.encode(&data))
        }
        "ebsOptimized" => Some("false".to_owned()),
        "blockDeviceMapping" | "groupSet" | "productCodes" => None,
        other => return Err(Refusal::invalid_value("Attribute", other)),
    };
    let mut xml = Xml::new();
    xml.leaf("instanceId", &found.id);
    xml.element(attribute, |xml| match attribute {
        "groupSet" => {
            for group in &found.groups {
                xml.element("item", |xml| {
                    xml.leaf("groupId", &group.0);
                    xml.leaf("groupName", &group.1);
                });
            }
        }
        "productCodes" => {
            for code in &launch.product_codes {
                xml.element("item", |xml| xml.leaf("productCode", code));
            }
        }
        _ => xml.some("value", value.as_deref()),
    });
    Ok(xml)
}

pub(crate) async fn modify(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let ids = required_ids(parameters, context.profile())?;
    let modification = modification(context, caller, parameters).await?;
    let instances = &context.services.instances;
    instances.modify(caller, &ids[0], modification).await?;
    Ok(xml::returned(true))
}

/// The one change that the call asks for, in its older form with `Attribute` and `Value`, or in the later one.
async fn modification(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Modification, Refusal> {
    let value_of = |old: &str, new: &str| {
        let named = parameters.get("Attribute") == Some(old);
        [
            ("Value", named),
            (&format!("{new}.Value"), true),
            (new, true),
        ]
        .into_iter()
        .filter(|(_, counts)| *counts)
        .find_map(|(name, _)| parameters.given(name).map(|_| name.to_owned()))
    };
    let mut wanted = Vec::new();
    if let Some(name) = value_of("disableApiTermination", "DisableApiTermination") {
        let protected = truth(parameters, &name)?;
        wanted.push(Modification::Protected(
            protected.ok_or_else(|| Refusal::invalid_value(&name, ""))?,
        ));
    }
    let behaviour = "InstanceInitiatedShutdownBehavior";
    if let Some(name) = value_of("instanceInitiatedShutdownBehavior", behaviour) {
        let text = parameters.get(&name).unwrap_or_default();
        wanted.push(Modification::OnShutdown(run_request::on_shutdown(text)?));
    }
    let groups = parameters.list("GroupId");
    if !groups.is_empty() {
        let instances = &context.services.instances;
        let found = instances.groups(caller, &[], &groups).await?;
        wanted.push(Modification::Groups(found));
    }
    for (old, new) in OF_STOPPED {
        if value_of(old, new).is_some() {
            wanted.push(Modification::OfStopped(old));
        }
    }
    let unsupported = [
        "SourceDestCheck",
        "EbsOptimized",
        "BlockDeviceMapping",
        "EnaSupport",
        "SriovNetSupport",
    ];
    if let Some(name) = unsupported
        .into_iter()
        .find(|begin| parameters.any(|name| name.starts_with(begin)))
    {
        let message = format!("The attribute {name} cannot be changed in this cloud.");
        return Err(Refusal::new("UnsupportedOperation", message));
    }
    if wanted.len() > 1 {
        let message = "Only one attribute can be changed at a time";
        return Err(Refusal::new("InvalidParameterCombination", message));
    }
    let first = wanted.pop();
    first.ok_or_else(|| match parameters.get("Attribute") {
        Some(other) => Refusal::invalid_value("Attribute", other),
        None => Refusal::new(
            "MissingParameter",
            "The request must contain an attribute to be changed",
        ),
    })
}
