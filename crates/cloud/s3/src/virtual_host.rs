//! Buckets that the host of a request names, and not its path.

use std::net::IpAddr;

/// Labels that stand for a service, in front of a domain or between it and a bucket.
const SERVICES: [&str; 6] = [
    "walrus",
    "objectstorage",
    "s3",
    "eucalyptus",
    "compute",
    "ec2",
];

/// Whether a host has the form of the clouds of 2010, `BUCKET.walrus.ANYTHING`.
pub(super) fn is_of_walrus(host: &str) -> bool {
    let name = name_of(host);
    name.contains(".walrus.") || name.ends_with(".walrus")
}

/// The name of a `Host` header, without the port.
fn name_of(host: &str) -> String {
    host.rsplit_once(':')
        .map_or(host, |(name, _)| name)
        .trim_end_matches('.')
        .to_ascii_lowercase()
}

/// The bucket that a `Host` header names: `BUCKET.walrus.ANYTHING`, as the clouds of 2010 have it, or `BUCKET.DOMAIN` and
/// `BUCKET.SERVICE.DOMAIN` for one of the domains.
pub(super) fn bucket(host: &str, domains: &[String]) -> Option<String> {
    let name = name_of(host);
    if name.parse::<IpAddr>().is_ok() {
        return None;
    }
    if let Some((bucket, _)) = name.split_once(".walrus.") {
        return named(bucket);
    }
    if let Some(bucket) = in_front_of(&name, "walrus") {
        return named(bucket);
    }
    let labels = domains
        .iter()
        .find_map(|domain| in_front_of(&name, domain))?;
    if SERVICES.contains(&labels) {
        return None;
    }
    match labels.rsplit_once('.') {
        Some((bucket, service)) if SERVICES.contains(&service) => named(bucket),
        _ => named(labels),
    }
}

/// What stands in front of a domain: `a.b` of `a.b.localhost`.
fn in_front_of<'n>(name: &'n str, domain: &str) -> Option<&'n str> {
    name.strip_suffix(domain)?.strip_suffix('.')
}

/// An empty name is none.
fn named(bucket: &str) -> Option<String> {
    (!bucket.is_empty()).then(|| bucket.to_owned())
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn hosts_with_and_without_buckets() {
        let domains = ["localhost".to_owned(), "cloud.example.com".to_owned()];
        for (host, expected) in [
            ("127.0.0.1:8773", None),
            ("[::1]:8773", None),
            ("localhost:8773", None),
            ("localhost", None),
            ("walrus.localhost", None),
            ("s3.cloud.example.com", None),
            ("example.com", None),
            ("notlocalhost", None),
            ("image-bucket.localhost:8773", Some("image-bucket")),
            ("a.b.localhost", Some("a.b")),
            ("Bucket.S3.localhost", Some("bucket")),
            ("bucket.walrus", Some("bucket")),
            ("bucket.walrus.eucalyptus:8773", Some("bucket")),
            ("a.b.objectstorage.cloud.example.com", Some("a.b")),
        ] {
            assert_eq!(bucket(host, &domains).as_deref(), expected, "{host}");
        }
    }
}
