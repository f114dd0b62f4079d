//! The commands for instances against a server with the answers of a cloud: what is sent, and what is printed.

use gumnut_tests::{Asked, Cloud, Program, Server};

/// An item of `DescribeInstances` in the order of the API.
fn item(state: &str) -> String {
    format!(
        "<reservationId>r-00000001</reservationId><ownerId>000000000001</ownerId>\
         <groupSet><item><groupId>sg-00000001</groupId><groupName>default</groupName></item></groupSet><instancesSet><item>\
         <instanceId>i-00000001</instanceId><imageId>emi-9FE813FD</imageId><instanceState><code>16</code><name>{state}</name></instanceState>\
         <privateDnsName>172.31.0.10</privateDnsName><dnsName>127.31.0.10</dnsName><keyName>mykey</keyName>\
         <amiLaunchIndex>0</amiLaunchIndex><instanceType>m1.small</instanceType><launchTime>2010-06-03T23:02:37.552Z</launchTime>\
         <placement><availabilityZone>cluster01</availabilityZone></placement><kernelId>eki-90461381</kernelId>\
         <stateReason><code>Server.InternalError</code><message>no kernel</message></stateReason></item></instancesSet>"
    )
}

fn action(asked: &Asked) -> String {
    let text = asked.text();
    let action = text.split('&').find_map(|it| it.strip_prefix("Action="));
    action.unwrap_or_default().to_owned()
}

/// A cloud with one instance, which is in these states each time it is asked for; the last one is kept.
fn cloud(states: &'static [&'static str]) -> Server {
    let described = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |asked, _| {
        let action = action(asked);
        let content = match action.as_str() {
            "RunInstances" => item("pending"),
            "DescribeInstances" => {
                let at = described.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let state = states[at.min(states.len() - 1)];
                format!("<reservationSet><item>{}</item></reservationSet>", item(state))
            }
            "TerminateInstances" => "<instancesSet><item><instanceId>i-00000001</instanceId>\
                <currentState><code>32</code><name>shutting-down</name></currentState>\
                <previousState><code>16</code><name>running</name></previousState></item></instancesSet>"
                .to_owned(),
            "GetConsoleOutput" => "<instanceId>i-00000001</instanceId><timestamp>2010-06-03T23:02:37.552Z</timestamp>\
                <output>bG9naW46IBtbMm0K</output>"
                .to_owned(),
            _ => "<return>true</return>".to_owned(),
        };
        (
            200,
            format!("<{action}Response>{content}</{action}Response>"),
        )
    })
}

fn client(server: &Server) -> Program {
    Program::new()
        .with("EC2_ACCESS_KEY", "A")
        .with("EC2_SECRET_KEY", "x")
        .with("EC2_URL", server.endpoint())
}

#[test]
fn instances_are_run_waited_for_and_ended() {
    let server = cloud(&["pending", "running"]);
    let client = client(&server);
    client.write("setup.sh", "#!/bin/sh\n");
    let run = [
        "run",
        "emi-9FE813FD",
        "-k",
        "mykey",
        "-t",
        "m1.small",
        "-g",
        "default",
        "-g",
        "sg-00000002",
        "-n",
        "1-2",
        "--user-data",
        "setup.sh",
        "--wait",
        "running",
    ];
    let line = |state: &str| {
        format!(
            "INSTANCE\ti-00000001\temi-9FE813FD\t{state}\tm1.small\t127.31.0.10\t172.31.0.10\tmykey\t2010-06-03T23:02:37.552Z\n"
        )
    };
    let started = client.run(&run).succeeded().stdout;
    assert_eq!(started, line("running"));
    let sent = server.asked()[0].text();
    for parameter in [
        "ImageId=emi-9FE813FD",
        "MinCount=1",
        "MaxCount=2",
        "KeyName=mykey",
        "InstanceType=m1.small",
        "SecurityGroup.1=default",
        "SecurityGroupId.1=sg-00000002",
        "UserData=IyEvYmluL3NoCg%3D%3D",
    ] {
        assert!(sent.contains(parameter), "{parameter}: {sent}");
    }
    assert_eq!(
        client.run(&["instances"]).succeeded().stdout,
        line("running")
    );
    let value = client.json(&["instances", "--filter", "instance-state-name=running"]);
    assert_eq!(value["instances"][0]["zone"], "cluster01");
    let ended = client.run(&["terminate", "i-00000001"]).succeeded().stdout;
    assert_eq!(ended, "INSTANCE\ti-00000001\trunning\tshutting-down\n");
    let _ = client.run(&["reboot", "i-00000001"]).succeeded();
    let console = client.run(&["console", "i-00000001"]).succeeded().stdout;
    assert_eq!(console, "login: \u{1b}[2m\n");
    for bad in [
        &["run", "emi-9FE813FD", "-n", "0"][..],
        &["run", "emi-9FE813FD", "-n", "2", "--", "true"],
        &["run", "nothing"],
        &["terminate"],
        &["console", "i-00000001", "--follow", "--json"],
        &["run", "emi-9FE813FD", "--json", "--", "true"],
        &["ssh", "i-00000001", "--json"],
    ] {
        assert_eq!(client.run(bad).code, Some(2), "{bad:?}");
    }
}

