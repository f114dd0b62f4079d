//! Bytes of a blob on their way in.

use std::io::{self, Read};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use futures::channel::mpsc;
use futures::future::{Either, select};
use futures::stream::BoxStream;
use futures::{SinkExt as _, StreamExt as _};
use gumnut_cloud_blobs::{
    BlobError, BlobName, Body, BoxError, Folder, PendingBlob, PutError, Source, Tap,
};
use md5::{Digest as _, Md5};
use object_store::multipart::MultipartStore as _;
use object_store::path::Path;
use object_store::signer::{HeaderName, Method, SignedUrlOptions, Signer as _};
use object_store::{
    CopyOptions, HeaderValue, ObjectStore as _, PutMultipartOptions, PutOptions, PutPayload,
};
use tokio::sync::oneshot;

use crate::BucketError;
use crate::bucket::Bucket;
use crate::client::PATIENCE;

/// Largest body that is sent by one request out of memory.
const AT_ONCE: u64 = 4 << 20;
/// Bytes of a part of a body whose length is not known.
const PART: usize = 8 << 20;
/// Bytes of a piece of a reader.
const PIECE: usize = 256 << 10;
/// How long an URL that was signed for an upload may be used.
const SIGNED_FOR: Duration = Duration::from_hours(1);

type Pieces = BoxStream<'static, Result<Bytes, BoxError>>;
type Put = Result<(PendingBlob, Box<dyn Tap>), PutError>;

/// Stores a body.
///
/// A task of its own sees to it, so that a caller who goes away leaves nothing: then what is stored is deleted, and the tap
/// dropped after that.
pub(crate) async fn put(bucket: Arc<Bucket>, body: Body, tap: Box<dyn Tap>) -> Put {
    let name = BlobName::fresh(Folder::present_hour()).map_err(BlobError::Io)?;
    put_as(bucket, name, body, tap).await
}

/// Stores a body under this name, as [`put`] does.
pub(crate) async fn put_as(
    bucket: Arc<Bucket>,
    name: BlobName,
    body: Body,
    tap: Box<dyn Tap>,
) -> Put {
    let (answer, wanted) = oneshot::channel();
    let upload = Upload {
        md5: tap.md5().is_none().then(Md5::new),
        key: bucket.key(name),
        begun: Instant::now(),
        bucket,
        name,
        tap,
        size: 0,
        is_sent: false,
    };
    tokio::spawn(upload.run(body, answer));
    let lost = |error| PutError::Blob(BlobError::Io(io::Error::other(error)));
    wanted.await.unwrap_or_else(|error| Err(lost(error)))
}

/// Copies a blob.
pub(crate) async fn copy(
    bucket: Arc<Bucket>,
    from: BlobName,
) -> Result<Option<PendingBlob>, BlobError> {
    let name = BlobName::fresh(Folder::present_hour()).map_err(BlobError::Io)?;
    let (begun, key) = (Instant::now(), bucket.key(name));
    // Dropped, it deletes what may be there.
    let unfinished = Arc::clone(&bucket).pending(name, 0, begun);
    let source = bucket.key(from);
    let copied = bucket
        .store
        .copy_opts(&source, &key, CopyOptions::default());
    copied.await.map_err(|error| bucket.failed(from, error))?;
    let size = bucket.size(name).await?;
    unfinished.leave();
    Ok(Some(bucket.pending(name, size, begun)))
}

/// A blob that is being received.
struct Upload {
    bucket: Arc<Bucket>,
    name: BlobName,
    key: Path,
    begun: Instant,
    tap: Box<dyn Tap>,
    /// `None` when the tap computes it.
    md5: Option<Md5>,
    size: u64,
    /// Whether there may be something in the bucket.
    is_sent: bool,
}

/// Nobody waits for the upload any more.
#[derive(Debug, thiserror::Error)]
#[error("the upload was cancelled")]
struct Abandoned;

