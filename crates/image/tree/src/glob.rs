//! Patterns for paths.

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::error::TreeError;

/// Patterns of the shell for paths in a tree: `*` and `?` fit within a name, `**` across directories.
///
/// A pattern with a slash at the beginning or within begins at the root: `/var/cache/*`. One without fits names in every
/// directory: `*.bak`. A slash at the end is ignored. What is in a directory that fits, fits as well.
#[derive(Clone, Debug, Default)]
pub struct Patterns(GlobSet);

impl Patterns {
    /// Reads patterns.
    ///
    /// # Errors
    /// When one cannot be understood.
    pub fn new<T: AsRef<str>>(patterns: impl IntoIterator<Item = T>) -> Result<Self, TreeError> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let text = pattern.as_ref();
            let wrong = |source| TreeError::Pattern {
                pattern: text.to_owned(),
                source,
            };
            let trimmed = text.trim_end_matches('/');
            let anchored = match trimmed.strip_prefix('/') {
                Some(rest) => rest.to_owned(),
                None if trimmed.contains('/') => trimmed.to_owned(),
                None => format!("**/{trimmed}"),
            };
            let glob = GlobBuilder::new(&anchored)
                .literal_separator(true)
                .backslash_escape(true)
                .build();
            set.add(glob.map_err(wrong)?);
        }
        let set = set.build();
        set.map(Self).map_err(|source| TreeError::Pattern {
            pattern: "all together".to_owned(),
            source,
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a pattern fits this path, which has no slash at the beginning. Does not look at the directories above.
    pub fn fits(&self, path: &[u8]) -> bool {
        use std::os::unix::ffi::OsStrExt as _;
        let path = std::ffi::OsStr::from_bytes(path);
        self.0.is_match_candidate(&Candidate::new(path))
    }

    /// Whether a pattern fits this path or a directory above it.
    pub fn covers(&self, path: &[u8]) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut above = slashes.map(|(at, _)| &path[..at]);
        self.fits(path) || above.any(|directory| self.fits(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names_or_paths() {
        let cases: [(&str, &[u8], bool); 14] = [
            ("*.bak", b"a.bak", true),
            ("*.bak", b"etc/x/a.bak", true),
            ("*.bak", b"a.bak2", false),
            ("/var/cache/*", b"var/cache/apt", true),
            ("/var/cache/*", b"var/cache/apt/x", false),
            ("var/cache/", b"var/cache", true),
            ("cache", b"var/cache", true),
            ("/cache", b"var/cache", false),
            ("/proc/**", b"proc/1/fd", true),
            ("/proc/**", b"proc", false),
            ("home/*/.ssh", b"home/ann/.ssh", true),
            ("*id_rsa*", b"root/.ssh/id_rsa.old", true),
            ("x?", b"x\xff", true),
            ("[ab]", b"c", false),
        ];
        for (pattern, path, fits) in cases {
            let patterns = Patterns::new([pattern]).unwrap();
            assert_eq!(
                patterns.fits(path),
                fits,
                "{pattern} {}",
                path.escape_ascii()
            );
        }
        let cache = Patterns::new(["/var/cache"]).unwrap();
        assert!(cache.covers(b"var/cache/apt/x"));
        assert!(!cache.covers(b"var/cachet/apt"));
        assert!(!Patterns::default().covers(b"x"));
    }

    #[test]
    fn a_pattern_that_cannot_be_understood_is_named() {
        let error = Patterns::new(["[a"]).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "the pattern [a cannot be understood");
    }
}
