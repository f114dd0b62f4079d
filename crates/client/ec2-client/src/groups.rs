//! Security groups.

use gumnut_transport::{TransportError, xml::Element};

use crate::client::{Parameters, malformed};
use crate::{Ec2Client, Filter};

/// A security group as the cloud describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// `sg-...`. `None`: the cloud has no ids for groups.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Account number or user name.
    pub owner_id: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The packets that it admits.
    pub permissions: Vec<Permission>,
}

/// Packets that a group admits, and where they come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// `tcp`, `udp`, `icmp`, or `-1` for all.
    pub protocol: String,
    /// First port, or type of ICMP. `None`: all.
    pub from: Option<i32>,
    /// Last port, or code of ICMP. `None`: all.
    pub to: Option<i32>,
    /// Ranges of addresses, as in `10.0.0.0/8`.
    pub ranges: Vec<String>,
    /// Groups.
    pub groups: Vec<SourceGroup>,
}

/// A group that packets come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceGroup {
    /// Account number or user name. `None`: the account that asks.
    pub owner: Option<String>,
    /// Its name. `None`: it is named by its id.
    pub name: Option<String>,
    /// Its id. `None`: it is named by its name.
    pub id: Option<String>,
}

/// How a permission is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermissionForm {
    /// As a list, which clouds know since 2010.
    List,
    /// As parameters of its own, as clients of 2009 and 2010 did: of a permission that has no more than one source. A group is
    /// admitted with all that it sends.
    First,
}

impl SourceGroup {
    /// The group with this name, or with this id if it begins with `sg-`.
    pub fn named(text: &str, owner: Option<&str>) -> Self {
        let is_id = is_id(text);
        Self {
            owner: owner.map(str::to_owned),
            name: (!is_id).then(|| text.to_owned()),
            id: is_id.then(|| text.to_owned()),
        }
    }
}

impl Ec2Client {
    /// Creates a security group, and gives its id. `None`: the cloud has no ids for groups.
    ///
    /// # Errors
    /// When the cloud refuses. The call is not repeated when the cloud may have acted on it.
    pub async fn create_security_group(
        &self,
        name: &str,
        description: &str,
    ) -> Result<Option<String>, TransportError> {
        let mut parameters = Parameters::default();
        parameters.add("GroupName", name);
        parameters.add("GroupDescription", description);
        let answer = self.call_once("CreateSecurityGroup", parameters).await?;
        Ok(answer.text_of("groupId").map(str::to_owned))
    }

    /// Lists the groups of the account with these names and ids, all when there are none, that match every filter.
    ///
    /// # Errors
    /// When the cloud refuses, as for a name that is not there, or its answer makes no sense.
    pub async fn describe_security_groups(
        &self,
        groups: &[String],
        filters: &[Filter],
    ) -> Result<Vec<SecurityGroup>, TransportError> {
        let (ids, names): (Vec<_>, Vec<_>) = groups.iter().partition(|group| is_id(group));
        let mut parameters = Parameters::default();
        parameters.add_all("GroupName", &names);
        parameters.add_all("GroupId", &ids);
        parameters.add_filters(filters);
        let answer = self.call("DescribeSecurityGroups", parameters).await?;
        let found: Option<_> = answer.items("securityGroupInfo").map(group).collect();
        found.ok_or_else(|| malformed("DescribeSecurityGroups", "a group has no name".to_owned()))
    }

    /// Admits packets to the instances of a group, named by its name or id.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn authorize(
        &self,
        group: &str,
        permission: &Permission,
        form: PermissionForm,
    ) -> Result<(), TransportError> {
        let parameters = changing(group, permission, form);
        self.command("AuthorizeSecurityGroupIngress", parameters)
            .await
    }

    /// Admits packets to the instances of a group no longer.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn revoke(
        &self,
        group: &str,
        permission: &Permission,
        form: PermissionForm,
    ) -> Result<(), TransportError> {
        let parameters = changing(group, permission, form);
        self.command("RevokeSecurityGroupIngress", parameters).await
    }

    /// Deletes a group, named by its name or id.
    ///
    /// # Errors
    /// When the cloud refuses.
    pub async fn delete_security_group(&self, group: &str) -> Result<(), TransportError> {
        let mut parameters = Parameters::default();
        parameters.add(parameter(group), group);
        self.command("DeleteSecurityGroup", parameters).await
    }
}