/// The body has another length than was said.
#[derive(Debug, thiserror::Error)]
#[error("the body does not have the announced {0} bytes")]
struct Length(u64);

impl Upload {
    async fn run(mut self, body: Body, mut answer: oneshot::Sender<Put>) {
        let outcome = self.receive(body, &mut answer).await;
        let bucket = Arc::clone(&self.bucket);
        match outcome {
            Ok(()) => {
                let pending = Arc::clone(&bucket).pending(self.name, self.size, self.begun);
                if let Err(Ok((pending, tap))) = answer.send(Ok((pending, self.tap))) {
                    bucket.discard(pending.leave()).await;
                    drop(tap);
                }
            }
            Err(error) => {
                if self.is_sent {
                    bucket.discard(self.name).await;
                }
                drop(self.tap);
                // A caller that has gone gets no answer.
                let _ = answer.send(Err(error));
            }
        }
    }

    async fn receive(
        &mut self,
        body: Body,
        answer: &mut oneshot::Sender<Put>,
    ) -> Result<(), PutError> {
        let mut pieces = pieces(body.source);
        match body.length {
            Some(length) if length > AT_ONCE => self.stream(pieces, length, answer).await,
            length => {
                let (gathered, is_all) = self.gather(&mut pieces, AT_ONCE, answer).await?;
                match length {
                    Some(length) if self.size != length => {
                        Err(PutError::Refused(Length(length).into()))
                    }
                    _ if is_all => self.send_at_once(gathered).await,
                    _ => self.send_parts(gathered, pieces, answer).await,
                }
            }
        }
    }

    /// The next piece, seen by the tap.
    async fn next(
        &mut self,
        pieces: &mut Pieces,
        answer: &mut oneshot::Sender<Put>,
    ) -> Result<Option<Bytes>, PutError> {
        loop {
            let next = match select(pieces.next(), pin!(answer.closed())).await {
                Either::Left((next, _)) => next,
                Either::Right(_) => return Err(PutError::Refused(Abandoned.into())),
            };
            let Some(piece) = next.transpose().map_err(PutError::Refused)? else {
                return Ok(None);
            };
            if !piece.is_empty() {
                self.tap.bytes(&piece);
                if let Some(md5) = &mut self.md5 {
                    md5.update(&piece);
                }
                self.size += piece.len() as u64;
                return Ok(Some(piece));
            }
        }
    }

    /// Pieces of a body until there are `most` bytes of it or more, and whether that is all.
    async fn gather(
        &mut self,
        pieces: &mut Pieces,
        most: u64,
        answer: &mut oneshot::Sender<Put>,
    ) -> Result<(Vec<Bytes>, bool), PutError> {
        let (mut gathered, end) = (Vec::new(), self.size + most);
        while self.size <= end {
            match self.next(pieces, answer).await? {
                Some(piece) => gathered.push(piece),
                None => return Ok((gathered, true)),
            }
        }
        Ok((gathered, false))
    }

    /// The tap's word on the whole body, and its MD5.
    fn finish(&mut self) -> Result<[u8; 16], PutError> {
        self.tap.finish().map_err(PutError::Refused)?;
        let own = self.md5.take().map(|md5| md5.finalize().into());
        Ok(own.or_else(|| self.tap.md5()).unwrap_or_default())
    }

    async fn send_at_once(&mut self, gathered: Vec<Bytes>) -> Result<(), PutError> {
        let md5 = self.finish()?;
        self.is_sent = true;
        let options = PutOptions {
            attributes: self.bucket.attributes.clone(),
            ..PutOptions::default()
        };
        let payload = PutPayload::from_iter(gathered);
        let sent = self.bucket.store.put_opts(&self.key, payload, options);
        let sent = sent
            .await
            .map_err(|error| self.bucket.failed(self.name, error))?;
        self.verify(md5, sent.e_tag.as_deref())
    }

