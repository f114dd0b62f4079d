//! Versions of objects, and what keeps them from being deleted.

use crate::common::{Answer, TestCloud};

async fn set(cloud: &TestCloud, target: &str, document: &str) -> Answer {
    cloud.put(&cloud.alice, target, document.as_bytes()).await
}

async fn versioning(cloud: &TestCloud, status: &str) {
    let document =
        format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
    let answer = set(cloud, "/bucket?versioning", &document).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

async fn put(cloud: &TestCloud, text: &str) -> String {
    let answer = set(cloud, "/bucket/k", text).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-amz-version-id").to_owned()
}

async fn read(cloud: &TestCloud, query: &str) -> Answer {
    cloud.get(&cloud.alice, &format!("/bucket/k{query}")).await
}

#[tokio::test]
async fn old_versions_stay_and_markers_hide_them() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    assert_eq!(put(&cloud, "zero").await, "");
    versioning(&cloud, "Enabled").await;
    let status = cloud.get(&cloud.alice, "/bucket?versioning").await;
    assert_eq!(status.element("Status"), "Enabled");
    let one = put(&cloud, "one").await;
    let two = put(&cloud, "two").await;
    for (query, text) in [
        (String::new(), "two"),
        (format!("?versionId={one}"), "one"),
        (format!("?versionId={two}"), "two"),
        ("?versionId=null".to_owned(), "zero"),
    ] {
        assert_eq!(read(&cloud, &query).await.text(), text, "{query}");
    }
    let gone = cloud.delete(&cloud.alice, "/bucket/k").await;
    assert_eq!(gone.header("x-amz-delete-marker"), "true");
    let marker = gone.header("x-amz-version-id").to_owned();
    let hidden = read(&cloud, "").await;
    assert_eq!(hidden.refusal(), (404, "NoSuchKey"));
    let of_marker = read(&cloud, &format!("?versionId={marker}")).await;
    assert_eq!(of_marker.refusal(), (405, "MethodNotAllowed"));
    for refused in [hidden, of_marker] {
        assert_eq!(refused.header("x-amz-delete-marker"), "true");
        assert_eq!(refused.header("x-amz-version-id"), marker);
    }
    let list = cloud.get(&cloud.alice, "/bucket?list-type=2").await;
    assert_eq!(list.all("Key"), Vec::<&str>::new());

    let bucket = cloud.delete(&cloud.alice, "/bucket").await;
    assert_eq!(bucket.refusal(), (409, "BucketNotEmpty"));
    let back = cloud
        .delete(&cloud.alice, &format!("/bucket/k?versionId={marker}"))
        .await;
    assert_eq!(
        (
            back.header("x-amz-delete-marker"),
            back.header("x-amz-version-id")
        ),
        ("true", marker.as_str())
    );
    assert_eq!(read(&cloud, "").await.text(), "two");
    for (version, left) in [(&two, "one"), (&one, "zero")] {
        cloud
            .delete(&cloud.alice, &format!("/bucket/k?versionId={version}"))
            .await;
        assert_eq!(read(&cloud, "").await.text(), left);
    }
    let missing = read(&cloud, &format!("?versionId={one}")).await;
    assert_eq!(missing.refusal(), (404, "NoSuchVersion"));
}

#[tokio::test]
async fn a_suspended_bucket_replaces_the_null_version_only() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    versioning(&cloud, "Enabled").await;
    let kept = put(&cloud, "kept").await;
    versioning(&cloud, "Suspended").await;
    assert_eq!(put(&cloud, "first").await, "");
    assert_eq!(put(&cloud, "second").await, "");
    let list = cloud.get(&cloud.alice, "/bucket?versions").await;
    assert_eq!(list.all("VersionId"), ["null", kept.as_str()]);
    cloud.delete(&cloud.alice, "/bucket/k").await;
    let list = cloud.get(&cloud.alice, "/bucket?versions").await;
    assert_eq!(list.all("DeleteMarker").len(), 1);
    assert_eq!(list.all("Version").len(), 1);
    let kept = read(&cloud, &format!("?versionId={kept}")).await;
    assert_eq!(kept.text(), "kept");
}

/// What asks for the page behind this one, if there is one.
fn behind(page: &Answer) -> Option<String> {
    let key = page.element("NextKeyMarker");
    let version = page.element("NextVersionIdMarker");
    let more = page.element("IsTruncated") == "true";
    more.then(|| format!("&key-marker={key}&version-id-marker={version}"))
}

