//! From the rows of instances to what the network and the metadata service know of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use gumnut_cloud_catalogue::{Profile, Protocol, RuleSource, SecurityGroup};
use gumnut_cloud_instances::{InstanceError, Instances, LiveInstance, View};
use gumnut_cloud_metadata::{Instance, KeyPair, MetadataOptions, Tree};
use gumnut_cloud_network::{Cidr, GroupId, Mac, Rule, Source, Traffic};

use super::wiring::Known;

/// What does not depend on an instance.
#[derive(Clone, Debug)]
pub(super) struct Describe {
    pub(super) profile: Profile,
    /// What the cloud is called.
    pub(super) region: String,
}

/// The domain of the services of a Eucalyptus cloud.
const DOMAIN: &str = "eucalyptus.internal";

impl Describe {
    /// What is known of all instances that have machines, or soon have.
    pub(super) async fn all(&self, instances: &Instances) -> Result<Known, InstanceError> {
        let View { instances, groups } = instances.view().await?;
        let mut known = Known {
            rules: rules(&groups),
            ..Known::default()
        };
        for live in instances {
            let groups = live.instance.groups.iter();
            let groups = groups.filter_map(|group| group.0.parse().ok()).collect();
            known.groups.insert(live.id.clone(), groups);
            let metadata = Arc::new(self.metadata(&live));
            known.metadata.insert(live.id, metadata);
        }
        Ok(known)
    }

    fn metadata(&self, live: &LiveInstance) -> Instance {
        let (row, launch) = (&live.instance, &live.instance.launch);
        let launched = u64::try_from(row.launched).unwrap_or_default();
        let options = &row.settings.metadata;
        Instance {
            tree: match self.profile {
                Profile::Euca16 | Profile::Euca20 => Tree::Eucalyptus2009,
                Profile::Euca44 => Tree::Eucalyptus44,
                Profile::Strict => Tree::Ec2,
            },
            id: row.id.clone(),
            reservation: row.reservation.clone(),
            launch_index: launch.index,
            account: row.owner.to_string(),
            image: launch.image.id.clone(),
            manifest: launch.image.location.clone(),
            kernel: launch.kernel.as_ref().map(|kernel| kernel.id.clone()),
            ramdisk: launch.ramdisk.as_ref().map(|ramdisk| ramdisk.id.clone()),
            instance_type: launch.instance_type.clone(),
            architecture: launch.architecture.clone(),
            zone: launch.zone.clone(),
            region: self.region.clone(),
            domain: DOMAIN.to_owned(),
            private: live.private,
            public: live.public,
            private_name: live.host_name.clone(),
            public_name: live.public.to_string(),
            mac: Mac(live.mac).to_string(),
            key: launch.key.as_ref().map(|key| KeyPair {
                name: key.name.clone(),
                public: key.public.clone(),
            }),
            groups: row.groups.iter().map(|group| group.1.clone()).collect(),
            block_devices: block_devices(live),
            product_codes: launch.product_codes.clone(),
            ancestors: launch.ancestry.clone(),
            launched: UNIX_EPOCH + Duration::from_millis(launched),
            user_data: live.user_data.clone(),
            tags: row
                .tags
                .iter()
                .map(|tag| (tag.key.clone(), tag.value.clone()))
                .collect(),
            options: MetadataOptions {
                enabled: options.enabled,
                tokens_required: options.tokens_required,
                hop_limit: options.hop_limit,
                tags: options.tags,
            },
        }
    }
}

/// The rules of all groups, by the ids of the groups.
fn rules(groups: &[SecurityGroup]) -> BTreeMap<GroupId, Vec<Rule>> {
    let id_of = |owner: &str, name: &str| {
        let mut named = groups.iter();
        let found = named.find(|group| group.owner.as_str() == owner && group.name == name);
        found?.id.parse().ok()
    };
    let all = groups.iter().filter_map(|group| {
        let rules = group.rules.iter().filter_map(|rule| {
            let source = match &rule.source {
                RuleSource::Cidr(range) => {
                    Source::Cidr(Cidr::new(range.address(), range.prefix())?)
                }
                // Nobody is in a group that does not exist.
                RuleSource::Group { owner, name } => Source::Group(id_of(owner, name)?),
            };
            let traffic = traffic(rule.protocol, rule.from, rule.to)?;
            Some(Rule { traffic, source })
        });
        Some((group.id.parse().ok()?, rules.collect()))
    });
    all.collect()
}

