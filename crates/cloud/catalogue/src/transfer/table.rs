//! The tables and values that are copied.

use gumnut_types::SecretString;

/// A table that is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Table {
    /// Accounts.
    Accounts,
    /// Users of accounts.
    Users,
    /// Access keys of users.
    AccessKeys,
    /// Certificates of users.
    Certificates,
    /// Buckets.
    Buckets,
    /// Versions of objects.
    Objects,
    /// The bytes of small objects.
    Small,
    /// The blobs that make up an object.
    Segments,
    /// Multipart uploads.
    Uploads,
    /// Parts of multipart uploads.
    Parts,
    /// Images.
    Images,
    /// Accounts that images are shared with.
    LaunchPermissions,
    /// Tags of images.
    Tags,
    /// Instances.
    Instances,
    /// Key pairs of accounts.
    KeyPairs,
    /// Security groups of accounts.
    SecurityGroups,
    /// Blobs that were given up and are not deleted yet.
    Garbage,
    /// Secrets of the cloud, encrypted.
    Secrets,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name behind this seam; a database may call it otherwise.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number; times are milliseconds since 1970.
    Integer,
    /// [`Value::Boolean`].
    Boolean,
    /// Text.
    Text,
    /// Text that may have NUL in it: the key of an object.
    Key,
    /// Text, which is JSON.
    Json,
    /// Text, which is the name of a blob.
    Blob,
    /// Text that is secret.
    Secret,
    /// [`Value::Bytes`].
    Bytes,
}

/// A value of a row.
#[derive(Clone, Debug)]
pub enum Value {
    /// No value.
    Null,
    /// A number.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
    /// A text.
    Text(String),
    /// A secret text.
    Secret(SecretString),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// The values of a row, in the order of [`Table::columns`].
pub type Row = Vec<Value>;

macro_rules! columns {
    ($($name:ident: $kind:ident),* $(,)?) => {
        &[$(Column { name: stringify!($name), kind: Kind::$kind }),*]
    };
}

impl Table {
    /// All tables; rows of a table refer to rows of tables before it only.
    pub const ALL: [Self; 18] = [
        Self::Accounts,
        Self::Users,
        Self::AccessKeys,
        Self::Certificates,
        Self::Buckets,
        Self::Objects,
        Self::Small,
        Self::Segments,
        Self::Uploads,
        Self::Parts,
        Self::Images,
        Self::LaunchPermissions,
        Self::Tags,
        Self::Instances,
        Self::KeyPairs,
        Self::SecurityGroups,
        Self::Garbage,
        Self::Secrets,
    ];

    /// The name of the table behind this seam; a database may call it otherwise.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Users => "users",
            Self::AccessKeys => "access_keys",
            Self::Certificates => "certificates",
            Self::Buckets => "buckets",
            Self::Objects => "objects",
            Self::Small => "small",
            Self::Segments => "segments",
            Self::Uploads => "uploads",
            Self::Parts => "parts",
            Self::Images => "images",
            Self::LaunchPermissions => "launch_permissions",
            Self::Tags => "tags",
            Self::Instances => "instances",
            Self::KeyPairs => "key_pairs",
            Self::SecurityGroups => "security_groups",
            Self::Garbage => "garbage",
            Self::Secrets => "secrets",
        }
    }

    /// How many of the first columns are the primary key.
    pub fn key_columns(self) -> usize {
        match self {
            Self::Segments
            | Self::Parts
            | Self::LaunchPermissions
            | Self::KeyPairs
            | Self::SecurityGroups => 2,
            Self::Tags => 3,
            _ => 1,
        }
    }

    /// Whether the primary key is a number that the database gives new rows.
    pub fn is_numbered(self) -> bool {
        matches!(self, Self::Users | Self::Certificates | Self::Objects)
    }

    /// The columns that are copied; those of the primary key are the first.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Accounts => {
                columns![id: Text, name: Text, canonical_id: Text, email: Text, created: Integer]
            }
            Self::Users => {
                columns![id: Integer, account: Text, name: Text, admin: Boolean, created: Integer]
            }
            Self::AccessKeys => columns![
                access_key: Text, user: Integer, secret: Secret, active: Boolean, created: Integer,
            ],
            Self::Certificates => columns![
                id: Integer, user: Integer, pem: Text, fingerprint: Text, active: Boolean, created: Integer,
            ],
            Self::Buckets => {
                columns![name: Text, owner: Text, acl: Json, created: Integer, settings: Json]
            }
            Self::Objects => columns![
                id: Integer, bucket: Text, key: Key, version: Text, current: Boolean, marker: Boolean, owner: Text,
                acl: Json, size: Integer, etag: Text, headers: Json, marks: Json, modified: Integer, upload: Text,
            ],
            Self::Small => columns![object: Integer, bytes: Bytes],
            Self::Segments => columns![
                object: Integer, number: Integer, blob: Blob, size: Integer, etag: Text, checksum: Text,
            ],
            Self::Uploads => columns![
                id: Text, bucket: Text, key: Key, owner: Text, acl: Json, headers: Json, started: Integer, marks: Json,
                checksum: Json, initiator: Integer,
            ],
            Self::Parts => columns![
                upload: Text, number: Integer, blob: Blob, size: Integer, etag: Text, modified: Integer, checksum: Text,
            ],
            Self::Images => columns![
                id: Text, location: Text, state: Text, owner: Text, owner_name: Text, class: Text, architecture: Text,
                name: Text, description: Text, kernel: Text, ramdisk: Text, platform: Text, root_device: Text,
                block_devices: Json, product_codes: Json, ancestry: Json, virtualization: Text, public: Boolean,
                image_size: Integer, bundled_size: Integer, manifest_sha256: Text, signature: Text, profile: Text,
                checks: Json, created: Integer, changed: Integer, unique_name: Text,
            ],
            Self::LaunchPermissions => columns![image: Text, account: Text],
            Self::Tags => columns![resource: Text, account: Text, key: Text, value: Text],
            Self::Instances => columns![
                id: Text, reservation: Text, owner: Text, state: Text, address: Text, launched: Integer, changed: Integer,
                security_groups: Json, launch: Json, settings: Json, user_data: Bytes,
            ],
            Self::KeyPairs => columns![
                account: Text, name: Text, id: Text, fingerprint: Text, public: Text, created: Integer,
            ],
            Self::SecurityGroups => columns![
                account: Text, name: Text, id: Text, description: Text, rules: Json, created: Integer,
            ],
            Self::Garbage => columns![blob: Blob, since: Integer],
            Self::Secrets => columns![name: Text, wrapped: Bytes, made: Integer],
        }
    }
}
