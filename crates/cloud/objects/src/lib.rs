#![doc = include_str!("../README.md")]

mod access;
mod acl_request;
pub mod checksum;
mod collect;
mod completion;
mod conditions;
mod decide;
mod error;
#[cfg(test)]
mod fixture;
mod garbage;
mod limits;
mod listing;
mod names;
mod object;
mod object_store;
mod operations;
mod random;
mod reader;
mod receive;
mod setting;
mod tags;
mod uninterrupted;
mod upload_listing;

pub use acl_request::{AclRequest, GranteeName};
pub use collect::{Collected, Round};
pub use completion::{CompletionCheck, ListedPart};
pub use conditions::{Conditions, DeleteConditions, EtagMatch};
pub use error::ObjectError;
pub use limits::ObjectLimits;
pub use listing::{ListEntry, ListPage, ListQuery};
pub use names::is_bucket_name;
pub use object::{Deleted, KeyToDelete, NewObject, ObjectRef, ObjectView, Stored};
pub use object_store::ObjectStore;
pub use operations::{BucketPage, BucketQuery};
pub use reader::{ObjectReader, ObjectStream};
pub use receive::{BodyDigests, ReceivedBody, ReceivedPart};
pub use setting::{IfExists, SettingChange};
pub use tags::{bucket_tags, object_tags};
pub use upload_listing::{UploadPage, UploadQuery};
