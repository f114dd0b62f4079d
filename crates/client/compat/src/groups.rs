//! `euca-create-group`, `euca-add-group`, `euca-authorize`, `euca-revoke`, `euca-describe-groups` and `euca-delete-group`

use clap::Args;
use gumnut_ec2_client::{Filter, Permission, PermissionForm, SecurityGroup, SourceGroup};
use gumnut_terminal::Failure;

use super::call::{Call, print};
use super::dialect::Dialect;
use super::options::{AnyKeys, Calling, Calls, CapitalKeys, Common, Service, filter};
use super::report::unusable;
use super::tool::Tool;

/// Every address.
const ANYWHERE: &str = "0.0.0.0/0";
/// The filters that clouds know.
const FILTERS: [&str; 14] = [
    "description",
    "group-id",
    "group-name",
    "ip-permission.cidr",
    "ip-permission.from-port",
    "ip-permission.group-id",
    "ip-permission.group-name",
    "ip-permission.protocol",
    "ip-permission.to-port",
    "ip-permission.user-id",
    "owner-id",
    "tag-key",
    "tag-value",
    "vpc-id",
];

/// Create a security group
#[derive(Args)]
pub(super) struct CreateGroup {
    /// Name of the group
    #[arg(value_name = "GROUP")]
    name: String,
    /// What the group is for
    #[arg(short, long, value_name = "TEXT")]
    description: String,
    #[arg(short = 'c', long, hide = true)]
    vpc: Option<String>,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for CreateGroup {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        if self.vpc.is_some() {
            return Err(unusable("virtual private clouds (--vpc) are not supported").into());
        }
        let client = call.session.ec2(&call.session.settings()?)?;
        let id = client
            .create_security_group(&self.name, &self.description)
            .await?;
        let mut columns = vec!["GROUP".to_owned()];
        if !call.dialect.is_2010() {
            columns.push(id.unwrap_or_default());
        }
        columns.extend([self.name, self.description]);
        print(&self.calling.common.line(&columns));
        Ok(())
    }
}

/// Delete a security group
#[derive(Args)]
pub(super) struct DeleteGroup {
    /// Name or id of the group
    #[arg(value_name = "GROUP")]
    group: String,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for DeleteGroup {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let client = call.session.ec2(&call.session.settings()?)?;
        client.delete_security_group(&self.group).await?;
        let columns = if call.dialect.is_2010() {
            ["GROUP", &self.group]
        } else {
            ["RETURN", "true"]
        };
        print(&self.calling.common.line(&columns));
        Ok(())
    }
}

/// The options that say what a rule admits.
#[derive(Args)]
struct RuleOptions {
    /// Name or id of the group
    #[arg(value_name = "GROUP")]
    group: String,
    /// Protocol: tcp, udp, icmp, or all
    #[arg(short = 'P', long, value_name = "PROTOCOL", default_value = "tcp")]
    protocol: String,
    /// Port, or range of ports
    #[arg(
        short = 'p',
        long = "port-range",
        value_name = "FROM-TO",
        allow_hyphen_values = true
    )]
    ports: Option<String>,
    /// Type and code of ICMP
    #[arg(
        short = 't',
        long = "icmp-type-code",
        value_name = "TYPE:CODE",
        allow_hyphen_values = true
    )]
    icmp: Option<String>,
    /// Addresses that packets come from
    #[arg(
        short = 's',
        long = "cidr",
        alias = "source-subnet",
        value_name = "CIDR"
    )]
    cidr: Option<String>,
    /// Group whose instances the packets come from
    #[arg(
        short = 'o',
        long = "source-group",
        value_name = "GROUP",
        conflicts_with = "cidr"
    )]
    source: Option<String>,
    /// Account of that group
    #[arg(short = 'u', long = "source-group-user", value_name = "ACCOUNT")]
    account: Option<String>,
    #[arg(long, hide = true)]
    egress: bool,
    #[command(flatten)]
    calling: Calling<CapitalKeys>,
}

