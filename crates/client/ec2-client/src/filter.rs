//! Conditions of lists.

/// A filter: any of its values must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// As in `image-type`.
    pub name: String,
    /// Values, which may hold `*` and `?`.
    pub values: Vec<String>,
}
