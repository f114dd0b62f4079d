//! Registering: every check of the profiles, in the order of the specification.

mod content;
mod euca44;
mod legacy;
mod strict;

use gumnut_cloud_catalogue::{Catalogue, Clock, ImageRules, Profile};
use gumnut_cloud_sqlite::SqliteCatalogue;

use crate::fixture::{ADMIN, Bundle, Fixture, NOW, USER, admin_key, cloud_key, sha1, stranger_key};
use crate::{BlockDevices, ImageError, ImageErrorKind, RegisterRequest};

/// A change of a manifest's text.
type Edit = fn(String) -> String;

async fn fixture(rules: ImageRules) -> Fixture {
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(NOW) * 1_000_000);
    let clock = Clock::fixed(time.unwrap());
    let database = SqliteCatalogue::in_memory(clock.clone()).unwrap();
    Fixture::new(Catalogue::new(database), clock, rules).await
}

fn refused(result: Result<String, ImageError>, kind: ImageErrorKind, message: &str) {
    let refusal = result.unwrap_err();
    assert_eq!(refusal.kind(), kind, "{refusal:?}");
    assert!(refusal.to_string().contains(message), "{refusal:?}");
}

fn request(location: &str) -> RegisterRequest {
    RegisterRequest::of(location)
}
