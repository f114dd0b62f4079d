//! The published example of a body in signed chunks, cut in every way.

use gumnut_signing::v4::{Claim, STREAMING, STREAMING_TRAILER, Verified};
use gumnut_signing::{ChunkDecoder, ChunkError, RequestView};
use proptest::prelude::*;

use crate::{example, headers};

const SIGNATURES: [&str; 3] = [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
];

/// The request whose signature the chunks continue from.
fn seed() -> Verified {
    let list = headers(&[
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-content-sha256", STREAMING),
        ("x-amz-decoded-content-length", "66560"),
        ("content-length", "66824"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
             x-amz-decoded-content-length;x-amz-storage-class,\
             Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        ),
    ]);
    let view = RequestView {
        method: "PUT",
        path: "/examplebucket/chunkObject.txt",
        query: "",
        headers: &list,
    };
    Claim::of(&view)
        .unwrap()
        .unwrap()
        .verify(&view, STREAMING, example().secret())
        .unwrap()
}

fn body() -> Vec<u8> {
    signed_chunks(SIGNATURES)
}

fn signed_chunks(signatures: [&str; 3]) -> Vec<u8> {
    let mut body = Vec::new();
    for (size, signature) in [65_536, 1024, 0].into_iter().zip(signatures) {
        body.extend(format!("{size:x};chunk-signature={signature}\r\n").bytes());
        body.extend(vec![b'a'; size]);
        body.extend(b"\r\n");
    }
    body
}

fn decode(mut decoder: ChunkDecoder, body: &[u8], piece: usize) -> Result<Vec<u8>, ChunkError> {
    let mut out = Vec::new();
    for piece in body.chunks(piece) {
        decoder.feed(piece, &mut out)?;
    }
    decoder.finish()?;
    Ok(out)
}

#[test]
fn the_published_body_decodes() {
    let body = body();
    assert_eq!(body.len(), 66_824);
    for piece in [1, 7, 85, 86, 87, 65_536, body.len()] {
        let decoded = decode(ChunkDecoder::signed(seed(), false), &body, piece).unwrap();
        assert_eq!(decoded, vec![b'a'; 66_560], "{piece}");
    }
}

#[test]
fn a_body_that_ends_early_is_incomplete() {
    let body = body();
    for length in [0, 10, 100, 65_622, 66_000, body.len() - 3] {
        let result = decode(ChunkDecoder::signed(seed(), false), &body[..length], 4096);
        assert!(result.is_err(), "{length}");
    }
    let behind = [&body[..], b"x"].concat();
    assert!(decode(ChunkDecoder::signed(seed(), false), &behind, 4096).is_err());
}

#[test]
fn unsigned_chunks_have_a_trailer() {
    let body = b"5\r\nhello\r\n1;ext=x\r\n!\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    for piece in 1..body.len() {
        let mut decoder = ChunkDecoder::unsigned();
        let mut out = Vec::new();
        for piece in body.chunks(piece) {
            decoder.feed(piece, &mut out).unwrap();
        }
        assert_eq!(out, b"hello!");
        let expected = headers(&[("x-amz-checksum-crc32", "AAAAAA==")]);
        assert_eq!(decoder.finish().unwrap(), expected);
    }
}

#[test]
fn a_signed_trailer_must_be_signed() {
    let mut body = body();
    body.truncate(body.len() - 2);
    body.extend(b"x-amz-checksum-crc32:AAAAAA==\r\n");
    let unsigned = [&body[..], b"\r\n"].concat();
    let result = decode(ChunkDecoder::signed(seed(), true), &unsigned, 999);
    assert_eq!(result, Err(ChunkError::Signature));
    let signature = {
        use sha2::Digest as _;
        let hash = data_encoding::HEXLOWER
            .encode(&sha2::Sha256::digest(b"x-amz-checksum-crc32:AAAAAA==\n"));
        let seed = seed();
        seed.key.sign(&format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{hash}",
            seed.amz_date, seed.scope, SIGNATURES[2]
        ))
    };
    body.extend(format!("x-amz-trailer-signature:{signature}\r\n\r\n").bytes());
    assert_eq!(
        decode(ChunkDecoder::signed(seed(), true), &body, 999)
            .unwrap()
            .len(),
        66_560
    );
}

