//! The names of a bundle's files.

use gumnut_types::{ImageName, PartIndex, PartName};

use crate::SplitterError;

/// The names of a bundle's files, made of its prefix as euca2ools 3.1 to 3.4 make them:
/// `PREFIX.part.00`, `PREFIX.part.01` and so on, and `PREFIX.manifest.xml`; or with other digits and
/// another name inside, as tools of before 2012 did.
///
/// They are for writing only: a reader takes the names from the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleNames {
    prefix: ImageName,
    image: ImageName,
    manifest: PartName,
    digits: usize,
}

impl BundleNames {
    /// The names with this prefix.
    ///
    /// # Errors
    ///
    /// The prefix is so long that some part's name would have more than 255 bytes.
    pub fn new(prefix: ImageName) -> Result<Self, SplitterError> {
        let manifest = name(&prefix, format_args!("{prefix}.manifest.xml"))?;
        let names = Self {
            image: prefix.clone(),
            prefix,
            manifest,
            digits: 2,
        };
        names.part(PartIndex(u32::MAX))?;
        Ok(names)
    }

    /// Sets how many digits part numbers have at least: 1 gives `PREFIX.part.0`. Without, it is 2.
    #[must_use]
    pub fn with_digits(self, digits: u8) -> Self {
        let digits = usize::from(digits);
        Self { digits, ..self }
    }

    /// Sets the name of the image, for one that is called something else than its files.
    #[must_use]
    pub fn with_image(self, image: ImageName) -> Self {
        Self { image, ..self }
    }

    /// The name of the image, in the manifest and in the tar stream.
    pub fn image(&self) -> &ImageName {
        &self.image
    }

    /// The prefix.
    pub fn prefix(&self) -> &ImageName {
        &self.prefix
    }

    /// The manifest's file name.
    pub fn manifest(&self) -> &PartName {
        &self.manifest
    }

    /// A part's file name.
    ///
    /// # Errors
    ///
    /// None for names that [`BundleNames::new`] made.
    pub fn part(&self, index: PartIndex) -> Result<PartName, SplitterError> {
        let prefix = &self.prefix;
        let digits = self.digits;
        name(prefix, format_args!("{prefix}.part.{:0digits$}", index.0))
    }
}

fn name(prefix: &ImageName, name: std::fmt::Arguments) -> Result<PartName, SplitterError> {
    name.to_string()
        .parse()
        .map_err(|source| SplitterError::Prefix {
            prefix: prefix.to_string(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_two_digits_at_least() {
        let names = BundleNames::new("centos".parse().unwrap()).unwrap();
        let part = |index| names.part(PartIndex(index)).unwrap().to_string();
        assert_eq!(part(0), "centos.part.00");
        assert_eq!(part(99), "centos.part.99");
        assert_eq!(part(100), "centos.part.100");
        assert_eq!(names.manifest().as_str(), "centos.manifest.xml");
    }

    #[test]
    fn old_tools_wrote_fewer_digits_and_kept_the_images_name() {
        let names = BundleNames::new("centos".parse().unwrap()).unwrap();
        let names = names.with_digits(1).with_image("disk.img".parse().unwrap());
        let part = |index| names.part(PartIndex(index)).unwrap().to_string();
        assert_eq!(
            (part(0).as_str(), part(38).as_str()),
            ("centos.part.0", "centos.part.38")
        );
        assert_eq!(names.image().as_str(), "disk.img");
    }

    #[test]
    fn a_prefix_must_leave_room() {
        let names = |len| BundleNames::new("p".repeat(len).parse().unwrap());
        assert!(names(239).is_ok());
        assert!(matches!(names(240), Err(SplitterError::Prefix { .. })));
    }
}
