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

/// Files below a directory of the data directory.
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

/// Begins an upload whose object is to have a checksum.
async fn begin_with(cloud: &TestCloud, algorithm: &str, kind: &str) -> Answer {
    let request = cloud.request("POST", "/bucket/k?uploads");
    let request = request.header("x-amz-checksum-algorithm", algorithm);
    let request = match kind {
        "" => request,
        kind => request.header("x-amz-checksum-type", kind),
    };
    request.v4(&cloud.alice).send().await
}

/// Sends a part, with a header if that has a name.
async fn part_with(cloud: &TestCloud, id: &str, part: (u32, &str), header: (&str, &str)) -> Answer {
    let (number, body) = part;
    let target = format!("/bucket/k?partNumber={number}&uploadId={id}");
    let request = cloud.request("PUT", &target).body(body.as_bytes());
    let request = match header {
        ("", _) => request,
        (name, value) => request.header(name, value),
    };
    request.v4(&cloud.alice).send().await
}

/// Ends an upload with more in each part's entry, and a header if that has a name.
async fn end_with(
    cloud: &TestCloud,
    id: &str,
    parts: &[(&str, &str)],
    header: (&str, &str),
) -> Answer {
    let entry = |(index, (etag, more)): (usize, &(&str, &str))| {
        let number = index + 1;
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{more}</Part>")
    };
    let parts: String = parts.iter().enumerate().map(entry).collect();
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let request = cloud.request("POST", &format!("/bucket/k?uploadId={id}"));
    let request = request.body(body.as_bytes());
    let request = match header {
        ("", _) => request,
        (name, value) => request.header(name, value),
    };
    request.v4(&cloud.alice).send().await
}

const SHA256: &str = "x-amz-checksum-sha256";

/// Of "hello ", of "world", and of these two together, by another program.
const DIGESTS: [&str; 3] = [
    "XjI1qDRuWkWF+MWFYvUFK4/iajuxIuHpbHZ4SWTfxGE=",
    "SG6kYiTRu0+2gPNPfJrZao8k7Ii+c+qOWmxlJg6cuKc=",
    "Zhie15keHg/OBlOZxcoF/BXCgYZaeimRvdZnwUZqkaQ=",
];