    /// Passes a body of a known length on as it comes. Its last piece is kept back until the tap has agreed: without it the store
    /// takes nothing.
    async fn stream(
        &mut self,
        mut pieces: Pieces,
        length: u64,
        answer: &mut oneshot::Sender<Put>,
    ) -> Result<(), PutError> {
        let (mut sender, body) = mpsc::channel::<io::Result<Bytes>>(0);
        let bucket = Arc::clone(&self.bucket);
        let url = self.signed_url().await?;
        self.is_sent = true;
        let mut request = pin!(bucket.client.upload(|client| {
            let mut request = client
                .put(url)
                .header(reqwest::header::CONTENT_LENGTH, length);
            for (name, value) in headers(&bucket) {
                request = request.header(name, value);
            }
            request.body(reqwest::Body::wrap_stream(body))
        }));
        let sent = {
            let pump = pin!(self.pump(&mut pieces, length, &mut sender, answer));
            match select(pump, &mut request).await {
                Either::Left((md5, _)) => Either::Left(md5?),
                // The answer has come before the end of the body: it is a refusal.
                Either::Right((answer, _)) => Either::Right(answer),
            }
        };
        drop(sender);
        match sent {
            Either::Left(md5) => {
                let headers = tokio::time::timeout(PATIENCE, request).await;
                let headers = headers.unwrap_or_else(|_| Err(bucket.client.slow()));
                let headers = headers.map_err(BlobError::from)?;
                let tag = headers.get(reqwest::header::ETAG);
                self.verify(md5, tag.and_then(|tag| tag.to_str().ok()))
            }
            Either::Right(Err(error)) => Err(BlobError::from(error).into()),
            Either::Right(Ok(_)) => {
                let early = io::Error::other("the store has answered before the end of the body");
                Err(BlobError::Io(early).into())
            }
        }
    }

    async fn pump(
        &mut self,
        pieces: &mut Pieces,
        length: u64,
        sender: &mut mpsc::Sender<io::Result<Bytes>>,
        answer: &mut oneshot::Sender<Put>,
    ) -> Result<[u8; 16], PutError> {
        let client = self.bucket.client.clone();
        let mut send = async |piece| {
            match tokio::time::timeout(PATIENCE, sender.send(Ok(piece))).await {
                Ok(Ok(())) => Ok(()),
                // The request is over, and its answer says why.
                Ok(Err(_)) => std::future::pending().await,
                Err(_) => Err(BlobError::from(client.slow())),
            }
        };
        let mut last = None;
        while let Some(piece) = self.next(pieces, answer).await? {
            if self.size > length {
                return Err(PutError::Refused(Length(length).into()));
            }
            if let Some(before) = last.replace(piece) {
                send(before).await?;
            }
        }
        if self.size != length {
            return Err(PutError::Refused(Length(length).into()));
        }
        let md5 = self.finish()?;
        if let Some(last) = last {
            send(last).await?;
        }
        Ok(md5)
    }

    async fn signed_url(&mut self) -> Result<reqwest::Url, PutError> {
        let mut options = SignedUrlOptions::default();
        for (name, value) in headers(&self.bucket) {
            options = options.with_signed_header(name, value);
        }
        let signed =
            self.bucket
                .store
                .signed_url_opts(Method::PUT, &self.key, SIGNED_FOR, &options);
        let signed = signed
            .await
            .map_err(|error| self.bucket.failed(self.name, error))?;
        Ok(signed)
    }

