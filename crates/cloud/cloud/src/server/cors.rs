//! The headers by which browsers learn what pages of other origins may do.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

use crate::state::State;
use crate::store::{CorsRule, StoreError};

/// What a browser says of the page that a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    bucket: String,
    origin: String,
    /// The method that is asked about, or that of the request; nothing when a question names none.
    method: Option<String>,
    /// The headers that are asked about.
    headers: Vec<String>,
}

impl Page {
    /// Nothing for requests that no page makes. `path` is the path behind the prefix of the service.
    pub(super) fn of(method: &Method, headers: &HeaderMap, path: &str) -> Option<Self> {
        let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
        let origin = text(ORIGIN)?;
        let own = || (method != Method::OPTIONS).then(|| method.as_str().to_owned());
        let asked = text(ACCESS_CONTROL_REQUEST_METHOD).or_else(own);
        let names = text(ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
        let names = names.split(',').map(str::trim);
        let bucket = path.trim_start_matches('/').split('/').next();
        Some(Self {
            bucket: bucket.unwrap_or_default().to_owned(),
            origin,
            method: asked,
            headers: names
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }

    /// The headers that the rules of the bucket give; nothing when no rule is for this page.
    pub(super) async fn allowed(&self, state: &State) -> Result<Option<HeaderMap>, StoreError> {
        let settings = state.store.any_settings(self.bucket.clone()).await?;
        let rules = settings.map(|settings| settings.cors).unwrap_or_default();
        Ok(self.headers_of(&rules))
    }

    fn headers_of(&self, rules: &[CorsRule]) -> Option<HeaderMap> {
        let method = self.method.as_deref()?;
        let fits = |rule: &&CorsRule| {
            rule.is_for(&self.origin, method) && self.headers.iter().all(|name| rule.takes(name))
        };
        let rule = rules.iter().find(fits)?;
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
    pub(super) fn refusal(&self) -> StoreError {
        if self.method.is_none() {
            return StoreError::BadRequest
                .saying("Insufficient information. Access-Control-Request-Method header needed.");
        }
        StoreError::AccessForbidden
    }
}
