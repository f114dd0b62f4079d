//! The identity document.

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::instance::{Instance, Tree};

/// In the order of EC2. What is null is null there, too.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    account_id: &'a str,
    architecture: &'a str,
    availability_zone: &'a str,
    billing_products: Option<[&'a str; 0]>,
    devpay_product_codes: Option<[&'a str; 0]>,
    marketplace_product_codes: Option<&'a [String]>,
    image_id: &'a str,
    instance_id: &'a str,
    instance_type: &'a str,
    kernel_id: Option<&'a str>,
    pending_time: String,
    private_ip: String,
    ramdisk_id: Option<&'a str>,
    region: &'a str,
    version: &'static str,
}

pub(crate) fn of(instance: &Instance) -> String {
    let launched = OffsetDateTime::from(instance.launched).replace_nanosecond(0);
    let pending_time = launched.ok().and_then(|time| time.format(&Rfc3339).ok());
    let codes = &instance.product_codes;
    let document = Document {
        account_id: &instance.account,
        architecture: &instance.architecture,
        availability_zone: &instance.zone,
        billing_products: None,
        devpay_product_codes: None,
        marketplace_product_codes: (!codes.is_empty()).then_some(codes),
        image_id: &instance.image,
        instance_id: &instance.id,
        instance_type: &instance.instance_type,
        kernel_id: instance.kernel.as_deref(),
        pending_time: pending_time.unwrap_or_default(),
        private_ip: instance.private.to_string(),
        ramdisk_id: instance.ramdisk.as_deref(),
        region: &instance.region,
        version: match instance.tree {
            Tree::Ec2 => "2017-09-30",
            _ => "2010-08-31",
        },
    };
    // Texts and nothing else: this cannot fail.
    serde_json::to_string_pretty(&document).unwrap_or_default()
}