/// The packets of a rule; `None` for numbers that no packet has.
fn traffic(protocol: Protocol, from: i32, to: i32) -> Option<Traffic> {
    let number = |value: i32| match value {
        -1 => Some(None),
        _ => u8::try_from(value).ok().map(Some),
    };
    let port = |value: i32| u16::try_from(value).ok();
    Some(match protocol {
        Protocol::Tcp => Traffic::Tcp(port(from)?..=port(to)?),
        Protocol::Udp => Traffic::Udp(port(from)?..=port(to)?),
        Protocol::Icmp => Traffic::Icmp {
            kind: number(from)?,
            code: number(to)?,
        },
        Protocol::Any => Traffic::Any,
    })
}

/// Virtual names and devices, as the disk was made: a root file system is the first of three partitions.
fn block_devices(live: &LiveInstance) -> Vec<(String, String)> {
    let launch = &live.instance.launch;
    let partitions = [
        ("ami", "sda1"),
        ("emi", "sda1"),
        ("ephemeral", "sda2"),
        ("ephemeral0", "sda2"),
        ("root", "/dev/sda1"),
        ("swap", "sda3"),
    ];
    let whole = [("ami", "sda"), ("emi", "sda"), ("root", "/dev/sda")];
    let devices: &[(&str, &str)] = if launch.kernel.is_some() {
        &partitions
    } else {
        &whole
    };
    devices
        .iter()
        .map(|(name, device)| ((*name).to_owned(), (*device).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use gumnut_cloud_catalogue as catalogue;

    use super::*;

    fn group(id: &str, name: &str, rules: Vec<catalogue::Rule>) -> SecurityGroup {
        SecurityGroup {
            owner: "000000000001".parse().unwrap(),
            name: name.to_owned(),
            id: id.to_owned(),
            description: String::new(),
            rules,
            created: 0,
        }
    }

    fn rule(protocol: Protocol, from: i32, to: i32, source: RuleSource) -> catalogue::Rule {
        catalogue::Rule {
            protocol,
            from,
            to,
            source,
            description: None,
        }
    }

    #[test]
    fn rules_are_those_of_the_network() {
        let anywhere = || RuleSource::Cidr("0.0.0.0/0".parse().unwrap());
        let of_group = |name: &str| RuleSource::Group {
            owner: "000000000001".to_owned(),
            name: name.to_owned(),
        };
        let web = vec![
            rule(Protocol::Tcp, 22, 22, anywhere()),
            rule(Protocol::Icmp, -1, -1, of_group("default")),
            rule(Protocol::Any, -1, -1, of_group("nobody")),
            rule(Protocol::Icmp, 8, 0, anywhere()),
        ];
        let groups = [
            group("sg-00000001", "web", web),
            group("sg-00000002", "default", vec![]),
        ];
        let rules = rules(&groups);
        let everyone = Source::Cidr(Cidr::ANYWHERE);
        let expected = [
            (Traffic::Tcp(22..=22), everyone.clone()),
            (
                Traffic::Icmp {
                    kind: None,
                    code: None,
                },
                Source::Group("sg-00000002".parse().unwrap()),
            ),
            (
                Traffic::Icmp {
                    kind: Some(8),
                    code: Some(0),
                },
                everyone,
            ),
        ];
        let expected = expected.map(|(traffic, source)| Rule { traffic, source });
        assert_eq!(rules[&"sg-00000001".parse().unwrap()], expected);
        assert!(rules[&"sg-00000002".parse().unwrap()].is_empty());
    }
}
