//! `gumnut group`

use clap::{Args, Subcommand};
use gumnut_ec2_client::{Ec2Client, Permission, PermissionForm, SecurityGroup, SourceGroup};
use gumnut_terminal::{Exit, Failure, Lines, Session, Table};
use serde_json::{Value, json};

/// Every address.
const ANYWHERE: &str = "0.0.0.0/0";

/// Security groups: who can reach which ports of your instances.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut group authorize default -p 22
  gumnut group list")]
pub struct Group {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Create(Create),
    Authorize(Change),
    Revoke(Change),
    List(List),
    Delete(Delete),
}

/// Create a security group. It admits nothing until a rule is added.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut group create web --description 'web servers'")]
struct Create {
    /// Name of the group
    name: String,
    /// What the group is for [default: the name]
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
}

/// Add a rule to a security group, or remove one with the same options.
#[derive(Args)]
#[command(after_help = "\
Examples:
  gumnut group authorize default -p 22
  gumnut group authorize web -p 8000-8080 -s 10.0.0.0/8
  gumnut group authorize default -P icmp
  gumnut group authorize back -P all -o front
  gumnut group revoke default -p 22")]
struct Change {
    /// Name or id of the group
    group: String,
    /// Protocol: `tcp`, `udp`, `icmp` or `all`
    #[arg(
        short = 'P',
        long,
        value_name = "PROTOCOL",
        default_value = "tcp",
        ignore_case = true
    )]
    protocol: Protocol,
    /// Port, or range of ports, as in 8000-8080; required for TCP and UDP
    #[arg(short, long, value_name = "PORT[-PORT]", value_parser = parse_ports)]
    port: Option<(i32, i32)>,
    /// Type and code of ICMP; -1 is any [default: -1:-1]
    #[arg(
        short = 't',
        long,
        value_name = "TYPE:CODE",
        value_parser = parse_icmp,
        allow_hyphen_values = true,
        conflicts_with = "port"
    )]
    icmp: Option<(i32, i32)>,
    /// Addresses that packets come from [default: 0.0.0.0/0, which is everywhere]
    #[arg(short, long, value_name = "CIDR")]
    source: Option<String>,
    /// Name or id of a group whose instances the packets come from
    #[arg(short = 'o', long, value_name = "GROUP", conflicts_with = "source")]
    source_group: Option<String>,
    /// Account of that group [default: your own]
    #[arg(short = 'u', long, value_name = "ACCOUNT", requires = "source_group")]
    source_account: Option<String>,
}

/// A protocol on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Protocol {
    Tcp,
    Udp,
    Icmp,
    All,
}

/// List the security groups of your account, with their rules.
///
/// Tab separated: a line `GROUP`, name, id, owner, description for each group, and after it a line `RULE`, group, protocol, first port (or
/// type), last port (or code), `CIDR` or `GROUP`, source for each of its rules.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut group list")]
struct List {
    /// Only these: names or ids
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
}

/// Delete a security group that no instance is in and that no rule names.
#[derive(Args)]
#[command(after_help = "\
Example:
  gumnut group delete web")]
struct Delete {
    /// Name or id of the group
    group: String,
}

fn parse_ports(text: &str) -> Result<(i32, i32), String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse::<u16>().map(i32::from);
    match (port(from), port(to)) {
        (Ok(from), Ok(to)) if from <= to => Ok((from, to)),
        _ => Err("use a port from 0 to 65535, or a range, as in 8000-8080".to_owned()),
    }
}

fn parse_icmp(text: &str) -> Result<(i32, i32), String> {
    let (kind, code) = text.split_once(':').ok_or("use TYPE:CODE, as in 8:-1")?;
    let number = |text: &str| text.parse().ok().filter(|it| (-1..=255).contains(it));
    let both = number(kind).zip(number(code));
    both.ok_or_else(|| "type and code of ICMP are numbers from 0 to 255, or -1".to_owned())
}

