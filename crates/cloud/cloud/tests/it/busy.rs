//! A store of blobs that answers, but only that it cannot.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gumnut_cloud::BlobsSource;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::bucket::bucket;
use crate::common::TestCloud;

/// The longest head of a request.
const LONGEST: usize = 64 << 10;

/// A way to a store on which so many requests are refused with status 503.
struct Busy {
    address: SocketAddr,
    refused: Arc<AtomicUsize>,
    /// Ends the connections that are open.
    reset: watch::Sender<()>,
}

impl Busy {
    async fn before(store: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let refused = Arc::new(AtomicUsize::new(0));
        let (reset, is_reset) = watch::channel(());
        let left = Arc::clone(&refused);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (left, mut is_reset) = (Arc::clone(&left), is_reset.clone());
                is_reset.mark_unchanged();
                tokio::spawn(async move {
                    let fewer = |left: usize| left.checked_sub(1);
                    let order = Ordering::SeqCst;
                    // The client sees whatever goes wrong.
                    if left.fetch_update(order, order, fewer).is_ok() {
                        let _ = refuse(stream).await;
                    } else {
                        tokio::select! {
                            _ = pass(stream, store) => {}
                            _ = is_reset.changed() => {}
                        }
                    }
                });
            }
        });
        Self {
            address,
            refused,
            reset,
        }
    }

    /// Refuses so many requests from now on.
    fn refuse(&self, count: usize) {
        self.refused.store(count, Ordering::SeqCst);
        self.reset.send(()).unwrap();
    }
}

async fn pass(mut stream: TcpStream, store: SocketAddr) -> std::io::Result<()> {
    let mut store = TcpStream::connect(store).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut store).await?;
    Ok(())
}

/// Reads a request and refuses it.
async fn refuse(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let end = loop {
        let ends = request.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        if let Some(end) = ends {
            break end + 4;
        }
        if request.len() > LONGEST || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    while request.len() < end + length {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let document =
        "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>";
    let length = document.len();
    let answer = format!(
        "HTTP/1.1 503 Slow Down\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{document}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_answers_503_is_asked_again_and_then_a_503_itself() {
    let store = TestCloud::start().await.with_bucket("blobs").await;
    let address = store.endpoint().trim_start_matches("http://").parse();
    let busy = Busy::before(address.unwrap()).await;
    let mut source = bucket(&store, &store.alice, "");
    source.url.endpoint = Some(format!("http://{}", busy.address));
    let source = BlobsSource::Bucket(Box::new(source));
    let cloud = TestCloud::start_with(|config| config.blobs = source).await;
    let cloud = cloud.with_bucket("bkt").await;
    let body = vec![7; 100_000];

    busy.refuse(2);
    let put = cloud.put(&cloud.alice, "/bkt/again", &body).await;
    assert_eq!(put.status, 200, "{}", put.text());
    busy.refuse(1);
    assert!(cloud.get(&cloud.alice, "/bkt/again").await.body == body);

    // Far more than a cloud asks.
    busy.refuse(10_000);
    for answer in [
        cloud.put(&cloud.alice, "/bkt/refused", &body).await,
        cloud.put(&cloud.alice, "/bkt/again", &body[..50_000]).await,
        cloud.get(&cloud.alice, "/bkt/again").await,
    ] {
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "1");
        assert!(answer.text().contains("<Code>ServiceUnavailable</Code>"));
    }

    // What was refused has not happened, and nothing else is lost.
    busy.refuse(0);
    assert!(cloud.get(&cloud.alice, "/bkt/again").await.body == body);
    assert_eq!(cloud.get(&cloud.alice, "/bkt/refused").await.status, 404);
    assert_eq!(
        cloud.put(&cloud.alice, "/bkt/refused", &body).await.status,
        200
    );
}
