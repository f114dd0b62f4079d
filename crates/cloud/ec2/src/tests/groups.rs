//! Security groups: what each profile answers and refuses.

use super::*;

const VERSION: (&str, &str) = ("Version", "2014-10-01");
const ALL: [Profile; 4] = [
    Profile::Strict,
    Profile::Euca44,
    Profile::Euca20,
    Profile::Euca16,
];

fn action<'a>(name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&[("Action", name), VERSION][..], more].concat()
}

fn create(name: &str) -> Vec<(&str, &str)> {
    action(
        "CreateSecurityGroup",
        &[("GroupName", name), ("GroupDescription", "for <tests>")],
    )
}

/// A rule in the form of the first API.
fn rule<'a>(action: &'a str, group: &'a str, port: &'a str) -> Vec<(&'a str, &'a str)> {
    let rule = [
        ("GroupName", group),
        ("IpProtocol", "tcp"),
        ("FromPort", port),
        ("ToPort", port),
        ("CidrIp", "10.1.2.3/8"),
    ];
    self::action(action, &rule)
}

/// The answer without white space and namespaces, which is what profiles differ in.
async fn described(world: &Fixture, account: &str) -> String {
    let body = ok(world, account, &action("DescribeSecurityGroups", &[])).await;
    let begin = body.find("<securityGroupInfo>").unwrap();
    body[begin..].to_owned()
}

#[tokio::test]
async fn every_account_has_a_default_group() {
    for profile in ALL {
        let world = world_of(profile).await;
        for account in [USER, ADMIN] {
            let shown = described(&world, account).await;
            assert_eq!(text(&shown, "groupName"), "default");
            assert_eq!(text(&shown, "groupDescription"), "default group");
            assert!(shown.contains("<ipPermissions></ipPermissions>"), "{shown}");
            let owner = if profile.is_legacy() {
                if account == USER { "bob" } else { "admin" }
            } else {
                account
            };
            assert_eq!(text(&shown, "ownerId"), owner);
            assert_eq!(shown.contains("<groupId>sg-"), !profile.is_legacy());
            assert_eq!(shown, described(&world, account).await, "it is made once");
        }
        let reserved = [
            create("default"),
            action("DeleteSecurityGroup", &[("GroupName", "default")]),
        ];
        for call_it in reserved {
            let (status, body) = call(&world, USER, &call_it).await;
            assert_eq!(status, 400);
            assert!(body.contains("is reserved"), "{body}");
            assert_eq!(
                body.contains("<Code>InvalidGroup.Reserved</Code>"),
                !profile.is_legacy()
            );
            assert_eq!(
                body.contains("<Code>NetworkGroupManager</Code>"),
                profile.is_legacy()
            );
        }
    }
}

