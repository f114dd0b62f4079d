//! Whose fault an error is.

use std::error::Error;
use std::path::Path;

use gumnut_bundle::{BundleError, SplitterError};
use gumnut_crypto::CryptoError;
use gumnut_disk_image::DiskImageError;
use gumnut_manifest::ManifestError;
use gumnut_transport::TransportError;
use gumnut_types::Fault;

use crate::WorkflowError;

impl WorkflowError {
    /// Whose fault it is. An error that only passes on another one has the fault of that.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Transport(error)
            | Self::AclRefused(error)
            | Self::CheckBucket { source: error, .. }
            | Self::CreateBucket { source: error, .. }
            | Self::NotRegistered { source: error, .. }
            | Self::WriteObject { source: error, .. } => error.fault(),
            Self::Splitter(error) => error.fault(),
            Self::Bundle(error) => error.fault(),
            Self::DiskImage(error) => error.fault(),
            Self::Manifest(error) => error.fault(),
            Self::Crypto(error) => error.fault(),
            Self::StoredManifest { source, .. } => source.fault(),
            Self::Make { fault, .. } => *fault,
            Self::NoStore
            | Self::NoEc2
            | Self::NoUserCertificate
            | Self::OwnFile(_)
            | Self::Key { .. }
            | Self::NoBucket(_)
            | Self::UnknownArchitecture
            | Self::NoKernel
            | Self::NoRun(_)
            | Self::Complete(_)
            | Self::OtherSite { .. }
            | Self::RunId(_) => Fault::Usage,
            Self::Ambiguous { .. }
            | Self::ImageName { .. }
            | Self::Checks { .. }
            | Self::Differs
            | Self::TargetChanged { .. }
            | Self::NotMade { .. }
            | Self::PartKey { .. }
            | Self::PartMissing { .. }
            | Self::PartTooLarge { .. }
            | Self::PartSizes { .. }
            | Self::PartDamaged { .. }
            | Self::KeysDiffer { .. }
            | Self::NotTrusted(_)
            | Self::Unreadable { .. }
            | Self::FileTooLarge { .. }
            | Self::ManifestIsFolder(_)
            | Self::LocalManifest { .. }
            | Self::LocalPartDamaged { .. }
            | Self::BundleExists(_)
            | Self::FileName { .. }
            | Self::Exists(_)
            | Self::BundledSize { .. }
            | Self::NotOurs { .. }
            | Self::Busy { .. } => Fault::Input,
            Self::NoImage(_)
            | Self::NoManifest { .. }
            | Self::NoBundle(_)
            | Self::InUse { .. }
            | Self::ForeignBucket(_)
            | Self::NoSuchBucket(_)
            | Self::NoSuchKey(_)
            | Self::Unusable { .. }
            | Self::NameTaken { .. }
            | Self::Taken(_)
            | Self::Altered(_) => Fault::Refused,
            Self::UnknownId(_) | Self::StillThere { .. } => Fault::Network,
            Self::Write { .. }
            | Self::Io(_)
            | Self::Journal { .. }
            | Self::Scratch { .. }
            | Self::KeepPart { .. }
            | Self::Folder { .. } => Fault::System,
            Self::Cancelled => Fault::Cancelled,
            Self::Died => Fault::Unexpected,
        }
    }
}

/// Whose fault an error is, if it is one of this crate or of a crate that workflows are made of. `None`: it is another's.
pub fn fault_of(error: &(dyn Error + 'static)) -> Option<Fault> {
    error
        .downcast_ref()
        .map(WorkflowError::fault)
        .or_else(|| error.downcast_ref().map(TransportError::fault))
        .or_else(|| error.downcast_ref().map(BundleError::fault))
        .or_else(|| error.downcast_ref().map(SplitterError::fault))
        .or_else(|| error.downcast_ref().map(ManifestError::fault))
        .or_else(|| error.downcast_ref().map(CryptoError::fault))
        .or_else(|| error.downcast_ref().map(DiskImageError::fault))
}

/// The answer of a server, or its silence, also where a workflow passes it on. `None`: the error is another one.
pub fn transport_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e TransportError> {
    match error.downcast_ref() {
        Some(WorkflowError::Transport(error)) => Some(error),
        _ => error.downcast_ref(),
    }
}

/// The file that is in the way of one that was to be written, also where a workflow passes the error on. `None`: the error is
/// another one. [`WorkflowError::BundleExists`] is not among them: its bundle has several files.
pub fn existing_file<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Path> {
    match error.downcast_ref() {
        Some(WorkflowError::Bundle(error)) => existing_output(error),
        Some(WorkflowError::DiskImage(error)) => existing_image(error),
        Some(_) => None,
        None => error
            .downcast_ref()
            .and_then(existing_output)
            .or_else(|| error.downcast_ref().and_then(existing_image)),
    }
}

fn existing_output(error: &BundleError) -> Option<&Path> {
    match error {
        BundleError::OutputExists { path } => Some(path),
        _ => None,
    }
}

fn existing_image(error: &DiskImageError) -> Option<&Path> {
    match error {
        DiskImageError::Exists { path } => Some(path),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_file_in_the_way_is_found_wherever_it_was_met() {
        let path = PathBuf::from("disk.img");
        let exists = || BundleError::OutputExists { path: path.clone() };
        let image = DiskImageError::Exists { path: path.clone() };
        assert_eq!(existing_file(&exists()), Some(path.as_path()));
        assert_eq!(existing_file(&image), Some(path.as_path()));
        assert_eq!(
            existing_file(&WorkflowError::from(exists())),
            Some(path.as_path())
        );
        assert_eq!(existing_file(&WorkflowError::NoEc2), None);
        assert_eq!(existing_file(&io::Error::other("full")), None);
    }

    #[test]
    fn the_error_below_decides_where_there_is_one() {
        let error = WorkflowError::WriteObject {
            key: "disk.part.00".parse().unwrap(),
            source: TransportError::Timeout {
                what: String::new(),
                limit: std::time::Duration::ZERO,
            },
        };
        assert_eq!(error.fault(), Fault::Network);
        assert_eq!(
            WorkflowError::from(ManifestError::Unsigned).fault(),
            Fault::Input
        );
        assert_eq!(WorkflowError::NoEc2.fault(), Fault::Usage);
        assert_eq!(
            WorkflowError::from(io::Error::other("full")).fault(),
            Fault::System
        );
    }
}
