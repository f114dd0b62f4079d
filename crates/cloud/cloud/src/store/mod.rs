//! The object store: buckets and objects, their bytes, and who may do what with them.
//!
//! It knows no protocol: `s3` speaks to clients and `register` reads through the same checks of rights.

mod access;
mod blobs;
mod buckets;
mod claims;
mod commit;
mod conditions;
mod error;
mod grants;
mod listing;
mod multipart;
mod names;
mod objects;
mod reader;
mod receive;
mod tags;
mod uploads;
mod versions;
mod writer;

use std::collections::HashSet;
use std::path::Path;

use crate::catalogue::{Catalogue, objects as rows};
use crate::{Clock, CloudError, Limits};

pub(crate) use blobs::Blobs;
pub(crate) use buckets::{Again, BucketQuery};
pub(crate) use claims::Claims;
pub(crate) use conditions::{Conditions, EtagMatch};
pub(crate) use error::StoreError;
pub(crate) use grants::{AclRequest, GranteeName};
pub(crate) use gumnut_cloud_catalogue::{
    Acl, BucketSettings as Settings, CannedAcl, CorsRule, Governance, Grant, Grantee, LockMode,
    LockPeriod, ObjectHeaders as Headers, ObjectLock as Lock, Permission, PublicAccess, Retention,
    Tags, TagsAndLock as Marks, Versioning,
};
pub(crate) use listing::{Entry, Page, Query};
pub(crate) use multipart::ListedPart;
pub(crate) use names::is_bucket_name;
pub(crate) use objects::{Place, Stored, Target};
pub(crate) use reader::{ObjectReader, Segment};
pub(crate) use tags::{bucket_tags, object_tags};
pub(crate) use uploads::{UploadQuery, UploadRef};
pub(crate) use versions::{Doomed, Version};
pub(crate) use writer::{Blob, BlobWriter};

/// The object store. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    catalogue: Catalogue,
    blobs: Blobs,
    clock: Clock,
    limits: Limits,
}

impl Store {
    /// Opens the store in `data_dir`, and removes what belongs to nothing.
    pub(crate) fn open(
        data_dir: &Path,
        catalogue: Catalogue,
        clock: Clock,
        limits: Limits,
    ) -> Result<Self, CloudError> {
        let files = |source| CloudError::Files {
            doing: "open the folders of the object store",
            source,
        };
        let blobs = Blobs::open(data_dir).map_err(files)?;
        let known: HashSet<String> = catalogue.read_blocking(rows::all_blobs)?;
        let swept = blobs.sweep(&known).map_err(files)?;
        if swept > 0 {
            tracing::info!(files = swept, "removed files of uploads that were cut off");
        }
        Ok(Self {
            catalogue,
            blobs,
            clock,
            limits,
        })
    }
}