#[tokio::test]
async fn rules_come_and_go() {
    for profile in ALL {
        let world = world_of(profile).await;
        let made = ok(&world, USER, &create("web")).await;
        assert_eq!(text(&made, "return"), "true");
        assert_eq!(made.contains("<groupId>sg-"), !profile.is_legacy());
        let again = call(&world, USER, &create("web")).await;
        assert!(again.1.contains("already exists"));
        let (authorize, revoke) = (
            "AuthorizeSecurityGroupIngress",
            "RevokeSecurityGroupIngress",
        );
        ok(&world, USER, &rule(authorize, "web", "22")).await;
        let numbered = action(
            authorize,
            &[
                ("GroupName", "web"),
                ("IpPermissions.1.IpProtocol", "TCP"),
                ("IpPermissions.1.FromPort", "22"),
                ("IpPermissions.1.ToPort", "22"),
                ("IpPermissions.1.IpRanges.1.CidrIp", "192.168.0.0/16"),
                ("IpPermissions.1.Groups.1.GroupName", "default"),
                ("IpPermissions.2.IpProtocol", "icmp"),
                ("IpPermissions.2.FromPort", "-1"),
                ("IpPermissions.2.ToPort", "-1"),
                ("IpPermissions.2.IpRanges.1.CidrIp", "0.0.0.0/0"),
            ],
        );
        ok(&world, USER, &numbered).await;
        let shown = described(&world, USER).await;
        let owner = if profile.is_legacy() { "bob" } else { USER };
        let expected = format!(
            "<ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort>\
             <groups><item><userId>{owner}</userId><groupName>default</groupName></item></groups>\
             <ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item><item><cidrIp>192.168.0.0/16</cidrIp></item></ipRanges></item>\
             <item><ipProtocol>icmp</ipProtocol><fromPort>-1</fromPort><toPort>-1</toPort><groups></groups>\
             <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item></ipPermissions>"
        );
        assert!(shown.contains(&expected), "{shown}");
        // What is there already, and what is not there any more.
        let repeated = |call: (u16, String), code: &str| {
            let (status, body) = call;
            if profile.is_legacy() {
                assert_eq!((status, text(&body, "return")), (200, "false"), "{body}");
            } else {
                assert_eq!((status, text(&body, "Code")), (400, code), "{body}");
            }
        };
        let twice = call(&world, USER, &rule(authorize, "web", "22")).await;
        repeated(twice, "InvalidPermission.Duplicate");
        ok(&world, USER, &rule(revoke, "web", "22")).await;
        let twice = call(&world, USER, &rule(revoke, "web", "22")).await;
        repeated(twice, "InvalidPermission.NotFound");
        let mut all = numbered;
        all[0].1 = revoke;
        ok(&world, USER, &all).await;
        assert!(!described(&world, USER).await.contains("<ipProtocol>"));
        let delete = action("DeleteSecurityGroup", &[("GroupName", "web")]);
        ok(&world, USER, &delete).await;
        let gone = call(&world, USER, &delete).await;
        assert_eq!(gone.0, 400);
        assert!(gone.1.contains("does not exist"));
    }
}

#[tokio::test]
async fn groups_of_other_accounts_are_sources() {
    for profile in ALL {
        let world = world_of(profile).await;
        ok(&world, ADMIN, &create("front")).await;
        ok(&world, USER, &create("back")).await;
        let owner = if profile.is_legacy() { "admin" } else { ADMIN };
        let open = |group: &'static str, owner: &'static str| {
            let rule = [
                ("GroupName", "back"),
                ("SourceSecurityGroupName", group),
                ("SourceSecurityGroupOwnerId", owner),
            ];
            action("AuthorizeSecurityGroupIngress", &rule)
        };
        ok(&world, USER, &open("front", owner)).await;
        let shown = described(&world, USER).await;
        for protocol in ["tcp", "udp", "icmp"] {
            let item = format!("<ipProtocol>{protocol}</ipProtocol>");
            assert!(shown.contains(&item), "{shown}");
        }
        let source = format!("<userId>{owner}</userId><groupName>front</groupName>");
        assert_eq!(shown.matches(&source).count(), 3, "{shown}");
        for (group, owner) in [
            ("absent", owner),
            ("front", "nobody"),
            ("front", "999999999999"),
        ] {
            let (status, _) = call(&world, USER, &open(group, owner)).await;
            assert_eq!(status, 400, "{group} of {owner}");
        }
    }
}

#[tokio::test]
async fn a_group_that_another_names_is_not_deleted() {
    let world = world().await;
    for name in ["front", "back"] {
        ok(&world, USER, &create(name)).await;
    }
    let source = [("GroupName", "back"), ("SourceSecurityGroupName", "front")];
    ok(
        &world,
        USER,
        &action("AuthorizeSecurityGroupIngress", &source),
    )
    .await;
    let delete = |name: &'static str| action("DeleteSecurityGroup", &[("GroupName", name)]);
    refused(&world, USER, &delete("front"), 400, "InvalidGroup.InUse").await;
    ok(&world, USER, &delete("back")).await;
    ok(&world, USER, &delete("front")).await;
}

