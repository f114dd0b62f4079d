//! `eucarc` files, understood as a shell would understand them, and never executed.
//!
//! The old tools ran the file in a shell; a file from somebody else then runs anything. Here the text is read as bash reads
//! it, and followed as far as it can be without running anything: assignments and `export` in all their spellings, quotes,
//! expansions, conditions on strings, functions, and the commands with which files find their own directory (`dirname`, `cd`,
//! `pwd`, `readlink`). What a setting gets from anything else is not known, and a note says which line that is.
//!
//! Of the environment a file gets the settings themselves, `HOME` and a few others, and secrets only for settings that are secret:
//! a file from somebody else cannot put them into an endpoint.

mod builtins;
mod pattern;
mod place;
mod read;
mod shell;
mod tree;

pub use self::place::Note;

use std::collections::HashMap;
use std::path::Path;

use gumnut_types::{SecretString, printable};
use zeroize::Zeroizing;

use self::place::Place;
use self::read::Reader;
use self::shell::{Shell, Value};
use crate::names::NAMES;

/// What a file sets.
#[derive(Debug, Default)]
pub struct Content {
    /// The variables that have a value after the file, by name.
    pub values: HashMap<String, SecretString>,
    /// What of the settings in it is not understood, in the order of lines.
    pub notes: Vec<Note>,
}

/// The file is more work than is done for one: values that double each other, patterns on long values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its values are too large or nested too deeply")]
pub struct TooMuch;