impl Group {
    /// Runs the command.
    ///
    /// # Errors
    /// When the settings are incomplete, and when the cloud refuses or does not answer.
    pub async fn run(&self, session: &Session) -> Result<(), anyhow::Error> {
        let client = session.ec2(&session.settings()?)?;
        match &self.action {
            Action::Create(command) => command.run(session, &client).await,
            Action::Authorize(change) => {
                let permission = change.permission()?;
                let form = PermissionForm::List;
                client.authorize(&change.group, &permission, form).await?;
                change.finish(session, &permission, "authorized")
            }
            Action::Revoke(change) => {
                let permission = change.permission()?;
                let form = PermissionForm::List;
                client.revoke(&change.group, &permission, form).await?;
                change.finish(session, &permission, "revoked")
            }
            Action::List(command) => command.run(session, &client).await,
            Action::Delete(command) => command.run(session, &client).await,
        }
    }
}

impl Create {
    async fn run(&self, session: &Session, client: &Ec2Client) -> Result<(), anyhow::Error> {
        let description = self.description.as_deref().unwrap_or(&self.name);
        let id = client
            .create_security_group(&self.name, description)
            .await?;
        let value = json!({ "name": self.name, "id": id, "description": description });
        let line = ["GROUP", &self.name, id.as_deref().unwrap_or_default()];
        session.output.result(&value, &[line].into_iter().collect())
    }
}

impl Change {
    fn permission(&self) -> Result<Permission, Failure> {
        let is_icmp = self.protocol == Protocol::Icmp;
        let (from, to) = match self.protocol {
            Protocol::Tcp | Protocol::Udp => self.port.ok_or_else(|| {
                let message = "TCP and UDP need a port or a range of ports";
                Failure::new(Exit::Usage, message).hint("-p 22 or -p 8000-8080")
            })?,
            Protocol::Icmp => self.icmp.unwrap_or((-1, -1)),
            Protocol::All => (-1, -1),
        };
        let is_odd = match self.protocol {
            Protocol::Tcp | Protocol::Udp => self.icmp.is_some(),
            Protocol::Icmp => self.port.is_some(),
            Protocol::All => self.port.is_some() || self.icmp.is_some(),
        };
        if is_odd {
            let message = if is_icmp {
                "ICMP has no ports, but a type and a code"
            } else {
                "a type of ICMP, or a port, does not go with this protocol"
            };
            return Err(Failure::new(Exit::Usage, message));
        }
        let owner = self.source_account.as_deref();
        let group = self.source_group.as_deref();
        let range = self.source.as_deref().unwrap_or(ANYWHERE);
        Ok(Permission {
            protocol: match self.protocol {
                Protocol::Tcp => "tcp",
                Protocol::Udp => "udp",
                Protocol::Icmp => "icmp",
                Protocol::All => "-1",
            }
            .to_owned(),
            from: Some(from),
            to: Some(to),
            ranges: group
                .is_none()
                .then(|| range.to_owned())
                .into_iter()
                .collect(),
            groups: group
                .map(|group| SourceGroup::named(group, owner))
                .into_iter()
                .collect(),
        })
    }

    fn finish(
        &self,
        session: &Session,
        permission: &Permission,
        done: &str,
    ) -> Result<(), anyhow::Error> {
        let value = json!({ "group": self.group, done: true, "rules": rules(permission) });
        let mut lines = Lines::default();
        push_rules(&mut lines, &self.group, permission);
        session.output.result(&value, &lines)
    }
}

impl List {
    async fn run(&self, session: &Session, client: &Ec2Client) -> Result<(), anyhow::Error> {
        let mut found = client.describe_security_groups(&self.groups, &[]).await?;
        found.sort_by(|one, other| one.name.cmp(&other.name));
        let mut lines = Lines::default();
        let mut table = Table::new(&["!name", "id", "?description", "admits"]);
        for group in &found {
            let (id, owner, description) = (
                group.id.as_deref().unwrap_or_default(),
                group.owner_id.as_deref().unwrap_or_default(),
                group.description.as_deref().unwrap_or_default(),
            );
            lines.push(["GROUP", &group.name, id, owner, description]);
            for permission in &group.permissions {
                push_rules(&mut lines, &group.name, permission);
            }
            let admits: Vec<_> = group.permissions.iter().map(in_words).collect();
            table.push([&group.name, id, description, &admits.join(", ")]);
        }
        let values: Vec<_> = found.iter().map(describe).collect();
        let none = "no security groups";
        session
            .output
            .listing(&json!({ "groups": values }), &lines, &table, none)
    }
}

impl Delete {
    async fn run(&self, session: &Session, client: &Ec2Client) -> Result<(), anyhow::Error> {
        client.delete_security_group(&self.group).await?;
        let lines = [["GROUP", &self.group]].into_iter().collect();
        let value = json!({ "group": self.group, "deleted": true });
        session.output.result(&value, &lines)
    }
}

