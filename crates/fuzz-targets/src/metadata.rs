//! Any bytes are the head of a request to the metadata service.

use std::sync::OnceLock;
use std::time::SystemTime;

use gumnut_cloud_metadata::{Instance, Request, Service, Tree};

/// Longest body in bytes: the user data, or everything else in one text.
const LONGEST: usize = 16 << 10;
const USER_DATA: &[u8] = b"#cloud-config\n";

/// Takes the bytes as the options of an instance and the lines of a request: the method and the path, and headers.
///
/// # Panics
/// When an answer is of no known kind, longer than what there is, or says something without a token although one is required.
pub fn metadata(bytes: &[u8]) {
    let Some((&first, rest)) = bytes.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let mut lines = text.split('\n');
    let line = lines.next().unwrap_or_default();
    let (method, path) = line.split_once(' ').unwrap_or((line, ""));
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let request = Request {
        method,
        path,
        headers: &headers,
    };
    let instance = instance(first);
    let now = SystemTime::UNIX_EPOCH;
    let response = service().answer(&instance, &request, now);
    assert!(
        matches!(response.status, 200 | 400 | 401 | 403 | 404 | 405),
        "a status of the service: {}",
        response.status
    );
    assert!(
        response.body.len() <= LONGEST,
        "{} bytes",
        response.body.len()
    );
    let granted = response.hop_limit.is_some();
    if response.status == 200 && !granted {
        let required = instance.options.tokens_required;
        // Nobody guesses a token.
        assert!(
            !required && instance.options.enabled,
            "said without a token"
        );
    } else if !granted {
        assert!(response.body.is_empty(), "a refusal says nothing");
    }
    if granted {
        assert_eq!((method, response.status), ("PUT", 200), "a token");
    }
    assert_eq!(
        service().answer(&instance, &request, now),
        response,
        "the answer is the same twice"
    );
}

fn service() -> &'static Service {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    SERVICE.get_or_init(|| Service::new().unwrap_or_else(|error| panic!("{error}")))
}

fn instance(bits: u8) -> Instance {
    let mut instance = Instance::example();
    instance.tree = match bits & 3 {
        0 => Tree::Eucalyptus2009,
        1 => Tree::Eucalyptus44,
        _ => Tree::Ec2,
    };
    instance.options.tokens_required = bits & 4 != 0;
    instance.options.enabled = bits & 8 == 0;
    instance.options.tags = bits & 16 != 0;
    instance.tags = [("Name".to_owned(), "web".to_owned())].into();
    instance.user_data = (bits & 32 != 0).then(|| USER_DATA.to_vec());
    if bits & 64 != 0 {
        instance.key = None;
    }
    instance
}
