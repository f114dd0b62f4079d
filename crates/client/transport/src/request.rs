//! A request, before it is signed.

use gumnut_signing::v4::{PayloadHash, Service, Signer};
use gumnut_signing::{Credentials, RequestView, format_amz_date, percent_encode, v2};
use http::Method;
use time::OffsetDateTime;
use time::macros::format_description;
use url::Url;

use crate::{Body, SignatureVersion};

/// The date of HTTP headers.
const HTTP_DATE: &[time::format_description::BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// What carries the token of lent credentials; signed like everything beside it.
const TOKEN_HEADER: &str = "x-amz-security-token";
/// The parameter that carries the token of lent credentials in version 2 of the Query API.
const TOKEN_PARAMETER: &str = "SecurityToken";

/// Which service's rules sign the request.
#[derive(Clone, Debug)]
pub enum Auth {
    /// An object store's: headers.
    S3,
    /// The Query API's: these parameters are the body, with the signature among them in version 2.
    Query(Vec<(String, String)>),
}

/// A request, before it is signed.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is being done, for messages: `PUT bucket/key`.
    pub what: String,
    /// The method.
    pub method: Method,
    /// The whole URL.
    pub url: Url,
    /// Headers beyond those that every request has; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; empty with [`Auth::Query`].
    pub body: Body,
    /// How it is signed.
    pub auth: Auth,
    /// Whether it must not be sent again once the server may have acted on it: the caller finds out what
    /// became of it.
    pub once: bool,
}

/// Headers and body as they continue the wire.
pub(crate) struct Signed {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

impl Request {
    /// Adds a header; `name` in lower case.
    pub fn header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// The server, as in `cloud.example.org:8773`.
    pub(crate) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The action of the Query API. `None`: the request goes to an object store.
    pub(crate) fn action(&self) -> Option<&str> {
        match &self.auth {
            Auth::S3 => None,
            Auth::Query(parameters) => parameters
                .iter()
                .find(|(name, _)| name == "Action")
                .map(|(_, action)| action.as_str()),
        }
    }

    /// Whether the request may change something.
    pub(crate) fn changes(&self) -> bool {
        match &self.auth {
            Auth::S3 => ![Method::GET, Method::HEAD].contains(&self.method),
            Auth::Query(_) => {
                let reads = ["Describe", "Get", "List"];
                let action = self.action().unwrap_or_default();
                !reads.iter().any(|start| action.starts_with(start))
            }
        }
    }

    /// Signs the request for one attempt.
    pub(crate) fn sign(
        &self,
        credentials: Option<&Credentials>,
        version: &SignatureVersion,
        now: OffsetDateTime,
    ) -> Result<Signed, gumnut_signing::SignatureError> {
        match &self.auth {
            Auth::S3 => self.sign_s3(credentials, version, now),
            Auth::Query(parameters) => self.sign_query(parameters, credentials, version, now),
        }
    }

    fn sign_s3(
        &self,
        credentials: Option<&Credentials>,
        version: &SignatureVersion,
        now: OffsetDateTime,
    ) -> Result<Signed, gumnut_signing::SignatureError> {
        let mut headers = self.base_headers();
        headers.extend(token(credentials, TOKEN_HEADER));
        let added = match (credentials, version) {
            (None, _) => Vec::new(),
            (Some(credentials), SignatureVersion::V4 { region }) => {
                let payload = match &self.body {
                    Body::Bytes(bytes) => PayloadHash::of(bytes),
                    Body::File { sha256, .. } => PayloadHash::Sha256(sha256.clone()),
                };
                let signer = Signer {
                    credentials,
                    region,
                    service: Service::S3,
                };
                signer.sign(&self.view(&headers), &payload, now)?
            }
            (Some(credentials), SignatureVersion::V2) => {
                headers.push(("date".to_owned(), http_date(now)));
                let value = v2::sign_s3(&self.view(&headers), credentials);
                vec![("authorization".to_owned(), value)]
            }
        };
        headers.extend(added);
        Ok(Signed {
            headers,
            body: self.body.clone(),
        })
    }

    fn sign_query(
        &self,
        parameters: &[(String, String)],
        credentials: Option<&Credentials>,
        version: &SignatureVersion,
        now: OffsetDateTime,
    ) -> Result<Signed, gumnut_signing::SignatureError> {
        let mut parameters = parameters.to_vec();
        if let (Some(credentials), SignatureVersion::V2) = (credentials, version) {
            let (method, path) = (self.method.as_str(), self.url.path());
            parameters.extend(token(Some(credentials), TOKEN_PARAMETER));
            v2::sign_query(
                method,
                &self.host(),
                path,
                &mut parameters,
                credentials,
                now,
            );
        }
        let body = form(&parameters);
        let mut headers = self.base_headers();
        let content_type = "application/x-www-form-urlencoded; charset=utf-8";
        headers.push(("content-type".to_owned(), content_type.to_owned()));
        if let (Some(credentials), SignatureVersion::V4 { region }) = (credentials, version) {
            let signer = Signer {
                credentials,
                region,
                service: Service::Ec2,
            };
            let payload = PayloadHash::of(body.as_bytes());
            headers.extend(token(Some(credentials), TOKEN_HEADER));
            headers.extend(signer.sign(&self.view(&headers), &payload, now)?);
        }
        Ok(Signed {
            headers,
            body: Body::Bytes(body.into()),
        })
    }

    fn base_headers(&self) -> Vec<(String, String)> {
        let mut headers = vec![("host".to_owned(), self.host())];
        headers.extend(self.headers.iter().cloned());
        headers
    }

    fn view<'a>(&'a self, headers: &'a [(String, String)]) -> RequestView<'a> {
        RequestView {
            method: self.method.as_str(),
            path: self.url.path(),
            query: self.url.query().unwrap_or_default(),
            headers,
        }
    }
}

/// The token of lent credentials, under the name that it has there.
fn token(credentials: Option<&Credentials>, name: &str) -> Option<(String, String)> {
    let token = credentials?.token()?;
    Some((name.to_owned(), token.expose().to_owned()))
}

pub(crate) fn http_date(now: OffsetDateTime) -> String {
    let now = now.to_offset(time::UtcOffset::UTC);
    now.format(HTTP_DATE)
        .unwrap_or_else(|_| format_amz_date(now))
}

fn form(parameters: &[(String, String)]) -> String {
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_the_form_of_http() {
        let time = time::macros::datetime!(2007-03-27 19:36:42 UTC);
        assert_eq!(http_date(time), "Tue, 27 Mar 2007 19:36:42 GMT");
    }

    #[test]
    fn forms_encode_everything_but_unreserved_characters() {
        let parameters = [("Filter.1.Value".to_owned(), "a b&c=*".to_owned())];
        assert_eq!(form(&parameters), "Filter.1.Value=a%20b%26c%3D%2A");
    }
}
