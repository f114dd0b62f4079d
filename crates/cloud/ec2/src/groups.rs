//! `CreateSecurityGroup`, `DescribeSecurityGroups`, `AuthorizeSecurityGroupIngress`, `RevokeSecurityGroupIngress` and
//! `DeleteSecurityGroup`.

use std::collections::BTreeMap;

use gumnut_cloud_catalogue::{Caller, OwnerId, Profile, Protocol, Rule, RuleSource, SecurityGroup};
use gumnut_cloud_instances::{GroupRef, Permission, SourceGroup};

use crate::context::Context;
use crate::filter::glob;
use crate::page;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::{self, Xml};

/// The filters of `DescribeSecurityGroups`; no group here has a value for the last ones.
const FILTERS: [&str; 13] = [
    "description",
    "group-id",
    "group-name",
    "ip-permission.cidr",
    "ip-permission.from-port",
    "ip-permission.group-name",
    "ip-permission.protocol",
    "ip-permission.to-port",
    "ip-permission.user-id",
    "owner-id",
    "tag-key",
    "tag-value",
    "vpc-id",
];
/// Parts of permissions that groups here cannot have.
const NOT_HERE: [&str; 2] = ["Ipv6Ranges", "PrefixListIds"];

pub(crate) async fn create(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let name = parameters.required("GroupName")?;
    let description = parameters.required("GroupDescription")?;
    if let Some(vpc) = parameters.get("VpcId") {
        let message = format!("The vpc ID '{vpc}' does not exist");
        return Err(Refusal::new("InvalidVpcID.NotFound", message));
    }
    if parameters.any(|name| name.starts_with("TagSpecification.")) {
        let message = "Security groups cannot be tagged in this cloud.";
        return Err(Refusal::new("UnsupportedOperation", message));
    }
    let created = context.services.groups.create(caller, name, description);
    let created = created.await?;
    let mut xml = xml::returned(true);
    if !context.profile().is_legacy() {
        xml.leaf("groupId", &created.id);
    }
    Ok(xml)
}

pub(crate) async fn describe(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let filters =
        parameters.known_filters(|name| FILTERS.contains(&name) || name.starts_with("tag:"))?;
    let page = page::Wanted::of(parameters, |token| token.starts_with("sg-"))?;
    let names = parameters.list("GroupName").into_iter().map(GroupRef::Name);
    let ids = parameters.list("GroupId").into_iter().map(GroupRef::Id);
    let wanted: Vec<_> = names.chain(ids).collect();
    let mut groups = context.services.groups.select(caller, &wanted).await?;
    let owners = Owners::of(context, caller).await?;
    if !page.is_all() {
        groups.sort_by(|one, other| one.id.cmp(&other.id));
    }
    groups.retain(|group| filters.iter().all(|filter| fits(group, &owners, filter)));
    let (groups, next) = page.cut(groups, |group| &group.id);
    let mut xml = Xml::new();
    xml.element("securityGroupInfo", |xml| {
        for group in &groups {
            xml.element("item", |xml| item(xml, context.profile(), group, &owners));
        }
    });
    xml.some("nextToken", next.as_deref());
    Ok(xml)
}

pub(crate) async fn authorize(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let (group, permissions) = (group(parameters)?, permissions(parameters)?);
    let groups = &context.services.groups;
    let done = groups.authorize(caller, &group, &permissions).await?;
    context.services.instances.changed();
    Ok(xml::returned(done))
}

pub(crate) async fn revoke(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let (group, permissions) = (group(parameters)?, permissions(parameters)?);
    let groups = &context.services.groups;
    let done = groups.revoke(caller, &group, &permissions).await?;
    context.services.instances.changed();
    Ok(xml::returned(done))
}

pub(crate) async fn delete(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let group = group(parameters)?;
    context.services.groups.delete(caller, &group).await?;
    context.services.instances.changed();
    Ok(xml::returned(true))
}

/// The group that a request is about.
fn group(parameters: &Parameters) -> Result<GroupRef, Refusal> {
    if let Some(id) = parameters.get("GroupId") {
        return Ok(GroupRef::Id(id.to_owned()));
    }
    let name = parameters.required("GroupName")?;
    Ok(GroupRef::Name(name.to_owned()))
}

