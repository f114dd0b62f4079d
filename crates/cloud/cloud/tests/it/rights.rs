//! Access control lists, and that they are obeyed.

use crate::common::{Answer, TestCloud};

async fn put_with_acl(cloud: &TestCloud, key: &str, acl: &str) -> Answer {
    let request = cloud.request("PUT", &format!("/bucket/{key}"));
    request
        .header("x-amz-acl", acl)
        .body(b"text")
        .v4(&cloud.alice)
        .send()
        .await
}

#[tokio::test]
async fn canned_acls_are_obeyed() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for (acl, nobody, bob) in [
        ("private", 403, 403),
        ("public-read", 200, 200),
        ("authenticated-read", 403, 200),
        ("aws-exec-read", 403, 403),
        ("ec2-bundle-read", 403, 403),
        ("bucket-owner-full-control", 403, 403),
    ] {
        assert_eq!(put_with_acl(&cloud, "k", acl).await.status, 200, "{acl}");
        assert_eq!(
            cloud.request("GET", "/bucket/k").send().await.status,
            nobody,
            "{acl}"
        );
        assert_eq!(
            cloud.get(&cloud.bob, "/bucket/k").await.status,
            bob,
            "{acl}"
        );
        assert_eq!(
            cloud.get(&cloud.alice, "/bucket/k").await.status,
            200,
            "{acl}"
        );
    }
    assert_eq!(
        put_with_acl(&cloud, "k", "everybody").await.refusal(),
        (400, "InvalidArgument")
    );
}

#[tokio::test]
async fn strangers_do_nothing_in_a_private_bucket() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    put_with_acl(&cloud, "k", "private").await;
    for (method, target) in [
        ("GET", "/bucket"),
        ("GET", "/bucket?acl"),
        ("GET", "/bucket?uploads"),
        ("GET", "/bucket?location"),
        ("PUT", "/bucket?acl"),
        ("PUT", "/bucket/new"),
        ("GET", "/bucket/k"),
        // Whether a key exists is shown only to those who may list.
        ("GET", "/bucket/none"),
        ("GET", "/bucket/k?acl"),
        ("DELETE", "/bucket/k"),
        ("POST", "/bucket/new?uploads"),
        ("DELETE", "/bucket"),
    ] {
        let request = || {
            let acl = cloud
                .request(method, target)
                .header("x-amz-acl", "public-read");
            if target.contains("acl") {
                acl
            } else {
                cloud.request(method, target)
            }
        };
        let bob = request().v4(&cloud.bob).send().await;
        assert_eq!(bob.refusal(), (403, "AccessDenied"), "{method} {target}");
        let nobody = request().send().await;
        assert_eq!(nobody.refusal(), (403, "AccessDenied"), "{method} {target}");
    }
}

#[tokio::test]
async fn an_open_bucket_takes_from_everybody() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let open = cloud
        .request("PUT", "/bucket?acl")
        .header("x-amz-acl", "public-read-write");
    assert_eq!(open.v4(&cloud.alice).send().await.status, 200);
    assert_eq!(
        cloud.put(&cloud.bob, "/bucket/bobs", b"text").await.status,
        200
    );
    assert_eq!(cloud.get(&cloud.alice, "/bucket/bobs").await.status, 403);
    let nobody = cloud
        .request("PUT", "/bucket/nobodys")
        .body(b"text")
        .send()
        .await;
    assert_eq!(nobody.status, 200);
    // What nobody in particular has put is the bucket owner's.
    assert_eq!(
        cloud.get(&cloud.alice, "/bucket/nobodys").await.text(),
        "text"
    );
    let list = cloud.request("GET", "/bucket").send().await;
    assert_eq!(list.all("Key"), ["bobs", "nobodys"]);
}

#[tokio::test]
async fn grants_in_headers_and_documents() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let put = cloud
        .request("PUT", "/bucket/k")
        .header("x-amz-grant-read", "id=\"b0b0\"");
    put.body(b"text").v4(&cloud.alice).send().await;
    assert_eq!(cloud.get(&cloud.bob, "/bucket/k").await.text(), "text");
    // Explicit grants are all that there are; the list itself remains the owner's.
    assert_eq!(cloud.get(&cloud.alice, "/bucket/k").await.status, 403);
    let acl = cloud.get(&cloud.alice, "/bucket/k?acl").await;
    assert_eq!(acl.all("Permission"), ["READ"]);
    assert!(acl.all("DisplayName").contains(&"bob"), "{}", acl.text());

    let document = |grantee: &str| {
        format!(
            "<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>{}</ID></Owner>\
             <AccessControlList><Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             {grantee}</Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList>\
             </AccessControlPolicy>",
            cloud.alice.owner_id
        )
    };
    let set = |grantee: &str| {
        let request = cloud.request("PUT", "/bucket/k?acl");
        request
            .body(document(grantee).as_bytes())
            .v4(&cloud.alice)
            .send()
    };
    let email = "xsi:type=\"AmazonCustomerByEmail\"><EmailAddress>Bob@example.com</EmailAddress>";
    let set_by_email = set(email).await;
    assert_eq!(set_by_email.status, 200, "{}", set_by_email.text());
    assert_eq!(cloud.get(&cloud.bob, "/bucket/k?acl").await.status, 200);
    let group = "xsi:type=\"Group\"><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>";
    assert_eq!(set(group).await.status, 200);
    assert_eq!(
        cloud.request("GET", "/bucket/k").send().await.text(),
        "text"
    );
    for (grantee, code) in [
        (
            "xsi:type=\"CanonicalUser\"><ID>nobody</ID>",
            "InvalidArgument",
        ),
        (
            "xsi:type=\"Group\"><URI>http://nowhere/</URI>",
            "InvalidArgument",
        ),
        (
            "xsi:type=\"AmazonCustomerByEmail\"><EmailAddress>x@y</EmailAddress>",
            "UnresolvableGrantByEmailAddress",
        ),
    ] {
        assert_eq!(set(grantee).await.refusal(), (400, code));
    }
}

#[tokio::test]
async fn the_group_of_registration_has_its_name() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    put_with_acl(&cloud, "k", "aws-exec-read").await;
    let acl = cloud.get(&cloud.alice, "/bucket/k?acl").await;
    assert_eq!(
        acl.element("URI"),
        "http://acs.amazonaws.com/groups/s3/zateam"
    );
    assert_eq!(acl.all("Permission"), ["READ", "FULL_CONTROL"]);
    assert_eq!(acl.all("DisplayName"), ["eucalyptus", "eucalyptus"]);
}
