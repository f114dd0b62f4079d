//! `eucarc` files, parsed and never executed.
//!
//! The old tools ran the file in a shell; a file from somebody else then runs anything. Here a line
//! counts only when it is `[export] NAME=VALUE`; values may be quoted and may refer to
//! variables that earlier lines set, to `HOME`, and to the folder of the file itself through
//! `EUCA_KEY_DIR`. Everything else (aliases, functions, command substitution) is left out.

use std::collections::HashMap;
use std::path::Path;

/// The variables that a shell would have set after reading `text`, the content of the file at `path`.
///
/// `home` stands in for `~` and `$HOME`; `None` leaves lines out that need it. `HOME` itself is among the variables.
///
/// ```
/// use std::path::Path;
///
/// let text = "export EC2_CERT=${EUCA_KEY_DIR}/cert.pem\nexport BAD=$(rm -rf /)";
/// let text = format!("EUCA_KEY_DIR=$(dirname $0)\n{text}");
/// let variables = gumnut_settings::eucarc::parse(&text, Path::new("/keys/eucarc"), None);
/// assert_eq!(variables["EC2_CERT"], "/keys/cert.pem");
/// assert_eq!(variables.get("BAD"), None);
/// ```
pub fn parse(text: &str, path: &Path, home: Option<&str>) -> HashMap<String, String> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.display().to_string(),
        _ => ".".to_owned(),
    };
    let mut variables = HashMap::new();
    if let Some(home) = home {
        variables.insert("HOME".to_owned(), home.to_owned());
    }
    for line in text.lines() {
        let Some((name, raw)) = assignment(line) else {
            continue;
        };
        let found = if name == "EUCA_KEY_DIR" && raw.contains(['$', '`']) {
            // The usual line finds the folder of the file with commands; this is what they give.
            Some(folder.clone())
        } else {
            value(raw, &variables)
        };
        if let Some(value) = found {
            variables.insert(name.to_owned(), value);
        }
    }
    variables
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let exported = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']));
    let (name, value) = exported.unwrap_or(line).trim_start().split_once('=')?;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_legal = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (starts_well && is_legal).then_some((name, value))
}

/// The value of one word as a shell reads it. `None`: only a shell could tell.
fn value(raw: &str, variables: &HashMap<String, String>) -> Option<String> {
    let mut value = String::new();
    let mut rest = raw;
    if let Some(tail) = rest.strip_prefix("~/") {
        value.push_str(variables.get("HOME")?);
        value.push('/');
        rest = tail;
    }
    let mut quoted = false;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\'' if !quoted => {
                let end = rest.find('\'')?;
                value.push_str(&rest[..end]);
                rest = &rest[end + 1..];
            }
            '"' => quoted = !quoted,
            '\\' => {
                let next = rest.chars().next()?;
                value.push(next);
                rest = &rest[next.len_utf8()..];
            }
            '`' => return None,
            '$' => {
                let (name, tail) = reference(rest)?;
                value.push_str(variables.get(name)?);
                rest = tail;
            }
            ';' | '#' | ' ' | '\t' if !quoted => break,
            '&' | '|' | '<' | '>' | '(' | ')' if !quoted => return None,
            _ => value.push(c),
        }
    }
    (!quoted).then_some(value)
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

    const EUCARC: &str = r#"
EUCA_KEY_DIR=$(dirname $(readlink -f ${BASH_SOURCE}))
export S3_URL=http://192.168.0.114:8773/services/Walrus
export EC2_PRIVATE_KEY=${EUCA_KEY_DIR}/euca2-admin-pk.pem
export EC2_CERT="$EUCA_KEY_DIR/my cert.pem"
export EC2_ACCESS_KEY='AK$1'
export EC2_USER_ID='000000000001' # the account
export EC2_JVM_ARGS=-Dtrust=x;rm -rf /
export BAD=`id`
export WORSE=$(id)
export UNKNOWN=${NOT_SET}/x
export OPEN="never closed
alias ec2-bundle-image="ec2-bundle-image --cert ${EC2_CERT}"
"#;

    fn variables() -> HashMap<String, String> {
        parse(EUCARC, Path::new("/home/me/.euca/eucarc"), Some("/home/me"))
    }

    #[test]
    fn values_are_those_of_a_shell() {
        let variables = variables();
        let value = |name: &str| variables.get(name).map(String::as_str);
        assert_eq!(
            value("S3_URL"),
            Some("http://192.168.0.114:8773/services/Walrus")
        );
        assert_eq!(
            value("EC2_PRIVATE_KEY"),
            Some("/home/me/.euca/euca2-admin-pk.pem")
        );
        assert_eq!(value("EC2_CERT"), Some("/home/me/.euca/my cert.pem"));
        assert_eq!(value("EC2_ACCESS_KEY"), Some("AK$1"));
        assert_eq!(value("EC2_USER_ID"), Some("000000000001"));
        assert_eq!(value("EC2_JVM_ARGS"), Some("-Dtrust=x"));
    }

    #[test]
    fn what_only_a_shell_could_tell_is_left_out() {
        let variables = variables();
        for name in ["BAD", "WORSE", "UNKNOWN", "OPEN", "alias ec2-bundle-image"] {
            assert_eq!(variables.get(name), None, "{name}");
        }
    }

    #[test]
    fn a_home_folder_is_expanded() {
        let variables = parse(
            "export EC2_CERT=~/c.pem",
            Path::new("eucarc"),
            Some("/home/me"),
        );
        assert_eq!(variables["EC2_CERT"], "/home/me/c.pem");
    }
}
