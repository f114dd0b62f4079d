//! The seam between the listener and the protocols.

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};

use crate::{Body, ClientBody, RequestId};

/// One protocol that a server speaks. The server asks its front ends in order, and the first that wants a request gets it.
#[async_trait]
pub trait FrontEnd: Send + Sync + 'static {
    /// What the metrics call it, as the label `service`: `s3`.
    fn name(&self) -> &'static str;

    /// Whether a request with this head is for this front end.
    fn wants(&self, head: &Parts) -> bool;

    /// Answers a request. A refusal carries its [`RefusalCode`](crate::RefusalCode) as an extension, to be counted. A body
    /// that is not read to its end is the front end's own care: a client that is still sending hears no answer.
    async fn answer(&self, request: Request<ClientBody>, id: &RequestId) -> Response<Body>;

    /// The answer to a request that could not be taken up because too many others are worked on.
    fn overloaded(&self, head: &Parts, id: &RequestId) -> Response<Body>;
}

/// Headers as signatures see them: names in lower case, and values. A value that is not UTF-8 is taken for Latin-1.
pub fn header_texts(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text_of(value)))
        .collect()
}

fn text_of(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes).map_or_else(
        |_| bytes.iter().copied().map(char::from).collect(),
        str::to_owned,
    )
}