impl RuleOptions {
    fn permission(&self, dialect: Dialect) -> Result<Permission, Failure> {
        if self.egress {
            return Err(unusable(
                "rules for packets that leave (--egress) are not supported",
            ));
        }
        let protocol = match self.protocol.to_ascii_lowercase().as_str() {
            "all" | "-1" => "-1".to_owned(),
            protocol => protocol.to_owned(),
        };
        let (from, to) = match protocol.as_str() {
            // A group is admitted with all that it sends.
            _ if dialect.is_2010() && self.source.is_some() => (None, None),
            "icmp" | "1" => self.icmp()?.unzip(),
            "tcp" | "udp" | "6" | "17" => self.ports()?.unzip(),
            _ => (None, None),
        };
        let owner = self.account.as_deref();
        let range = match (&self.cidr, &self.source) {
            (Some(cidr), _) => Some(cidr.clone()),
            (None, None) if !dialect.is_2010() => Some(ANYWHERE.to_owned()),
            (None, _) => None,
        };
        let group = self.source.as_deref();
        Ok(Permission {
            protocol,
            from,
            to,
            ranges: range.into_iter().collect(),
            groups: group
                .map(|group| SourceGroup::named(group, owner))
                .into_iter()
                .collect(),
        })
    }

    fn ports(&self) -> Result<Option<(i32, i32)>, Failure> {
        let Some(text) = &self.ports else {
            return Err(unusable(
                "a port or a range of ports (-p) must be specified",
            ));
        };
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let port = |text: &str| text.parse::<u16>().ok().map(i32::from);
        match (port(from), port(to)) {
            (Some(from), Some(to)) => Ok(Some((from, to))),
            _ => Err(unusable(format!(
                "{text} is neither a port nor a range of ports"
            ))),
        }
    }

    fn icmp(&self) -> Result<Option<(i32, i32)>, Failure> {
        let Some(text) = &self.icmp else {
            return Err(unusable("a type and a code of ICMP (-t) must be specified"));
        };
        let both = text.split_once(':');
        let both = both.and_then(|(kind, code)| kind.parse().ok().zip(code.parse().ok()));
        both.map(Some)
            .ok_or_else(|| unusable(format!("{text} is not a type and a code of ICMP")))
    }

    fn form(dialect: Dialect) -> PermissionForm {
        if dialect.is_2010() {
            PermissionForm::First
        } else {
            PermissionForm::List
        }
    }

    /// Prints what was done, as the tools did.
    fn print(&self, dialect: Dialect, permission: &Permission) {
        let common = &self.calling.common;
        print(&common.line(&["GROUP", &self.group]));
        let mut columns = vec!["PERMISSION".to_owned(), self.group.clone()];
        columns.push("ALLOWS".to_owned());
        let is_whole_group = dialect.is_2010() && self.source.is_some();
        let numbers = [permission.from, permission.to];
        if is_whole_group {
            // No protocol and no ports were sent.
        } else if dialect.is_2010() {
            columns.push(permission.protocol.clone());
            let shown = numbers.into_iter().flatten().filter(|number| *number != 0);
            columns.extend(shown.map(|number| number.to_string()));
        } else {
            columns.push(permission.protocol.clone());
            let shown = numbers.map(|number| number.map(|number| number.to_string()));
            columns.extend(shown.map(Option::unwrap_or_default));
        }
        let name = if dialect.is_2010() { "GRPNAME" } else { "NAME" };
        for group in &permission.groups {
            for (label, text) in [
                ("USER", &group.owner),
                (name, &group.name),
                ("ID", &group.id),
            ] {
                columns.extend(
                    text.iter()
                        .flat_map(|text| [label.to_owned(), text.clone()]),
                );
            }
        }
        for range in &permission.ranges {
            columns.extend(["FROM".to_owned(), "CIDR".to_owned(), range.clone()]);
        }
        print(&common.line(&columns));
    }
}

