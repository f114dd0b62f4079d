use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::instance::Tree;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn instance(tree: Tree) -> Instance {
    Instance {
        tree,
        ..Instance::example()
    }
}

fn get(instance: &Instance, path: &str) -> (u16, String) {
    let response = Service::new()
        .unwrap()
        .answer(instance, &Request::get(path), NOW);
    (response.status, String::from_utf8(response.body).unwrap())
}

/// The text at a path, which must be there.
fn text(instance: &Instance, path: &str) -> String {
    let (status, body) = get(instance, path);
    assert_eq!(status, 200, "{path}");
    body
}

/// Every path below one, found as clients find them: a name with a slash is a directory.
fn walk(instance: &Instance, path: &str, found: &mut BTreeSet<String>) {
    for name in text(instance, path).lines() {
        let name = name.split_once('=').map_or(name, |(number, _)| number);
        let below = format!("{path}{name}");
        if below.ends_with('/') || path.ends_with("public-keys/") {
            walk(
                instance,
                &format!("{}/", below.trim_end_matches('/')),
                found,
            );
        } else {
            text(instance, &below);
            found.insert(below);
        }
    }
}

fn leaves(tree: Tree) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(&instance(tree), "/latest/meta-data/", &mut found);
    let names = found.into_iter();
    names
        .map(|name| name.trim_start_matches("/latest/meta-data/").to_owned())
        .collect()
}

#[test]
fn a_guest_of_2009_finds_what_eucalyptus_had() {
    let mut instance = instance(Tree::Eucalyptus2009);
    instance.ancestors = vec!["emi-1".to_owned()];
    instance.product_codes = vec!["A".to_owned(), "B".to_owned()];
    let expected = "ami-id\nami-launch-index\nami-manifest-path\nancestor-ami-ids\nblock-device-mapping/\nhostname\ninstance-id\n\
        instance-type\nkernel-id\nlocal-hostname\nlocal-ipv4\nplacement/\nproduct-codes\npublic-hostname\npublic-ipv4\npublic-keys/\n\
        ramdisk-id\nreservation-id\nsecurity-groups";
    assert_eq!(text(&instance, "/1.0/meta-data/"), expected);
    assert_eq!(text(&instance, "/latest/meta-data/hostname"), "127.31.0.10");
    assert_eq!(text(&instance, "/latest/meta-data/product-codes"), "A\nB");
    assert_eq!(
        text(&instance, "/latest/meta-data/block-device-mapping/root"),
        "/dev/sda1"
    );
    assert_eq!(
        text(&instance, "/latest/meta-data/placement/availability-zone"),
        "cluster01"
    );
    assert_eq!(get(&instance, "/latest/dynamic").0, 404);
    assert_eq!(get(&instance, "/2021-03-23/meta-data/").0, 404);
    assert_eq!(text(&instance, "/").lines().last(), Some("latest"));
}

#[test]
fn later_trees_have_more_and_lose_nothing() {
    let trees = [Tree::Eucalyptus2009, Tree::Eucalyptus44, Tree::Ec2].map(leaves);
    let mac = "network/interfaces/macs/d0:0d:4d:a9:0a:12";
    assert!(trees[0].is_subset(&trees[1]) && trees[1].is_subset(&trees[2]));
    for name in ["device-number", "local-ipv4s", "mac", "public-ipv4s"] {
        assert!(
            trees[1].contains(&format!("{mac}/{name}")),
            "{:?}",
            trees[1]
        );
    }
    for name in ["fws/instance-monitoring", "services/domain", "mac"] {
        assert!(
            trees[1].contains(name) && !trees[0].contains(name),
            "{name}"
        );
    }
    assert!(trees[2].contains("placement/region") && trees[2].contains("instance-action"));
    let old = instance(Tree::Eucalyptus44);
    assert_eq!(text(&old, "/latest/meta-data/mac"), "D0:0D:4D:A9:0A:12");
    assert_eq!(
        text(&instance(Tree::Ec2), "/latest/meta-data/mac"),
        "d0:0d:4d:a9:0a:12"
    );
}

