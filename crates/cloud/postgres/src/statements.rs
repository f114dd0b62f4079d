//! Where the SQL of a module stands.

use crate::{
    accounts, blobs, buckets, groups, images, instances, key_pairs, objects, secrets, transfer,
    uploads,
};

/// Makes a constant of each SQL text of a module, and the list of them: each connection prepares all when it is made, so that a unit
/// of change may send one behind the other without waiting.
macro_rules! statements {
    ($($name:ident = $sql:expr;)*) => {
        $(pub(crate) const $name: &str = $sql;)*

        pub(crate) const STATEMENTS: &[&str] = &[$($name),*];
    };
}

/// All statements.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    let modules = [
        accounts::STATEMENTS,
        blobs::STATEMENTS,
        buckets::STATEMENTS,
        groups::STATEMENTS,
        images::STATEMENTS,
        instances::STATEMENTS,
        key_pairs::STATEMENTS,
        objects::STATEMENTS,
        secrets::STATEMENTS,
        transfer::STATEMENTS,
        uploads::STATEMENTS,
    ];
    modules.into_iter().flatten().copied()
}
