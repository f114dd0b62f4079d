//! Uploads with forms: what their policy binds, and what they cost.

use std::io::Write as _;
use std::net::TcpStream;

use data_encoding::BASE64;

use crate::auth::hmac_sha1;
use crate::child::ChildCloud;
use crate::common::{Answer, TestCloud, User, fresh_data_dir};

/// A form that can be spoilt in every way.
struct Form {
    body: String,
}

impl Form {
    fn new() -> Self {
        Self {
            body: String::new(),
        }
    }

    /// A form that Alice has signed, with these conditions beside those on bucket and key.
    fn signed(cloud: &TestCloud, conditions: &str) -> Self {
        let bound =
            format!("{{\"bucket\": \"bucket\"}}, [\"starts-with\", \"$key\", \"\"]{conditions}");
        Self::signed_by(&cloud.alice, &bound)
    }

    fn signed_by(user: &User, conditions: &str) -> Self {
        let policy =
            format!("{{\"expiration\": \"2126-01-01T00:00:00Z\", \"conditions\": [{conditions}]}}");
        let policy = BASE64.encode(policy.as_bytes());
        let key = user.credentials.access_key().to_string();
        Self::new()
            .field("AWSAccessKeyId", &key)
            .field("Signature", &hmac_sha1(user, &policy))
            .field("Policy", &policy)
    }

    fn field(self, name: &str, value: &str) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"");
        self.part(&head, value)
    }

    fn part(mut self, head: &str, value: &str) -> Self {
        let pieces = ["--xx\r\n", head, "\r\n\r\n", value, "\r\n"];
        self.body.extend(pieces);
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
        self.part(&head, content)
    }

    async fn post(self, cloud: &TestCloud, target: &str) -> Answer {
        let body = self.body + "--xx--\r\n";
        let request = cloud.request("POST", target);
        let request = request.header("content-type", "multipart/form-data; boundary=xx");
        request.body(body.as_bytes()).send().await
    }
}

async fn cloud() -> TestCloud {
    TestCloud::start().await.with_bucket("bucket").await
}

/// What a stranger sees of an object.
async fn seen(cloud: &TestCloud, key: &str) -> u16 {
    let get = cloud.request("GET", &format!("/bucket/{key}")).send().await;
    get.status.as_u16()
}

#[tokio::test]
async fn a_form_is_stored_with_all_that_its_fields_say() {
    let cloud = cloud().await;
    let form = Form::signed(
        &cloud,
        ", {\"acl\": \"public-read\"}, [\"starts-with\", \"$Content-Type\", \"text/\"], [\"starts-with\", \"$x-amz-meta-a\", \"\"],\
         [\"starts-with\", \"$tagging\", \"\"], [\"starts-with\", \"$x-amz-checksum-crc32\", \"\"],\
         {\"success_action_status\": \"201\"}, [\"content-length-range\", 9, 9]",
    );
    let tags = "<Tagging><TagSet><Tag><Key>t</Key><Value>v</Value></Tag></TagSet></Tagging>";
    let form = form
        .field("key", "dir/${filename}")
        .field("acl", "public-read")
        .field("Content-Type", "text/x-test")
        .field("x-amz-meta-a", "named ${filename}")
        .field("tagging", tags)
        .field("x-amz-checksum-crc32", "y/Q5Jg==")
        .field("success_action_status", "201")
        .field("x-ignore-a", "b")
        .file("C:\\a\\f.txt", "123456789")
        .field("submit", "Upload");
    let posted = form.post(&cloud, "/bucket").await;
    assert_eq!(posted.status, 201, "{}", posted.text());
    assert_eq!(posted.element("Key"), "dir/f.txt");
    let get = cloud.request("GET", "/bucket/dir/f.txt").send().await;
    assert_eq!(
        (get.text(), get.header("content-type")),
        ("123456789", "text/x-test")
    );
    assert_eq!(get.header("x-amz-meta-a"), "named f.txt");
    let tagging = cloud.get(&cloud.alice, "/bucket/dir/f.txt?tagging").await;
    assert_eq!(tagging.element("Value"), "v");
}

