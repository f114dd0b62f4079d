//! Text that must not be seen.

use std::fmt;

use zeroize::Zeroizing;

/// A secret text: no `Display`, a placeholder for `Debug`, zeroed when dropped.
#[derive(Clone)]
pub struct SecretString(Zeroizing<String>);

impl SecretString {
    /// Takes a secret over.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    /// The secret itself. Every use of it can be found by this name.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretString(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = SecretString::new("wJalrXUtnFEMI");
        assert_eq!(format!("{secret:?}"), "SecretString(..)");
        assert_eq!(secret.expose(), "wJalrXUtnFEMI");
    }
}
