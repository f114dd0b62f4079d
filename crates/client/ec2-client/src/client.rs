//! Calls of the Query API.

use std::sync::Arc;

use gumnut_transport::{Auth, Body, Request, Transport, TransportError, xml};
use http::Method;
use url::Url;

use crate::filter::Filter;

/// The version of the API that requests name: old enough for every Eucalyptus since 4.0, new enough for
/// names and descriptions.
pub const API_VERSION: &str = "2014-10-01";

/// Longest answer that is read, in bytes: about 20,000 images.
const MAX_ANSWER: usize = 32 << 20;

/// A client for one cloud.
#[derive(Clone, Debug)]
pub struct Ec2Client {
    endpoint: Url,
    transport: Arc<Transport>,
}

/// The parameters of a call, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    pub(crate) fn add_some<T: ToString>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.add(name, value.to_string());
        }
    }

    /// `Name.1`, `Name.2` and so on.
    pub(crate) fn add_all<T: ToString>(&mut self, name: &str, values: &[T]) {
        for (index, value) in (1..).zip(values) {
            self.add(format!("{name}.{index}"), value.to_string());
        }
    }

    /// `Filter.1.Name`, `Filter.1.Value.1` and so on.
    pub(crate) fn add_filters(&mut self, filters: &[Filter]) {
        for (index, filter) in (1..).zip(filters) {
            self.add(format!("Filter.{index}.Name"), &filter.name);
            self.add_all(&format!("Filter.{index}.Value"), &filter.values);
        }
    }
}

impl Ec2Client {
    /// A client of the service at `endpoint`, as in `http://cloud.example.org:8773/services/compute`.
    pub fn new(endpoint: Url, transport: Arc<Transport>) -> Self {
        Self {
            endpoint,
            transport,
        }
    }

    /// Where the service is.
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Makes one call and reads its answer.
    pub(crate) async fn call(
        &self,
        action: &str,
        parameters: Parameters,
    ) -> Result<xml::Element, TransportError> {
        self.send(action, parameters, false).await
    }

    /// Makes one call, which is not repeated when the cloud may have acted on it.
    pub(crate) async fn call_once(
        &self,
        action: &str,
        parameters: Parameters,
    ) -> Result<xml::Element, TransportError> {
        self.send(action, parameters, true).await
    }

    async fn send(
        &self,
        action: &str,
        parameters: Parameters,
        once: bool,
    ) -> Result<xml::Element, TransportError> {
        let mut all = Parameters::default();
        all.add("Action", action);
        all.add("Version", API_VERSION);
        all.0.extend(parameters.0);
        let request = Request {
            what: action.to_owned(),
            method: Method::POST,
            url: self.endpoint.clone(),
            headers: Vec::new(),
            body: Body::empty(),
            auth: Auth::Query(all.0),
            once,
        };
        let response = self.transport.execute(&request, MAX_ANSWER).await?;
        answer(action, &response.body)
    }

    /// Makes a call whose answer is only whether it worked. Clouds of 2010 say no with status 200.
    pub(crate) async fn command(
        &self,
        action: &str,
        parameters: Parameters,
    ) -> Result<(), TransportError> {
        let answer = self.call(action, parameters).await?;
        if answer
            .text_of("return")
            .is_some_and(|value| value != "true")
        {
            return Err(TransportError::Refused(Box::new(
                gumnut_transport::Refusal {
                    what: action.to_owned(),
                    status: 200,
                    code: String::new(),
                    message: "the cloud reports a failure without a reason".to_owned(),
                    request_id: answer.text_of("requestId").map(str::to_owned),
                },
            )));
        }
        Ok(())
    }
}

/// The document of an answer.
pub(crate) fn answer(action: &str, body: &[u8]) -> Result<xml::Element, TransportError> {
    let root = xml::parse(body).map_err(|error| malformed(action, error.to_string()))?;
    if root.name != format!("{action}Response") {
        return Err(malformed(action, format!("it is a {:?}", root.name)));
    }
    Ok(root)
}

pub(crate) fn malformed(what: &str, reason: String) -> TransportError {
    TransportError::Malformed {
        what: what.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_numbered_from_one_and_what_is_missing_is_left_out() {
        let mut parameters = Parameters::default();
        parameters.add("Action", "DescribeImages");
        parameters.add_some::<String>("Name", None);
        parameters.add_all("Owner", &["self", "000000000001"]);
        let expected = [
            ("Action", "DescribeImages"),
            ("Owner.1", "self"),
            ("Owner.2", "000000000001"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parameters.0, expected);
    }
}
