//! What the image would give away, and whether somebody can see it start.

use super::catalogue as is;
use super::{Check, Findings, Subject};
use crate::guest::Secret;

const SECRETS: [(Secret, &Check); 5] = [
    (Secret::Credentials, is::CREDENTIALS),
    (Secret::AuthorizedKeys, is::AUTHORIZED_KEYS),
    (Secret::HostKey, is::HOST_KEYS),
    (Secret::Password, is::PASSWORDS),
    (Secret::History, is::SHELL_HISTORY),
];

pub(super) fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let Some(guest) = subject.image.root().and_then(|root| root.guest()) else {
        return;
    };
    for (secret, check) in SECRETS {
        let left = guest.leftovers.iter().filter(|left| left.secret == secret);
        let paths: Vec<&str> = left.map(|left| left.path.as_str()).collect();
        if paths.is_empty() {
            continue;
        }
        let mut message = paths.join(", ");
        if secret == Secret::HostKey {
            message.push_str(if guest.makes_host_keys {
                "; something in the image creates new ones"
            } else {
                "; nothing in the image creates new ones"
            });
        }
        findings.add(check, message);
    }
    if guest.serial_login == Some(false) {
        findings.add(is::SERIAL_CONSOLE, "/etc/inittab has no line for one");
    }
}
