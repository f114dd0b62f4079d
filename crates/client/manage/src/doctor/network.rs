//! The two services: whether they answer, who they are, and what they say of signatures and clocks.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join;
use gumnut_ec2_client::{API_VERSION, Image};
use gumnut_settings::{Settings, SettingsError};
use gumnut_signing::parse_http_date;
use gumnut_terminal::{Session, Signature, hint_of};
use gumnut_transport::{Auth, Body, Request, Response, Transport, TransportError, is_loopback};
use time::OffsetDateTime;
use url::Url;

use super::finding::{Finding, chain};

/// Longest answer that is read, in bytes.
const MAX_ANSWER: usize = 16 << 20;
/// From how many seconds on a clock is worth a word.
const SLOPPY: i64 = 60;
/// From how many seconds on clouds refuse requests.
const REFUSED: i64 = 900;

/// The cloud of the settings.
pub(super) struct Cloud<'a> {
    pub(super) session: &'a Session,
    pub(super) settings: &'a Settings,
    /// Time for each request.
    pub(super) limit: Duration,
}

/// Names of the checks of a service.
struct Service {
    name: &'static str,
    endpoint: &'static str,
    tls: &'static str,
    clock: &'static str,
    v4: &'static str,
    v2: &'static str,
}

const STORE: Service = Service {
    name: "the object store",
    endpoint: "store-endpoint",
    tls: "store-tls",
    clock: "store-clock",
    v4: "store-signature-v4",
    v2: "store-signature-v2",
};

const EC2: Service = Service {
    name: "the EC2 service",
    endpoint: "ec2-endpoint",
    tls: "ec2-tls",
    clock: "ec2-clock",
    v4: "ec2-signature-v4",
    v2: "ec2-signature-v2",
};

/// What a service said to a signature of each version.
struct Answers {
    v4: Result<Answer, anyhow::Error>,
    v2: Result<Answer, anyhow::Error>,
}

struct Answer {
    response: Response,
    /// Seconds that the service's clock is ahead of ours.
    ahead: Option<i64>,
}

impl Cloud<'_> {
    pub(super) async fn check(&self) -> Vec<Finding> {
        let store = self.service(&STORE, self.settings.s3_url(), list_buckets);
        let ec2 = self.service(&EC2, self.settings.ec2_url(), describe_images);
        let ((mut findings, _), (more, answers)) = join(store, ec2).await;
        findings.extend(more);
        findings.push(self.account(answers.as_ref()));
        findings
    }

    /// Requests that are made once and end in time.
    pub(super) fn transport(&self, signature: Signature) -> Result<Arc<Transport>, anyhow::Error> {
        let connection = self.session.signed_connection(self.settings, signature)?;
        let mut config = connection.transport_config(signature.version(self.settings));
        config.retry.retries = 0;
        config.retry.per_attempt = self.limit;
        config.retry.total = self.limit;
        Ok(Arc::new(Transport::new(config)?))
    }

    async fn service(
        &self,
        service: &Service,
        url: Result<Url, SettingsError>,
        request: impl Fn(&Url) -> Request,
    ) -> (Vec<Finding>, Option<Answers>) {
        let url = match url {
            Ok(url) => url,
            Err(error) => {
                return (vec![Finding::of_error(service.endpoint, &error)], None);
            }
        };
        let request = request(&url);
        let asked = join(
            self.ask(&request, Signature::V4),
            self.ask(&request, Signature::V2),
        );
        let (v4, v2) = asked.await;
        let answers = Answers { v4, v2 };
        let mut findings = vec![endpoint(service, &url, &answers)];
        if !answers.any_answer() {
            return (findings, None);
        }
        findings.push(self.tls(service, &url));
        findings.push(clock(service, &answers));
        findings.push(self.signature(service.v4, Signature::V4, &answers.v4));
        findings.push(self.signature(service.v2, Signature::V2, &answers.v2));
        (findings, Some(answers))
    }

    async fn ask(&self, request: &Request, signature: Signature) -> Result<Answer, anyhow::Error> {
        let transport = self.transport(signature)?;
        let response = transport.execute(request, MAX_ANSWER).await?;
        let ahead = response
            .headers
            .get("date")
            .and_then(|date| parse_http_date(date.to_str().ok()?))
            .map(|date| (date - OffsetDateTime::now_utc()).whole_seconds());
        Ok(Answer { response, ahead })
    }

    fn tls(&self, service: &Service, url: &Url) -> Finding {
        let (id, name) = (service.tls, service.name);
        if url.scheme() == "https" {
            return match self.settings.verify_tls() {
                Ok(true) => Finding::ok(id, format!("the certificate of {name} is valid")),
                _ => Finding::warning(
                    id,
                    format!("the certificate of {name} is not verified: verify-ssl is false"),
                    "set verify-ssl = true, and pass the certificate of its CA with --ca-cert",
                ),
            };
        }
        if is_loopback(url) {
            return Finding::ok(
                id,
                format!("{name} is on this machine; nothing is encrypted"),
            );
        }
        Finding::warning(
            id,
            format!("the connection to {name} is not encrypted"),
            "use an https endpoint",
        )
    }

    fn signature(
        &self,
        id: &'static str,
        signature: Signature,
        answer: &Result<Answer, anyhow::Error>,
    ) -> Finding {
        let Err(error) = answer else {
            return Finding::ok(id, "signatures of this version are accepted");
        };
        let (message, remedy) = (chain(error.as_ref()), remedy(error));
        if self.session.cloud.signature == signature {
            Finding::failure(id, message, remedy)
        } else {
            // Few clouds take both.
            Finding::warning(
                id,
                message,
                "no change is needed with the current --signature",
            )
        }
    }

    /// Whether the account number fits the images that the cloud says are the caller's.
    fn account(&self, answers: Option<&Answers>) -> Finding {
        let id = "account";
        let account = match self.settings.account(None) {
            Ok(account) => account,
            Err(error) => return Finding::of_missing(id, &error),
        };
        let answer = answers.and_then(|answers| answers.v4.as_ref().or(answers.v2.as_ref()).ok());
        let images = answer.and_then(|answer| Image::read_all(&answer.response.body).ok());
        let mut owners = images
            .iter()
            .flatten()
            .filter_map(|image| image.owner_id.clone());
        match owners.find(|owner| owner.replace('-', "") != account.as_str()) {
            Some(owner) if owner.chars().all(|c| c.is_ascii_digit() || c == '-') => {
                Finding::failure(
                    id,
                    format!("the account number is {account}, the access key is one of {owner}"),
                    format!("set EC2_USER_ID={owner}"),
                )
            }
            _ => Finding::ok(id, format!("the account number is {account}")),
        }
    }
}

