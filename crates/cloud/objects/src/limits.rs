//! Bounds on what is stored.

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
}

impl Default for ObjectLimits {
    /// The limits of S3: 100 buckets, 5 GiB at once, 5 TiB in parts of at least 5 MiB.
    fn default() -> Self {
        Self {
            buckets: 100,
            put_bytes: 5 << 30,
            object_bytes: 5 << 40,
            part_bytes: 5 << 20,
        }
    }
}