#[tokio::test]
async fn pages_of_versions_add_up() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    versioning(&cloud, "Enabled").await;
    let mut expected = Vec::new();
    for key in ["a", "b"] {
        let mut made = Vec::new();
        for text in ["1", "2", "3"] {
            let answer = set(&cloud, &format!("/bucket/{key}"), text).await;
            made.insert(0, answer.header("x-amz-version-id").to_owned());
        }
        expected.extend(made);
    }
    let (mut found, mut marker) = (Vec::new(), String::new());
    loop {
        let target = format!("/bucket?versions&max-keys=2{marker}");
        let page = cloud.get(&cloud.alice, &target).await;
        found.extend(page.all("VersionId").into_iter().map(str::to_owned));
        match behind(&page) {
            Some(next) => marker = next,
            None => break,
        }
    }
    assert_eq!(found, expected);
    for marker in ["version-id-marker=x", "key-marker=a&version-id-marker=x"] {
        let target = format!("/bucket?versions&{marker}");
        let lost = cloud.get(&cloud.alice, &target).await;
        assert_eq!(lost.refusal(), (400, "InvalidArgument"), "{marker}");
    }
}

#[tokio::test]
async fn pages_of_versions_go_on_when_they_are_deleted_meanwhile() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for key in ["a", "b"] {
        set(&cloud, &format!("/bucket/{key}"), "null").await;
    }
    versioning(&cloud, "Enabled").await;
    for _ in 0..4 {
        set(&cloud, "/bucket/a", "more").await;
    }
    let (mut pages, mut marker) = (Vec::new(), String::new());
    loop {
        let target = format!("/bucket?versions&max-keys=2{marker}");
        let page = cloud.get(&cloud.alice, &target).await;
        for (key, version) in page.all("Key").into_iter().zip(page.all("VersionId")) {
            let target = format!("/bucket/{key}?versionId={version}");
            assert_eq!(cloud.delete(&cloud.alice, &target).await.status, 204);
        }
        pages.push(page.all("Key").join(" "));
        match behind(&page) {
            Some(next) => marker = next,
            None => break,
        }
    }
    assert_eq!(pages, ["a a", "a a", "a b"]);
    assert_eq!(cloud.delete(&cloud.alice, "/bucket").await.status, 204);
}

#[tokio::test]
async fn copies_and_lists_of_deletions_name_versions() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    versioning(&cloud, "Enabled").await;
    let one = put(&cloud, "one").await;
    put(&cloud, "two").await;
    let copy = cloud
        .request("PUT", "/bucket/copy")
        .header("x-amz-copy-source", &format!("/bucket/k?versionId={one}"));
    let copy = copy.v4(&cloud.alice).send().await;
    assert_eq!(copy.header("x-amz-copy-source-version-id"), one);
    assert_eq!(copy.header("x-amz-version-id").len(), 32);
    let copied = cloud.get(&cloud.alice, "/bucket/copy").await;
    assert_eq!(copied.text(), "one");

    let document = format!(
        "<Delete><Object><Key>k</Key><VersionId>{one}</VersionId></Object>\
         <Object><Key>copy</Key></Object></Delete>"
    );
    let request = cloud.request("POST", "/bucket?delete");
    let request = request.body(document.as_bytes()).v4(&cloud.alice);
    let deleted = request.send().await;
    assert_eq!(deleted.all("Key"), ["k", "copy"], "{}", deleted.text());
    assert_eq!(deleted.all("VersionId"), [one.as_str()]);
    assert_eq!(deleted.all("DeleteMarker"), ["true"]);
}