/// What a shell would have set after reading `text`, the content of the file at `path`, in an environment of which `environment`
/// gives the variables.
///
/// # Errors
/// When the file is too much work. Values are at most 64 KiB long.
///
/// ```
/// use std::path::Path;
///
/// let text = "EUCA_KEY_DIR=$(cd $(dirname ${BASH_SOURCE:-$0}); pwd -P)
/// export EC2_CERT=${EUCA_KEY_DIR}/cert.pem EC2_USER_ID=000000000001
/// export S3_URL=$(rm -rf /)";
/// let content = gumnut_settings::eucarc::parse(text, Path::new("/keys/eucarc"), &|_| None)?;
/// assert_eq!(content.values["EC2_CERT"].expose(), "/keys/cert.pem");
/// assert!(!content.values.contains_key("S3_URL"));
/// assert_eq!(content.notes[0].to_string(), "line 3: S3_URL is not set: \"rm\" is run");
/// # Ok::<(), gumnut_settings::eucarc::TooMuch>(())
/// ```
pub fn parse(
    text: &str,
    path: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Content, TooMuch> {
    let place = Place { path, environment };
    let mut shell = Shell::new(&place);
    let plain = plain(text);
    let mut reader = Reader::new(&plain, 1);
    while !shell.stopped && !shell.is_exhausted() {
        match reader.next_item() {
            Ok(Some(item)) => shell.run(&item),
            Ok(None) => break,
            Err(broken) => {
                shell.notes.push(Note {
                    line: broken.line,
                    text: format!("{}: the rest of the file is not read", broken.why),
                });
                break;
            }
        }
    }
    if shell.is_exhausted() {
        return Err(TooMuch);
    }
    Ok(content(shell))
}

/// The text as a shell of Unix has it: no mark at its start, no carriage returns at the ends of lines.
fn plain(text: &str) -> Zeroizing<String> {
    let unmarked = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut plain = Zeroizing::new(String::with_capacity(unmarked.len()));
    for line in unmarked.split_inclusive('\n') {
        let (body, end) = match line.strip_suffix('\n') {
            Some(body) => (body, "\n"),
            None => (line, ""),
        };
        plain.push_str(body.strip_suffix('\r').unwrap_or(body));
        plain.push_str(end);
    }
    plain
}

fn content(shell: Shell<'_>) -> Content {
    let mut content = Content {
        values: HashMap::new(),
        notes: shell.notes,
    };
    for (name, value) in shell.variables {
        let is_setting = NAMES.contains(&name.as_str());
        let (line, text) = match value {
            Value::Known(value) if is_setting && value.text.contains(['\u{fffd}', '\0']) => (
                0,
                format!("{name} is not set: its value is not valid UTF-8"),
            ),
            Value::Known(value) => {
                let secret = SecretString::new(value.text.as_str());
                content.values.insert(name, secret);
                continue;
            }
            Value::Unknown(unknown) if is_setting => {
                (unknown.line, format!("{name} is not set: {}", unknown.why))
            }
            _ => continue,
        };
        content.notes.push(Note { line, text });
    }
    // Paths and names in them are those of the file.
    for note in &mut content.notes {
        note.text = printable(&note.text).into_owned();
    }
    content
        .notes
        .sort_by(|one, other| (one.line, &one.text).cmp(&(other.line, &other.text)));
    content.notes.dedup();
    content
}

/// The name of `${NAME}` or `$NAME` behind the dollar sign, and what follows it.
pub(crate) fn reference(text: &str) -> Option<(&str, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        return braced.split_once('}');
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/me".to_owned())
    }

    fn read(text: &str) -> Content {
        parse(text, Path::new("/home/me/.euca/eucarc"), &home).unwrap()
    }

    fn value(content: &Content, name: &str) -> Option<String> {
        let value = content.values.get(name)?;
        Some(value.expose().to_owned())
    }

    #[test]
    fn files_of_eucalyptus_and_openstack_are_understood() {
        let old = read(
            r#"
EUCA_KEY_DIR=$(dirname $(readlink -f ${BASH_SOURCE}))
export S3_URL=http://192.168.0.114:8773/services/Walrus
export EC2_PRIVATE_KEY=${EUCA_KEY_DIR}/euca2-admin-pk.pem
export EC2_CERT="$EUCA_KEY_DIR/my cert.pem"
export EC2_ACCESS_KEY='AK$1'
export EC2_USER_ID='000000000001' # the account
alias ec2-bundle-image="ec2-bundle-image --cert ${EC2_CERT} --user $(id)"
"#,
        );
        assert_eq!(old.notes, []);
        let old_value = |name| value(&old, name).unwrap();
        assert_eq!(
            old_value("S3_URL"),
            "http://192.168.0.114:8773/services/Walrus"
        );
        assert_eq!(
            old_value("EC2_PRIVATE_KEY"),
            "/home/me/.euca/euca2-admin-pk.pem"
        );
        assert_eq!(old_value("EC2_CERT"), "/home/me/.euca/my cert.pem");
        assert_eq!(old_value("EC2_ACCESS_KEY"), "AK$1");
        assert_eq!(old_value("EC2_USER_ID"), "000000000001");

        let nova = read(
            r#"
NOVARC=$(readlink -f "${BASH_SOURCE:-${0}}" 2>/dev/null) || NOVARC=$(python -c 'import os,sys; print(os.path.abspath(sys.argv[1]))' "${BASH_SOURCE:-${0}}")
NOVA_KEY_DIR=${NOVARC%/*}
export EC2_ACCESS_KEY=AK EC2_SECRET_KEY=SK
export EC2_URL=http://203.0.113.5:8773/services/Cloud
export EC2_PRIVATE_KEY=${NOVA_KEY_DIR}/pk.pem
export NOVA_CERT=${NOVA_KEY_DIR}/cacert.pem
export EUCALYPTUS_CERT=${NOVA_CERT} # euca-bundle-image seems to require this set
"#,
        );
        assert_eq!(nova.notes, []);
        assert_eq!(
            value(&nova, "EC2_PRIVATE_KEY").unwrap(),
            "/home/me/.euca/pk.pem"
        );
        assert_eq!(
            value(&nova, "EUCALYPTUS_CERT").unwrap(),
            "/home/me/.euca/cacert.pem"
        );
        assert_eq!(value(&nova, "EC2_SECRET_KEY").unwrap(), "SK");

        let own = read(
            r#"EUCA_KEY_DIR=$(e="${BASH_SOURCE:-${ZSH_VERSION:+$0}}"; [ -n "$e" ] || e='/x/eucarc'; cd "$(dirname "$e")" && pwd -P)
export EC2_CERT="${EUCA_KEY_DIR}/cert.pem""#,
        );
        assert_eq!(value(&own, "EC2_CERT").unwrap(), "/home/me/.euca/cert.pem");
    }

    #[test]
    fn what_only_a_shell_could_tell_is_named_with_its_line() {
        let content = read(
            "export EC2_URL=`id`\nHOST=$(hostname)\nexport S3_URL=http://$HOST/\nexport EC2_USER_ID=$((1+1))\n\
             EC2_CERT = /c.pem\nEC2_PRIVATE_KEY=my key.pem\n[ -f /x ] && export EUCA_CERT=/x\n. ./more\n",
        );
        let lines: Vec<_> = content.notes.iter().map(|note| note.line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 6, 7, 8], "{:?}", content.notes);
        for name in [
            "EC2_URL",
            "S3_URL",
            "EC2_USER_ID",
            "EC2_CERT",
            "EC2_PRIVATE_KEY",
            "EUCA_CERT",
        ] {
            assert_eq!(value(&content, name), None, "{name}");
        }
        let all = format!("{:?}", content.notes);
        for name in ["EC2_URL", "S3_URL", "HOST", "EC2_CERT", "EC2_PRIVATE_KEY"] {
            assert!(all.contains(name), "no {name} in {all}");
        }
        let broken =
            read("export EC2_URL=http://a/\nexport S3_URL=\"http://b/\nexport EC2_USER_ID=1\n");
        assert_eq!(value(&broken, "EC2_URL").unwrap(), "http://a/");
        assert_eq!(broken.notes.len(), 1, "{:?}", broken.notes);
        assert_eq!(broken.notes[0].line, 2);
    }

    #[test]
    fn a_later_line_makes_up_for_one_that_is_not_understood() {
        let content = read("EC2_URL=$(hostname)\nEC2_URL=http://a/\n");
        assert_eq!(value(&content, "EC2_URL").unwrap(), "http://a/");
        assert_eq!(content.notes, []);
    }

    #[test]
    fn marks_and_ends_of_lines_of_other_systems_are_no_part_of_values() {
        let content = read("\u{feff}export EC2_URL=http://a/\r\nexport S3_URL=http://\\\r\nb/\r\n");
        assert_eq!(value(&content, "EC2_URL").unwrap(), "http://a/");
        assert_eq!(value(&content, "S3_URL").unwrap(), "http://b/");
    }

    #[test]
    fn a_file_of_somebody_else_gets_no_secret_of_the_environment_into_an_endpoint() {
        let environment = |name: &str| match name {
            "AWS_SECRET_ACCESS_KEY" | "GITHUB_TOKEN" | "DATABASE_URL" => Some("hidden".to_owned()),
            "EC2_URL" => Some("http://own/".to_owned()),
            _ => None,
        };
        let parse = |text: &str| parse(text, Path::new("eucarc"), &environment).unwrap();
        for text in [
            "S3_URL=http://$AWS_SECRET_ACCESS_KEY.example/",
            "EC2_SECRET_KEY=$AWS_SECRET_ACCESS_KEY\nS3_URL=http://$EC2_SECRET_KEY/",
            "EC2_SECRET_KEY=$AWS_SECRET_ACCESS_KEY\nS3_URL=$(echo $EC2_SECRET_KEY)",
            "S3_URL=http://x/${#AWS_SECRET_ACCESS_KEY}",
            "S3_URL=http://${GITHUB_TOKEN}/",
            "S3_URL=$DATABASE_URL",
            "case $AWS_SECRET_ACCESS_KEY in h*) S3_URL=http://h/;; *) S3_URL=http://o/;; esac",
            "S3_URL=http://x/; [ \"$AWS_SECRET_ACCESS_KEY\" = hidden ] && S3_URL=http://h/",
        ] {
            let content = parse(text);
            assert_eq!(value(&content, "S3_URL"), None, "{text}");
            assert!(!content.notes.is_empty(), "{text}");
        }
        let content =
            parse("EC2_SECRET_KEY=${EC2_SECRET_KEY:-$AWS_SECRET_ACCESS_KEY}; S3_URL=${EC2_URL}s3");
        assert_eq!(value(&content, "EC2_SECRET_KEY").unwrap(), "hidden");
        assert_eq!(value(&content, "S3_URL").unwrap(), "http://own/s3");
    }

    #[test]
    fn files_that_would_grow_without_end_are_refused_soon() {
        let lines = (1..60).map(|at| format!("A{at}=$A{0}$A{0}", at - 1));
        let doubling = lines.collect::<Vec<_>>().join("\n");
        let content = read(&format!(
            "A0=0123456789\n{doubling}\nEC2_URL=$A59\nS3_URL=http://s/\n"
        ));
        assert_eq!(value(&content, "EC2_URL"), None);
        assert_eq!(value(&content, "S3_URL").unwrap(), "http://s/");
        let refused = |text: &str| parse(text, Path::new("eucarc"), &home).is_err();
        let long = "x".repeat(60_000);
        assert!(refused(&format!("A={long}\n{}", "B=$A\n".repeat(100_000))));
        assert!(refused(&format!(
            "A={long}\nB=${{A##{}y}}\n",
            "*x".repeat(30_000)
        )));
        assert!(refused("f() { f; }; f"));
        assert!(refused(&format!(
            "A={long}\n{}",
            "B=$(echo x)\n".repeat(100_000)
        )));
    }

    #[test]
    fn deep_texts_end_with_a_note_and_not_with_the_program() {
        for open in [
            "$(",
            "${A:-",
            "\"$(",
            "(",
            "{ ",
            "if ",
            "`",
            "$((",
            "case x in (x) ",
            "f() { ",
            "<(",
        ] {
            for start in ["EC2_URL=", "", "f() {\n"] {
                let content = read(&format!("{start}{}", open.repeat(49_999)));
                assert_eq!(value(&content, "EC2_URL"), None, "{open}");
            }
        }
    }
}
