//! Bounds on everything that comes from outside.

/// Bounds on untrusted input. They are checked before anything is allocated or parsed.
///
/// The defaults admit every bundle that a known tool can have written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Largest manifest, in bytes. Eucalyptus 4.x refuses more than 5 MiB.
    pub manifest_bytes: usize,
    /// Deepest nesting of elements in a manifest. The format needs 5.
    pub xml_depth: usize,
    /// Largest number of parts. A manifest of 5 MiB holds about 35,000.
    pub parts: usize,
    /// Longest name in a manifest, in bytes.
    pub name_bytes: usize,
    /// Longest hex text of a wrapped key, in digits: 2048 is RSA with 8192 bits.
    pub wrapped_hex: usize,
    /// Largest image that will be restored, in bytes.
    pub image_bytes: u64,
    /// Largest part that will be accepted, in bytes.
    pub part_bytes: u64,
    /// Largest sparse map of a tar member, in bytes.
    pub sparse_map_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest_bytes: 5 << 20,
            xml_depth: 16,
            parts: 100_000,
            name_bytes: 255,
            wrapped_hex: 2048,
            image_bytes: 64 << 40,
            part_bytes: 5 << 30,
            sparse_map_bytes: 1 << 20,
        }
    }
}