#[test]
fn a_key_is_listed_by_number_and_name() {
    let mut instance = instance(Tree::Ec2);
    assert_eq!(text(&instance, "/latest/meta-data/public-keys/"), "0=mykey");
    assert_eq!(
        text(&instance, "/latest/meta-data/public-keys/0/"),
        "openssh-key"
    );
    assert!(
        text(&instance, "/latest/meta-data/public-keys/0/openssh-key").starts_with("ssh-ed25519 ")
    );
    assert_eq!(
        get(&instance, "/latest/meta-data/public-keys/1/openssh-key").0,
        404
    );
    instance.key = None;
    assert_eq!(get(&instance, "/latest/meta-data/public-keys/").0, 404);
    assert!(!text(&instance, "/latest/meta-data/").contains("public-keys"));
}

#[test]
fn paths_are_found_with_and_without_their_slashes() {
    let instance = instance(Tree::Ec2);
    for path in [
        "/latest/meta-data",
        "latest/meta-data/",
        "//latest//meta-data//",
        "/latest/meta-data?x=/y",
    ] {
        assert!(text(&instance, path).starts_with("ami-id\n"), "{path}");
    }
    assert_eq!(text(&instance, "/latest"), "dynamic\nmeta-data");
    for path in [
        "/latest/meta-data/ami-id/x",
        "/lates",
        "/latest/meta-data/../user-data",
        "/latest/meta-data/%61mi-id",
        "/latest/secrets",
    ] {
        assert_eq!(get(&instance, path), (404, String::new()), "{path}");
    }
}

#[test]
fn the_identity_document_is_json_with_everything_that_clients_read() {
    let mut instance = instance(Tree::Ec2);
    instance.kernel = None;
    instance.launched = NOW + Duration::from_millis(86_400_123);
    let document: serde_json::Value = serde_json::from_str(&text(
        &instance,
        "/latest/dynamic/instance-identity/document",
    ))
    .unwrap();
    let expected = serde_json::json!({
        "accountId": "000000000001", "architecture": "x86_64", "availabilityZone": "cluster01",
        "billingProducts": null, "devpayProductCodes": null, "marketplaceProductCodes": null,
        "imageId": "emi-9FE813FD", "instanceId": "i-4DA90A12", "instanceType": "m1.small", "kernelId": null,
        "pendingTime": "1970-01-02T00:00:00Z", "privateIp": "172.31.0.10", "ramdiskId": "eri-E85914C7",
        "region": "eucalyptus", "version": "2017-09-30",
    });
    assert_eq!(document, expected);
}

#[test]
fn user_data_are_bytes_and_may_be_missing() {
    let mut instance = instance(Tree::Eucalyptus2009);
    assert_eq!(get(&instance, "/latest/user-data").0, 404);
    instance.user_data = Some(vec![0x1f, 0x8b, 0, 255]);
    let response = Service::new()
        .unwrap()
        .answer(&instance, &Request::get("/1.0/user-data"), NOW);
    assert_eq!(
        (response.status, response.body),
        (200, vec![0x1f, 0x8b, 0, 255])
    );
    assert_eq!(
        response.headers,
        [("content-type", "application/octet-stream".to_owned())]
    );
    assert!(text(&instance, "/latest/").ends_with("\nuser-data"));
    assert!(
        !format!("{instance:?}").contains("139"),
        "nobody prints them"
    );
}

