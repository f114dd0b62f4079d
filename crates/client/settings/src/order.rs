//! Which source comes first.

/// The order of sources, which differs between the tools whose names gumnut answers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceOrder {
    /// gumnut's own: environment, then `--config`, then ini files.
    #[default]
    Native,
    /// That of euca2ools 1.x and 2.x: `--config`, environment, then the eucarc in its usual places.
    Eucarc,
    /// That of euca2ools 3.1 and later: environment, ini files, and last the variables of 2010.
    Ini,
}
