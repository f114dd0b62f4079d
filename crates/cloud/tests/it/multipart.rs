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
