//! The headers by which browsers learn what pages of other origins may do.

use bytes::Bytes;
use gumnut_cloud_catalogue::CorsRule;
use gumnut_cloud_objects::{ObjectError, ObjectStore};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response};
use s3s::Body;

use crate::patches::ErrorContext;

/// What the rules of a bucket say to the page that a request comes from.
pub(super) struct Cors {
    /// `None` for requests that no page makes.
    page: Option<Page>,
    /// The headers for the page; `None` when no rule is for it.
    allowed: Result<Option<HeaderMap>, ObjectError>,
}

impl Cors {
    /// Asks the rules of the bucket.
    pub(super) async fn of(store: &ObjectStore, head: &Parts, bucket: &str) -> Self {
        let page = Page::of(&head.method, &head.headers, bucket);
        let allowed = match &page {
            Some(page) => page.allowed(store).await,
            None => Ok(None),
        };
        Self { page, allowed }
    }

    /// The answer to a browser that asks before it sends.
    pub(super) fn answer(self, context: &ErrorContext<'_>) -> Response<Body> {
        match self.allowed {
            Ok(Some(headers)) => {
                let mut response = Response::new(Body::empty());
                *response.headers_mut() = headers;
                response
            }
            Ok(None) => {
                let refusal = self.page.map_or_else(without_origin, |page| page.refusal());
                context.refuse(&refusal.into())
            }
            Err(error) => context.refuse(&error.into()),
        }
    }

    /// Adds the headers for the page to the answer to its request.
    pub(super) fn add_to(self, answer: &mut HeaderMap) {
        if let Ok(Some(headers)) = self.allowed {
            answer.extend(headers);
        }
    }
}

/// Why a question is refused that does not say where it comes from.
fn without_origin() -> ObjectError {
    ObjectError::BadRequest.saying("Insufficient information. Origin request header needed.")
}

/// What a browser says of the page that a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Page {
    bucket: String,
    origin: String,
    /// The method that is asked about, or that of the request; `None` when a question names none.
    method: Option<String>,
    /// The headers that are asked about.
    headers: Vec<String>,
}

impl Page {
    /// `None` for requests that no page makes.
    fn of(method: &Method, headers: &HeaderMap, bucket: &str) -> Option<Self> {
        let origin = text(headers, ORIGIN)?;
        let own = (method != Method::OPTIONS).then_some(method.as_str());
        let asked = text(headers, ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        Some(Self {
            bucket: bucket.to_owned(),
            origin: origin.to_owned(),
            method: text(headers, ACCESS_CONTROL_REQUEST_METHOD)
                .or(own)
                .map(str::to_owned),
            headers: asked
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }

    /// The headers that the rules of the bucket give; `None` when no rule is for this page.
    async fn allowed(&self, store: &ObjectStore) -> Result<Option<HeaderMap>, ObjectError> {
        let settings = store.any_settings(&self.bucket).await?;
        let rules = settings.map(|settings| settings.cors).unwrap_or_default();
        Ok(self.headers_of(&rules))
    }

    /// The headers by the first rule that fits.
    fn headers_of(&self, rules: &[CorsRule]) -> Option<HeaderMap> {
        let method = self.method.as_deref()?;
        let rule = rules.iter().find(|rule| {
            rule.is_for(&self.origin, method) && self.headers.iter().all(|name| rule.takes(name))
        })?;
        let open = rule.origins.iter().any(|origin| origin == "*");
        let origin = if open { "*" } else { &self.origin };
        let mut headers = HeaderMap::new();
        let mut add = |name: HeaderName, text: &str| {
            if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(text.to_owned())) {
                headers.insert(name, value);
            }
        };
        add(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        add(ACCESS_CONTROL_ALLOW_METHODS, method);
        if !self.headers.is_empty() {
            add(ACCESS_CONTROL_ALLOW_HEADERS, &self.headers.join(", "));
        }
        if !rule.expose.is_empty() {
            add(ACCESS_CONTROL_EXPOSE_HEADERS, &rule.expose.join(", "));
        }
        if let Some(age) = rule.max_age {
            add(ACCESS_CONTROL_MAX_AGE, &age.to_string());
        }
        add(VARY, "Origin");
        Some(headers)
    }

    /// Why a question is refused that no rule has allowed.
    fn refusal(&self) -> ObjectError {
        if self.method.is_none() {
            return ObjectError::BadRequest
                .saying("Insufficient information. Access-Control-Request-Method header needed.");
        }
        ObjectError::AccessForbidden
    }
}

/// A header that is text; `None` without one.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
