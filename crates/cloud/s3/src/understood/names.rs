//! Names in queries that mean something in S3, whether this store has it or not.

use super::level::Level;
use super::level::Level::{Bucket, Object, Service};
use super::operations::OPERATIONS;

/// Names the version of an object.
pub(super) const VERSION_ID: &str = "versionId";
/// Names an upload in parts, and asks for an operation on it.
pub(super) const UPLOAD_ID: &str = "uploadId";

/// A name in a query that asks for another operation than the plain one of its method.
#[derive(Debug)]
pub(super) struct SubResource {
    /// As it stands in the query.
    pub(super) name: &'static str,
    /// What S3 has it for.
    pub(super) levels: &'static [Level],
    /// Whether this store has it not, but perhaps for the answer that it was never set.
    pub(super) is_absent: bool,
}

impl SubResource {
    /// Whether S3 has it for buckets, or for objects.
    pub(super) fn is_of(&self, level: Level) -> bool {
        self.levels.contains(&level)
    }
}

/// Those that the store has.
const fn here(name: &'static str, levels: &'static [Level]) -> SubResource {
    SubResource {
        name,
        levels,
        is_absent: false,
    }
}

/// Those that it has not.
const fn absent(name: &'static str, levels: &'static [Level]) -> SubResource {
    SubResource {
        name,
        levels,
        is_absent: true,
    }
}

/// Every sub-resource of S3 and of the stores that speak its protocol.
pub(super) static SUB_RESOURCES: [SubResource; 61] = [
    here("acl", &[Bucket, Object]),
    here("attributes", &[Object]),
    here("cors", &[Bucket]),
    here("delete", &[Bucket]),
    here("legal-hold", &[Object]),
    here("location", &[Bucket]),
    here("object-lock", &[Bucket]),
    here("policyStatus", &[Bucket]),
    here("publicAccessBlock", &[Bucket]),
    here("retention", &[Object]),
    here("tagging", &[Bucket, Object]),
    here("torrent", &[Object]),
    here(UPLOAD_ID, &[Object]),
    here("uploads", &[Bucket, Object]),
    here("versioning", &[Bucket]),
    here("versions", &[Bucket]),
    // Of S3, for buckets and objects.
    absent("abac", &[Bucket]),
    absent("accelerate", &[Bucket]),
    absent("analytics", &[Bucket]),
    absent("annotation", &[Object]),
    absent("annotations", &[Object]),
    absent("encryption", &[Bucket, Object]),
    absent("intelligent-tiering", &[Bucket]),
    absent("inventory", &[Bucket]),
    absent("lifecycle", &[Bucket]),
    absent("logging", &[Bucket]),
    absent("metadataConfiguration", &[Bucket]),
    absent("metadataInventoryTable", &[Bucket]),
    absent("metadataJournalTable", &[Bucket]),
    absent("metadataAnnotationTable", &[Bucket]),
    absent("metadataTable", &[Bucket]),
    absent("metrics", &[Bucket]),
    absent("notification", &[Bucket]),
    absent("ownershipControls", &[Bucket]),
    absent("policy", &[Bucket]),
    absent("renameObject", &[Object]),
    absent("replication", &[Bucket]),
    absent("requestPayment", &[Bucket]),
    absent("restore", &[Object]),
    absent("select", &[Object]),
    absent("session", &[Bucket]),
    absent("website", &[Bucket]),
    // Of directory buckets.
    absent("max-directory-buckets", &[Service]),
    // Of other stores: appending, notices, quotas, the synchronisation of zones, states of servers.
    absent("append", &[Object]),
    absent("bucketInfo", &[Bucket]),
    absent("events", &[Service, Bucket]),
    absent("fanout", &[Object]),
    absent("fetch", &[Object]),
    absent("info", &[Service]),
    absent("legalhold", &[Object]),
    absent("mdsearch", &[Service, Bucket]),
    absent("object", &[Bucket]),
    absent("position", &[Object]),
    absent("quota", &[Service, Bucket]),
    absent("referer", &[Bucket]),
    absent("replication-metrics", &[Bucket]),
    absent("replication-reset", &[Bucket]),
    absent("resourceGroup", &[Bucket]),
    absent("storageClass", &[Bucket]),
    absent("symlink", &[Object]),
    absent("usage", &[Service]),
];

/// Parameters of operations that the store has not.
pub(super) const OTHER_PARAMETERS: [&str; 6] = [
    "annotationName",
    "annotation-prefix",
    "max-annotation-results",
    "annotation-name",
    "select-type",
    "bucket-region",
];

/// Whether a name in lower case means something in S3: then it is no mere note.
pub(super) fn is_known(lower: &str) -> bool {
    let resources = SUB_RESOURCES.iter().map(|known| known.name);
    let parameters = OPERATIONS
        .iter()
        .flat_map(|operation| operation.asked_by.iter().chain(operation.parameters))
        .copied();
    resources
        .chain(parameters)
        .chain(OTHER_PARAMETERS)
        .any(|known| known.eq_ignore_ascii_case(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sub_resource_is_had_by_an_operation_or_absent() {
        for known in &SUB_RESOURCES {
            let mut having = OPERATIONS
                .iter()
                .filter(|operation| operation.asked_by.contains(&known.name));
            let is_had = having.clone().next().is_some();
            assert!(is_had || known.is_absent, "{}", known.name);
            assert!(
                having.all(|operation| known.is_of(operation.level)),
                "{}",
                known.name
            );
            let named = SUB_RESOURCES
                .iter()
                .filter(|other| other.name == known.name);
            assert_eq!(named.count(), 1, "{}", known.name);
        }
    }
}