#[tokio::test]
async fn bad_requests_change_nothing() {
    let world = world().await;
    ok(&world, USER, &create("web")).await;
    let before = described(&world, USER).await;
    let authorize = |rule: &[(&'static str, &'static str)]| {
        let group = [("GroupName", "web")];
        action(
            "AuthorizeSecurityGroupIngress",
            &[&group[..], rule].concat(),
        )
    };
    let ports = |protocol: &'static str, from: &'static str, to: &'static str| {
        authorize(&[
            ("IpProtocol", protocol),
            ("FromPort", from),
            ("ToPort", to),
            ("CidrIp", "0.0.0.0/0"),
        ])
    };
    for (parameters, code) in [
        (ports("sctp", "1", "1"), "InvalidPermission.Malformed"),
        (ports("tcp", "2", "1"), "InvalidPermission.Malformed"),
        (ports("tcp", "0", "70000"), "InvalidPermission.Malformed"),
        (ports("tcp", "x", "1"), "InvalidParameterValue"),
        (ports("icmp", "-2", "1"), "InvalidPermission.Malformed"),
        (authorize(&[]), "MissingParameter"),
        (
            authorize(&[("IpProtocol", "tcp"), ("FromPort", "1"), ("ToPort", "1")]),
            "MissingParameter",
        ),
        (
            authorize(&[("IpProtocol", "-1"), ("CidrIp", "0.0.0.0")]),
            "InvalidParameterValue",
        ),
        (
            authorize(&[("IpPermissions.1.FromPort", "1")]),
            "MissingParameter",
        ),
        (
            authorize(&[
                ("IpPermissions.1.IpProtocol", "-1"),
                ("IpPermissions.1.Ipv6Ranges.1.CidrIpv6", "::/0"),
            ]),
            "InvalidParameterValue",
        ),
        (
            authorize(&[
                ("IpPermissions.1.IpProtocol", "-1"),
                ("IpPermissions.1.Groups.1.UserId", USER),
            ]),
            "MissingParameter",
        ),
        (
            rule("AuthorizeSecurityGroupIngress", "absent", "1"),
            "InvalidGroup.NotFound",
        ),
        (
            action("DeleteSecurityGroup", &[("GroupId", "sg-00000000")]),
            "InvalidGroup.NotFound",
        ),
        (
            action("DescribeSecurityGroups", &[("GroupName.1", "absent")]),
            "InvalidGroup.NotFound",
        ),
        (create("sg-1"), "InvalidParameterValue"),
        (create("schön"), "InvalidParameterValue"),
        (
            action("CreateSecurityGroup", &[("GroupName", "a")]),
            "MissingParameter",
        ),
        (
            [create("a"), vec![("VpcId", "vpc-1")]].concat(),
            "InvalidVpcID.NotFound",
        ),
        (
            [create("a"), vec![("TagSpecification.1.ResourceType", "x")]].concat(),
            "UnsupportedOperation",
        ),
    ] {
        refused(&world, USER, &parameters, 400, code).await;
        assert_eq!(described(&world, USER).await, before, "{parameters:?}");
    }
}

#[tokio::test]
async fn groups_are_found_by_filters_and_listed_in_pages() {
    let world = world().await;
    for name in ["a", "b", "c"] {
        ok(&world, USER, &create(name)).await;
    }
    ok(
        &world,
        USER,
        &rule("AuthorizeSecurityGroupIngress", "b", "22"),
    )
    .await;
    let names = |body: &str| {
        let items = body.split("<groupName>").skip(1);
        let names = items.map(|item| item.split('<').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    for (name, value, expected) in [
        ("group-name", "?", 3),
        ("description", "for*", 3),
        ("owner-id", USER, 4),
        ("owner-id", ADMIN, 0),
        ("ip-permission.cidr", "10.0.0.0/8", 1),
        ("ip-permission.protocol", "tcp", 1),
        ("ip-permission.from-port", "22", 1),
        ("ip-permission.to-port", "23", 0),
        ("vpc-id", "*", 0),
    ] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let body = ok(&world, USER, &action("DescribeSecurityGroups", &filter)).await;
        assert_eq!(names(&body).len(), expected, "{name} {value}");
    }
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let mut page = action("DescribeSecurityGroups", &[("MaxResults", "1")]);
        page.extend(token.as_deref().map(|token| ("NextToken", token)));
        let body = ok(&world, USER, &page).await;
        assert_eq!(names(&body).len(), 1);
        found.extend(names(&body));
        if !body.contains("<nextToken>") {
            break;
        }
        token = Some(text(&body, "nextToken").to_owned());
    }
    found.sort();
    assert_eq!(found, ["a", "b", "c", "default"]);
    let bad = action("DescribeSecurityGroups", &[("NextToken", "emi-1")]);
    refused(&world, USER, &bad, 400, "InvalidParameterValue").await;
}
