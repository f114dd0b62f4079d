//! The configuration files of euca2ools 3.
//!
//! Sections are `[global]`, `[region NAME]` and `[user NAME]`. A name may be namespaced (`prod:east`), and a
//! section's name may hold `*` for an element. Values come out under the names of the environment, so that one
//! table serves every source.

mod parse;

use std::collections::HashMap;

pub use parse::IniError;
use parse::Sections;

/// What the options of a region are called elsewhere.
const REGION_OPTIONS: [(&str, &str); 7] = [
    ("bootstrap-url", "EUCA_BOOTSTRAP_URL"),
    ("ec2-url", "EC2_URL"),
    ("s3-url", "S3_URL"),
    ("certificate", "EUCALYPTUS_CERT"),
    ("verify-ssl", "verify-ssl"),
    ("s3-force-sigv4", "s3-force-sigv4"),
    ("s3-location-constraint", "s3-location-constraint"),
];

/// What the options of a user are called elsewhere.
const USER_OPTIONS: [(&str, &str); 5] = [
    ("key-id", "AWS_ACCESS_KEY_ID"),
    ("secret-key", "AWS_SECRET_ACCESS_KEY"),
    ("account-id", "EC2_USER_ID"),
    ("certificate", "EUCA_CERT"),
    ("private-key", "EUCA_PRIVATE_KEY"),
];

/// What the options of `[global]` are called elsewhere.
const GLOBAL_OPTIONS: [(&str, &str); 2] = [("max-retries", "max-retries"), ("timeout", "timeout")];

/// Options that name files.
const PATHS: [&str; 2] = ["certificate", "private-key"];

/// How many `use` lead from one value to another.
const MAX_JUMPS: usize = 8;

/// All files, merged.
#[derive(Default)]
pub(crate) struct Ini {
    sections: Sections,
}

/// Which region and which user of the files count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) user: Option<String>,
    pub(crate) region: Option<String>,
}

impl Choice {
    /// Reads `[USER@][REGION]`.
    pub(crate) fn parse(text: &str) -> Self {
        let (user, region) = text.split_once('@').unwrap_or(("", text));
        Self {
            user: Some(user.to_owned()).filter(|user| !user.is_empty()),
            region: Some(region.to_owned()).filter(|region| !region.is_empty()),
        }
    }
}

/// Why the files do not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// Neither a region nor a user is named.
    #[error("it names neither a region nor a user")]
    Empty,
    /// There is no such section.
    #[error("the configuration files have no section [{kind} {name}]")]
    NoSection {
        /// `region` or `user`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A bare name fits several namespaces.
    #[error("[{kind} {name}] matches several sections: {candidates}")]
    Ambiguous {
        /// `region` or `user`.
        kind: &'static str,
        /// The name.
        name: String,
        /// What it fits.
        candidates: String,
    },
    /// `use` leads in circles or nowhere.
    #[error("the value of {option} in [{section}] cannot be resolved: {reason}")]
    Jump {
        /// Where it starts.
        section: String,
        /// The option.
        option: String,
        /// Why.
        reason: String,
    },
}