    /// Sends a body of unknown length in parts, with `gathered` as its beginning.
    async fn send_parts(
        &mut self,
        gathered: Vec<Bytes>,
        pieces: Pieces,
        answer: &mut oneshot::Sender<Put>,
    ) -> Result<(), PutError> {
        let bucket = Arc::clone(&self.bucket);
        let options = PutMultipartOptions {
            attributes: bucket.attributes.clone(),
            ..PutMultipartOptions::default()
        };
        let begun = bucket.store.create_multipart_opts(&self.key, options).await;
        let id = begun.map_err(|error| bucket.failed(self.name, error))?;
        self.is_sent = true;
        let outcome = self.parts(&id, gathered, pieces, answer).await;
        if outcome.is_err()
            && let Err(error) = bucket.store.abort_multipart(&self.key, &id).await
        {
            let name = self.name;
            tracing::warn!(%error, %name, "parts of an upload that failed are left in the bucket");
        }
        outcome
    }

    async fn parts(
        &mut self,
        id: &String,
        mut gathered: Vec<Bytes>,
        mut pieces: Pieces,
        answer: &mut oneshot::Sender<Put>,
    ) -> Result<(), PutError> {
        let bucket = Arc::clone(&self.bucket);
        let name = self.name;
        let failed = |error| bucket.failed(name, error);
        let (mut parts, mut is_all) = (Vec::new(), false);
        let mut batch = BytesMut::new();
        loop {
            for piece in gathered.drain(..) {
                batch.extend_from_slice(&piece);
            }
            while batch.len() >= PART || (is_all && !batch.is_empty()) {
                let part = batch.split_to(PART.min(batch.len())).freeze();
                let md5: [u8; 16] = Md5::digest(&part).into();
                let payload = PutPayload::from_bytes(part);
                let sent = bucket
                    .store
                    .put_part(&self.key, id, parts.len(), payload)
                    .await;
                let sent = sent.map_err(failed)?;
                self.verify(md5, Some(&sent.content_id))?;
                parts.push(sent);
            }
            if is_all {
                break;
            }
            let most = (PART - batch.len()) as u64;
            (gathered, is_all) = self.gather(&mut pieces, most, answer).await?;
        }
        self.finish()?;
        let completed = bucket.store.complete_multipart(&self.key, id, parts).await;
        completed.map_err(failed)?;
        Ok(())
    }

    /// Compares what the store says of the bytes with their MD5.
    fn verify(&self, md5: [u8; 16], etag: Option<&str>) -> Result<(), PutError> {
        let (md5, etag) = (
            HEXLOWER.encode(&md5),
            etag.unwrap_or_default().trim_matches('"'),
        );
        if !self.bucket.url.verify_etag || etag.eq_ignore_ascii_case(&md5) {
            return Ok(());
        }
        let (place, etag) = (self.bucket.client.place().to_owned(), etag.to_owned());
        Err(BlobError::from(BucketError::Tag { place, etag, md5 }).into())
    }
}

/// The metadata of each blob, as headers.
fn headers(bucket: &Bucket) -> Vec<(HeaderName, HeaderValue)> {
    let metadata = bucket.attributes.iter().filter_map(|(_, value)| {
        let value = HeaderValue::from_str(value.as_ref()).ok()?;
        Some((HeaderName::from_static("x-amz-meta-gumnut"), value))
    });
    metadata.collect()
}

/// The pieces of a body; a reader is read by a thread that may block, two pieces ahead.
fn pieces(source: Source) -> Pieces {
    let mut reader = match source {
        Source::Stream(pieces) => return pieces,
        Source::Reader(reader) => reader,
    };
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        while let Some(piece) = read_piece(&mut *reader).transpose() {
            let is_last = piece.is_err();
            // A caller that has gone wants nothing.
            if sender.blocking_send(piece.map_err(Into::into)).is_err() || is_last {
                break;
            }
        }
    });
    let next = |mut receiver: tokio::sync::mpsc::Receiver<_>| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    };
    futures::stream::unfold(receiver, next).boxed()
}

/// The next bytes of a reader; `None` at its end.
fn read_piece(reader: &mut dyn Read) -> io::Result<Option<Bytes>> {
    let mut piece = Vec::with_capacity(PIECE);
    reader.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok((!piece.is_empty()).then(|| piece.into()))
}
