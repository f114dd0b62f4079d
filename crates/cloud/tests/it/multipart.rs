//! Uploads in parts.

use crate::common::{Answer, TestCloud};

async fn begin(cloud: &TestCloud, key: &str) -> String {
    let request = cloud.request("POST", &format!("/bucket/{key}?uploads"));
    let answer = request
        .header("x-amz-meta-a", "1")
        .v4(&cloud.alice)
        .send()
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.element("UploadId").to_owned()
}

async fn part(cloud: &TestCloud, key: &str, id: &str, number: u32, body: &[u8]) -> String {
    let target = format!("/bucket/{key}?partNumber={number}&uploadId={id}");
    let answer = cloud.put(&cloud.alice, &target, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("etag").to_owned()
}

async fn complete(cloud: &TestCloud, key: &str, id: &str, parts: &[(u32, &str)]) -> Answer {
    let part = |(number, etag): &(u32, &str)| {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
    };
    let parts: String = parts.iter().map(part).collect();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let request = cloud.request("POST", &format!("/bucket/{key}?uploadId={id}"));
    request.body(body.as_bytes()).v4(&cloud.alice).send().await
}

/// Files below a folder of the data folder.
fn files(cloud: &TestCloud, folder: &str) -> usize {
    fs_err::read_dir(cloud.dir.path().join(folder))
        .unwrap()
        .count()
}

#[tokio::test]
async fn parts_become_one_object() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let id = begin(&cloud, "k").await;
    let second = part(&cloud, "k", &id, 2, b"world").await;
    part(&cloud, "k", &id, 1, b"first try").await;
    let first = part(&cloud, "k", &id, 1, b"hello ").await;
    part(&cloud, "k", &id, 9, b"not listed").await;
    assert_eq!(cloud.get(&cloud.alice, "/bucket/k").await.status, 404);

    let uploads = cloud.get(&cloud.alice, "/bucket?uploads").await;
    assert_eq!(
        (uploads.element("Key"), uploads.element("UploadId")),
        ("k", id.as_str())
    );
    let listed = cloud
        .get(
            &cloud.alice,
            &format!("/bucket/k?uploadId={id}&max-parts=2"),
        )
        .await;
    assert_eq!(listed.all("PartNumber"), ["1", "2"]);
    assert_eq!(listed.element("NextPartNumberMarker"), "2");

    let done = complete(&cloud, "k", &id, &[(1, &first), (2, &second)]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    // md5(md5("hello ") + md5("world")) by another program.
    assert_eq!(
        done.element("ETag"),
        "\"e09e4fd6265b36115fe3db32df945d84-2\""
    );
    let get = cloud.get(&cloud.alice, "/bucket/k").await;
    assert_eq!(
        (get.text(), get.header("x-amz-meta-a")),
        ("hello world", "1")
    );
    let across = cloud
        .request("GET", "/bucket/k")
        .header("range", "bytes=4-7");
    assert_eq!(across.v4(&cloud.alice).send().await.text(), "o wo");
    assert_eq!(files(&cloud, "objects"), 2);
    assert_eq!(
        complete(&cloud, "k", &id, &[(1, &first)]).await.refusal(),
        (404, "NoSuchUpload")
    );
}

#[tokio::test]
async fn lists_of_parts_are_checked() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let id = begin(&cloud, "k").await;
    let small = part(&cloud, "k", &id, 1, b"abc").await;
    let other = part(&cloud, "k", &id, 2, b"defg").await;
    for (parts, code) in [
        (
            vec![(2, other.as_str()), (1, small.as_str())],
            "InvalidPartOrder",
        ),
        (
            vec![(1, small.as_str()), (2, other.as_str())],
            "EntityTooSmall",
        ),
        (vec![(1, other.as_str())], "InvalidPart"),
        (vec![(3, small.as_str())], "InvalidPart"),
        (vec![], "MalformedXML"),
    ] {
        assert_eq!(
            complete(&cloud, "k", &id, &parts).await.refusal(),
            (400, code)
        );
    }
    for number in ["0", "10001", "-1"] {
        let target = format!("/bucket/k?partNumber={number}&uploadId={id}");
        let answer = cloud.put(&cloud.alice, &target, b"x").await;
        assert_eq!(answer.refusal(), (400, "InvalidArgument"), "{number}");
    }
    let elsewhere = format!("/bucket/other?partNumber=1&uploadId={id}");
    let answer = cloud.put(&cloud.alice, &elsewhere, b"x").await;
    assert_eq!(answer.refusal(), (404, "NoSuchUpload"));
}