fn is_id(group: &str) -> bool {
    group.starts_with("sg-")
}

fn parameter(group: &str) -> &'static str {
    if is_id(group) { "GroupId" } else { "GroupName" }
}

fn changing(group: &str, permission: &Permission, form: PermissionForm) -> Parameters {
    let mut parameters = Parameters::default();
    parameters.add(parameter(group), group);
    match form {
        PermissionForm::List => listed(&mut parameters, permission),
        PermissionForm::First => first(&mut parameters, permission),
    }
    parameters
}

fn listed(parameters: &mut Parameters, permission: &Permission) {
    let prefix = "IpPermissions.1.";
    parameters.add(format!("{prefix}IpProtocol"), &permission.protocol);
    parameters.add_some(&format!("{prefix}FromPort"), permission.from.as_ref());
    parameters.add_some(&format!("{prefix}ToPort"), permission.to.as_ref());
    for (index, range) in (1..).zip(&permission.ranges) {
        parameters.add(format!("{prefix}IpRanges.{index}.CidrIp"), range);
    }
    for (index, group) in (1..).zip(&permission.groups) {
        let prefix = format!("{prefix}Groups.{index}.");
        parameters.add_some(&format!("{prefix}UserId"), group.owner.as_ref());
        parameters.add_some(&format!("{prefix}GroupName"), group.name.as_ref());
        parameters.add_some(&format!("{prefix}GroupId"), group.id.as_ref());
    }
}

fn first(parameters: &mut Parameters, permission: &Permission) {
    if let Some(group) = permission.groups.first() {
        parameters.add_some("SourceSecurityGroupName", group.name.as_ref());
        parameters.add_some("SourceSecurityGroupOwnerId", group.owner.as_ref());
        return;
    }
    parameters.add("IpProtocol", &permission.protocol);
    parameters.add_some("FromPort", permission.from.as_ref());
    parameters.add_some("ToPort", permission.to.as_ref());
    parameters.add_some("CidrIp", permission.ranges.first());
}

fn group(item: &Element) -> Option<SecurityGroup> {
    let text = |name: &str| item.text_of(name).map(str::to_owned);
    Some(SecurityGroup {
        id: text("groupId"),
        name: text("groupName")?,
        owner_id: text("ownerId"),
        description: text("groupDescription"),
        permissions: item.items("ipPermissions").map(permission).collect(),
    })
}

fn permission(item: &Element) -> Permission {
    let text = |name: &str| item.text_of(name).map(str::to_owned);
    let number = |name: &str| item.text_of(name).and_then(|text| text.parse().ok());
    let ranges = item.items("ipRanges");
    let groups = item.items("groups");
    Permission {
        protocol: text("ipProtocol").unwrap_or_default(),
        from: number("fromPort"),
        to: number("toPort"),
        ranges: ranges
            .filter_map(|range| range.text_of("cidrIp"))
            .map(str::to_owned)
            .collect(),
        groups: groups
            .map(|group| SourceGroup {
                owner: group.text_of("userId").map(str::to_owned),
                name: group.text_of("groupName").map(str::to_owned),
                id: group.text_of("groupId").map(str::to_owned),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use gumnut_transport::xml;

    use super::*;

    #[test]
    fn a_group_is_read_with_its_permissions() {
        let text = b"<R><securityGroupInfo><item><ownerId>1</ownerId><groupName>web</groupName>\
            <groupDescription>d</groupDescription><ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>80</fromPort>\
            <toPort>81</toPort><groups><item><userId>2</userId><groupName>front</groupName></item></groups>\
            <ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item></ipRanges></item><item><ipProtocol>-1</ipProtocol></item>\
            </ipPermissions></item><item/></securityGroupInfo></R>";
        let root = xml::parse(text).unwrap();
        let groups: Vec<_> = root.items("securityGroupInfo").map(group).collect();
        let web = groups[0].clone().unwrap();
        assert_eq!((web.id, web.name.as_str()), (None, "web"));
        let first = &web.permissions[0];
        assert_eq!((first.from, first.to), (Some(80), Some(81)));
        assert_eq!(first.ranges, ["10.0.0.0/8"]);
        assert_eq!(first.groups, [SourceGroup::named("front", Some("2"))]);
        assert_eq!(web.permissions[1].from, None);
        assert_eq!(groups[1], None);
    }
}