/// The published example of a signed trailer.
const TRAILER_SIGNATURES: [&str; 3] = [
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
];

fn trailer_seed() -> Verified {
    let list = headers(&[
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-content-sha256", STREAMING_TRAILER),
        ("x-amz-decoded-content-length", "66560"),
        ("x-amz-trailer", "x-amz-checksum-crc32c"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders=content-encoding;host;x-amz-content-sha256;x-amz-date;\
             x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,\
             Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        ),
    ]);
    let view = RequestView {
        method: "PUT",
        path: "/examplebucket/chunkObject.txt",
        query: "",
        headers: &list,
    };
    let claim = Claim::of(&view).unwrap().unwrap();
    claim
        .verify(&view, STREAMING_TRAILER, example().secret())
        .unwrap()
}

fn trailer_body(signature: &str) -> Vec<u8> {
    let mut body = signed_chunks(TRAILER_SIGNATURES);
    body.truncate(body.len() - 2);
    body.extend(b"x-amz-checksum-crc32c:sOO8/Q==\r\n");
    body.extend(format!("x-amz-trailer-signature:{signature}\r\n\r\n").bytes());
    body
}

#[test]
fn the_published_trailer_is_right_and_no_other() {
    let right = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
    let body = trailer_body(right);
    let decoder = || ChunkDecoder::signed(trailer_seed(), true);
    assert_eq!(decode(decoder(), &body, 777).unwrap(), vec![b'a'; 66_560]);

    let mut decoder = decoder();
    let wrong = trailer_body(&right.replace('d', "e"));
    let refused = decoder.feed(&wrong, &mut Vec::new());
    assert_eq!(refused, Err(ChunkError::Signature));
    // A caller that overlooks that gets the error again.
    assert_eq!(
        decoder.feed(b"more", &mut Vec::new()),
        Err(ChunkError::Signature)
    );
    assert_eq!(decoder.finish(), Err(ChunkError::Signature));
}

#[test]
fn a_size_is_hex_digits() {
    for size in [
        "+1",
        "-1",
        "",
        "0x1",
        "1_0",
        "1ffffffffffffffff",
        "200000000",
    ] {
        let body = format!("{size}\r\n!\r\n0\r\n\r\n");
        let result = decode(ChunkDecoder::unsigned(), body.as_bytes(), 99);
        assert!(matches!(result, Err(ChunkError::Malformed(_))), "{size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_changed_byte_is_refused(at in 0_usize..66_824, flip in 1_u8..=255) {
        let mut changed = body();
        changed[at] ^= flip;
        let result = decode(ChunkDecoder::signed(seed(), false), &changed, 50_000);
        // Only the case of a hex size, and blanks around it, can be written in another way.
        let same = result == Ok(vec![b'a'; 66_560]) && (flip == 0x20 || !(5..=65_600).contains(&at));
        prop_assert!(result.is_err() || same);
    }

    #[test]
    fn cuts_anywhere_change_nothing(cuts in proptest::collection::vec(0_usize..66_824, 0..20)) {
        let body = body();
        let mut cuts = cuts;
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let mut decoder = ChunkDecoder::signed(seed(), false);
        let mut out = Vec::new();
        for pair in cuts.windows(2) {
            decoder.feed(&body[pair[0]..pair[1]], &mut out).unwrap();
        }
        prop_assert!(decoder.finish().is_ok() && out == vec![b'a'; 66_560]);
    }

    #[test]
    fn any_bytes_are_a_body_or_an_error(body: Vec<u8>, piece in 1_usize..9) {
        let _ = decode(ChunkDecoder::unsigned(), &body, piece);
    }
}