impl Answers {
    fn both(&self) -> [&Result<Answer, anyhow::Error>; 2] {
        [&self.v4, &self.v2]
    }

    /// Whether somebody is there, whatever they say.
    fn any_answer(&self) -> bool {
        self.both().into_iter().any(|answer| match answer {
            Ok(_) => true,
            Err(error) => error
                .downcast_ref::<TransportError>()
                .is_some_and(|error| error.refusal().is_some()),
        })
    }
}

fn endpoint(service: &Service, url: &Url, answers: &Answers) -> Finding {
    let (id, name) = (service.endpoint, service.name);
    if answers.any_answer() {
        return Finding::ok(id, format!("{name} responds at {url}"));
    }
    let error = answers.v4.as_ref().err();
    let message = error.map(|error| chain(error.as_ref()));
    let hint = error.and_then(|error| error.chain().find_map(hint_of));
    let remedy = hint.unwrap_or_else(|| {
        "check that the address is correct, that the service runs, and that no firewall blocks it".into()
    });
    Finding::failure(id, message.unwrap_or_default(), remedy)
}

fn clock(service: &Service, answers: &Answers) -> Finding {
    let (id, name) = (service.clock, service.name);
    let mut known = answers.both().into_iter().flatten();
    let Some(ahead) = known.find_map(|answer| answer.ahead) else {
        return Finding::warning(
            id,
            format!("{name} did not answer a signed request, so its clock is not known"),
            "correct the signatures first",
        );
    };
    let direction = if ahead < 0 { "behind" } else { "ahead of" };
    let message = format!(
        "the clock of {name} is {} s {direction} this machine's",
        ahead.abs()
    );
    let remedy = "set the clock of the machine that is wrong, and use NTP";
    match ahead.abs() {
        seconds if seconds > REFUSED => Finding::failure(id, message, remedy),
        seconds if seconds > SLOPPY => Finding::warning(id, message, remedy),
        _ => Finding::ok(id, message),
    }
}

fn remedy(error: &anyhow::Error) -> Cow<'_, str> {
    let hint = error.chain().find_map(hint_of);
    hint.unwrap_or_else(|| {
        "try the other --signature, and check that the endpoint is that of this service".into()
    })
}

fn list_buckets(endpoint: &Url) -> Request {
    request("GET", endpoint, Auth::S3)
}

fn describe_images(endpoint: &Url) -> Request {
    let parameters = [
        ("Action", "DescribeImages"),
        ("Version", API_VERSION),
        ("Owner.1", "self"),
    ];
    let owned = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    request("POST", endpoint, Auth::Query(owned.to_vec()))
}

fn request(method: &str, endpoint: &Url, auth: Auth) -> Request {
    Request {
        what: format!("{method} {endpoint}"),
        method: method.parse().unwrap_or_default(),
        url: endpoint.clone(),
        headers: Vec::new(),
        body: Body::empty(),
        auth,
        once: true,
    }
}