#[test]
fn tags_are_shown_when_they_are_asked_for() {
    let mut instance = instance(Tree::Ec2);
    instance.tags = [("Name", "web"), ("a/b", "no path")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    assert_eq!(
        get(&instance, "/latest/meta-data/tags/instance/Name").0,
        404
    );
    instance.options.tags = true;
    assert_eq!(text(&instance, "/latest/meta-data/tags/instance/"), "Name");
    assert_eq!(
        text(&instance, "/latest/meta-data/tags/instance/Name"),
        "web"
    );
}

/// The token that an instance gets for a minute.
fn token(service: &Service, instance: &Instance) -> String {
    let headers = [("X-aws-ec2-metadata-token-ttl-seconds", "60")];
    let request = Request::put("/latest/api/token").with(&headers);
    let response = service.answer(instance, &request, NOW);
    assert_eq!((response.status, response.hop_limit), (200, Some(1)));
    assert!(response.headers.contains(&(TTL, "60".to_owned())));
    String::from_utf8(response.body).unwrap()
}

fn status_with(
    service: &Service,
    instance: &Instance,
    headers: &[(&str, &str)],
    now: SystemTime,
) -> u16 {
    service
        .answer(
            instance,
            &Request::get("/latest/meta-data/ami-id").with(headers),
            now,
        )
        .status
}

#[test]
fn a_token_is_not_needed_until_it_is_required_but_never_wrong() {
    let service = Service::new().unwrap();
    let mut instance = instance(Tree::Ec2);
    let token = token(&service, &instance);
    for required in [false, true] {
        instance.options.tokens_required = required;
        let status = |headers: &[_], now| status_with(&service, &instance, headers, now);
        assert_eq!(status(&[], NOW), if required { 401 } else { 200 });
        assert_eq!(status(&[("X-AWS-EC2-Metadata-Token", &token)], NOW), 200);
        assert_eq!(status(&[(TOKEN, "")], NOW), 401);
        assert_eq!(status(&[(TOKEN, "wrong")], NOW), 401);
        assert_eq!(
            status(&[(TOKEN, &token)], NOW + Duration::from_mins(1)),
            401
        );
    }
    let mut other = Instance::example();
    other.id = "i-00000001".to_owned();
    assert_eq!(status_with(&service, &other, &[(TOKEN, &token)], NOW), 401);
}

#[test]
fn a_token_is_asked_for_in_one_way_only() {
    let service = Service::new().unwrap();
    let instance = instance(Tree::Ec2);
    let status = |method, path, headers: &[(&str, &str)]| {
        service
            .answer(
                &instance,
                &Request {
                    method,
                    path,
                    headers,
                },
                NOW,
            )
            .status
    };
    let ttl = (TTL, "60");
    assert_eq!(status("PUT", "/latest/api/token", &[]), 400);
    assert_eq!(status("PUT", "/latest/api/token", &[(TTL, "21601")]), 400);
    assert_eq!(
        status(
            "PUT",
            "/latest/api/token",
            &[ttl, ("X-Forwarded-For", "10.0.0.1")]
        ),
        403
    );
    assert_eq!(status("GET", "/latest/api/token", &[ttl]), 405);
    assert_eq!(status("POST", "/latest/api/token", &[ttl]), 405);
    assert_eq!(status("PUT", "/latest/meta-data/ami-id", &[ttl]), 405);
    assert_eq!(status("DELETE", "/latest/meta-data/ami-id", &[]), 405);
    assert_eq!(status("HEAD", "/latest/meta-data/ami-id", &[]), 200);
    assert_eq!(
        status(
            "GET",
            "/latest/meta-data/ami-id",
            &[("x-forwarded-for", "")]
        ),
        403
    );
}

#[test]
fn a_service_that_is_off_answers_nothing() {
    let service = Service::new().unwrap();
    let mut instance = instance(Tree::Ec2);
    let token = token(&service, &instance);
    instance.options.enabled = false;
    assert_eq!(
        status_with(&service, &instance, &[(TOKEN, &token)], NOW),
        403
    );
    let headers = [(TTL, "60")];
    let request = Request::put("/latest/api/token").with(&headers);
    assert_eq!(service.answer(&instance, &request, NOW).status, 403);
}

proptest! {
    #[test]
    fn nothing_is_said_without_a_token_when_one_is_required(method in "GET|HEAD|PUT|POST|[A-Z]{0,5}", path in "(/|latest|meta-data|user-data|api|token|ami-id|[a-z.%]{0,4}){0,8}", token in ".{0,60}") {
        let service = Service::new().unwrap();
        let mut instance = Instance::example();
        instance.options.tokens_required = true;
        instance.user_data = Some(b"secret".to_vec());
        let headers = [(TOKEN, token.as_str())];
        let request = Request { method: &method, path: &path, headers: &headers };
        let response = service.answer(&instance, &request, NOW);
        prop_assert!(response.body.is_empty() && response.status >= 400, "{:?}", response);
    }
}
