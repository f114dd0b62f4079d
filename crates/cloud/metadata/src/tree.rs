//! From an instance to a tree.

use crate::document;
use crate::instance::{Instance, Tree};
use crate::node::Node;

/// Versions that every tree has.
const OLD: [&str; 9] = [
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
];
/// Versions that clients of today look for.
const NEW: [&str; 9] = [
    "2011-01-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-09-02",
    "2018-09-24",
    "2020-10-27",
    "2021-03-23",
];
const LATEST: &str = "latest";

impl Tree {
    /// The versions in the order in which they are listed.
    pub(crate) fn versions(self) -> impl Iterator<Item = &'static str> {
        let new: &[_] = match self {
            Self::Eucalyptus2009 => &[],
            Self::Eucalyptus44 | Self::Ec2 => &NEW,
        };
        OLD.iter().chain(new).copied().chain([LATEST])
    }
}

/// What is below each version, without the user data, which are no text.
pub(crate) fn of(instance: &Instance) -> Node {
    let metadata = Node::Directory(metadata(instance).collect());
    let mut nodes = vec![("meta-data", metadata)];
    if instance.tree != Tree::Eucalyptus2009 {
        let identity = [("document", document::of(instance).into())];
        let dynamic = [("instance-identity", Node::directory(identity))];
        nodes.push(("dynamic", Node::directory(dynamic)));
    }
    Node::directory(nodes)
}

fn metadata(instance: &Instance) -> impl Iterator<Item = (String, Node)> {
    let devices = instance.block_devices.iter();
    let devices = devices.map(|(name, device)| (name, device.as_str().into()));
    let text = |text: &str| Some(Node::from(text));
    let lines = |lines: &[String]| (!lines.is_empty()).then(|| lines.join("\n").into());
    let address = |address: std::net::Ipv4Addr| Some(Node::from(address.to_string()));
    let optional = |text: &Option<String>| text.as_deref().map(Node::from);
    let of_2009 = [
        ("ami-id", text(&instance.image)),
        (
            "ami-launch-index",
            Some(instance.launch_index.to_string().into()),
        ),
        ("ami-manifest-path", text(&instance.manifest)),
        ("ancestor-ami-ids", lines(&instance.ancestors)),
        ("block-device-mapping", Some(Node::directory(devices))),
        (
            "hostname",
            text(if instance.tree == Tree::Ec2 {
                &instance.private_name
            } else {
                &instance.public_name
            }),
        ),
        ("instance-id", text(&instance.id)),
        ("instance-type", text(&instance.instance_type)),
        ("kernel-id", optional(&instance.kernel)),
        ("local-hostname", text(&instance.private_name)),
        ("local-ipv4", address(instance.private)),
        ("placement", Some(placement(instance))),
        ("product-codes", lines(&instance.product_codes)),
        ("public-hostname", text(&instance.public_name)),
        ("public-ipv4", address(instance.public)),
        ("public-keys", keys(instance)),
        ("ramdisk-id", optional(&instance.ramdisk)),
        ("reservation-id", text(&instance.reservation)),
        ("security-groups", lines(&instance.groups)),
    ];
    let later = (instance.tree != Tree::Eucalyptus2009).then(|| since_44(instance));
    let today = (instance.tree == Tree::Ec2).then(|| today(instance));
    let all = of_2009.into_iter().chain(later.into_iter().flatten());
    let all = all.chain(today.into_iter().flatten());
    all.filter_map(|(name, node)| Some((name.to_owned(), node?)))
}

fn placement(instance: &Instance) -> Node {
    let mut nodes = vec![("availability-zone", instance.zone.as_str().into())];
    if instance.tree == Tree::Ec2 {
        nodes.push(("region", instance.region.as_str().into()));
    }
    Node::directory(nodes)
}

fn keys(instance: &Instance) -> Option<Node> {
    let key = instance.key.as_ref()?;
    let first = Node::directory([("openssh-key", key.public.as_str().into())]);
    // EC2 lists keys by number and name.
    Some(Node::Listed(
        format!("0={}", key.name),
        [("0".to_owned(), first)].into(),
    ))
}

fn since_44(instance: &Instance) -> [(&'static str, Option<Node>); 4] {
    // In Eucalyptus the card's address is in upper case, in EC2 in lower case; the name of its directory never is.
    let mac = match instance.tree {
        Tree::Eucalyptus44 => instance.mac.to_ascii_uppercase(),
        _ => instance.mac.clone(),
    };
    let monitoring = Node::directory([("instance-monitoring", "disabled".into())]);
    let mut services = vec![("domain", instance.domain.as_str().into())];
    if instance.tree == Tree::Ec2 {
        services.push(("partition", "eucalyptus".into()));
    }
    [
        ("fws", Some(monitoring)),
        ("mac", Some(mac.into())),
        ("network", Some(network(instance))),
        ("services", Some(Node::directory(services))),
    ]
}

fn network(instance: &Instance) -> Node {
    let card = Node::directory([
        ("device-number", Node::from("0")),
        ("local-hostname", instance.private_name.as_str().into()),
        ("local-ipv4s", instance.private.to_string().into()),
        ("mac", instance.mac.as_str().into()),
        ("owner-id", instance.account.as_str().into()),
        ("public-hostname", instance.public_name.as_str().into()),
        ("public-ipv4s", instance.public.to_string().into()),
        ("security-groups", instance.groups.join("\n").into()),
    ]);
    let cards = Node::directory([(instance.mac.as_str(), card)]);
    let interfaces = Node::directory([("macs", cards)]);
    Node::directory([("interfaces", interfaces)])
}

fn today(instance: &Instance) -> [(&'static str, Option<Node>); 3] {
    let tags = instance.tags.iter();
    // A key with a slash would be a path.
    let tags = tags.filter(|(key, _)| !key.contains('/') && !key.is_empty());
    let tags = Node::directory(tags.map(|(key, value)| (key, value.as_str().into())));
    let shown = instance
        .options
        .tags
        .then(|| Node::directory([("instance", tags)]));
    [
        ("instance-action", Some("none".into())),
        ("instance-life-cycle", Some("on-demand".into())),
        ("tags", shown),
    ]
}
