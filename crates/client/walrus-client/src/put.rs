//! Writing objects.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use gumnut_transport::{Body, TransportError, xml};
use gumnut_types::{BucketName, ObjectKey};
use http::Method;
use md5::{Digest as _, Md5};
use sha2::Sha256;
use tokio::io::AsyncReadExt as _;

use crate::client::{MAX_ANSWER, METADATA, encoded, etag, is_md5};
use crate::{CannedAcl, WalrusClient};

/// Bytes that are read from a file at once.
const BUFFER: usize = 1 << 20;

/// The content of an object, with the hashes that go with it.
#[derive(Clone, Debug)]
pub struct Content {
    body: Body,
    md5: [u8; 16],
}

/// How an object is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct PutOptions<'a> {
    /// Who may read it; `None`: no `x-amz-acl` is sent, and the store applies its own default.
    pub acl: Option<CannedAcl>,
    /// What is said of it: names in lower case, and values of printable ASCII.
    pub metadata: &'a [(&'a str, &'a str)],
}

/// A stored object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The store's tag of the content, without quotes.
    pub etag: String,
}

impl Content {
    /// Content in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let md5 = Md5::digest(&bytes).into();
        Self {
            body: Body::Bytes(bytes),
            md5,
        }
    }

    /// A file, which is read once here for its hashes and once for each attempt to send it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn file(path: &Path) -> Result<Self, TransportError> {
        let failed = |source| TransportError::File {
            path: path.to_owned(),
            source,
        };
        let (mut md5, mut sha256, mut length) = (Md5::new(), Sha256::new(), 0);
        let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
        let mut buffer = vec![0; BUFFER];
        loop {
            match file.read(&mut buffer).await.map_err(failed)? {
                0 => break,
                count => {
                    md5.update(&buffer[..count]);
                    sha256.update(&buffer[..count]);
                    length += count as u64;
                }
            }
        }
        let sha256 = HEXLOWER.encode(&sha256.finalize());
        let body = Body::File {
            path: PathBuf::from(path),
            length,
            sha256,
        };
        Ok(Self {
            body,
            md5: md5.finalize().into(),
        })
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.body.length()
    }

    /// Its MD5 in lower-case hex, the tag that most stores give it.
    pub fn md5_hex(&self) -> String {
        HEXLOWER.encode(&self.md5)
    }
}

impl WalrusClient {
    /// Writes an object. The store compares it with its MD5, and so does this where the tag is one.
    ///
    /// # Errors
    /// When the store refuses, or says the MD5 of something else.
    pub async fn put_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        content: &Content,
        options: PutOptions<'_>,
    ) -> Result<Stored, TransportError> {
        let mut request = self.request(Method::PUT, Some(bucket), Some(key), "");
        request.header("content-md5", BASE64.encode(&content.md5));
        request.header("content-type", "application/octet-stream");
        if let Some(acl) = options.acl {
            request.header("x-amz-acl", acl.to_string());
        }
        for (name, value) in options.metadata {
            request.header(&format!("{METADATA}{name}"), *value);
        }
        if content.length() == 0 {
            request.header("content-length", "0");
        }
        request.body = content.body.clone();
        let response = self.transport().execute(&request, MAX_ANSWER).await?;
        let etag = etag(&response.headers);
        if is_md5(&etag) && !etag.eq_ignore_ascii_case(&content.md5_hex()) {
            let reason = format!(
                "the store reports the MD5 {etag}, the data sent has {}",
                content.md5_hex()
            );
            return Err(TransportError::Malformed {
                what: request.what,
                reason,
            });
        }
        Ok(Stored { etag })
    }

    /// Whether the caller may write an object with this key, found out without writing it: what is sent has another MD5 than is
    /// said of it, which stores refuse after they have looked at the rights.
    ///
    /// # Errors
    /// When the store does not answer, or refuses for another reason than rights.
    pub async fn may_write(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<bool, TransportError> {
        let mut request = self.request(Method::PUT, Some(bucket), Some(key), "");
        request.header(
            "content-md5",
            BASE64.encode(&Md5::digest(b"something else")),
        );
        request.body = Body::Bytes(Bytes::from_static(b"x"));
        match self.transport().execute(&request, MAX_ANSWER).await {
            // A store that compares nothing has the object now.
            Ok(_) => self.delete_object(bucket, key).await.map(|()| true),
            Err(error) => match error.refusal().map(|refusal| refusal.status) {
                Some(403) => Ok(false),
                Some(400) => Ok(true),
                _ => Err(error),
            },
        }
    }

    /// Copies an object within the store; no byte of it comes here.
    ///
    /// # Errors
    /// When the store refuses, also where it says so in an answer that began with success.
    pub async fn copy_object(
        &self,
        (from_bucket, from_key): (&BucketName, &ObjectKey),
        (bucket, key): (&BucketName, &ObjectKey),
        options: PutOptions<'_>,
    ) -> Result<(), TransportError> {
        let mut request = self.request(Method::PUT, Some(bucket), Some(key), "");
        let source = format!("/{from_bucket}/{}", encoded(from_key));
        request.header("x-amz-copy-source", source);
        request.header("content-length", "0");
        if let Some(acl) = options.acl {
            request.header("x-amz-acl", acl.to_string());
        }
        let response = self.transport().execute(&request, MAX_ANSWER).await?;
        match xml::parse(&response.body) {
            Ok(answer) if answer.name == "CopyObjectResult" => Ok(()),
            _ => Err(TransportError::Malformed {
                what: request.what,
                reason: "it does not confirm that the object was copied".to_owned(),
            }),
        }
    }
}