/// Add a rule to a security group
#[derive(Args)]
pub(super) struct Authorize {
    #[command(flatten)]
    rule: RuleOptions,
}

impl Tool for Authorize {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.rule.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let permission = self.rule.permission(call.dialect)?;
        let client = call.session.ec2(&call.session.settings()?)?;
        let form = RuleOptions::form(call.dialect);
        client
            .authorize(&self.rule.group, &permission, form)
            .await?;
        self.rule.print(call.dialect, &permission);
        Ok(())
    }
}

/// Remove a rule from a security group
#[derive(Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    rule: RuleOptions,
}

impl Tool for Revoke {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.rule.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let permission = self.rule.permission(call.dialect)?;
        let client = call.session.ec2(&call.session.settings()?)?;
        let form = RuleOptions::form(call.dialect);
        client.revoke(&self.rule.group, &permission, form).await?;
        self.rule.print(call.dialect, &permission);
        Ok(())
    }
}

/// List security groups
#[derive(Args)]
pub(super) struct DescribeGroups {
    /// Only these groups: names or ids
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
    /// Only groups that match
    #[arg(long, value_name = "NAME=VALUE", value_parser = |text: &str| filter(text, &FILTERS))]
    filter: Vec<Filter>,
    #[command(flatten)]
    calling: Calling<AnyKeys>,
}

impl Tool for DescribeGroups {
    const SERVICE: Service = Service::Ec2;

    fn calling(&self) -> &dyn Calls {
        &self.calling
    }

    async fn run(self, call: &Call) -> Result<(), anyhow::Error> {
        let client = call.session.ec2(&call.session.settings()?)?;
        let found = client
            .describe_security_groups(&self.groups, &self.filter)
            .await?;
        for group in &found {
            show(call.dialect, &self.calling.common, group);
        }
        Ok(())
    }
}

/// Prints a group and its rules.
fn show(dialect: Dialect, common: &Common, group: &SecurityGroup) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (owner, description) = (text(&group.owner_id), text(&group.description));
    let mut columns = vec!["GROUP".to_owned()];
    if !dialect.is_2010() {
        columns.push(text(&group.id));
    }
    columns.extend([owner.clone(), group.name.clone(), description]);
    if !dialect.is_2010() {
        // The virtual private cloud.
        columns.push(String::new());
    }
    print(&common.line(&columns));
    for permission in &group.permissions {
        let number = |number: Option<i32>| number.map(|it| it.to_string()).unwrap_or_default();
        let rule = [
            "PERMISSION".to_owned(),
            owner.clone(),
            group.name.clone(),
            "ALLOWS".to_owned(),
            permission.protocol.clone(),
            number(permission.from),
            number(permission.to),
        ];
        for source in sources(dialect, permission) {
            print(&common.line(&[&rule[..], &source].concat()));
        }
    }
}

/// The columns of each source of a rule.
fn sources(dialect: Dialect, permission: &Permission) -> Vec<Vec<String>> {
    let is_2010 = dialect.is_2010();
    let mut found = Vec::new();
    for range in &permission.ranges {
        let mut columns = vec!["FROM".to_owned(), "CIDR".to_owned(), range.clone()];
        columns.extend((!is_2010).then(|| "ingress".to_owned()));
        found.push(columns);
    }
    for group in &permission.groups {
        let mut columns = Vec::new();
        if !is_2010 {
            columns.push("FROM".to_owned());
        }
        let name = if is_2010 { "GRPNAME" } else { "NAME" };
        for (label, text) in [
            ("USER", &group.owner),
            (name, &group.name),
            ("ID", &group.id),
        ] {
            columns.extend(
                text.iter()
                    .flat_map(|text| [label.to_owned(), text.clone()]),
            );
        }
        columns.extend((!is_2010).then(|| "ingress".to_owned()));
        found.push(columns);
    }
    found
}
