//! What an operator of a cloud needs: metrics, limits, and a message when the catalogue is damaged.

use std::time::Duration;

use gumnut_cloud::{Cloud, CloudError, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::common::{TestCloud, config, fresh_data_dir};
use crate::server::{connect, put_head, talk};

pub(crate) async fn metrics(cloud: &TestCloud) -> String {
    let page = cloud.request("GET", "/metrics").send().await;
    let content_type = page.header("content-type");
    assert!(content_type.starts_with("application/openmetrics-text"));
    page.text().to_owned()
}

/// The value of a line of the page.
pub(crate) fn value(page: &str, name: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line?.trim().parse().ok()
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let cloud = TestCloud::start().await.with_bucket("secret-bucket").await;
    cloud
        .put(&cloud.alice, "/secret-bucket/k", &[7; 1000])
        .await;
    cloud.get(&cloud.alice, "/secret-bucket/k").await;
    let wrong = cloud.alice.with_secret("wrong");
    let refused = cloud.get(&wrong, "/secret-bucket/k").await;
    assert_eq!(refused.refusal(), (403, "SignatureDoesNotMatch"));
    let action = "/services/compute?Action=DescribeImages";
    cloud.request("GET", action).send().await;
    let page = metrics(&cloud).await;
    let requests = |labels: &str| value(&page, &format!("gumnut_cloud_requests_total{{{labels}}}"));
    let s3 = |method: &str, status: &str| {
        requests(&format!(
            "service=\"s3\",method=\"{method}\",status=\"{status}\""
        ))
    };
    assert_eq!(s3("PUT", "2xx"), Some(2.0), "{page}");
    assert_eq!(s3("GET", "2xx"), Some(1.0), "{page}");
    assert_eq!(s3("GET", "4xx"), Some(1.0), "{page}");
    let refused = "gumnut_cloud_refusals_total{service=\"s3\",code=\"SignatureDoesNotMatch\"}";
    assert_eq!(value(&page, refused), Some(1.0), "{page}");
    let ec2 = "service=\"ec2\",method=\"GET\",status=\"4xx\"";
    assert_eq!(requests(ec2), Some(1.0), "{page}");
    let bytes = |name: &str| {
        value(
            &page,
            &format!("gumnut_cloud_{name}_bytes_total{{service=\"s3\"}}"),
        )
    };
    assert_eq!(bytes("received"), Some(1000.0), "{page}");
    assert!(bytes("sent") > Some(1000.0), "{page}");
    assert!(value(&page, "gumnut_cloud_disk_free_bytes") > Some(0.0));
    let calls = |name: &str| {
        let name = format!("gumnut_cloud_catalogue_duration_seconds_count{{operation=\"{name}\"}}");
        value(&page, &name)
    };
    assert_eq!(calls("change_key"), Some(1.0), "{page}");
    assert!(calls("object") >= Some(1.0), "{page}");
    let puts = "gumnut_cloud_blob_duration_seconds_count{operation=\"put\"}";
    assert_eq!(
        value(&page, puts),
        None,
        "a small object is in the catalogue: {page}"
    );
    // The bucket and the object; others may be in the same commit.
    let commits = value(&page, "gumnut_cloud_batch_jobs_count");
    let changes = value(&page, "gumnut_cloud_batch_jobs_sum");
    assert!(
        commits >= Some(1.0) && changes >= Some(2.0) && changes >= commits,
        "{page}"
    );
    for name in [
        "garbage",
        "garbage_collected_total",
        "orphans_collected_total",
        "uploads_aborted_total",
    ] {
        assert_eq!(
            value(&page, &format!("gumnut_cloud_{name}")),
            Some(0.0),
            "{page}"
        );
    }
    assert_eq!(value(&page, "gumnut_cloud_ready"), Some(1.0));
    assert_eq!(value(&page, "gumnut_cloud_requests_in_progress"), Some(0.0));
    assert!(page.ends_with("# EOF\n"));
    cloud
        .put(&cloud.alice, "/secret-bucket/k", &vec![7; 100_000])
        .await;
    assert_eq!(value(&metrics(&cloud).await, puts), Some(1.0));
    let (key, secret) = (
        cloud.alice.credentials.access_key().as_str(),
        cloud.alice.credentials.secret().expose(),
    );
    for hidden in ["secret-bucket", key, secret] {
        assert!(!page.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn labels_do_not_grow_with_what_clients_invent() {
    let cloud = TestCloud::start().await;
    for number in 0..5 {
        let method = format!("METHOD{number}");
        cloud
            .request(&method, &format!("/bucket{number}/k"))
            .send()
            .await;
    }
    let page = metrics(&cloud).await;
    let lines = page
        .lines()
        .filter(|line| line.starts_with("gumnut_cloud_requests_total{"));
    assert_eq!(lines.count(), 1, "{page}");
}

#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let limit = Duration::from_millis(50);
    let cloud = TestCloud::start_with(|config| config.limits.head_time = limit).await;
    let mut stream = connect(&cloud).await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: h\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // Ends, with whatever answer, though this side never closes.
    let _ = stream.read_to_end(&mut answer).await;
}

#[tokio::test]
async fn a_slow_handshake_is_cut_off() {
    let cloud = TestCloud::start_with(|config| {
        config.tls = Some(Tls::Made);
        config.limits.head_time = Duration::from_millis(50);
    })
    .await;
    for begun in [&b""[..], &b"\x16\x03\x01\x02\x00"[..]] {
        let mut stream = connect(&cloud).await;
        stream.write_all(begun).await.unwrap();
        let mut answer = Vec::new();
        // Ends, though this side never closes.
        let _ = stream.read_to_end(&mut answer).await;
    }
}

#[tokio::test]
async fn who_takes_no_answer_is_given_up() {
    // More than the buffers of both sides hold.
    const LENGTH: usize = 64 << 20;
    let cloud = TestCloud::start_with(|config| {
        config.limits.patience = Duration::from_millis(50);
        config.limits.pace = 0;
    })
    .await
    .with_bucket("bucket")
    .await;
    let put = cloud.request("PUT", "/bucket/k").body(&vec![7; LENGTH]);
    let put = put.header("x-amz-acl", "public-read").v4(&cloud.alice);
    assert_eq!(put.send().await.status, 200);
    let connections = async || value(&metrics(&cloud).await, "gumnut_cloud_connections").unwrap();
    let before = connections().await;
    let mut stream = connect(&cloud).await;
    let get = b"GET /bucket/k HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    stream.write_all(get).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let given_up = async { while connections().await > before {} };
    let given_up = tokio::time::timeout(Duration::from_mins(1), given_up).await;
    given_up.expect("the connection is closed");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.len() < LENGTH, "all of it came");
}

#[tokio::test]
async fn a_slow_body_is_refused_and_leaves_nothing() {
    let patience = Duration::from_millis(50);
    let cloud = TestCloud::start_with(|config| config.limits.patience = patience)
        .await
        .with_bucket("bucket")
        .await;
    for target in ["/bucket/k", "/bucket?acl", "/bucket/k?tagging"] {
        let mut stream = connect(&cloud).await;
        let head = put_head(&cloud, target) + "content-length: 100\r\n\r\nonly this";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target}: {answer}");
        assert!(answer.contains("<Code>RequestTimeout</Code>"), "{answer}");
    }
    let form = "POST /services/compute HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nAction";
    let mut stream = connect(&cloud).await;
    stream.write_all(form.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 408 "));
    let temporary = fs_err::read_dir(cloud.dir.path().join("tmp")).unwrap();
    assert_eq!(temporary.count(), 0);
    let got = cloud.get(&cloud.alice, "/bucket/k").await;
    assert_eq!(got.refusal(), (404, "NoSuchKey"));
}

#[tokio::test]
async fn more_requests_than_the_cloud_takes_are_told_to_slow_down() {
    let cloud = TestCloud::start_with(|config| {
        config.limits.requests = 1;
        // Long for the upload that holds the place, whose body does not come before it is asked for.
        config.limits.patience = Duration::from_millis(300);
        config.limits.pace = 0;
    })
    .await
    .with_bucket("bucket")
    .await;
    let mut stream = connect(&cloud).await;
    let head = put_head(&cloud, "/bucket/k") + "expect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    let refused = cloud.get(&cloud.alice, "/").await;
    assert_eq!(refused.refusal(), (503, "SlowDown"));
    // These take no place.
    assert_eq!(cloud.request("GET", "/healthz").send().await.status, 200);
    let page = metrics(&cloud).await;
    let busy = value(&page, "gumnut_cloud_requests_in_progress");
    assert_eq!(busy, Some(1.0));
    stream.write_all(b"text").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(cloud.get(&cloud.alice, "/").await.status, 200);
}

#[tokio::test]
async fn an_idle_connection_makes_room_and_one_that_is_worked_on_does_not() {
    let cloud = TestCloud::start_with(|config| config.limits.connections = 1).await;
    let healthz = "GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    let mut idle = connect(&cloud).await;
    assert!(talk(&cloud, healthz).await.ends_with("ok\n"));
    assert_eq!(idle.read_to_end(&mut Vec::new()).await.unwrap(), 0);

    let mut holder = connect(&cloud).await;
    let put = put_head(&cloud, "/bucket") + "expect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    holder.write_all(put.as_bytes()).await.unwrap();
    // The interim answer says that the request is being worked on.
    let mut interim = [0; 25];
    holder.read_exact(&mut interim).await.unwrap();
    let waiting = talk(&cloud, healthz);
    tokio::pin!(waiting);
    tokio::select! {
        biased;
        answer = &mut waiting => panic!("answered while the only place was taken: {answer}"),
        () = tokio::task::yield_now() => {}
    }
    drop(holder);
    assert!(waiting.await.ends_with("ok\n"));
}

#[tokio::test]
async fn a_new_cloud_stores_at_once_and_has_its_keys_when_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(config(dir.path())).await.unwrap();
    let credentials = cloud.credentials().unwrap();
    cloud.shutdown().await.unwrap();
    let users = Cloud::users(&config(dir.path())).unwrap();
    assert_eq!(users.list().unwrap()[0].certificates, 1);
    drop(users);
    // The directory is free again, and the user the same.
    let cloud = Cloud::start(config(dir.path())).await.unwrap();
    let again = cloud.credentials().unwrap();
    assert_eq!(again.access_key, credentials.access_key);
    assert_eq!(cloud.users().list().unwrap()[0].certificates, 1);
    cloud.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_damaged_catalogue_is_not_used() {
    let dir = fresh_data_dir();
    let path = dir.path().join("catalogue.sqlite");
    let whole = fs_err::read(&path).unwrap();
    let mut torn = whole.clone();
    for byte in &mut torn[4096..] {
        *byte ^= 0x5a;
    }
    let headless = [
        &b"this is no database, whatever its name says "[..],
        &whole[44..],
    ]
    .concat();
    for (damage, bytes) in [
        ("torn", torn),
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("headless", headless),
    ] {
        fs_err::write(&path, bytes).unwrap();
        let refused = Cloud::start(config(dir.path())).await.unwrap_err();
        assert!(
            matches!(refused, CloudError::Damaged { .. }),
            "{damage}: {refused:?}"
        );
        assert!(refused.to_string().contains("gumnut cloud fsck"));
        let report = Cloud::fsck(dir.path()).unwrap();
        assert_eq!(report.findings[0].kind(), "catalogue", "{damage}");
    }
    fs_err::write(&path, whole).unwrap();
    let cloud = Cloud::start(config(dir.path())).await.unwrap();
    cloud.shutdown().await.unwrap();
}
