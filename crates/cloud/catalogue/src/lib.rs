#![doc = include_str!("../README.md")]

mod account;
mod acl;
mod bucket;
mod canned;
mod catalogue;
mod checksum;
mod clock;
mod conflict;
#[cfg(feature = "contract")]
pub mod contract;
mod database;
mod error;
mod headers;
mod identity;
mod image;
mod instance;
mod key;
mod key_pair;
mod object;
mod profile;
mod security_group;
mod settings;
mod tags_and_lock;
mod transfer;
mod unit;
mod upload;

pub use account::{AccessKey, Account, NewCertificate, NewUser, UserRow};
pub use acl::{Acl, Grant, Grantee, Permission};
pub use bucket::{Bucket, NewBucket};
pub use canned::CannedAcl;
pub use catalogue::{Catalogue, Changed, Observer};
pub use checksum::{ChecksumAlgorithm, PartsChecksum};
pub use clock::Clock;
pub use conflict::Conflict;
pub use database::{Database, Decide, DecideEach, FoundObject};
pub use error::{CatalogueError, Mismatch};
pub use headers::ObjectHeaders;
pub use identity::{AccountName, Caller, Identity, Owner};
pub use image::{Image, ImageState, LaunchPermissions, ResourceTag, Tag};
pub use instance::{
    GroupName, Instance, InstanceSettings, InstanceState, Launch, LaunchImage, LaunchKey,
    MetadataSettings, OnShutdown, Reason,
};
pub use key::{Key, KeyTooLong};
pub use key_pair::{KeyPair, KeyPairChange, KeyPairsState};
pub use object::{
    Content, InlineObject, KnownBlob, ListedVersion, NULL_VERSION, NewVersion, ObjectVersion,
    Segment,
};
pub use profile::{IdPolicy, ImageRules, OwnerId, Profile, ProfileError};
pub use security_group::{
    Cidr, CidrError, GroupChange, GroupsState, Protocol, Rule, RuleSource, SecurityGroup,
};
pub use settings::{BucketSettings, CorsRule, LockPeriod, ObjectLock, PublicAccess, Versioning};
pub use tags_and_lock::{Governance, LockMode, Retention, Tags, TagsAndLock};
pub use transfer::{
    BegunMove, Column, Digest, Kind, MigrateError, Rename, Row, Table, Transfer, Value, begin_move,
    copy_rows, digest, insist_on_served, is_moved_to, migrate, undo_move,
};
pub use unit::{
    AccountsChange, AccountsState, BucketChange, BucketRef, BucketState, ImageChange, ImageRef,
    ImagesState, InstanceChange, InstancesState, KeyChange, KeyRef, KeyState, KnownAccounts,
    NewInstance, UploadChange, UploadRef, UploadState,
};
pub use upload::{Initiator, NewUpload, Part, Upload};
