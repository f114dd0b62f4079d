//! Security groups by gumnut's own command and by the old ones.

use gumnut_tests::Cloud;
use serde_json::json;

#[test]
fn a_group_is_created_opened_listed_and_deleted() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let made = client.json(&["group", "create", "web", "-d", "web servers"]);
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("sg-"), "{made}");
    let open = ["group", "authorize", "web", "-p", "8000-8080"];
    let opened = client.json(&open);
    assert_eq!(opened["authorized"], true);
    let _ = client.run(&open).failed(4).saying(&["already exists"]);
    for more in [
        &["-P", "icmp", "-s", "10.1.2.3/8"][..],
        &["-P", "all", "-o", "default"],
    ] {
        let arguments = [&["group", "authorize", id][..], more].concat();
        let _ = client.run(&arguments).succeeded();
    }
    let listed = client.run(&["group", "list"]).succeeded().stdout;
    let account = cloud.exported("EC2_USER_ID");
    let expected = format!(
        "GROUP\tweb\t{id}\t{account}\tweb servers\n\
         RULE\tweb\ttcp\t8000\t8080\tCIDR\t0.0.0.0/0\n\
         RULE\tweb\ticmp\t-1\t-1\tCIDR\t10.0.0.0/8\n\
         RULE\tweb\t-1\t\t\tGROUP\t{account}/default\n"
    );
    assert!(listed.ends_with(&expected), "{listed}");
    assert!(listed.starts_with("GROUP\tdefault\tsg-"), "{listed}");
    let values = client.json(&["group", "list", "web"]);
    assert_eq!(values["groups"][0]["rules"][0]["to"], json!(8080));
    let revoked = client.json(&["group", "revoke", "web", "-p", "8000-8080"]);
    assert_eq!(revoked["revoked"], true);
    let _ = client.run(&["group", "delete", id]).succeeded();
    let _ = client
        .run(&["group", "delete", "web"])
        .failed(4)
        .saying(&["does not exist"]);
    for bad in [
        &["group", "authorize", "default"][..],
        &["group", "authorize", "default", "-P", "icmp", "-p", "22"],
        &[
            "group",
            "authorize",
            "default",
            "-p",
            "22",
            "-s",
            "0.0.0.0/0",
            "-o",
            "x",
        ],
        &["group", "authorize", "default", "-p", "70000"],
    ] {
        assert_eq!(client.run(bad).code, Some(2), "{bad:?}");
    }
    let range = ["group", "authorize", "default", "-p", "22", "-s", "nowhere"];
    let _ = client.run(&range).failed(4).saying(&["CIDR block nowhere"]);
}

#[test]
fn the_old_names_print_the_lines_of_the_old_tools() {
    let cloud = Cloud::start();
    let account = cloud.exported("EC2_USER_ID");
    for dialect in ["2010", "3.4"] {
        let client = cloud.client().with("GUMNUT_DIALECT", dialect);
        let is_2010 = dialect == "2010";
        let done =
            |name: &str, arguments: &[&str]| client.called(name, arguments).succeeded().stdout;
        let create = if is_2010 {
            "euca-add-group"
        } else {
            "euca-create-group"
        };
        let created = done(create, &["-d", "web servers", "web"]);
        let columns: Vec<_> = created.trim_end().split('\t').collect();
        let id = if is_2010 { "" } else { columns[1] };
        let expected = if is_2010 {
            "GROUP\tweb\tweb servers\n".to_owned()
        } else {
            format!("GROUP\t{id}\tweb\tweb servers\n")
        };
        assert_eq!(created, expected);
        let ssh = ["-P", "tcp", "-p", "22", "-s", "0.0.0.0/0", "web"];
        assert_eq!(
            done("euca-authorize", &ssh),
            "GROUP\tweb\nPERMISSION\tweb\tALLOWS\ttcp\t22\t22\tFROM\tCIDR\t0.0.0.0/0\n"
        );
        let ping = ["-P", "icmp", "-t", "-1:-1", "-s", "10.0.0.0/8", "web"];
        assert_eq!(
            done("euca-authorize", &ping),
            "GROUP\tweb\nPERMISSION\tweb\tALLOWS\ticmp\t-1\t-1\tFROM\tCIDR\t10.0.0.0/8\n"
        );
        let shown = done("euca-describe-groups", &["web"]);
        let end = if is_2010 { "" } else { "\tingress" };
        let group = if is_2010 {
            format!("GROUP\t{account}\tweb\tweb servers\n")
        } else {
            format!("GROUP\t{id}\t{account}\tweb\tweb servers\t\n")
        };
        let rule = format!("PERMISSION\t{account}\tweb\tALLOWS");
        assert_eq!(
            shown,
            format!(
                "{group}{rule}\ttcp\t22\t22\tFROM\tCIDR\t0.0.0.0/0{end}\n\
                 {rule}\ticmp\t-1\t-1\tFROM\tCIDR\t10.0.0.0/8{end}\n"
            )
        );
        let of_group = ["-o", "default", "-u", &account, "web"];
        let name = if is_2010 { "GRPNAME" } else { "NAME" };
        let opened = done("euca-authorize", &[&["-p", "80"][..], &of_group].concat());
        let ports = if is_2010 { "" } else { "\ttcp\t80\t80" };
        assert_eq!(
            opened,
            format!(
                "GROUP\tweb\nPERMISSION\tweb\tALLOWS{ports}\tUSER\t{account}\t{name}\tdefault\n"
            )
        );
        let _ = done("euca-revoke", &ssh);
        let again = client.called("euca-revoke", &ssh);
        assert_eq!(again.code, Some(1), "{again:#?}");
        let deleted = done("euca-delete-group", &["web"]);
        let expected = if is_2010 {
            "GROUP\tweb\n"
        } else {
            "RETURN\ttrue\n"
        };
        assert_eq!(deleted, expected);
    }
}