impl Ini {
    /// Adds one more file, whose values replace those of earlier files.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), IniError> {
        parse::add(&mut self.sections, text)
    }

    /// `[global] default-region`.
    pub(crate) fn default_choice(&self) -> Result<Choice, LookupError> {
        let named = self.value("global", "default-region")?;
        Ok(named.map_or_else(Choice::default, |text| Choice::parse(&text)))
    }

    /// The names of all regions, sorted, without those that are patterns.
    pub(crate) fn regions(&self) -> Vec<String> {
        let names = self.names("region").filter(|name| !name.contains('*'));
        let mut names: Vec<_> = names.map(str::to_owned).collect();
        names.sort_unstable();
        names
    }

    /// Whether there is such a region.
    pub(crate) fn has_region(&self, name: &str) -> bool {
        self.chain("region", name)
            .is_ok_and(|chain| !chain.is_empty())
    }

    /// The values of a region and a user under their names elsewhere. Without a region nothing but
    /// `[global]` counts.
    pub(crate) fn variables(
        &self,
        choice: &Choice,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<HashMap<String, String>, LookupError> {
        let mut variables = HashMap::new();
        self.collect(
            &mut variables,
            &["global".to_owned()],
            &GLOBAL_OPTIONS,
            variable,
        )?;
        let mut user = choice.user.clone();
        if let Some(region) = &choice.region {
            let chain = self.chain("region", region)?;
            if chain.is_empty() {
                return Err(LookupError::NoSection {
                    kind: "region",
                    name: region.clone(),
                });
            }
            self.collect(&mut variables, &chain, &REGION_OPTIONS, variable)?;
            let name = match self.first(&chain, "name")? {
                None if !region.contains(['*', ':']) => Some(region.clone()),
                name => name,
            };
            variables.extend(name.map(|name| ("AWS_REGION".to_owned(), name)));
            if user.is_none() {
                user = self.first(&chain, "user")?;
            }
        }
        let user = match user {
            Some(user) => Some(user),
            None if choice.region.is_some() => self.value("global", "user")?,
            None => None,
        };
        if let Some(user) = user {
            let chain = self.chain("user", &user)?;
            if chain.is_empty() {
                return Err(LookupError::NoSection {
                    kind: "user",
                    name: user,
                });
            }
            self.collect(&mut variables, &chain, &USER_OPTIONS, variable)?;
        }
        Ok(variables)
    }

    /// The sections that speak for a name, the closest first: its own, then those whose `*` fit it.
    fn chain(&self, kind: &'static str, name: &str) -> Result<Vec<String>, LookupError> {
        let full = self.full_name(kind, name)?;
        let mut patterns: Vec<_> = self
            .names(kind)
            .filter(|section| *section != full && section.contains('*') && matches(section, &full))
            .collect();
        // `*` alone fits everything and so speaks last.
        patterns.sort_by_key(|pattern| {
            let stars = pattern.matches('*').count();
            (*pattern == "*", stars, (*pattern).to_owned())
        });
        let own = self.names(kind).find(|section| *section == full);
        Ok(own
            .into_iter()
            .chain(patterns)
            .map(|section| format!("{kind} {section}"))
            .collect())
    }

    /// The names of all sections of a kind.
    fn names(&self, kind: &'static str) -> impl Iterator<Item = &str> {
        self.sections
            .keys()
            .filter_map(move |section| section.strip_prefix(kind)?.strip_prefix(' '))
    }

    /// The name with its namespace, which a bare name finds if it is in one only.
    fn full_name(&self, kind: &'static str, name: &str) -> Result<String, LookupError> {
        if name.contains(':') || self.names(kind).any(|section| section == name) {
            return Ok(name.to_owned());
        }
        let ending = format!(":{name}");
        let mut fitting: Vec<_> = self
            .names(kind)
            .filter(|section| section.ends_with(&ending) && !section.contains('*'))
            .collect();
        fitting.sort_unstable();
        match fitting[..] {
            [] => Ok(name.to_owned()),
            [one] => Ok(one.to_owned()),
            _ => Err(LookupError::Ambiguous {
                kind,
                name: name.to_owned(),
                candidates: fitting.join(", "),
            }),
        }
    }

    fn collect(
        &self,
        variables: &mut HashMap<String, String>,
        chain: &[String],
        options: &[(&str, &str)],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), LookupError> {
        for (option, name) in options {
            if let Some(value) = self.first(chain, option)? {
                let is_path = PATHS.contains(option);
                let expanded = is_path.then(|| expand(&value, variable));
                variables.insert((*name).to_owned(), expanded.unwrap_or(value));
            }
        }
        Ok(())
    }

    fn first(&self, chain: &[String], option: &str) -> Result<Option<String>, LookupError> {
        for section in chain {
            if let Some(value) = self.value(section, option)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// An option's value after all its jumps.
    fn value(&self, section: &str, option: &str) -> Result<Option<String>, LookupError> {
        let (mut at_section, mut at_option) = (section.to_owned(), option.to_owned());
        let mut jumps = 0;
        let reason = loop {
            let options = self.sections.get(&at_section);
            match options.and_then(|options| options.get(&at_option)) {
                None if jumps == 0 => return Ok(None),
                None => break format!("[{at_section}] has no {at_option}"),
                Some(value) => match value.strip_prefix("use ") {
                    None => return Ok(Some(value.clone())),
                    Some(target) => {
                        (at_section, at_option) = jump_target(target, &at_section, &at_option);
                    }
                },
            }
            jumps += 1;
            if jumps == MAX_JUMPS {
                break "it refers to itself".to_owned();
            }
        };
        Err(LookupError::Jump {
            section: section.to_owned(),
            option: option.to_owned(),
            reason,
        })
    }
}

/// Where `use OTHERSECTION [OPTION]` leads. A section without its kind is of the same kind.
fn jump_target(target: &str, section: &str, option: &str) -> (String, String) {
    let mut words = target.split_whitespace().peekable();
    let first = words.next().unwrap_or_default();
    let section = match first {
        "global" => first.to_owned(),
        "region" | "user" => format!("{first} {}", words.next().unwrap_or_default()),
        name => {
            let kind = section.split(' ').next().unwrap_or_default();
            format!("{kind} {name}")
        }
    };
    let option = words.next().unwrap_or(option).to_owned();
    (section, option)
}

/// Whether a name fits a pattern: as many elements, each the same or `*`. A single `*` fits every name.
fn matches(pattern: &str, name: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (patterns, names): (Vec<_>, Vec<_>) =
        (pattern.split(':').collect(), name.split(':').collect());
    patterns.len() == names.len()
        && patterns
            .iter()
            .zip(&names)
            .all(|(pattern, name)| *pattern == "*" || pattern == name)
}

/// A path with `~` and `$NAME` replaced; a name that is not set remains as it is.
fn expand(path: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let home = variable("HOME").filter(|home| !home.is_empty());
    let mut text = match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => format!("{home}/{rest}"),
        _ => path.to_owned(),
    };
    let mut from = 0;
    while let Some(at) = text[from..].find('$').map(|at| at + from) {
        let Some((name, rest)) = crate::eucarc::reference(&text[at + 1..]) else {
            break;
        };
        match variable(name) {
            Some(value) => {
                let end = text.len() - rest.len();
                text.replace_range(at..end, &value);
                from = at + value.len();
            }
            None => from = at + 1,
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ini(texts: &[&str]) -> Ini {
        let mut ini = Ini::default();
        for text in texts {
            ini.add(text).unwrap();
        }
        ini
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn variables(ini: &Ini, choice: &str) -> Result<HashMap<String, String>, LookupError> {
        ini.variables(&Choice::parse(choice), &nothing)
    }

    #[test]
    fn later_files_win_and_the_region_names_its_user() {
        let ini = ini(&[
            "[global]\ndefault-region = home\n[region home]\nec2-url = http://a/\nuser = me\n",
            "[region home]\nec2-url = http://b/\ns3-url=http://s/\n[user me]\nkey-id = AK\n[user you]\nkey-id = NO\n",
        ]);
        let choice = ini.default_choice().unwrap();
        let values = ini.variables(&choice, &nothing).unwrap();
        assert_eq!(values["EC2_URL"], "http://b/");
        assert_eq!(values["AWS_ACCESS_KEY_ID"], "AK");
        assert_eq!(values["AWS_REGION"], "home");
        let other = variables(&ini, "you@home").unwrap();
        assert_eq!(other["AWS_ACCESS_KEY_ID"], "NO");
    }

    #[test]
    fn without_a_region_only_global_values_count() {
        let ini = ini(&["[region home]\nec2-url = http://a/\n[global]\nmax-retries = 7\n"]);
        let values = variables(&ini, "").unwrap();
        assert_eq!(values.len(), 1);
        assert_eq!(values["max-retries"], "7");
    }

    #[test]
    fn a_bare_name_finds_its_namespace_and_stars_speak_last() {
        let ini = ini(&[
            "[region prod:east]\nec2-url = http://east/\n[region prod:*]\ns3-url = http://prod/\nuser = prod:me\n\
             [region *]\nverify-ssl = no\ns3-url = http://any/\n[user *]\nkey-id = ANY\n",
        ]);
        let values = variables(&ini, "east").unwrap();
        assert_eq!(values["EC2_URL"], "http://east/");
        assert_eq!(values["S3_URL"], "http://prod/");
        assert_eq!(values["verify-ssl"], "no");
        assert_eq!(values["AWS_ACCESS_KEY_ID"], "ANY");
    }

    #[test]
    fn a_name_of_two_namespaces_is_refused() {
        let ini = ini(&["[region a:east]\n[region b:east]\nx = 1\n[region a:east]\nx = 1\n"]);
        let error = variables(&ini, "east").unwrap_err();
        assert!(matches!(error, LookupError::Ambiguous { .. }), "{error}");
        let missing = variables(&ini, "nobody@a:east").unwrap_err();
        assert!(matches!(
            missing,
            LookupError::NoSection { kind: "user", .. }
        ));
    }

    #[test]
    fn a_value_may_be_used_from_elsewhere() {
        let ini = ini(&[
            "[region a]\ns3-url = use region b\nec2-url = use b s3-url\ncertificate = use a\n[region b]\ns3-url = http://b/\n",
        ]);
        let error = variables(&ini, "a").unwrap_err();
        assert!(error.to_string().contains("itself"), "{error}");
        assert_eq!(
            ini.value("region a", "s3-url").unwrap().unwrap(),
            "http://b/"
        );
        assert_eq!(
            ini.value("region a", "ec2-url").unwrap().unwrap(),
            "http://b/"
        );
    }

    #[test]
    fn paths_are_expanded() {
        let variable = |name: &str| match name {
            "HOME" => Some("/home/me".to_owned()),
            "KEYS" => Some("k".to_owned()),
            _ => None,
        };
        assert_eq!(expand("~/$KEYS/${KEYS}.pem", &variable), "/home/me/k/k.pem");
        assert_eq!(expand("$NO/x", &variable), "$NO/x");
    }
}
