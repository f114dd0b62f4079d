//! The blobs of a cloud in a bucket of another one.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use gumnut_cloud_blobs::{BlobError, BlobName, BlobStore, Body, Folder, PutError};
use gumnut_cloud_bucket::{BucketBlobs, BucketConfig, BucketKeys};

use crate::common::{TestCloud, User};

/// The bucket `blobs` of a cloud, with further parameters of the URL.
pub(crate) fn bucket(cloud: &TestCloud, user: &User, parameters: &str) -> BucketConfig {
    let endpoint = cloud.endpoint();
    let url = format!("s3://blobs/pre/fix?endpoint={endpoint}{parameters}");
    let credentials = &user.credentials;
    BucketConfig {
        url: url.parse().unwrap(),
        keys: BucketKeys::new(
            credentials.access_key().as_str(),
            credentials.secret().clone(),
        ),
        cluster: Some("c1".to_owned()),
    }
}

fn open(config: BucketConfig) -> Arc<dyn BlobStore> {
    Arc::new(BucketBlobs::open(config).unwrap())
}

/// A cloud with the bucket `blobs`, and the blobs in it.
async fn fixture() -> (TestCloud, Arc<dyn BlobStore>) {
    let cloud = TestCloud::start().await.with_bucket("blobs").await;
    let store = open(bucket(&cloud, &cloud.alice, ""));
    (cloud, store)
}

gumnut_cloud_blobs::contract_tests!(fixture().await);

