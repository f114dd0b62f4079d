//! From a request to an answer.

use std::fmt;
use std::time::SystemTime;

use crate::instance::Instance;
use crate::token::{RandomError, Tokens, life};
use crate::tree;

/// The service of all instances of a cloud.
pub struct Service {
    tokens: Tokens,
}

/// A request, by whatever means it came. Its headers are looked up without regard to case.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// As in the request line.
    pub method: &'a str,
    /// The path, with or without a query.
    pub path: &'a str,
    /// Names and values.
    pub headers: &'a [(&'a str, &'a str)],
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names and values, without those of the connection and the length.
    pub headers: Vec<(&'static str, String)>,
    /// What was asked for; with `HEAD` it is not sent.
    pub body: Vec<u8>,
    /// How many routers the answer may pass, if that is bounded.
    pub hop_limit: Option<u8>,
}

const TOKEN_PATH: &str = "latest/api/token";
const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";
const FORWARDED: &str = "x-forwarded-for";
const USER_DATA: &str = "user-data";

impl<'a> Request<'a> {
    /// A request for what is there.
    pub fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            headers: &[],
        }
    }

    /// A request for a token.
    pub fn put(path: &'a str) -> Self {
        Self {
            method: "PUT",
            ..Self::get(path)
        }
    }

    /// The request with these headers.
    #[must_use]
    pub fn with(self, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self { headers, ..self }
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }

    /// The path without its query and without empty segments.
    fn segments(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        segments.collect::<Vec<_>>().join("/")
    }
}

impl Service {
    /// A service whose tokens no other knows.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new() -> Result<Self, RandomError> {
        Ok(Self {
            tokens: Tokens::new()?,
        })
    }

    /// The answer to a request of this instance.
    pub fn answer(&self, instance: &Instance, request: &Request<'_>, now: SystemTime) -> Response {
        let path = request.segments();
        let is_token = path == TOKEN_PATH;
        if !instance.options.enabled || request.header(FORWARDED).is_some() {
            return Response::refused(403);
        }
        match request.method {
            "PUT" if is_token => return self.grant(instance, request, now),
            "GET" | "HEAD" if !is_token => {}
            _ => {
                let allowed = if is_token { "PUT" } else { "GET, HEAD" };
                return Response::refused(405).with("allow", allowed.to_owned());
            }
        }
        let token = request.header(TOKEN);
        let accepted = token.map(|token| self.tokens.accepts(token.as_bytes(), &instance.id, now));
        if !accepted.unwrap_or(!instance.options.tokens_required) {
            return Response::refused(401);
        }
        look_up(instance, &path)
    }

    fn grant(&self, instance: &Instance, request: &Request<'_>, now: SystemTime) -> Response {
        let Some(seconds) = request.header(TTL).and_then(|text| life(text.as_bytes())) else {
            return Response::refused(400);
        };
        let token = self.tokens.grant(&instance.id, seconds, now);
        let response = Response::text(token).with(TTL, seconds.to_string());
        Response {
            hop_limit: Some(instance.options.hop_limit),
            ..response
        }
    }
}

fn look_up(instance: &Instance, path: &str) -> Response {
    let (version, rest) = path.split_once('/').unwrap_or((path, ""));
    if path.is_empty() {
        let versions: Vec<_> = instance.tree.versions().collect();
        return Response::text(versions.join("\n"));
    }
    if !instance.tree.versions().any(|known| known == version) {
        return Response::refused(404);
    }
    if rest == USER_DATA {
        return instance
            .user_data
            .clone()
            .map_or_else(|| Response::refused(404), Response::bytes);
    }
    let tree = tree::of(instance);
    if rest.is_empty() {
        // These have no slash, whatever they are.
        let list = tree.show().replace('/', "");
        let user_data = instance.user_data.as_ref().map_or("", |_| "\nuser-data");
        return Response::text(list + user_data);
    }
    tree.find(rest).map_or_else(
        || Response::refused(404),
        |node| Response::text(node.show()),
    )
}

impl Response {
    fn text(text: String) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "text/plain".to_owned())],
            body: text.into_bytes(),
            hop_limit: None,
        }
    }

    fn bytes(body: Vec<u8>) -> Self {
        Self {
            headers: vec![("content-type", "application/octet-stream".to_owned())],
            body,
            ..Self::text(String::new())
        }
    }

    fn refused(status: u16) -> Self {
        Self {
            status,
            ..Self::text(String::new())
        }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Service").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
