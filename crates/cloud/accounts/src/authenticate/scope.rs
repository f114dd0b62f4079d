//! What signatures of version 4 may be for.

use gumnut_signing::v4::Claim;

/// The region that clients sign for when nobody has told them another.
const USUAL: &str = "us-east-1";
/// The name that Eucalyptus gives a cloud without a name.
const UNNAMED: &str = "eucalyptus";
/// With a number behind it the region of euca2ools where nobody has told them one.
const UNDEFINED: &str = "undefined-";

/// The regions that signatures of version 4 may be for.
///
/// Unless the cloud has been given names, any: in the files of euca2ools a region has the name that its user likes. With names, these,
/// and those that clients use who know none: `us-east-1`, `eucalyptus`, `undefined-NUMBER`, and an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regions(Vec<String>);

impl Regions {
    /// The regions of a cloud with these names; any region when there are none.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// The name of the cloud: the first that it was given, else `eucalyptus`.
    pub fn name(&self) -> &str {
        self.0.first().map_or(UNNAMED, String::as_str)
    }

    /// The region that is named to a client that has signed for another.
    pub fn expected(&self) -> &str {
        self.0.first().map_or(USUAL, String::as_str)
    }

    /// Whether a signature may be for this region.
    pub fn accept(&self, region: &str) -> bool {
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        self.0.is_empty()
            || self.0.iter().any(|name| name == region)
            || ["", USUAL, UNNAMED].contains(&region)
            || region.strip_prefix(UNDEFINED).is_some_and(number)
    }
}

/// What is wrong with the scope of a signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// It is for another service.
    #[error("the service {found:?} is wrong; expecting {expected:?}")]
    Service {
        /// The service that it is for.
        found: String,
        /// The service that is asked.
        expected: &'static str,
    },
    /// It is for another region.
    #[error("the region {found:?} is wrong; expecting {expected:?}")]
    Region {
        /// The region that it is for.
        found: String,
        /// A region that it might be for.
        expected: String,
    },
}

/// Insists that a signature is for the service, and for a region that the cloud or `also` accepts.
pub(super) fn check(
    regions: &Regions,
    (service, region): (&str, &str),
    expected: &'static str,
    also: Option<&str>,
) -> Result<(), ScopeError> {
    if service != expected {
        return Err(ScopeError::Service {
            found: service.to_owned(),
            expected,
        });
    }
    if regions.accept(region) || also == Some(region) {
        return Ok(());
    }
    Err(ScopeError::Region {
        found: region.to_owned(),
        expected: also.unwrap_or(regions.expected()).to_owned(),
    })
}

/// Whether a signature is for what boto 2 takes from the host when nobody has told it: the first label for the service, the second
/// for the region, or the usual region where there are three.
pub(super) fn is_of_host(claim: &Claim, host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default();
    let mut labels = name.split('.');
    let service = labels.next().unwrap_or_default();
    let region = labels.next().unwrap_or(service);
    claim.service() == service && service != "s3" && [region, USUAL].contains(&claim.region())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_with_names_takes_them_and_those_of_clients_who_know_none() {
        let regions = Regions::new(vec!["lab".to_owned(), "attic".to_owned()]);
        assert_eq!((regions.name(), regions.expected()), ("lab", "lab"));
        for good in [
            "lab",
            "attic",
            "us-east-1",
            "eucalyptus",
            "",
            "undefined-17",
        ] {
            assert!(regions.accept(good), "{good}");
        }
        for bad in ["eu-west-1", "undefined-", "undefined-1x", "Lab"] {
            assert!(!regions.accept(bad), "{bad}");
        }
        let any = Regions::default();
        assert!(any.accept("eu-west-1"));
        assert_eq!((any.name(), any.expected()), ("eucalyptus", "us-east-1"));
    }

    #[test]
    fn services_are_never_mixed() {
        let any = Regions::default();
        assert_eq!(check(&any, ("s3", "anywhere"), "s3", None), Ok(()));
        for service in ["ec2", "iam", "S3", ""] {
            let refused = check(&any, (service, "us-east-1"), "s3", None);
            assert!(
                matches!(refused, Err(ScopeError::Service { .. })),
                "{service}"
            );
        }
        let named = Regions::new(vec!["lab".to_owned()]);
        assert!(check(&named, ("s3", "attic"), "s3", None).is_err());
        // The place of a bucket is the region that some clients sign for.
        assert_eq!(check(&named, ("s3", "attic"), "s3", Some("attic")), Ok(()));
    }
}