#[tokio::test]
async fn what_is_given_up_leaves_no_file() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let id = begin(&cloud, "k").await;
    part(&cloud, "k", &id, 1, b"abc").await;
    let abort = cloud
        .delete(&cloud.alice, &format!("/bucket/k?uploadId={id}"))
        .await;
    assert_eq!(abort.status, 204);
    assert_eq!(files(&cloud, "objects"), 0);
    let again = cloud
        .delete(&cloud.alice, &format!("/bucket/k?uploadId={id}"))
        .await;
    assert_eq!(again.refusal(), (404, "NoSuchUpload"));

    let id = begin(&cloud, "k").await;
    part(&cloud, "k", &id, 1, b"abc").await;
    assert_eq!(cloud.delete(&cloud.alice, "/bucket").await.status, 204);
    assert_eq!(files(&cloud, "objects"), 0);
    assert_eq!(files(&cloud, "tmp"), 0);
}

#[tokio::test]
async fn parts_can_be_copies() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    cloud
        .put(&cloud.alice, "/bucket/source", b"0123456789")
        .await;
    let id = begin(&cloud, "k").await;
    let request = cloud.request("PUT", &format!("/bucket/k?partNumber=1&uploadId={id}"));
    let copied = request
        .header("x-amz-copy-source", "/bucket/source")
        .header("x-amz-copy-source-range", "bytes=2-5")
        .v4(&cloud.alice)
        .send()
        .await;
    assert_eq!(copied.status, 200, "{}", copied.text());
    let etag = copied.element("ETag");
    assert_eq!(complete(&cloud, "k", &id, &[(1, etag)]).await.status, 200);
    assert_eq!(cloud.get(&cloud.alice, "/bucket/k").await.text(), "2345");
}

#[tokio::test]
async fn ending_an_upload_twice_is_answered_as_the_first_time() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let id = begin(&cloud, "k").await;
    let etag = part(&cloud, "k", &id, 1, b"text").await;
    let parts = [(1, etag.as_str())];
    let first = complete(&cloud, "k", &id, &parts).await;
    let again = complete(&cloud, "k", &id, &parts).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(again.element("ETag"), first.element("ETag"));
    assert_eq!(files(&cloud, "objects"), 1);
    let other = "\"00000000000000000000000000000000\"";
    let other = complete(&cloud, "k", &id, &[(1, other)]).await;
    assert_eq!(other.refusal(), (404, "NoSuchUpload"));
    cloud.put(&cloud.alice, "/bucket/k", b"newer").await;
    let late = complete(&cloud, "k", &id, &parts).await;
    assert_eq!(late.refusal(), (404, "NoSuchUpload"));
}

#[tokio::test]
async fn objects_are_read_by_parts() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let id = begin(&cloud, "k").await;
    let first = part(&cloud, "k", &id, 1, b"hello ").await;
    let second = part(&cloud, "k", &id, 2, b"world").await;
    let done = complete(&cloud, "k", &id, &[(1, &first), (2, &second)]).await;
    let etag = done.element("ETag").to_owned();
    for (number, text, range) in [(1, "hello ", "bytes 0-5/11"), (2, "world", "bytes 6-10/11")] {
        let target = format!("/bucket/k?partNumber={number}");
        let get = cloud.get(&cloud.alice, &target).await;
        assert_eq!((get.status.as_u16(), get.text()), (206, text));
        assert_eq!(get.header("content-range"), range);
        let head = cloud.request("HEAD", &target).v4(&cloud.alice);
        let head = head.send().await;
        for answer in [get, head] {
            assert_eq!(answer.header("content-length"), text.len().to_string());
            assert_eq!(answer.header("x-amz-mp-parts-count"), "2");
            assert_eq!(answer.header("etag"), etag);
        }
    }
    let none = cloud.get(&cloud.alice, "/bucket/k?partNumber=3").await;
    assert_eq!(none.refusal(), (400, "InvalidPart"));
    let both = cloud.request("GET", "/bucket/k?partNumber=1");
    let both = both.header("range", "bytes=0-1").v4(&cloud.alice);
    assert_eq!(both.send().await.refusal(), (400, "InvalidRequest"));

    cloud.put(&cloud.alice, "/bucket/whole", b"text").await;
    let whole = cloud.get(&cloud.alice, "/bucket/whole?partNumber=1").await;
    assert_eq!(whole.text(), "text");
    assert_eq!(whole.header("x-amz-mp-parts-count"), "");
    let none = cloud.get(&cloud.alice, "/bucket/whole?partNumber=2").await;
    assert_eq!(none.refusal(), (400, "InvalidPart"));
}