/// The permissions of a request: the list of the later API, or the one of the first.
fn permissions(parameters: &Parameters) -> Result<Vec<Permission>, Refusal> {
    let numbers = parameters.numbers("IpPermissions");
    if numbers.is_empty() {
        return first_form(parameters);
    }
    let numbered = numbers.into_iter().map(|number| {
        let prefix = format!("IpPermissions.{number}.");
        for part in NOT_HERE {
            let begin = format!("{prefix}{part}.");
            if parameters.any(|name| name.starts_with(&begin)) {
                let message = format!("{part} cannot be used in this cloud.");
                return Err(Refusal::new("InvalidParameterValue", message));
            }
        }
        let protocol = parameters.required(&format!("{prefix}IpProtocol"))?;
        let ranges = list(parameters, &format!("{prefix}IpRanges"), |range| {
            let cidr = parameters.required(&format!("{range}CidrIp"))?;
            let description = parameters.owned(&format!("{range}Description"));
            Ok((cidr.to_owned(), description))
        });
        let groups = list(parameters, &format!("{prefix}Groups"), |group| {
            Ok(SourceGroup {
                owner: parameters.owned(&format!("{group}UserId")),
                name: parameters.owned(&format!("{group}GroupName")),
                id: parameters.owned(&format!("{group}GroupId")),
                description: parameters.owned(&format!("{group}Description")),
            })
        });
        Ok(Permission {
            protocol: protocol.to_owned(),
            from: port(parameters, &format!("{prefix}FromPort"))?,
            to: port(parameters, &format!("{prefix}ToPort"))?,
            ranges: ranges?,
            groups: groups?,
        })
    });
    numbered.collect()
}

/// The values of a numbered list, each read by the beginning of its names.
fn list<T>(
    parameters: &Parameters,
    name: &str,
    read: impl Fn(&str) -> Result<T, Refusal>,
) -> Result<Vec<T>, Refusal> {
    let numbers = parameters.numbers(name).into_iter();
    numbers
        .map(|number| read(&format!("{name}.{number}.")))
        .collect()
}

/// The one permission that requests of the first API have. Without a protocol a group is admitted with all that it sends.
fn first_form(parameters: &Parameters) -> Result<Vec<Permission>, Refusal> {
    let groups: Vec<_> = parameters
        .owned("SourceSecurityGroupName")
        .map(|name| SourceGroup {
            owner: parameters.owned("SourceSecurityGroupOwnerId"),
            name: Some(name),
            ..SourceGroup::default()
        })
        .into_iter()
        .collect();
    let cidr = parameters.owned("CidrIp").map(|cidr| (cidr, None));
    let permission = |protocol: &str, from, to| Permission {
        protocol: protocol.to_owned(),
        from,
        to,
        ranges: cidr.clone().into_iter().collect(),
        groups: groups.clone(),
    };
    let Some(protocol) = parameters.get("IpProtocol") else {
        if groups.is_empty() || cidr.is_some() {
            parameters.required("IpProtocol")?;
        }
        return Ok(vec![
            permission("tcp", Some(0), Some(65535)),
            permission("udp", Some(0), Some(65535)),
            permission("icmp", Some(-1), Some(-1)),
        ]);
    };
    let (from, to) = (port(parameters, "FromPort")?, port(parameters, "ToPort")?);
    Ok(vec![permission(protocol, from, to)])
}

fn port(parameters: &Parameters, name: &str) -> Result<Option<i32>, Refusal> {
    let read = |text: &str| text.parse().map_err(|_| Refusal::invalid_value(name, text));
    parameters.get(name).map(read).transpose()
}

/// How accounts are shown: by number, or by the name of a user.
enum Owners {
    Numbers,
    Names(BTreeMap<String, String>),
}

impl Owners {
    async fn of(context: &Context<'_>, caller: &Caller) -> Result<Self, Refusal> {
        if context.rules().shown_owner() == OwnerId::Account {
            return Ok(Self::Numbers);
        }
        let mut names = context.services.groups.user_names().await?;
        // Of several users of the account, it is the caller who is shown.
        names.insert(caller.account.to_string(), caller.user.clone());
        Ok(Self::Names(names))
    }