#[tokio::test]
async fn a_policy_binds_every_field_however_it_is_hidden() {
    let cloud = cloud().await;
    let hidden = "\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\npublic-read";
    let two_lines = "Content-Disposition: form-data; name=\"acl\"\r\nContent-Disposition: form-data; name=\"x-ignore-a\"";
    let two_names = "Content-Disposition: form-data; name=\"x-ignore-a\"; name=\"acl\"";
    let signed = || Form::signed(&cloud, "").field("key", "k");
    for (why, form, expected) in [
        (
            "a field that the policy does not name",
            signed().field("acl", "public-read").file("f", "x"),
            (403, "AccessDenied"),
        ),
        (
            "two lines that name a field",
            signed().part(two_lines, "public-read").file("f", "x"),
            (400, "MalformedPOSTRequest"),
        ),
        (
            "two names in a line",
            signed().part(two_names, "public-read").file("f", "x"),
            (400, "MalformedPOSTRequest"),
        ),
        (
            "a boundary within a line",
            signed()
                .field("x-ignore-a", &format!("y--xx{hidden}"))
                .file("f", "x"),
            (204, ""),
        ),
        (
            "a boundary behind a line feed",
            signed()
                .field("x-ignore-a", &format!("y\n--xx{hidden}"))
                .file("f", "x"),
            (204, ""),
        ),
        (
            "a field behind the file",
            signed().file("f", "x").field("acl", "public-read"),
            (400, "MalformedPOSTRequest"),
        ),
        (
            "a header that forms do not have",
            signed()
                .part(
                    "Content-Disposition: form-data; name=\"x-ignore-a\"\r\nX-Other: a",
                    "",
                )
                .file("f", "x"),
            (400, "MalformedPOSTRequest"),
        ),
        (
            "a key twice",
            signed().field("KEY", "other").file("f", "x"),
            (400, "MalformedPOSTRequest"),
        ),
    ] {
        let posted = form.post(&cloud, "/bucket").await;
        assert_eq!(posted.refusal(), expected, "{why}");
        assert_eq!(seen(&cloud, "k").await, 403, "{why}");
    }
    // The policy demands one and the form asks for another.
    let other = Form::signed(&cloud, ", {\"acl\": \"private\"}");
    let other = other
        .field("key", "k")
        .field("acl", "public-read")
        .file("f", "x");
    assert_eq!(
        other.post(&cloud, "/bucket").await.refusal(),
        (403, "AccessDenied")
    );
}

#[tokio::test]
async fn a_policy_is_for_one_bucket() {
    let cloud = cloud().await.with_bucket("another").await;
    let form = |conditions: &str| {
        Form::signed_by(&cloud.alice, conditions)
            .field("key", "k")
            .file("f", "x")
    };
    let key = "[\"starts-with\", \"$key\", \"\"]";
    let unbound = form(key).post(&cloud, "/bucket").await;
    assert_eq!(unbound.refusal(), (403, "AccessDenied"));
    let bound = format!("{{\"bucket\": \"bucket\"}}, {key}");
    assert_eq!(
        form(&bound).post(&cloud, "/another").await.refusal(),
        (403, "AccessDenied")
    );
    assert_eq!(
        form(&bound).post(&cloud, "/nowhere-at-all").await.refusal(),
        (404, "NoSuchBucket")
    );
    assert_eq!(
        form(&bound).post(&cloud, "/bucket/k").await.refusal(),
        (405, "MethodNotAllowed")
    );
    assert_eq!(
        form(&bound).post(&cloud, "/bucket?acl").await.refusal(),
        (400, "InvalidArgument")
    );
    assert_eq!(form(&bound).post(&cloud, "/bucket").await.status, 204);
}

