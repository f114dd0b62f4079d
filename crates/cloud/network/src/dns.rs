//! The name server of the guests: it knows the metadata service and the guests, and refuses all else at once. Silence would
//! make a guest wait for ten seconds.

use std::net::Ipv4Addr;

pub(crate) const PORT: u16 = 53;

const HEADER: usize = 12;
/// Longest name in bytes, with its dots.
const MAX_NAME: usize = 253;
const TYPE_A: u16 = 1;
const CLASS_IN: u16 = 1;
/// Seconds for which a guest may remember.
const TTL: u32 = 60;

const RESPONSE: u16 = 0x8000;
const AUTHORITATIVE: u16 = 0x0400;
const OPCODE_AND_RECURSION: u16 = 0x7900;
const NO_ERROR: u16 = 0;
const REFUSED: u16 = 5;

/// The answer to a query. `None`: it is not one.
pub(crate) fn answer(query: &[u8], find: impl FnOnce(&str) -> Option<Ipv4Addr>) -> Option<Vec<u8>> {
    let word = |at: usize| Some(u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]));
    let flags = word(2)?;
    if query.len() < HEADER || flags & RESPONSE != 0 {
        return None;
    }
    // One question, as every resolver asks.
    let question = (word(4)? == 1)
        .then(|| question(&query[HEADER..]))
        .flatten();
    let echoed = flags & OPCODE_AND_RECURSION;
    let Some(question) = question else {
        return Some(reply(query, echoed | REFUSED, &[], None));
    };
    let address = if flags & 0x7800 == 0 && question.class == CLASS_IN {
        find(&question.name)
    } else {
        None
    };
    Some(match address {
        None => reply(query, echoed | REFUSED, question.bytes, None),
        // A name that is known and has no address of this kind.
        Some(_) if question.kind != TYPE_A => reply(
            query,
            echoed | AUTHORITATIVE | NO_ERROR,
            question.bytes,
            None,
        ),
        found => reply(
            query,
            echoed | AUTHORITATIVE | NO_ERROR,
            question.bytes,
            found,
        ),
    })
}

struct Question<'a> {
    /// In lower case, without the last dot.
    name: String,
    kind: u16,
    class: u16,
    bytes: &'a [u8],
}

fn question(bytes: &[u8]) -> Option<Question<'_>> {
    let (mut name, mut at) = (String::new(), 0);
    loop {
        let len = usize::from(*bytes.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        // Longer "labels" are pointers, which a question has no use for.
        let label = bytes.get(at..at + len).filter(|_| len < 64)?;
        if !name.is_empty() {
            name.push('.');
        }
        for byte in label {
            name.push(char::from(byte.to_ascii_lowercase()));
        }
        at += len;
        if at > MAX_NAME + 2 {
            return None;
        }
    }
    let [k0, k1, c0, c1] = *bytes.get(at..at + 4)?.first_chunk()?;
    Some(Question {
        name,
        kind: u16::from_be_bytes([k0, k1]),
        class: u16::from_be_bytes([c0, c1]),
        bytes: &bytes[..at + 4],
    })
}

fn reply(query: &[u8], flags: u16, question: &[u8], address: Option<Ipv4Addr>) -> Vec<u8> {
    let mut bytes = query[..2].to_vec();
    let counts = [
        RESPONSE | flags,
        u16::from(!question.is_empty()),
        u16::from(address.is_some()),
        0,
        0,
    ];
    for count in counts {
        bytes.extend(count.to_be_bytes());
    }
    bytes.extend(question);
    if let Some(address) = address {
        // The name is the one at the front of the question.
        bytes.extend([0xc0, 0x0c]);
        bytes.extend(TYPE_A.to_be_bytes());
        bytes.extend(CLASS_IN.to_be_bytes());
        bytes.extend(TTL.to_be_bytes());
        bytes.extend(4_u16.to_be_bytes());
        bytes.extend(address.octets());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

    fn query(name: &[&str], kind: u8) -> Vec<u8> {
        let mut bytes = vec![0xab, 0xcd, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(label.as_bytes());
        }
        bytes.extend([0, 0, kind, 0, 1]);
        bytes
    }

    fn find(name: &str) -> Option<Ipv4Addr> {
        (name == "instance-data").then_some(ADDRESS)
    }

    #[test]
    fn a_known_name_has_its_address() {
        let asked = query(&["Instance-Data"], 1);
        let answer = answer(&asked, find).unwrap();
        assert_eq!(answer[..8], [0xab, 0xcd, 0x85, 0, 0, 1, 0, 1]);
        assert!(answer.ends_with(&[0, 4, 169, 254, 169, 254]));
        assert_eq!(answer[12..asked.len()], asked[12..]);
    }

    #[test]
    fn a_known_name_has_no_address_of_another_kind() {
        let answer = answer(&query(&["instance-data"], 28), find).unwrap();
        assert_eq!(answer[2..8], [0x85, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn everything_else_is_refused_at_once() {
        for name in [
            &["www", "example", "org"][..],
            &[],
            &["instance-data", "org"],
        ] {
            let answer = answer(&query(name, 1), find).unwrap();
            assert_eq!(answer[2..4], [0x81, 5], "{name:?}");
        }
        // Two questions, and one that is cut off.
        let mut two = query(&["instance-data"], 1);
        two[5] = 2;
        assert_eq!(
            answer(&two, find).unwrap()[2..],
            [0x81, 5, 0, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(answer(&two[..14], find).unwrap()[3], 5);
    }

    #[test]
    fn an_answer_is_not_answered() {
        let answered = answer(&query(&["instance-data"], 1), find).unwrap();
        assert_eq!(answer(&answered, find), None);
        assert_eq!(answer(&answered[..11], find), None);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_the_answer_is_bounded(bytes: Vec<u8>) {
            let answer = answer(&bytes, |_| Some(ADDRESS));
            prop_assert!(answer.is_none_or(|answer| answer.len() <= bytes.len() + 16 && answer.len() <= 12 + 255 + 4 + 16 + 4));
        }
    }
}
