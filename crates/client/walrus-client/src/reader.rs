//! Reading an object to its end, over as many connections as that takes.

use bytes::Bytes;
use gumnut_transport::{Download, TransportError};
use gumnut_types::{BucketName, ObjectKey};
use http::Method;

use crate::client::{etag, header};
use crate::{ObjectHead, WalrusClient};

/// An object that is read from its first byte to its last.
///
/// When a connection breaks, the next one continues where it broke, and only if the store still has the same object: its tag is
/// named in every request. It is given up when as many connections in a row as there are retries bring nothing.
#[derive(Debug)]
pub struct ObjectReader {
    store: WalrusClient,
    bucket: BucketName,
    key: ObjectKey,
    /// Its length in bytes; `None` before the store has told it.
    size: Option<u64>,
    etag: String,
    /// Bytes that have been given out.
    position: u64,
    open: Option<Open>,
    /// Connections in a row that broke without bringing anything.
    broken: u32,
}

#[derive(Debug)]
struct Open {
    download: Download,
    /// Bytes that come again from a store that knows no ranges.
    skip: u64,
}

impl WalrusClient {
    /// Reads an object; with a `head`, the object of that head and no other.
    pub fn read_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        head: Option<&ObjectHead>,
    ) -> ObjectReader {
        ObjectReader {
            store: self.clone(),
            bucket: bucket.clone(),
            key: key.clone(),
            size: head.map(|head| head.size),
            etag: head.map(|head| head.etag.clone()).unwrap_or_default(),
            position: 0,
            open: None,
            broken: 0,
        }
    }
}

impl ObjectReader {
    /// The next piece; `None` at the end, when all bytes of the object have come.
    ///
    /// # Errors
    /// When the store refuses, has another object by now, or the connection keeps breaking.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        while self.size != Some(self.position) {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => self.connect().await?,
            };
            match open.next().await {
                Ok(Some(piece)) => {
                    self.open = Some(open);
                    self.broken = 0;
                    if !piece.is_empty() {
                        return self.count(piece).map(Some);
                    }
                }
                Ok(None) if self.size.is_none() => self.size = Some(self.position),
                Ok(None) => self.go_on(self.malformed("it is truncated")).await?,
                Err(error) => self.go_on(error).await?,
            }
        }
        Ok(None)
    }

    fn count(&mut self, piece: Bytes) -> Result<Bytes, TransportError> {
        self.position += piece.len() as u64;
        if self.size.is_some_and(|size| self.position > size) {
            return Err(self.malformed("it is longer than the store reported before"));
        }
        Ok(piece)
    }

    /// Waits before the next connection, unless there were enough.
    async fn go_on(&mut self, error: TransportError) -> Result<(), TransportError> {
        if !self.store.transport().pause(self.broken, &error).await {
            return Err(error);
        }
        self.broken += 1;
        Ok(())
    }

    async fn connect(&mut self) -> Result<Open, TransportError> {
        let (bucket, key) = (Some(&self.bucket), Some(&self.key));
        let mut request = self.store.request(Method::GET, bucket, key, "");
        if !self.etag.is_empty() {
            request.header("if-match", format!("\"{}\"", self.etag));
        }
        if self.position > 0 {
            request.header("range", format!("bytes={}-", self.position));
        }
        let download = self.store.transport().download(&request).await?;
        let skip = match download.status() {
            206 if self.begins_here(&download) => 0,
            200 if self.is_same(&download) => self.position,
            200 => {
                return Err(self.malformed("its size differs from what the store reported before"));
            }
            _ => return Err(self.malformed("it is not the requested range")),
        };
        if self.position == 0 {
            self.size = self.size.or(download.length());
            self.etag = etag(download.headers());
        }
        Ok(Open { download, skip })
    }

    /// Whether a whole object has the size that is known.
    fn is_same(&self, download: &Download) -> bool {
        let both = self.size.zip(download.length());
        both.is_none_or(|(known, told)| known == told)
    }

    fn begins_here(&self, download: &Download) -> bool {
        let range = header(download.headers(), "content-range");
        let Some((from, size)) = range
            .strip_prefix("bytes ")
            .and_then(|range| range.split_once('-'))
            .and_then(|(from, rest)| Some((from, rest.split_once('/')?.1)))
        else {
            return false;
        };
        let same_size = self.size.is_none_or(|known| size.parse() == Ok(known));
        from.parse() == Ok(self.position) && same_size
    }

    fn malformed(&self, reason: &str) -> TransportError {
        TransportError::Malformed {
            what: format!("GET {}/{}", self.bucket, self.key),
            reason: reason.to_owned(),
        }
    }
}

impl Open {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        loop {
            let Some(mut piece) = self.download.chunk().await? else {
                return Ok(None);
            };
            let again =
                usize::try_from(self.skip).map_or(piece.len(), |skip| skip.min(piece.len()));
            self.skip -= again as u64;
            let piece = piece.split_off(again);
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }
}
