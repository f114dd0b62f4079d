#![doc = include_str!("../README.md")]

mod dialect;
mod encode;
mod error;
mod lenient;
mod model;
mod open;
mod parse;
mod rewrap;
mod signature;
mod trust;
mod values;
mod warning;

pub use dialect::Dialect;
pub use encode::UnsignedManifest;
pub use error::{ManifestError, PartsProblem};
pub use lenient::LenientManifest;
pub use model::{BundlerVersion, Manifest, Part, WrappedKeys, WrappedPair};
pub use open::{OpenManifest, Recipient};
pub use rewrap::Rewrap;
pub use trust::{
    BelievedManifest, SignatureStatus, SignedManifest, TrustedManifest, UntrustedManifest,
};
pub use warning::Warning;