    fn shown<'a>(&'a self, account: &'a str) -> &'a str {
        match self {
            Self::Numbers => account,
            Self::Names(names) => names.get(account).map_or(account, String::as_str),
        }
    }
}

fn item(xml: &mut Xml, profile: Profile, group: &SecurityGroup, owners: &Owners) {
    xml.leaf("ownerId", owners.shown(group.owner.as_str()));
    if !profile.is_legacy() {
        xml.leaf("groupId", &group.id);
    }
    xml.leaf("groupName", &group.name);
    xml.leaf("groupDescription", &group.description);
    xml.element("ipPermissions", |xml| {
        for rules in together(&group.rules) {
            xml.element("item", |xml| permission(xml, profile, &rules, owners));
        }
    });
    if !profile.is_legacy() {
        xml.element("ipPermissionsEgress", |_| {});
        xml.element("tagSet", |_| {});
    }
}

/// The rules, those for the same packets together, in the order of the first of them.
fn together(rules: &[Rule]) -> Vec<Vec<&Rule>> {
    let packets = |rule: &Rule| (rule.protocol, rule.from, rule.to);
    let mut found: Vec<Vec<&Rule>> = Vec::new();
    for rule in rules {
        match found
            .iter_mut()
            .find(|them| packets(them[0]) == packets(rule))
        {
            Some(them) => them.push(rule),
            None => found.push(vec![rule]),
        }
    }
    found
}

fn permission(xml: &mut Xml, profile: Profile, rules: &[&Rule], owners: &Owners) {
    let first = rules[0];
    xml.leaf("ipProtocol", first.protocol.as_str());
    if first.protocol != Protocol::Any {
        xml.leaf("fromPort", &first.from.to_string());
        xml.leaf("toPort", &first.to.to_string());
    }
    let description = |xml: &mut Xml, rule: &Rule| {
        if profile == Profile::Strict {
            xml.some("description", rule.description.as_deref());
        }
    };
    xml.element("groups", |xml| {
        for rule in rules {
            if let RuleSource::Group { owner, name } = &rule.source {
                xml.element("item", |xml| {
                    xml.leaf("userId", owners.shown(owner));
                    xml.leaf("groupName", name);
                    description(xml, rule);
                });
            }
        }
    });
    xml.element("ipRanges", |xml| {
        for rule in rules {
            if let RuleSource::Cidr(cidr) = &rule.source {
                xml.element("item", |xml| {
                    xml.leaf("cidrIp", &cidr.to_string());
                    description(xml, rule);
                });
            }
        }
    });
}

fn fits(group: &SecurityGroup, owners: &Owners, (name, values): &(String, Vec<String>)) -> bool {
    let of_rules = |show: &dyn Fn(&Rule) -> Option<String>| {
        let shown = group.rules.iter().filter_map(show);
        shown.collect::<Vec<_>>()
    };
    let found = match name.as_str() {
        "description" => vec![group.description.clone()],
        "group-id" => vec![group.id.clone()],
        "group-name" => vec![group.name.clone()],
        "owner-id" => vec![owners.shown(group.owner.as_str()).to_owned()],
        "ip-permission.protocol" => of_rules(&|rule| Some(rule.protocol.as_str().to_owned())),
        "ip-permission.from-port" => of_rules(&|rule| Some(rule.from.to_string())),
        "ip-permission.to-port" => of_rules(&|rule| Some(rule.to.to_string())),
        "ip-permission.cidr" => of_rules(&|rule| match &rule.source {
            RuleSource::Cidr(cidr) => Some(cidr.to_string()),
            RuleSource::Group { .. } => None,
        }),
        "ip-permission.group-name" => of_rules(&|rule| match &rule.source {
            RuleSource::Group { name, .. } => Some(name.clone()),
            RuleSource::Cidr(_) => None,
        }),
        "ip-permission.user-id" => of_rules(&|rule| match &rule.source {
            RuleSource::Group { owner, .. } => Some(owners.shown(owner).to_owned()),
            RuleSource::Cidr(_) => None,
        }),
        _ => Vec::new(),
    };
    let matches = |pattern: &String| found.iter().any(|value| glob(pattern, value));
    values.iter().any(matches)
}
