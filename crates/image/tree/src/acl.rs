//! ACLs: text in archives, binary in Linux.

const VERSION: u32 = 2;
const NO_ID: u32 = u32::MAX;

/// Why the text of an ACL cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AclError {
    /// It is not of the form `user:NAME:rwx`.
    Malformed,
    /// A user or group has a name and no number.
    Name(String),
}

/// The binary form of `getxattr(2)` of an ACL as `acl_to_text(3)` or star write it: entries on lines or between commas, with
/// an optional number of the user or group behind the permissions.
pub(crate) fn binary(text: &[u8]) -> Result<Vec<u8>, AclError> {
    let text = str::from_utf8(text).map_err(|_| AclError::Malformed)?;
    let mut entries = Vec::new();
    for line in text.split(['\n', ',']) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            entries.push(entry(line.strip_prefix("default:").unwrap_or(line))?);
        }
    }
    // Linux wants them in this order.
    entries.sort_unstable();
    let mut bytes = VERSION.to_le_bytes().to_vec();
    for (tag, id, permissions) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    Ok(bytes)
}

/// The permissions of a file with this ACL in binary form: Linux keeps the bits of the group equal to the mask. Some programs
/// write those of the owning group to archives instead.
pub(crate) fn agreed(permissions: u16, acl: &[u8]) -> u16 {
    let Some(entries) = acl.get(4..) else {
        return permissions;
    };
    let find = |wanted: u16| {
        let mut entries = entries.chunks_exact(8);
        let found = entries.find(|entry| entry[..2] == wanted.to_le_bytes())?;
        Some(u16::from(found[2] & 7))
    };
    let class = |bits: Option<u16>, shift: u16| match bits {
        Some(bits) => bits << shift,
        None => permissions & 7 << shift,
    };
    permissions & !0o777
        | class(find(0x01), 6)
        | class(find(0x10).or_else(|| find(0x04)), 3)
        | class(find(0x20), 0)
}

/// Tag, number and permissions of `user:NAME:rwx` or `user:NAME:rwx:NUMBER`.
fn entry(line: &str) -> Result<(u16, u32, u16), AclError> {
    let mut fields = line.split(':');
    let mut field = || fields.next();
    let (Some(kind), Some(name), Some(permissions)) = (field(), field(), field()) else {
        return Err(AclError::Malformed);
    };
    let id = match (name, field()) {
        ("", _) => NO_ID,
        (name, None | Some("")) => name.parse().map_err(|_| AclError::Name(name.to_owned()))?,
        (_, Some(number)) => number.parse().map_err(|_| AclError::Malformed)?,
    };
    let tag = match (kind, name) {
        ("user" | "u", "") => 0x01,
        ("user" | "u", _) => 0x02,
        ("group" | "g", "") => 0x04,
        ("group" | "g", _) => 0x08,
        ("mask" | "m", "") => 0x10,
        ("other" | "o", "") => 0x20,
        _ => return Err(AclError::Malformed),
    };
    Ok((tag, id, bits(permissions)?))
}

fn bits(permissions: &str) -> Result<u16, AclError> {
    permissions.chars().try_fold(0, |bits, letter| {
        Ok(bits
            | match letter {
                'r' => 4,
                'w' => 2,
                'x' => 1,
                '-' => 0,
                _ => return Err(AclError::Malformed),
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: [u8; 44] = [
        2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0, 4, 0, 5, 0, 255, 255,
        255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
    ];

    #[test]
    fn texts_of_gnu_tar_star_and_bsdtar() {
        let texts = [
            "user::rw-\nuser:1000:r--\ngroup::r-x\nmask::rwx\nother::---\n",
            "user::rw-,other::---,group::r-x,mask::rwx,user:ann:r--:1000",
            "default:user::rw-\ndefault:user:1000:r--\t#effective:r--\ndefault:group::r-x\n\
             default:mask::rwx\ndefault:other::---",
        ];
        for text in texts {
            assert_eq!(binary(text.as_bytes()).unwrap(), BINARY, "{text}");
        }
    }

    #[test]
    fn the_permissions_of_the_group_are_the_mask() {
        assert_eq!(agreed(0o1750, &BINARY), 0o1670);
        let small = binary(b"user::rwx,group::r-x,other::r--").unwrap();
        assert_eq!(agreed(0o4000, &small), 0o4754);
        assert_eq!(agreed(0o751, b"\x02"), 0o751);
    }

    #[test]
    fn names_and_nonsense_are_refused() {
        assert_eq!(
            binary(b"user:ann:rwx"),
            Err(AclError::Name("ann".to_owned()))
        );
        for text in [
            &b"user"[..],
            b"user::rq-",
            b"mask:1:rwx",
            b"else::rwx",
            b"user:a:rwx:b",
            b"\xff",
        ] {
            assert_eq!(binary(text), Err(AclError::Malformed));
        }
    }
}
