//! PAX extended headers: the few keywords that matter here.

use crate::ArchiveError;

/// What an extended header says about the member.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    /// The member's name.
    pub(super) path: Option<Vec<u8>>,
    /// The bytes stored for the member.
    pub(super) size: Option<u64>,
    /// What the header says of holes, where that is asked for.
    pub(super) sparse: PaxSparse,
}

/// The keywords of a sparse member of version 1.0, whose map stands before its data.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PaxSparse {
    /// Whether such members are read; otherwise they are refused.
    pub(super) wanted: bool,
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    version: [Option<u64>; 2],
}

impl PaxSparse {
    /// Whether the member is one of version 1.0.
    pub(super) fn is_used(&self) -> bool {
        self.version == [Some(1), Some(0)]
    }

    fn keyword(&mut self, key: &[u8], value: &[u8]) -> Result<(), ArchiveError> {
        let number = || decimal(value).ok_or(ArchiveError::Pax).map(Some);
        match key {
            b"GNU.sparse.major" => self.version[0] = number()?,
            b"GNU.sparse.minor" => self.version[1] = number()?,
            b"GNU.sparse.name" => self.name = Some(value.to_vec()),
            b"GNU.sparse.realsize" => self.size = number()?,
            // Versions 0.0 and 0.1, which GNU tar writes only when told to.
            key => return Err(refused(key)),
        }
        Ok(())
    }
}

fn refused(key: &[u8]) -> ArchiveError {
    let key = String::from_utf8_lossy(key).chars().take(40).collect();
    ArchiveError::PaxSparse { key }
}

impl Pax {
    /// Takes over the records of an extended header: `LENGTH KEY=VALUE NEWLINE`, one or more.
    pub(super) fn read(&mut self, mut data: &[u8]) -> Result<(), ArchiveError> {
        while !data.is_empty() {
            let (key, value, rest) = record(data).ok_or(ArchiveError::Pax)?;
            self.keyword(key, value)?;
            data = rest;
        }
        Ok(())
    }

    fn keyword(&mut self, key: &[u8], value: &[u8]) -> Result<(), ArchiveError> {
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"size" => self.size = Some(decimal(value).ok_or(ArchiveError::Pax)?),
            _ if key.starts_with(b"GNU.sparse.") && self.sparse.wanted => {
                self.sparse.keyword(key, value)?;
            }
            // Treated as a plain member, such a file would restore to wrong bytes without an error.
            _ if key.starts_with(b"GNU.sparse.") => return Err(refused(key)),
            _ => {}
        }
        Ok(())
    }
}

fn record(data: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = data.iter().take(8).position(|byte| *byte == b' ')?;
    let len = usize::try_from(decimal(&data[..space])?).ok()?;
    let record = data.get(space + 1..len)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &data[len..]))
}

pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(data: &[u8]) -> Result<Pax, ArchiveError> {
        let mut pax = Pax::default();
        pax.read(data).map(|()| pax)
    }

    #[test]
    fn name_and_size_are_honoured() {
        let pax = read(b"12 path=a/b\n19 size=8589934592\n13 mtime=1.5\n").unwrap();
        assert_eq!(pax.path.as_deref(), Some(b"a/b".as_slice()));
        assert_eq!(pax.size, Some(8 << 30));
    }

    #[test]
    fn sparse_keywords_are_refused() {
        let error = read(b"22 GNU.sparse.major=1\n").unwrap_err();
        assert!(matches!(error, ArchiveError::PaxSparse { key } if key == "GNU.sparse.major"));
    }

    #[test]
    fn malformed_records_are_refused() {
        let all: [&[u8]; 8] = [
            b"x",
            b"5 a=b",
            b"0 a=b\n",
            b"1 a=b\n",
            b"99 a=b\n",
            b"6 abcd\n",
            b"11 size=-1\n",
            b"99999999999999999999 a=b\n",
        ];
        for data in all {
            assert!(matches!(read(data), Err(ArchiveError::Pax)), "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(data: Vec<u8>) {
            let _ = read(&data);
        }

        #[test]
        fn no_record_length_makes_it_panic(len: u32, text in "[a-z=\n ]{0,30}") {
            let _ = read(format!("{len} {text}\n").as_bytes());
        }
    }
}
