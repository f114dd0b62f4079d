//! Bytes to measure with.

/// Bytes that compress to about a third: words of a small vocabulary between numbers, the same for the same length.
pub(crate) fn sample(len: usize) -> Vec<u8> {
    const WORDS: [&[u8]; 8] = [
        b"kernel ",
        b"/usr/lib/",
        b"vmlinuz-2.6.24-19-xen",
        b"\x7fELF\0\0\0\0",
        b"initrd",
        b".so.6\0",
        b"root=/dev/sda1 ",
        b"\0\0\0\0\0\0\0\0\0\0\0\0",
    ];
    let mut state = 1_u64;
    let mut bytes = Vec::with_capacity(len + 32);
    while bytes.len() < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let [first, rest @ ..] = state.to_be_bytes();
        bytes.extend_from_slice(WORDS[usize::from(first & 7)]);
        bytes.extend_from_slice(&rest[..usize::from(first >> 5)]);
    }
    bytes.truncate(len);
    bytes
}