#[tokio::test]
async fn uploads_are_listed_by_folders_and_pages() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    for key in ["a/1", "a/2", "b%20c", "d"] {
        begin(&cloud, key).await;
    }
    let list = |query: &str| {
        let request = cloud.request("GET", &format!("/bucket?uploads&{query}"));
        request.v4(&cloud.alice).send()
    };
    let page = list("delimiter=/&max-uploads=2&encoding-type=url").await;
    assert_eq!(page.all("Key"), ["b%20c"]);
    assert!(
        page.text()
            .contains("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>")
    );
    assert_eq!(page.element("IsTruncated"), "true");
    let (key, id) = (
        page.element("NextKeyMarker"),
        page.element("NextUploadIdMarker"),
    );
    assert_eq!(key, "b%20c");
    let rest = list(&format!(
        "delimiter=/&key-marker={key}&upload-id-marker={id}"
    ))
    .await;
    assert_eq!(rest.all("Key"), ["d"]);
    assert_eq!(rest.element("IsTruncated"), "false");
    assert_eq!(list("prefix=a/").await.all("Key"), ["a/1", "a/2"]);
}

#[tokio::test]
async fn attributes_tell_of_parts() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let id = begin(&cloud, "k").await;
    let mut parts = Vec::new();
    for (number, body) in [(1, "hello "), (2, "wide "), (7, "world")] {
        parts.push((
            number,
            part(&cloud, "k", &id, number, body.as_bytes()).await,
        ));
    }
    let list: Vec<_> = parts
        .iter()
        .map(|(number, tag)| (*number, tag.as_str()))
        .collect();
    let tag = complete(&cloud, "k", &id, &list).await;
    let tag = tag.element("ETag").trim_matches('"').to_owned();

    let ask = |names: &'static str, page: [&'static str; 2]| {
        let request = cloud.request("GET", "/bucket/k?attributes");
        let request = request
            .header("x-amz-object-attributes", names)
            .header("x-amz-max-parts", page[0])
            .header("x-amz-part-number-marker", page[1]);
        request.v4(&cloud.alice).send()
    };
    let all = ask(
        "ETag,Checksum,ObjectParts,ObjectSize,StorageClass",
        ["2", "0"],
    );
    let all = all.await;
    assert_eq!(all.status, 200, "{}", all.text());
    assert_eq!(all.element("ETag"), tag);
    assert_eq!(all.element("ObjectSize"), "16");
    assert_eq!(all.element("StorageClass"), "STANDARD");
    assert_eq!(all.element("PartsCount"), "3");
    assert_eq!(
        (all.all("PartNumber"), all.all("Size")),
        (vec!["1", "2"], vec!["6", "5"])
    );
    assert_eq!(all.element("NextPartNumberMarker"), "2");
    assert!(!all.text().contains("<Checksum>"), "{}", all.text());
    let rest = ask("ObjectParts", ["2", "2"]).await;
    assert_eq!(
        (rest.element("PartNumber"), rest.element("Size")),
        ("3", "5")
    );
    assert_eq!(rest.element("IsTruncated"), "false");
    assert!(!rest.text().contains("<ETag>"), "{}", rest.text());
    let unknown = ask("Colour", ["2", "0"]).await;
    assert_eq!(unknown.refusal(), (400, "InvalidArgument"));
    let negative = ask("ObjectParts", ["-1", "0"]).await;
    assert_eq!(negative.refusal(), (400, "InvalidArgument"));
}