/// Why a store does not do what it was asked, with all sources.
async fn refusal(store: &Arc<dyn BlobStore>) -> (BlobError, String) {
    let error = store.ready().await.unwrap_err();
    let first: &dyn std::error::Error = &error;
    let chain = std::iter::successors(Some(first), |&error| error.source());
    let causes: Vec<_> = chain.map(ToString::to_string).collect();
    let text = causes.join(": ");
    (error, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_the_store_has_a_message() {
    let (cloud, store) = fixture().await;
    store.ready().await.unwrap();
    let wrong_secret = cloud.alice.with_secret("another");
    let mut elsewhere = bucket(&cloud, &cloud.alice, "");
    elsewhere.url.bucket = "nowhere".to_owned();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut nobody = bucket(&cloud, &cloud.alice, "");
    nobody.url.endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
    // Nobody listens there any more.
    drop(listener);
    let mut no_tls = bucket(&cloud, &cloud.alice, "");
    no_tls.url.endpoint = Some(cloud.endpoint().replace("http:", "https:"));
    for (config, expected) in [
        (
            bucket(&cloud, &wrong_secret, ""),
            "was denied (SignatureDoesNotMatch); check the keys",
        ),
        (
            bucket(&cloud, &cloud.bob, ""),
            "was denied (AccessDenied); check the keys",
        ),
        (elsewhere, "there is no bucket \"nowhere\" at http"),
        (nobody, "cannot be reached"),
        (no_tls, "no secure connection"),
    ] {
        let (error, text) = refusal(&open(config)).await;
        assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("another"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_another_length_is_refused() {
    let (_cloud, store) = fixture().await;
    let small: (u64, &[u8]) = (4, b"abc");
    let big = vec![7; 5 << 20];
    for (length, body) in [
        small,
        (2, b"abc"),
        (big.len() as u64 + 1, &big),
        (5_000_000, &big),
    ] {
        let pieces: Vec<_> = body
            .chunks(100_000)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec().into()))
            .collect();
        let body = Body::stream(futures::stream::iter(pieces)).of_length(Some(length));
        let put = store.put(body, Box::new(())).await;
        assert!(matches!(put, Err(PutError::Refused(_))), "{put:?}");
        assert_eq!(store.folders().await.unwrap(), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_belongs_to_the_cloud_that_claims_it_first() {
    let cloud = TestCloud::start().await.with_bucket("blobs").await;
    let store = BucketBlobs::open(bucket(&cloud, &cloud.alice, "")).unwrap();
    assert_eq!(store.owner().await.unwrap(), None);
    for cluster in ["one", "another", "one"] {
        assert_eq!(store.claim(cluster).await.unwrap(), "one");
    }
    assert_eq!(store.owner().await.unwrap().as_deref(), Some("one"));
    assert_eq!(store.folders().await.unwrap(), [], "it is no blob");
    let listed: Vec<_> = store.list(Folder::Root).try_collect().await.unwrap();
    assert!(listed.is_empty(), "{listed:?}");
    for round in 0..5 {
        let mut config = bucket(&cloud, &cloud.alice, "");
        config.url.prefix = format!("round{round}");
        let store = BucketBlobs::open(config).unwrap();
        let ids = ["a", "b", "c", "d"];
        let owners = futures::future::join_all(ids.map(|id| store.claim(id))).await;
        let owners: Vec<_> = owners.into_iter().map(Result::unwrap).collect();
        assert!(owners.iter().all(|owner| *owner == owners[0]), "{owners:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_right_below_the_prefix_are_listed_in_pages() {
    let (_cloud, store) = fixture().await;
    // More than a page of S3 has.
    let folders = std::iter::repeat_n(Folder::Root, 1001).chain([Folder::Hour(7)]);
    let puts = folders.map(|folder| {
        let (store, name) = (Arc::clone(&store), BlobName::fresh(folder).unwrap());
        async move {
            let put = store.put_as(name, Body::bytes("x"), Box::new(()));
            put.await.unwrap().keep();
        }
    });
    let puts = futures::stream::iter(puts).buffer_unordered(8);
    puts.collect::<()>().await;
    let expected = [Folder::Root, Folder::Hour(7)];
    assert_eq!(store.folders().await.unwrap(), expected);
    let found: Vec<_> = store.list(Folder::Root).try_collect().await.unwrap();
    assert_eq!(found.len(), 1001);
}

#[cfg(feature = "bucket")]
mod of_a_cloud {
    use gumnut_cloud::{BlobsSource, Cloud, CloudError, Round};

    use gumnut_signing::RequestView;
    use gumnut_signing::v4::{PayloadHash, Service, Signer};

    use super::*;
    use crate::common::{Answer, config, fresh_data_dir};
    use crate::operations::{metrics, value};

    /// Two clouds: the first keeps its bytes in the bucket `blobs` of the second.
    async fn two() -> (TestCloud, TestCloud) {
        let second = TestCloud::start().await.with_bucket("blobs").await;
        let source = BlobsSource::Bucket(Box::new(bucket(&second, &second.alice, "")));
        let first = TestCloud::start_with(|config| config.blobs = source).await;
        (first.with_bucket("bkt").await, second)
    }

    async fn blobs(second: &TestCloud) -> usize {
        let listed = second.get(&second.alice, "/blobs?list-type=2").await;
        // What names the cloud is beside the blobs.
        let text = listed.text().replace("<Key>pre/fix/gumnut-owner<", "");
        text.matches("<Key>pre/fix/").count()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn objects_are_in_the_bucket() {
        let (cloud, second) = two().await;
        let body: Vec<u8> = (0..5 << 20).map(|i: u32| i.to_be_bytes()[2]).collect();
        let put = cloud.put(&cloud.alice, "/bkt/big", &body).await;
        assert_eq!(put.status, 200, "{}", put.text());
        let got = cloud.get(&cloud.alice, "/bkt/big").await;
        assert!(got.body == body);
        let range = cloud
            .request("GET", "/bkt/big")
            .header("range", "bytes=4000000-4000009");
        assert_eq!(
            range.v4(&cloud.alice).send().await.body,
            body[4_000_000..4_000_010]
        );
        let copied = cloud
            .request("PUT", "/bkt/copy")
            .header("x-amz-copy-source", "/bkt/big");
        assert_eq!(copied.v4(&cloud.alice).send().await.status, 200);
        assert!(cloud.get(&cloud.alice, "/bkt/copy").await.body == body);
        assert_eq!(blobs(&second).await, 2);
        let deleted = cloud.delete(&cloud.alice, "/bkt/big").await;
        assert_eq!(deleted.status, 204);
        // Readers have their time.
        assert_eq!(blobs(&second).await, 2);
    }

    /// Registers a manifest in the bucket.
    async fn register(cloud: &TestCloud, manifest: &str) -> Answer {
        let body = format!(
            "Action=RegisterImage&Version=2014-10-01&Name=name&ImageLocation=bkt/{manifest}"
        );
        let form = "application/x-www-form-urlencoded";
        let mut request = cloud.request("POST", "/").header("content-type", form);
        let signer = Signer {
            credentials: &cloud.alice.credentials,
            region: "anywhere",
            service: Service::Ec2,
        };
        let view = RequestView {
            method: "POST",
            path: "/",
            query: "",
            headers: &request.headers,
        };
        let now = time::OffsetDateTime::now_utc();
        let added = signer.sign(&view, &PayloadHash::of(body.as_bytes()), now);
        request.headers.extend(added.unwrap());
        request.body(body.as_bytes()).send().await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_store_that_is_away_is_a_503() {
        let (cloud, second) = two().await;
        let body = vec![7; 100_000];
        for key in ["k", "i.manifest.xml"] {
            let put = cloud.request("PUT", &format!("/bkt/{key}"));
            let put = put.header("x-amz-acl", "aws-exec-read").body(&body);
            assert_eq!(put.v4(&cloud.alice).send().await.status, 200);
        }
        let wrong = register(&cloud, "i.manifest.xml").await;
        assert_eq!(wrong.refusal(), (400, "InvalidManifest"));
        second.running.shutdown().await.unwrap();
        let away = register(&cloud, "i.manifest.xml").await;
        assert_eq!(away.refusal(), (503, "Unavailable"), "{}", away.text());
        assert_eq!(away.header("retry-after"), "1");
        for answer in [
            cloud.put(&cloud.alice, "/bkt/l", &body).await,
            cloud.get(&cloud.alice, "/bkt/k").await,
        ] {
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert_eq!(answer.headers["retry-after"], "1");
            assert!(answer.text().contains("<Code>ServiceUnavailable</Code>"));
        }
        assert_eq!(
            cloud
                .request("HEAD", "/bkt/k")
                .v4(&cloud.alice)
                .send()
                .await
                .status,
            200
        );
    }

    /// Bytes of bodies that a cloud has received and sent.
    async fn bytes(cloud: &TestCloud) -> [f64; 2] {
        let page = metrics(cloud).await;
        ["received", "sent"].map(|name| {
            let name = format!("gumnut_cloud_{name}_bytes_total{{service=\"s3\"}}");
            value(&page, &name).unwrap()
        })
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_copy_of_a_whole_object_does_not_leave_the_bucket() {
        let (cloud, second) = two().await;
        let body: Vec<u8> = (0..5 << 20).map(|i: u32| i.to_be_bytes()[2]).collect();
        let put = cloud.put(&cloud.alice, "/bkt/big", &body).await;
        let etag = put.header("etag").to_owned();
        let begun = cloud.request("POST", "/bkt/parts?uploads");
        let begun = begun.v4(&cloud.alice).send().await;
        let part = format!(
            "/bkt/parts?partNumber=1&uploadId={}",
            begun.element("UploadId")
        );
        let before = bytes(&second).await;
        let copy = async |target: &str, headers: &[(&str, &str)]| {
            let mut request = cloud.request("PUT", target);
            request = request.header("x-amz-copy-source", "/bkt/big");
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let copied = request.v4(&cloud.alice).send().await;
            assert_eq!(copied.status, 200, "{}", copied.text());
            copied
        };
        for target in ["/bkt/copy", &part] {
            let copied = copy(target, &[]).await;
            assert_eq!(copied.element("ETag").replace("&quot;", "\""), etag);
        }
        let after = bytes(&second).await;
        for (before, after) in before.iter().zip(after) {
            assert!(after - before < 100_000.0, "{before} {after}");
        }
        assert!(cloud.get(&cloud.alice, "/bkt/copy").await.body == body);

        // What is to be computed is read.
        let summed = copy("/bkt/summed", &[("x-amz-checksum-algorithm", "CRC32C")]).await;
        assert!(
            !summed.element("ChecksumCRC32C").is_empty(),
            "{}",
            summed.text()
        );
        let half = copy(&part, &[("x-amz-copy-source-range", "bytes=0-2621439")]).await;
        assert_ne!(half.element("ETag").replace("&quot;", "\""), etag);
        let read = bytes(&second).await;
        assert!(read[1] - after[1] > 7_000_000.0);
        assert!(cloud.get(&cloud.alice, "/bkt/summed").await.body == body);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_second_cloud_does_not_start_with_the_bucket_of_another() {
        let second = TestCloud::start().await.with_bucket("blobs").await;
        let source = || {
            let mut config = bucket(&second, &second.alice, "");
            config.cluster = None;
            BlobsSource::Bucket(Box::new(config))
        };
        let first = TestCloud::start_with(|config| config.blobs = source()).await;
        let dir = fresh_data_dir();
        let mut of_third = config(dir.path());
        of_third.blobs = source();
        let refused = |error: CloudError| {
            assert_eq!(error.fault(), gumnut_types::Fault::Refused, "{error}");
            match error {
                CloudError::BlobsOfAnother {
                    owner,
                    cluster,
                    key,
                } => {
                    assert_eq!(key, "pre/fix/gumnut-owner");
                    assert_ne!(owner, cluster);
                }
                error => panic!("{error:?}"),
            }
        };
        refused(Cloud::start(of_third.clone()).await.unwrap_err());
        // A collector would take the blobs of the other cloud for nobody's.
        refused(
            Cloud::collect(&of_third, Round::default())
                .await
                .unwrap_err(),
        );
        refused(
            Cloud::fsck_shared(&of_third, false, &gumnut_types::NoProgress)
                .await
                .unwrap_err(),
        );
        // The same cloud starts again.
        first.running.shutdown().await.unwrap();
        let mut again = config(first.dir.path());
        again.blobs = source();
        Cloud::start(again).await.unwrap().shutdown().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_cloud_does_not_start_without_its_bucket() {
        let second = TestCloud::start().await;
        let dir = fresh_data_dir();
        let mut config = config(dir.path());
        let source = bucket(&second, &second.alice, "");
        config.blobs = BlobsSource::Bucket(Box::new(source));
        let error = Cloud::start(config).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        let cause = source.source().unwrap().to_string();
        assert!(
            cause.starts_with("there is no bucket \"blobs\" at http"),
            "{cause}"
        );
    }
}
