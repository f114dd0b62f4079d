//! How much an archive may ask for.

/// Limits on an archive, checked before anything is allocated.
#[derive(Clone, Copy, Debug)]
pub struct TarLimits {
    /// Number of members.
    pub members: u64,
    /// Sum of the lengths of all files in bytes, holes included.
    pub bytes: u64,
    /// Bytes of one extended header, or of one long name.
    pub header: u64,
    /// Ranges of data of one sparse file.
    pub segments: usize,
    /// Bytes of a path.
    pub path: usize,
}

impl Default for TarLimits {
    /// 5 million members of together 64 GiB; extended headers of 1 MiB, 1 million ranges of data, paths of 4,096 bytes.
    fn default() -> Self {
        Self {
            members: 5_000_000,
            bytes: 64 << 30,
            header: 1 << 20,
            segments: 1 << 20,
            path: 4096,
        }
    }
}
