//! Names of blobs.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;

/// The name of a blob, made by its store: `RANDOM`, or `HOUR/RANDOM` in stores whose left-overs are found by listing.
///
/// HOUR counts the hours since 1970 in decimal, RANDOM is 128 random bits in lower-case hex:
/// `9f86d081884c7d659a2feaa0c55ad015` or `498889/9f86d081884c7d659a2feaa0c55ad015`.
///
/// A name consists of digits, letters of hex and at most one slash, so that it can be joined to the path of a directory
/// or to a prefix of keys without another look.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName {
    folder: Folder,
    random: [u8; 16],
}

/// What blobs are listed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Folder {
    /// Blobs of the form `RANDOM`.
    Root,
    /// Blobs of the form `HOUR/RANDOM` whose names were made in this hour, counted in hours since 1970. Once the hour
    /// is older than [`crate::Grace::orphan`], its directory has to be listed once more and never again.
    Hour(u32),
}

/// A text is not the name of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a blob is 32 digits of lower-case hex, or HOUR/ and these")]
pub struct BlobNameError;

impl BlobName {
    /// Makes a name in `folder` that no other blob has.
    ///
    /// This is for stores; everybody else gets names from them.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn fresh(folder: Folder) -> io::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        Ok(Self { folder, random })
    }

    /// The directory in which the blob is listed.
    pub fn folder(&self) -> Folder {
        self.folder
    }

    /// The name that a blob has in another directory.
    #[must_use]
    pub fn within_folder(self, folder: Folder) -> Self {
        Self { folder, ..self }
    }

    /// The random bits, which no other blob in the directory has.
    pub fn random(&self) -> [u8; 16] {
        self.random
    }

    /// The name of a blob in `folder` whose last part is `random`. `None` when that is not what a store makes.
    pub(crate) fn within(folder: Folder, random: &str) -> Option<Self> {
        let random = HEXLOWER.decode(random.as_bytes()).ok()?.try_into().ok()?;
        Some(Self { folder, random })
    }
}

impl Folder {
    /// The directory of the present hour by the clock of this machine. A clock before 1970 gives hour 0.
    pub fn present_hour() -> Self {
        Self::hour_after(Duration::ZERO)
    }

    /// The directory of the hour that it will be after this time.
    pub(crate) fn hour_after(time: Duration) -> Self {
        let since_1970 = (SystemTime::now() + time)
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::Hour(u32::try_from(since_1970.as_secs() / 3600).unwrap_or(u32::MAX))
    }

    /// The hour, counted in hours since 1970. `None` for [`Folder::Root`].
    pub fn hour(self) -> Option<u32> {
        match self {
            Self::Root => None,
            Self::Hour(hour) => Some(hour),
        }
    }

    /// Reads an hour as names have it: decimal, without a sign and without zeros before it.
    fn parse_hour(text: &str) -> Option<Self> {
        let hour: u32 = text.parse().ok()?;
        (hour.to_string() == text).then_some(Self::Hour(hour))
    }
}

impl FromStr for BlobName {
    type Err = BlobNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = match text.split_once('/') {
            None => Self::within(Folder::Root, text),
            Some((hour, random)) => {
                Folder::parse_hour(hour).and_then(|folder| Self::within(folder, random))
            }
        };
        name.ok_or(BlobNameError)
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Folder::Hour(hour) = self.folder {
            write!(f, "{hour}/")?;
        }
        f.write_str(&HEXLOWER.encode(&self.random))
    }
}

impl fmt::Debug for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobName({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fresh_names_differ_and_read_back() {
        for folder in [Folder::Root, Folder::Hour(0), Folder::present_hour()] {
            let name = BlobName::fresh(folder).unwrap();
            assert_eq!(name.folder(), folder);
            assert_eq!(name.to_string().parse(), Ok(name));
            assert_ne!(BlobName::fresh(folder).unwrap(), name);
        }
    }

    #[test]
    fn names_have_two_forms() {
        let name: BlobName = "9f86d081884c7d659a2feaa0c55ad015".parse().unwrap();
        assert_eq!(name.folder(), Folder::Root);
        assert_eq!(name.to_string(), "9f86d081884c7d659a2feaa0c55ad015");
        let name: BlobName = "498889/9f86d081884c7d659a2feaa0c55ad015".parse().unwrap();
        assert_eq!(name.folder().hour(), Some(498_889));
        assert_eq!(name.to_string(), "498889/9f86d081884c7d659a2feaa0c55ad015");
    }

    #[test]
    fn what_no_store_makes_is_refused() {
        for text in [
            "",
            "/",
            "..",
            "498889",
            "498889/",
            "/9f86d081884c7d659a2feaa0c55ad015",
            "498889/9f86d081884c7d659a2feaa0c55ad0",
            "498889/9f86d081884c7d659a2feaa0c55ad01500",
            "498889/9F86D081884C7D659A2FEAA0C55AD015",
            "0498889/9f86d081884c7d659a2feaa0c55ad015",
            "+498889/9f86d081884c7d659a2feaa0c55ad015",
            "-1/9f86d081884c7d659a2feaa0c55ad015",
            "4294967296/9f86d081884c7d659a2feaa0c55ad015",
            "../9f86d081884c7d659a2feaa0c55ad015",
            "1/2/9f86d081884c7d659a2feaa0c55ad015",
            "498889/9f86d081884c7d659a2feaa0c55ad015/",
            "498889/9f86d081884c7d659a2feaa0c55ad015\n",
            "9f86d081884c7d659a2feaa0c55ad0/..",
        ] {
            assert_eq!(text.parse::<BlobName>(), Err(BlobNameError), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_alike_and_stays_below_its_folder(
            text in "[0-9]{0,7}/?[0-9a-f]{32}|[0-9a-f./+-]{0,40}"
        ) {
            if let Ok(name) = text.parse::<BlobName>() {
                prop_assert_eq!(name.to_string(), &text[..]);
                let mut parts = Path::new(&text).components();
                prop_assert!(parts.all(|part| matches!(part, Component::Normal(_))));
            }
        }
    }
}
