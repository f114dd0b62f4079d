//! Archives byte by byte.

use std::io::Read as _;

use gumnut_tree::{Member, TarError, TarLimits, TarReader};

/// An archive that is put together from headers and data.
#[derive(Clone, Default)]
pub(crate) struct Archive(pub(crate) Vec<u8>);

impl Archive {
    pub(crate) fn header(&mut self, name: &[u8], kind: u8, size: u64, change: fn(&mut [u8; 512])) {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name);
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..116].copy_from_slice(b"0000000\0");
        header[116..124].copy_from_slice(b"0000000\0");
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        change(&mut header);
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(header);
    }

    pub(crate) fn member(&mut self, name: &[u8], kind: u8, data: &[u8]) {
        self.header(name, kind, data.len() as u64, |_| ());
        self.data(data);
    }

    pub(crate) fn data(&mut self, data: &[u8]) {
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    /// An extended header before the next member.
    pub(crate) fn pax(&mut self, records: &[(&str, &[u8])]) {
        let mut data = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while length != rest + length.to_string().len() {
                length = rest + length.to_string().len();
            }
            data.extend(format!("{length} {key}=").bytes());
            data.extend(*value);
            data.push(b'\n');
        }
        self.member(b"pax", b'x', &data);
    }
}

/// All members with their stored bytes.
pub(crate) fn read(archive: &[u8], limits: TarLimits) -> Result<Vec<(Member, Vec<u8>)>, TarError> {
    let mut reader = TarReader::new(archive, limits);
    let mut members = Vec::new();
    while let Some(member) = reader.next_member()? {
        let mut data = Vec::new();
        reader.read_to_end(&mut data).map_err(TarError::Read)?;
        members.push((member, data));
    }
    Ok(members)
}