#[tokio::test]
async fn an_object_has_the_checksum_of_the_checksums_of_its_parts() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    let begun = begin_with(&cloud, "SHA256", "").await;
    assert_eq!(begun.header("x-amz-checksum-type"), "COMPOSITE");
    let id = begun.element("UploadId").to_owned();
    let without = part_with(&cloud, &id, (1, "hello "), ("", "")).await;
    assert_eq!(without.refusal(), (400, "InvalidRequest"));
    let first = part_with(&cloud, &id, (1, "hello "), (SHA256, DIGESTS[0])).await;
    let second = part_with(&cloud, &id, (2, "world"), (SHA256, DIGESTS[1])).await;
    let list = format!("/bucket/k?uploadId={id}");
    let listed = cloud.get(&cloud.alice, &list).await;
    assert_eq!(listed.all("ChecksumSHA256"), &DIGESTS[..2]);
    assert_eq!(listed.element("ChecksumAlgorithm"), "SHA256");

    let tags = [first.header("etag"), second.header("etag")];
    let said = |sum: &str| format!("<ChecksumSHA256>{sum}</ChecksumSHA256>");
    let (one, two) = (said(DIGESTS[0]), said(DIGESTS[1]));
    let right = [(tags[0], one.as_str()), (tags[1], two.as_str())];
    let silent = end_with(&cloud, &id, &[right[0], (tags[1], "")], ("", "")).await;
    assert_eq!(silent.refusal(), (400, "InvalidRequest"));
    assert!(silent.text().contains("for part 2"), "{}", silent.text());
    let wrong = end_with(&cloud, &id, &[right[0], (tags[1], &one)], ("", "")).await;
    assert_eq!(wrong.refusal(), (400, "InvalidPart"));
    let other = end_with(&cloud, &id, &right, (SHA256, DIGESTS[0])).await;
    assert_eq!(other.refusal(), (400, "BadDigest"));
    let size = ("x-amz-mp-object-size", "12");
    let size = end_with(&cloud, &id, &right, size).await;
    assert_eq!(size.refusal(), (400, "InvalidRequest"));
    let kind = ("x-amz-checksum-type", "FULL_OBJECT");
    let kind = end_with(&cloud, &id, &right, kind).await;
    assert_eq!(kind.refusal(), (400, "InvalidRequest"));

    let whole = format!("{}-2", DIGESTS[2]);
    for _ in 0..2 {
        let done = end_with(&cloud, &id, &right, (SHA256, &whole)).await;
        assert_eq!(done.element("ChecksumSHA256"), whole, "{}", done.text());
        assert_eq!(done.element("ChecksumType"), "COMPOSITE");
    }
    let head = cloud.request("HEAD", "/bucket/k");
    let head = head
        .header("x-amz-checksum-mode", "ENABLED")
        .v4(&cloud.alice);
    let head = head.send().await;
    assert_eq!(head.header(SHA256), whole);
    assert_eq!(head.header("x-amz-checksum-type"), "COMPOSITE");
    let asked = cloud.request("GET", "/bucket/k?attributes");
    let asked = asked.header("x-amz-object-attributes", "Checksum,ObjectParts");
    let asked = asked.v4(&cloud.alice).send().await;
    let sums = [DIGESTS[2], DIGESTS[0], DIGESTS[1]];
    assert_eq!(asked.all("ChecksumSHA256"), sums, "{}", asked.text());

    // A copy comes in one piece.
    let copy = cloud.request("PUT", "/bucket/copy");
    let copy = copy
        .header("x-amz-copy-source", "/bucket/k")
        .v4(&cloud.alice);
    let copy = copy.send().await;
    assert_eq!(
        copy.element("ChecksumSHA256"),
        "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
        "{}",
        copy.text()
    );
    assert_eq!(copy.element("ChecksumType"), "FULL_OBJECT");
}

#[tokio::test]
async fn an_object_of_parts_has_the_checksum_of_its_whole() {
    let cloud = TestCloud::start().await.with_bucket("bucket").await;
    // Of "hello world" and of "world", by another program.
    let (whole, half) = ("DUoRhQ==", "OncRQw==");
    let crc32 = "x-amz-checksum-crc32";
    let begun = begin_with(&cloud, "CRC32", "FULL_OBJECT").await;
    let id = begun.element("UploadId").to_owned();
    let first = part_with(&cloud, &id, (1, "hello "), ("", "")).await;
    let other = part_with(&cloud, &id, (2, "world"), (SHA256, DIGESTS[1])).await;
    assert_eq!(other.refusal(), (400, "InvalidRequest"));
    let second = part_with(&cloud, &id, (2, "world"), (crc32, half)).await;
    assert_eq!(second.header(crc32), half);
    let parts = [(first.header("etag"), ""), (second.header("etag"), "")];
    let wrong = end_with(&cloud, &id, &parts, (crc32, half)).await;
    assert_eq!(wrong.refusal(), (400, "BadDigest"));
    let done = end_with(&cloud, &id, &parts, (crc32, whole)).await;
    assert_eq!(done.element("ChecksumCRC32"), whole, "{}", done.text());
    assert_eq!(done.element("ChecksumType"), "FULL_OBJECT");

    for (algorithm, kind) in [
        ("SHA1", "FULL_OBJECT"),
        ("CRC64NVME", "COMPOSITE"),
        ("MD2", ""),
        ("CRC32", "HALF"),
    ] {
        let refused = begin_with(&cloud, algorithm, kind).await;
        assert_eq!(
            refused.refusal(),
            (400, "InvalidRequest"),
            "{algorithm} {kind}"
        );
    }
    // Of an upload that was to have none.
    let id = begin(&cloud, "k").await;
    let tag = part(&cloud, "k", &id, 1, b"world").await;
    let unasked = end_with(&cloud, &id, &[(&tag, "")], (crc32, half)).await;
    assert_eq!(unasked.refusal(), (400, "InvalidRequest"));
}
