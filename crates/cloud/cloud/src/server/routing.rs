//! Which service a request is for.

use gumnut_signing::decode_query;
use http::{Method, Request, header};

/// Prefixes of the object store, the old name and the new one.
const OBJECT_STORE: [&str; 2] = ["/services/Walrus", "/services/objectstorage"];
/// Prefixes of the EC2 side.
const EC2: [&str; 2] = ["/services/Eucalyptus", "/services/compute"];

/// A service of the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// The object store, below a prefix, which may be empty.
    ObjectStore { prefix: &'static str },
    /// The EC2 side.
    Ec2,
    /// The body decides: a form that names an action is for the EC2 side.
    Form,
}

impl Service {
    /// What metrics call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ObjectStore { .. } => "s3",
            Self::Ec2 | Self::Form => "ec2",
        }
    }
}

/// The service that a request is for. Clients are often given the root of the server for the EC2 side, so that the
/// parameters decide there.
pub(super) fn service<B>(request: &Request<B>) -> Service {
    let path = request.uri().path();
    let below = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(prefix) = OBJECT_STORE.into_iter().find(|prefix| below(prefix)) {
        return Service::ObjectStore { prefix };
    }
    let query = request.uri().query().unwrap_or_default();
    if EC2.into_iter().any(below) || names_action(query.as_bytes()) {
        return Service::Ec2;
    }
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let form = content_type.is_some_and(|value| {
        value
            .as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    // Some clients send this type with every empty POST, and to the object store only with a query.
    if form && request.method() == Method::POST && query.is_empty() {
        return Service::Form;
    }
    Service::ObjectStore { prefix: "" }
}

/// Whether a query string or a form names an action.
pub(super) fn names_action(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    decode_query(text)
        .iter()
        .any(|(name, _)| name == "Action" || name == "Operation")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, uri: &str, content_type: &str) -> Service {
        let request = Request::builder().method(method).uri(uri);
        service(
            &request
                .header("content-type", content_type)
                .body(())
                .unwrap(),
        )
    }

    #[test]
    fn prefixes_and_parameters() {
        let store = |prefix| Service::ObjectStore { prefix };
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        assert_eq!(
            route("GET", "/services/Walrus", ""),
            store("/services/Walrus")
        );
        assert_eq!(
            route("PUT", "/services/Walrus/b/k", form),
            store("/services/Walrus")
        );
        assert_eq!(route("GET", "/services/Walrusbucket/k", ""), store(""));
        let new = "/services/objectstorage";
        assert_eq!(
            route("GET", "/services/objectstorage/?Action=x", ""),
            store(new)
        );
        assert_eq!(route("POST", "/services/Eucalyptus/", form), Service::Ec2);
        assert_eq!(route("GET", "/services/compute", ""), Service::Ec2);
        assert_eq!(route("GET", "/?Action=DescribeImages", ""), Service::Ec2);
        assert_eq!(
            route("GET", "/any/path?Operation=DescribeImages", ""),
            Service::Ec2
        );
        assert_eq!(route("POST", "/", form), Service::Form);
        assert_eq!(route("POST", "/bucket?delete", form), store(""));
        assert_eq!(route("PUT", "/bucket/Action", form), store(""));
        assert_eq!(route("GET", "/", ""), store(""));
    }
}
