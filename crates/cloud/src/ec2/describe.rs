//! `DescribeImages`

use rusqlite::Connection;

use super::filter::Filter;
use super::images::{self, Image};
use super::parameters::{Parameters, not_found, well_formed};
use super::{Context, Xml};
use crate::auth::Caller;
use crate::register::{Refusal, class_name};

/// With this id an administrator sees images in every state.
const VERBOSE: &str = "verbose";

/// What a request asks for: an image must satisfy all of it.
struct Wanted {
    caller: Caller,
    ids: Vec<String>,
    verbose: bool,
    owners: Vec<String>,
    executable_by: Vec<String>,
    filters: Vec<Filter>,
}

pub(super) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let mut ids = parameters.list("ImageId");
    let verbose = ids.iter().any(|id| id == VERBOSE);
    ids.retain(|id| id != VERBOSE);
    for id in &ids {
        well_formed(id)?;
    }
    let wanted = Wanted {
        caller: caller.clone(),
        ids,
        verbose: verbose && caller.admin,
        owners: parameters.list("Owner"),
        executable_by: parameters.list("ExecutableBy"),
        filters: Filter::of(parameters)?,
    };
    let images = context
        .catalogue
        .read(move |connection| wanted.select(connection))
        .await?;
    let mut xml = Xml::new();
    xml.element("imagesSet", |xml| {
        for image in &images {
            xml.element("item", |xml| item(xml, image));
        }
    });
    Ok(xml)
}

impl Wanted {
    fn select(&self, connection: &Connection) -> Result<Vec<Image>, Refusal> {
        let mut images = images::all(connection)?;
        images.retain(|image| image.usable_by(&self.caller));
        for id in &self.ids {
            if !images.iter().any(|image| image.id.eq_ignore_ascii_case(id)) {
                return Err(not_found(id));
            }
        }
        images.retain(|image| self.wants(image));
        Ok(images)
    }

    fn wants(&self, image: &Image) -> bool {
        let listed =
            self.verbose || matches!(image.state.as_str(), "available" | "pending" | "failed");
        let named =
            self.ids.is_empty() || self.ids.iter().any(|id| image.id.eq_ignore_ascii_case(id));
        let owned =
            self.owners.is_empty() || self.owners.iter().any(|owner| self.is_owner(owner, image));
        let executable = self.executable_by.is_empty()
            || self
                .executable_by
                .iter()
                .any(|who| self.may_execute(who, image));
        let filtered = self.filters.iter().all(|filter| filter.matches(image));
        listed && named && owned && executable && filtered
    }

    fn is_owner(&self, owner: &str, image: &Image) -> bool {
        match owner {
            "self" => image.owner == self.caller.account,
            number => image.owner.as_str() == number,
        }
    }

    fn may_execute(&self, who: &str, image: &Image) -> bool {
        match who {
            "all" => image.launch.public,
            "self" => image.launch.accounts.contains(self.caller.account.as_str()),
            number => image.launch.accounts.contains(number),
        }
    }
}

fn item(xml: &mut Xml, image: &Image) {
    xml.leaf("imageId", &image.id);
    xml.leaf("imageLocation", &image.location);
    xml.leaf("imageState", &image.state);
    xml.leaf("imageOwnerId", image.owner.as_str());
    xml.leaf(
        "isPublic",
        if image.launch.public { "true" } else { "false" },
    );
    xml.element("productCodes", |xml| {
        for code in &image.product_codes {
            xml.element("item", |xml| xml.leaf("productCode", code));
        }
    });
    xml.leaf("architecture", &image.architecture);
    xml.leaf("imageType", class_name(image.class));
    xml.some("kernelId", image.kernel.as_deref());
    xml.some("ramdiskId", image.ramdisk.as_deref());
    xml.some("platform", image.platform.as_deref());
    xml.leaf("imageOwnerAlias", &image.owner_name);
    xml.some("name", image.name.as_deref());
    xml.some("description", image.description.as_deref());
    xml.leaf("rootDeviceType", "instance-store");
    xml.some("rootDeviceName", image.root_device.as_deref());
    xml.element("blockDeviceMapping", |xml| {
        for (virtual_name, device) in &image.block_devices {
            xml.element("item", |xml| {
                xml.leaf("deviceName", device);
                xml.leaf("virtualName", virtual_name);
            });
        }
    });
    xml.leaf("virtualizationType", &image.virtualization);
    xml.element("tagSet", |_| {});
    xml.leaf("creationDate", &date(image.created));
}

/// `2010-06-03T22:15:57.552Z`
fn date(millis: i64) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    time.ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}