#[tokio::test]
async fn a_file_has_the_length_and_the_sums_that_are_said() {
    let cloud = cloud().await;
    let post = |content: &str, md5: &str| {
        let conditions =
            ", [\"content-length-range\", 2, 3], [\"starts-with\", \"$content-md5\", \"\"]";
        let form = Form::signed(&cloud, conditions).field("key", "k");
        form.field("content-md5", md5)
            .file("f", content)
            .post(&cloud, "/bucket")
    };
    let right = "kAFQmDzST7DWlj99KOF/cg==";
    assert_eq!(post("a", right).await.refusal(), (400, "EntityTooSmall"));
    assert_eq!(post("abcd", right).await.refusal(), (400, "EntityTooLarge"));
    assert_eq!(post("abd", right).await.refusal(), (400, "BadDigest"));
    let list = cloud.get(&cloud.alice, "/bucket").await;
    assert!(
        list.all("Key").is_empty(),
        "nothing of a form that is refused is kept"
    );
    assert_eq!(post("abc", right).await.status, 204);
}

#[tokio::test]
async fn strangers_need_an_open_bucket() {
    let cloud = cloud().await;
    let form = || Form::new().field("key", "k").file("f", "x");
    assert_eq!(
        form().post(&cloud, "/bucket").await.refusal(),
        (403, "AccessDenied")
    );
    let open = cloud
        .request("PUT", "/open")
        .header("x-amz-acl", "public-read-write");
    assert_eq!(open.v4(&cloud.alice).send().await.status, 200);
    assert_eq!(form().post(&cloud, "/open").await.status, 204);
    let policy = Form::new()
        .field("key", "k")
        .field("policy", "e30=")
        .file("f", "x");
    assert_eq!(
        policy.post(&cloud, "/open").await.refusal(),
        (400, "InvalidArgument")
    );
}

#[tokio::test]
async fn fields_are_short() {
    let cloud = cloud().await;
    let long = "x".repeat(64 << 10);
    let form = Form::signed(&cloud, "")
        .field("x-ignore-a", &long)
        .field("key", "k")
        .file("f", "x");
    let refused = form.post(&cloud, "/bucket").await;
    assert_eq!(
        refused.refusal(),
        (400, "MaxPostPreDataLengthExceededError")
    );
}

const MIB: usize = 1 << 20;

/// The resident memory of a process, in bytes.
fn resident(process: u32) -> usize {
    let text = fs_err::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

/// A request that says it has a body of 16 MiB, and sends all but the last of it.
fn half_open(address: &str, head: &str, first: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = 16 * MIB;
    let head = format!("{head}host: h\r\ncontent-length: {length}\r\n\r\n{first}");
    stream.write_all(head.as_bytes()).unwrap();
    let piece = vec![b'x'; MIB];
    for _ in 0..15 {
        // A server that has said no may close, which is as good.
        if stream.write_all(&piece).is_err() {
            break;
        }
    }
    stream
}

#[test]
fn what_strangers_send_is_not_held() {
    let folder = fresh_data_dir();
    let cloud = ChildCloud::start(folder.path(), "");
    let address = cloud.endpoint.strip_prefix("http://").unwrap();
    let form = "--xx\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n\
        --xx\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
    let post =
        "POST /no-such-bucket HTTP/1.1\r\ncontent-type: multipart/form-data; boundary=xx\r\n";
    // The first requests make the process what it is.
    drop(half_open(address, post, form));
    let before = resident(cloud.id());
    let forms: Vec<_> = (0..40).map(|_| half_open(address, post, form)).collect();
    let grown = resident(cloud.id()).saturating_sub(before);
    assert!(
        grown < 100 * MIB,
        "600 MiB in forms for no bucket took {} MiB",
        grown / MIB
    );
    drop(forms);
    // Fields that never end, and documents of nobody.
    let endless = "--xx\r\nContent-Disposition: form-data; name=\"";
    let streams: Vec<_> = (0..20)
        .flat_map(|_| {
            let delete = "POST /no-such-bucket?delete HTTP/1.1\r\n";
            let query = "POST /services/compute HTTP/1.1\r\n";
            [(post, endless), (delete, ""), (query, "")]
        })
        .map(|(head, first)| half_open(address, head, first))
        .collect();
    let grown = resident(cloud.id()).saturating_sub(before);
    assert!(
        grown < 150 * MIB,
        "900 MiB of nobody took {} MiB",
        grown / MIB
    );
    drop(streams);
}
