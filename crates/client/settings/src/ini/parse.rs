//! The text of ini files, as euca2ools' parser reads it.

use std::collections::HashMap;

/// Options by section.
pub(super) type Sections = HashMap<String, HashMap<String, String>>;

/// A line that is neither a section, nor an option, nor a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct IniError {
    line: usize,
    reason: &'static str,
}

/// Adds the sections of `text`. Where both have an option, the text's counts, as the last file's does.
///
/// Option names are compared without regard to case; `=` and `:` separate them from values. A line that begins with `#`
/// or `;` is a comment, and so is what follows ` ;`. A line that begins with blanks continues with the
/// value before it.
pub(super) fn add(sections: &mut Sections, text: &str) -> Result<(), IniError> {
    let mut section: Option<String> = None;
    let mut option: Option<String> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let error = |reason| IniError {
            line: number,
            reason,
        };
        let content = without_comment(line);
        if content.is_empty() {
            continue;
        }
        if let Some(rest) = content.strip_prefix('[') {
            let name = rest
                .strip_suffix(']')
                .ok_or_else(|| error("a section needs a closing bracket"))?;
            section = Some(name.split_whitespace().collect::<Vec<_>>().join(" "));
            option = None;
            continue;
        }
        let Some(section) = &section else {
            return Err(error("there is an option before the first section"));
        };
        let options = sections.entry(section.clone()).or_default();
        if line.starts_with([' ', '\t'])
            && let Some(value) = option.as_ref().and_then(|option| options.get_mut(option))
        {
            value.push('\n');
            value.push_str(content);
            continue;
        }
        let (name, value) = content
            .split_once(['=', ':'])
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or_else(|| error("an option has the form NAME = VALUE"))?;
        let lower = name.trim().to_ascii_lowercase();
        options.insert(lower.clone(), value.trim().to_owned());
        option = Some(lower);
    }
    Ok(())
}

fn without_comment(line: &str) -> &str {
    let trimmed = line.trim();
    if trimmed.starts_with(['#', ';']) {
        return "";
    }
    trimmed
        .find(" ;")
        .or_else(|| trimmed.find("\t;"))
        .map_or(trimmed, |end| trimmed[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Sections {
        let mut sections = Sections::new();
        add(&mut sections, text).unwrap();
        sections
    }

    #[test]
    fn sections_options_comments_and_continuations() {
        let sections = parse(
            "# a comment\n[global]\nDefault-Region = home ; mine\n; another\n[region  home]\nec2-url: http://a:8773/x\n\
             [user me]\nnote = one\n  two\n",
        );
        assert_eq!(sections["global"]["default-region"], "home");
        assert_eq!(sections["region home"]["ec2-url"], "http://a:8773/x");
        assert_eq!(sections["user me"]["note"], "one\ntwo");
    }

    #[test]
    fn a_line_that_is_nothing_is_named() {
        for (text, line) in [
            ("a = b", 1),
            ("[x]\nword", 2),
            ("[x\n", 1),
            ("[x]\n= value", 2),
        ] {
            let error = add(&mut Sections::new(), text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\] =:;#a-z\n\t$~]{0,200}") {
            let _ = add(&mut Sections::new(), &text);
        }

        #[test]
        fn what_is_written_is_read(
            options in prop::collection::hash_map("[a-z][a-z0-9-]{0,10}", "[!-~]([!-~ ]{0,20}[!-~])?", 1..8),
            name in "[a-z][a-z0-9:*.-]{0,12}",
        ) {
            let plain = |value: &String| !value.contains(" ;") && !value.starts_with(';');
            prop_assume!(options.values().all(plain));
            let mut text = format!("[region {name}]\n");
            for (option, value) in &options {
                text = text + option + " = " + value + "\n";
            }
            let sections = parse(&text);
            prop_assert_eq!(&sections[&format!("region {name}")], &options);
        }
    }
}