#[test]
fn an_instance_that_ends_and_a_time_that_is_up_have_codes() {
    let server = cloud(&["pending", "terminated"]);
    let ended = client(&server).run(&["wait", "i-00000001"]);
    let _ = ended
        .failed(4)
        .saying(&["i-00000001 is terminated", "no kernel"]);
    let server = cloud(&["pending"]);
    let late = ["wait", "i-00000001", "--timeout", "1"];
    let _ = client(&server)
        .run(&late)
        .failed(6)
        .saying(&["the time is up"]);
    let server = cloud(&["running"]);
    let ssh = ["ssh", "i-00000001", "--", "true"];
    let _ = client(&server)
        .run(&ssh)
        .failed(5)
        .saying(&["no ssh server answers"]);
}

#[test]
fn the_old_names_print_the_lines_of_the_old_tools() {
    let server = cloud(&["running"]);
    let started = "2010-06-03T23:02:37.552Z";
    let of_2010 = client(&server).with("GUMNUT_DIALECT", "2010");
    let done = |name: &str, arguments: &[&str]| of_2010.called(name, arguments).succeeded().stdout;
    let reservation = "RESERVATION\tr-00000001\t000000000001\tdefault\n";
    assert_eq!(
        done(
            "euca-run-instances",
            &["emi-9FE813FD", "-k", "mykey", "-t", "m1.small", "-n", "1"]
        ),
        format!(
            "{reservation}INSTANCE\ti-00000001\temi-9FE813FD\t127.31.0.10\t172.31.0.10\tpending\tmykey\t{started}\teki-90461381\tNone\n"
        )
    );
    assert_eq!(
        done("euca-describe-instances", &[]),
        format!(
            "{reservation}INSTANCE\ti-00000001\temi-9FE813FD\t127.31.0.10\t172.31.0.10\trunning \tmykey \t0 \tm1.small \t{started} \
             \tcluster01 \teki-90461381\n"
        )
    );
    assert_eq!(
        done("euca-terminate-instances", &["i-00000001"]),
        "INSTANCE\ti-00000001\n"
    );
    assert_eq!(
        done("euca-reboot-instances", &["i-00000001"]),
        "INSTANCE\ti-00000001\n"
    );
    let console = format!("i-00000001\n{started}\nlogin: ^[[2m\n\n");
    assert_eq!(done("euca-get-console-output", &["i-00000001"]), console);
    let of_3_4 = client(&server);
    let done = |name: &str, arguments: &[&str]| of_3_4.called(name, arguments).succeeded().stdout;
    let shown = done("euca-describe-instances", &["i-00000001"]);
    let (first, second) = shown.split_once('\n').unwrap();
    assert_eq!(format!("{first}\n"), reservation);
    let columns: Vec<_> = second.trim_end_matches('\n').split('\t').collect();
    assert_eq!(columns.len(), 33);
    assert_eq!(
        (columns[5], columns[9], columns[28]),
        ("running", "m1.small", "default")
    );
    assert_eq!(
        done("euca-terminate-instances", &["i-00000001"]),
        "INSTANCE\ti-00000001\trunning\tshutting-down\n"
    );
    assert_eq!(done("euca-reboot-instances", &["i-00000001"]), "");
    let asked = server.asked().len();
    let vpc = of_3_4.called("euca-run-instances", &["emi-9FE813FD", "--subnet", "s-1"]);
    assert_eq!(vpc.code, Some(2), "{vpc:#?}");
    assert_eq!(server.asked().len(), asked, "nothing is sent");
}

#[test]
fn types_and_zones_of_the_embedded_cloud_are_listed() {
    let cloud = Cloud::start();
    let client = cloud.client();
    let types = client.json(&["types"]);
    let types = types["types"].as_array().unwrap();
    assert!(
        types
            .iter()
            .any(|it| it["name"] == "m1.small" && it["memory_mib"] == 256)
    );
    // Without --instances there is room for none.
    assert!(types.iter().all(|it| it["available"] == 0));
    let one = client.run(&["types", "m1.small"]).succeeded().stdout;
    assert_eq!(one, "TYPE\tm1.small\t1\t256\t5\t0\t0\n");
    let _ = client.run(&["types", "x9.huge"]).failed(4);
    let shown = client.called(
        "euca-describe-instance-types",
        &["m1.small", "--show-capacity"],
    );
    assert_eq!(
        shown.succeeded().stdout,
        "INSTANCETYPE\t Name      CPUs  Memory (MiB)  Disk (GiB)  NICs  Used / Total  Used %\n\
         INSTANCETYPE\t m1.small     1           256           5     1     0 /     0        \n"
    );
    let zones = client.called("euca-describe-availability-zones", &["verbose"]);
    let zones = zones.succeeded().stdout;
    assert!(
        zones.starts_with("AVAILABILITYZONE\tcluster01\tavailable\t"),
        "{zones}"
    );
    assert!(
        zones.contains("AVAILABILITYZONE\t|- m1.small\t0000 / 0000   1     256     5\t"),
        "{zones}"
    );
}
