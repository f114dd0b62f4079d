//! What pages of other origins may do with a bucket. The server adds the headers; here are the rules.

use gumnut_cloud_catalogue::CorsRule;
use gumnut_cloud_objects::{ObjectError, ObjectStore, SettingChange};
use s3s::{S3Request, dto};

use crate::context::caller;

/// Most rules of a bucket, as in S3.
const MAX_RULES: usize = 100;
/// The longest id of a rule, in characters, as in S3.
const MAX_ID: usize = 255;
/// The methods that a rule may name.
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "HEAD"];

/// `GetBucketCors`
pub(super) async fn get(
    store: &ObjectStore,
    request: S3Request<dto::GetBucketCorsInput>,
) -> Result<dto::GetBucketCorsOutput, ObjectError> {
    let caller = caller(&request);
    let settings = store.settings(&caller, &request.input.bucket).await?;
    if settings.cors.is_empty() {
        return Err(ObjectError::NoCorsConfiguration);
    }
    let rules = settings.cors.into_iter().map(|rule| dto::CORSRule {
        allowed_headers: some(rule.headers),
        allowed_methods: rule.methods,
        allowed_origins: rule.origins,
        expose_headers: some(rule.expose),
        id: rule.id,
        max_age_seconds: rule.max_age,
    });
    Ok(dto::GetBucketCorsOutput {
        cors_rules: Some(rules.collect()),
    })
}

/// A list; `None` for one that is empty, which has no element in the document.
fn some(list: Vec<String>) -> Option<Vec<String>> {
    Some(list).filter(|list| !list.is_empty())
}

/// `PutBucketCors`
pub(super) async fn put(
    store: &ObjectStore,
    request: S3Request<dto::PutBucketCorsInput>,
) -> Result<dto::PutBucketCorsOutput, ObjectError> {
    let caller = caller(&request);
    let input = request.input;
    let rules = input
        .cors_configuration
        .cors_rules
        .into_iter()
        .map(rule)
        .collect::<Result<Vec<_>, _>>()?;
    if rules.is_empty() || rules.len() > MAX_RULES {
        return Err(ObjectError::MalformedXml);
    }
    store
        .change_setting(&caller, &input.bucket, SettingChange::Cors(rules))
        .await?;
    Ok(dto::PutBucketCorsOutput::default())
}

/// A rule of a document, whose patterns have one `*` at most.
fn rule(rule: dto::CORSRule) -> Result<CorsRule, ObjectError> {
    if let Some(method) = rule
        .allowed_methods
        .iter()
        .find(|method| !METHODS.contains(&method.as_str()))
    {
        return Err(ObjectError::invalid_request(format!(
            "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
        )));
    }
    let headers = rule.allowed_headers.unwrap_or_default();
    let mut patterns = rule.allowed_origins.iter().chain(&headers);
    let long_id = |id: &String| id.chars().count() > MAX_ID;
    if rule.id.as_ref().is_some_and(long_id) || rule.max_age_seconds.is_some_and(|age| age < 0) {
        return Err(ObjectError::MalformedXml);
    }
    if rule.allowed_origins.is_empty()
        || rule.allowed_methods.is_empty()
        || patterns.any(|text| text.matches('*').count() > 1)
    {
        return Err(ObjectError::MalformedXml);
    }
    Ok(CorsRule {
        id: rule.id,
        origins: rule.allowed_origins,
        methods: rule.allowed_methods,
        headers,
        expose: rule.expose_headers.unwrap_or_default(),
        max_age: rule.max_age_seconds,
    })
}

/// `DeleteBucketCors`
pub(super) async fn delete(
    store: &ObjectStore,
    request: S3Request<dto::DeleteBucketCorsInput>,
) -> Result<dto::DeleteBucketCorsOutput, ObjectError> {
    let caller = caller(&request);
    let none = SettingChange::Cors(Vec::new());
    store
        .change_setting(&caller, &request.input.bucket, none)
        .await?;
    Ok(dto::DeleteBucketCorsOutput::default())
}