#[tokio::test]
async fn locked_versions_stay() {
    let cloud = TestCloud::start().await;
    let make = cloud
        .request("PUT", "/bucket")
        .header("x-amz-bucket-object-lock-enabled", "true");
    assert_eq!(make.v4(&cloud.alice).send().await.status, 200);
    let version = put(&cloud, "text").await;
    let target = |part: &str| format!("/bucket/k?{part}versionId={version}");
    let hold = |status: &str| format!("<LegalHold><Status>{status}</Status></LegalHold>");
    let retention = |mode: &str, year: u32| {
        format!(
            "<Retention><Mode>{mode}</Mode><RetainUntilDate>{year}-01-01T00:00:00Z</RetainUntilDate></Retention>"
        )
    };
    let unset = cloud.get(&cloud.alice, &target("retention&")).await;
    assert_eq!(unset.refusal(), (404, "NoSuchObjectLockConfiguration"));
    assert_eq!(
        set(&cloud, &target("legal-hold&"), &hold("ON"))
            .await
            .status,
        200
    );
    let refused = cloud.delete(&cloud.alice, &target("")).await;
    assert_eq!(refused.refusal(), (403, "AccessDenied"));
    assert_eq!(
        set(&cloud, &target("legal-hold&"), &hold("MAYBE"))
            .await
            .refusal(),
        (400, "MalformedXML")
    );
    set(&cloud, &target("legal-hold&"), &hold("OFF")).await;
    for (mode, year, status) in [
        ("GOVERNANCE", 2090, 200),
        ("GOVERNANCE", 2091, 200),
        ("GOVERNANCE", 2089, 403),
        ("COMPLIANCE", 2092, 403),
        ("NONE", 2095, 400),
    ] {
        let answer = set(&cloud, &target("retention&"), &retention(mode, year)).await;
        assert_eq!(answer.status, status, "{mode} {year} {}", answer.text());
    }
    let head = cloud.request("HEAD", &target("")).v4(&cloud.alice);
    let head = head.send().await;
    assert_eq!(head.header("x-amz-object-lock-mode"), "GOVERNANCE");
    assert_eq!(head.header("x-amz-object-lock-legal-hold"), "OFF");
    let refused = cloud.delete(&cloud.alice, &target("")).await;
    assert_eq!(refused.refusal(), (403, "AccessDenied"));
    let bypass = cloud
        .request("DELETE", &target(""))
        .header("x-amz-bypass-governance-retention", "true");
    assert_eq!(bypass.v4(&cloud.alice).send().await.status, 204);
}

#[tokio::test]
async fn settings_of_locks_are_checked() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let configuration = |rule: &str| {
        format!(
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>\
             <Rule><DefaultRetention>{rule}</DefaultRetention></Rule></ObjectLockConfiguration>"
        )
    };
    let good = "<Mode>COMPLIANCE</Mode><Days>1</Days>";
    let target = "/bucket?object-lock";
    let early = set(&cloud, target, &configuration(good)).await;
    assert_eq!(early.refusal(), (409, "InvalidBucketState"));
    let none = cloud.get(&cloud.alice, target).await;
    assert_eq!(
        none.refusal(),
        (404, "ObjectLockConfigurationNotFoundError")
    );
    versioning(&cloud, "Enabled").await;
    for (rule, code) in [
        (
            "<Mode>COMPLIANCE</Mode><Days>0</Days>",
            "InvalidRetentionPeriod",
        ),
        (
            "<Mode>COMPLIANCE</Mode><Years>-1</Years>",
            "InvalidRetentionPeriod",
        ),
        (
            "<Mode>COMPLIANCE</Mode><Days>1</Days><Years>1</Years>",
            "MalformedXML",
        ),
        ("<Mode>x</Mode><Days>1</Days>", "MalformedXML"),
    ] {
        let answer = set(&cloud, target, &configuration(rule)).await;
        assert_eq!(answer.refusal(), (400, code), "{rule}");
    }
    assert_eq!(set(&cloud, target, &configuration(good)).await.status, 200);
    let kept = cloud.get(&cloud.alice, target).await;
    assert_eq!(
        (kept.element("Mode"), kept.element("Days")),
        ("COMPLIANCE", "1")
    );
    let version = put(&cloud, "text").await;
    let refused = cloud
        .delete(&cloud.alice, &format!("/bucket/k?versionId={version}"))
        .await;
    assert_eq!(refused.refusal(), (403, "AccessDenied"));
    let suspend = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
    let suspend = set(&cloud, "/bucket?versioning", suspend).await;
    assert_eq!(suspend.refusal(), (409, "InvalidBucketState"));
}

#[tokio::test]
async fn attributes_are_of_one_version() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    versioning(&cloud, "Enabled").await;
    let one = put(&cloud, "one").await;
    let four = put(&cloud, "four").await;
    let ask = |query: String| {
        let request = cloud.request("GET", &format!("/bucket/k?attributes{query}"));
        let request = request.header("x-amz-object-attributes", "ObjectSize");
        request.v4(&cloud.alice).send()
    };
    for (query, version, size) in [
        (String::new(), &four, "4"),
        (format!("&versionId={one}"), &one, "3"),
    ] {
        let told = ask(query).await;
        assert_eq!(told.header("x-amz-version-id"), version);
        assert_eq!(told.element("ObjectSize"), size);
    }
    cloud.delete(&cloud.alice, "/bucket/k").await;
    let hidden = ask(String::new()).await;
    assert_eq!(hidden.refusal(), (404, "NoSuchKey"));
    assert_eq!(hidden.header("x-amz-delete-marker"), "true");
}