fn describe(group: &SecurityGroup) -> Value {
    let rules: Vec<_> = group.permissions.iter().flat_map(rules).collect();
    json!({
        "name": group.name,
        "id": group.id,
        "owner_id": group.owner_id,
        "description": group.description,
        "rules": rules,
    })
}

/// A value for each source of a permission.
fn rules(permission: &Permission) -> Vec<Value> {
    let rule = |cidr: Option<&str>, group: Option<&SourceGroup>| {
        json!({
            "protocol": permission.protocol,
            "from": permission.from,
            "to": permission.to,
            "cidr": cidr,
            "group": group.and_then(|group| group.name.as_ref().or(group.id.as_ref())),
            "group_owner_id": group.and_then(|group| group.owner.as_ref()),
        })
    };
    let ranges = permission.ranges.iter().map(|cidr| rule(Some(cidr), None));
    let groups = permission
        .groups
        .iter()
        .map(|group| rule(None, Some(group)));
    ranges.chain(groups).collect()
}

fn push_rules(lines: &mut Lines, group: &str, permission: &Permission) {
    let number = |number: Option<i32>| number.map(|number| number.to_string()).unwrap_or_default();
    let (from, to) = (number(permission.from), number(permission.to));
    let mut push = |kind: &str, source: &str| {
        lines.push([
            "RULE",
            group,
            &permission.protocol,
            &from,
            &to,
            kind,
            source,
        ]);
    };
    for range in &permission.ranges {
        push("CIDR", range);
    }
    for source in &permission.groups {
        push("GROUP", &named(source));
    }
}

/// `front`, or `OWNER/front`.
fn named(group: &SourceGroup) -> String {
    let name = group.name.as_ref().or(group.id.as_ref());
    let name = name.map(String::as_str).unwrap_or_default();
    match &group.owner {
        Some(owner) => format!("{owner}/{name}"),
        None => name.to_owned(),
    }
}

/// `tcp 22 from 0.0.0.0/0`
fn in_words(permission: &Permission) -> String {
    let what = match (permission.protocol.as_str(), permission.from, permission.to) {
        ("-1", ..) => "all".to_owned(),
        ("icmp", Some(-1) | None, _) => "icmp".to_owned(),
        ("icmp", Some(kind), Some(code)) => format!("icmp {kind}:{code}"),
        (protocol, Some(from), Some(to)) if from == to => format!("{protocol} {from}"),
        (protocol, Some(from), Some(to)) => format!("{protocol} {from}-{to}"),
        (protocol, ..) => protocol.to_owned(),
    };
    let groups = permission.groups.iter().map(named);
    let sources: Vec<_> = permission.ranges.iter().cloned().chain(groups).collect();
    format!("{what} from {}", sources.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_types_are_numbers_in_their_bounds() {
        assert_eq!(parse_ports("22"), Ok((22, 22)));
        assert_eq!(parse_ports("0-65535"), Ok((0, 65535)));
        for text in ["", "-", "22-21", "65536", "a", "1-2-3", "-1"] {
            assert!(parse_ports(text).is_err(), "{text}");
        }
        assert_eq!(parse_icmp("8:-1"), Ok((8, -1)));
        for text in ["", "8", "256:0", "-2:0", "8:x"] {
            assert!(parse_icmp(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rules_are_shown_in_few_words() {
        let permission = |protocol: &str, from, to| Permission {
            protocol: protocol.to_owned(),
            from: Some(from),
            to: Some(to),
            ranges: vec!["10.0.0.0/8".to_owned()],
            groups: vec![SourceGroup::named("front", Some("1"))],
        };
        for (protocol, from, to, shown) in [
            ("tcp", 22, 22, "tcp 22 from 10.0.0.0/8 1/front"),
            ("udp", 1, 9, "udp 1-9 from 10.0.0.0/8 1/front"),
            ("icmp", -1, -1, "icmp from 10.0.0.0/8 1/front"),
            ("icmp", 8, 0, "icmp 8:0 from 10.0.0.0/8 1/front"),
            ("-1", -1, -1, "all from 10.0.0.0/8 1/front"),
        ] {
            assert_eq!(in_words(&permission(protocol, from, to)), shown);
        }
    }
}
