//! Bounds on what is stored.

use std::time::Duration;

/// Bounds on what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectLimits {
    /// Most buckets of an account.
    pub buckets: u32,
    /// Largest object or part that comes at once, in bytes.
    pub put_bytes: u64,
    /// Largest object of a multipart upload, in bytes.
    pub object_bytes: u64,
    /// Smallest part that is not the last of its object, in bytes.
    pub part_bytes: u64,
    /// How long a multipart upload may take; then it is abandoned, and the collector aborts it.
    pub upload_time: Duration,
    /// Largest object that is kept in the catalogue, in bytes; 0 keeps all bytes in blobs. Parts always are in blobs.
    pub inline_bytes: usize,
}

impl ObjectLimits {
    /// The largest value of [`ObjectLimits::inline_bytes`] that pays: databases handle longer rows badly.
    pub const MAX_INLINE_BYTES: usize = 64 << 10;
}

impl Default for ObjectLimits {
    /// The limits of S3: 100 buckets, 5 GiB at once, 5 TiB in parts of at least 5 MiB. Uploads may take 7 days. Objects of up to 16 KiB are in the catalogue.
    fn default() -> Self {
        Self {
            buckets: 100,
            put_bytes: 5 << 30,
            object_bytes: 5 << 40,
            part_bytes: 5 << 20,
            upload_time: Duration::from_hours(7 * 24),
            inline_bytes: 16 << 10,
        }
    }
}
