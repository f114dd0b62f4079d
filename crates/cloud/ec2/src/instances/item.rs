//! Instances in answers, element by element in the order of the cloud that is played.

use std::net::Ipv4Addr;

use gumnut_cloud_catalogue::{
    ImageRules, Instance, InstanceState, MetadataSettings, OwnerId, Profile,
};
use gumnut_cloud_instances::{host_name, public_address};

use super::reason;
use crate::dates::date;
use crate::tags;
use crate::xml::Xml;

/// The version from which on a group has an id and a name.
const GROUPS_HAVE_IDS: &str = "2010-08-31";

/// A reservation: instances of one call.
pub(super) fn reservation(xml: &mut Xml, rules: &ImageRules, version: &str, all: &[Instance]) {
    let Some(first) = all.first() else {
        return;
    };
    xml.leaf("reservationId", &first.reservation);
    xml.leaf("ownerId", owner(first, rules));
    groups(xml, first, rules.profile, version);
    xml.element("instancesSet", |xml| {
        for instance in all {
            xml.element("item", |xml| item(xml, instance, rules.profile, version));
        }
    });
}

/// What `ownerId` shows.
pub(super) fn owner<'i>(instance: &'i Instance, rules: &ImageRules) -> &'i str {
    match rules.shown_owner() {
        OwnerId::Account => instance.owner.as_str(),
        OwnerId::User => &instance.launch.user,
    }
}

/// In the older versions the id of a group is its name.
fn groups(xml: &mut Xml, instance: &Instance, profile: Profile, version: &str) {
    let has_ids = !profile.is_legacy() && version >= GROUPS_HAVE_IDS;
    xml.element("groupSet", |xml| {
        for group in &instance.groups {
            xml.element("item", |xml| {
                xml.leaf("groupId", if has_ids { &group.0 } else { &group.1 });
                if has_ids {
                    xml.leaf("groupName", &group.1);
                }
            });
        }
    });
}

/// Number and word of a state.
pub(super) fn state(xml: &mut Xml, name: &str, state: InstanceState) {
    xml.element(name, |xml| {
        xml.leaf("code", &state.code().to_string());
        xml.leaf("name", state.as_str());
    });
}

/// The names and addresses of an instance as its answers have them.
pub(super) struct Names {
    pub(super) private_name: String,
    pub(super) public_name: String,
    pub(super) private: Option<Ipv4Addr>,
    pub(super) public: Option<Ipv4Addr>,
}

impl Names {
    pub(super) fn of(instance: &Instance, profile: Profile) -> Self {
        let is_new = instance.state == InstanceState::Pending;
        if profile == Profile::Strict {
            let private = instance.address;
            let public = private.filter(|_| !is_new).map(public_address);
            return Self {
                private_name: private.map(host_name).unwrap_or_default(),
                public_name: public.map(|it| it.to_string()).unwrap_or_default(),
                private,
                public,
            };
        }
        let none = Ipv4Addr::UNSPECIFIED;
        let private = instance.address.filter(|_| !is_new).unwrap_or(none);
        let public = match instance.address.filter(|_| !is_new) {
            Some(private) => public_address(private),
            None => none,
        };
        let private_name = if profile == Profile::Euca44 && !private.is_unspecified() {
            let dashes = private.to_string().replace('.', "-");
            format!("euca-{dashes}.eucalyptus.internal")
        } else {
            private.to_string()
        };
        Self {
            private_name,
            public_name: public.to_string(),
            private: Some(private),
            public: Some(public),
        }
    }
}

fn item(xml: &mut Xml, instance: &Instance, profile: Profile, version: &str) {
    let (launch, settings) = (&instance.launch, &instance.settings);
    let names = Names::of(instance, profile);
    xml.leaf("instanceId", &instance.id);
    xml.leaf("imageId", &launch.image.id);
    state(xml, "instanceState", instance.state);
    xml.leaf("privateDnsName", &names.private_name);
    xml.leaf("dnsName", &names.public_name);
    xml.some(
        "reason",
        reason::text(settings.reason.as_ref(), profile).as_deref(),
    );
    xml.some("keyName", launch.key.as_ref().map(|key| key.name.as_str()));
    xml.leaf("amiLaunchIndex", &launch.index.to_string());
    xml.element("productCodes", |xml| {
        for code in &launch.product_codes {
            xml.element("item", |xml| xml.leaf("productCode", code));
        }
    });
    xml.leaf("instanceType", &launch.instance_type);
    xml.leaf("launchTime", &date(instance.launched));
    xml.element("placement", |xml| {
        xml.leaf("availabilityZone", &launch.zone);
        if profile == Profile::Strict {
            xml.leaf("groupName", "");
            xml.leaf("tenancy", "default");
        }
    });
    xml.some("kernelId", launch.kernel.as_ref().map(|it| it.id.as_str()));
    xml.some(
        "ramdiskId",
        launch.ramdisk.as_ref().map(|it| it.id.as_str()),
    );
    xml.some("platform", launch.platform.as_deref());
    xml.element("monitoring", |xml| {
        let word = if launch.monitoring {
            "enabled"
        } else {
            "disabled"
        };
        xml.leaf("state", word);
    });
    if !profile.is_legacy() {
        later(xml, instance, &names, profile, version);
    }
}

/// What the clouds after 2010 say.
fn later(xml: &mut Xml, instance: &Instance, names: &Names, profile: Profile, version: &str) {
    let (launch, settings) = (&instance.launch, &instance.settings);
    let text = |address: Option<Ipv4Addr>| address.map(|address| address.to_string());
    xml.some("privateIpAddress", text(names.private).as_deref());
    xml.some("ipAddress", text(names.public).as_deref());
    groups(xml, instance, profile, version);
    if profile == Profile::Strict
        && let Some((code, message)) = settings.reason.as_ref().and_then(reason::state_reason)
    {
        xml.element("stateReason", |xml| {
            xml.leaf("code", code);
            xml.leaf("message", &message);
        });
    }
    xml.leaf("architecture", &launch.architecture);
    xml.leaf("rootDeviceType", "instance-store");
    xml.leaf("rootDeviceName", &launch.root_device);
    // Volumes only.
    xml.element("blockDeviceMapping", |_| {});
    xml.leaf("virtualizationType", &launch.virtualization);
    xml.some("clientToken", launch.client_token.as_deref());
    xml.element("tagSet", |xml| {
        for tag in &instance.tags {
            xml.element("item", |xml| tags::pair(xml, tag));
        }
    });
    if profile == Profile::Strict {
        xml.element("networkInterfaceSet", |_| {});
        xml.leaf("ebsOptimized", "false");
        metadata(xml, settings.metadata);
    } else {
        xml.element("networkInterfaceSet", |_| {});
    }
}

fn metadata(xml: &mut Xml, settings: MetadataSettings) {
    let switch = |is_on| if is_on { "enabled" } else { "disabled" };
    xml.element("metadataOptions", |xml| {
        xml.leaf("state", "applied");
        let tokens = if settings.tokens_required {
            "required"
        } else {
            "optional"
        };
        xml.leaf("httpTokens", tokens);
        xml.leaf("httpPutResponseHopLimit", &settings.hop_limit.to_string());
        xml.leaf("httpEndpoint", switch(settings.enabled));
        xml.leaf("httpProtocolIpv6", "disabled");
        xml.leaf("instanceMetadataTags", switch(settings.tags));
    });
}
