//! Paths of members.

use crate::error::{TarError, printable};
use crate::limits::TarLimits;

/// A path from the root of the tree, without what means nothing; `..` is refused.
pub(crate) fn clean(path: &[u8], limits: &TarLimits) -> Result<Vec<u8>, TarError> {
    if path.len() > limits.path {
        return Err(TarError::Limit {
            path: printable(&path[..64.min(path.len())]),
            what: "bytes of the path",
            limit: limits.path as u64,
        });
    }
    let mut clean = Vec::with_capacity(path.len());
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => continue,
            b".." => return Err(TarError::Outside(printable(path))),
            _ if !clean.is_empty() => clean.push(b'/'),
            _ => {}
        }
        clean.extend_from_slice(name);
    }
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_the_root() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"./", b""),
            (b"/etc//passwd", b"etc/passwd"),
            (b"./usr/./bin/", b"usr/bin"),
            (b"..a/b..", b"..a/b.."),
            (b"\xff/\n", b"\xff/\n"),
        ];
        for (path, cleaned) in cases {
            assert_eq!(clean(path, &TarLimits::default()).unwrap(), cleaned);
        }
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for path in [&b"../x"[..], b"a/../../x", b"/..", b"a/.."] {
            let error = clean(path, &TarLimits::default()).unwrap_err();
            assert!(matches!(error, TarError::Outside(_)));
        }
        assert!(clean(&[b'x'; 4097], &TarLimits::default()).is_err());
    }
}
