//! The configuration files of euca2ools 3: `~/.euca/*.ini`, `/etc/euca2ools/euca2ools.ini` and
//! `/etc/euca2ools/conf.d/*.ini`.
//!
//! Sections are `[global]`, `[region NAME]` and `[user NAME]`. The region is `default-region` of
//! `[global]`; the user is the region's `user`. Values come out under the names of the environment,
//! so that one table serves every source.

use std::collections::HashMap;

/// What each key of a region stands for.
const REGION_KEYS: [(&str, &str); 3] = [
    ("ec2-url", "EC2_URL"),
    ("s3-url", "S3_URL"),
    ("certificate", "EUCALYPTUS_CERT"),
];

/// What each key of a user stands for.
const USER_KEYS: [(&str, &str); 5] = [
    ("key-id", "EC2_ACCESS_KEY"),
    ("secret-key", "EC2_SECRET_KEY"),
    ("account-id", "EC2_USER_ID"),
    ("certificate", "EC2_CERT"),
    ("private-key", "EC2_PRIVATE_KEY"),
];

/// The sections of all files read so far; files read first win.
#[derive(Default)]
pub(crate) struct Ini {
    sections: HashMap<String, HashMap<String, String>>,
}

impl Ini {
    /// Adds the text of one more file, whose values count only where no earlier file has one.
    pub(crate) fn add(&mut self, text: &str) {
        let mut section = None;
        for line in text.lines().map(str::trim) {
            if line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
                section = Some(name);
            } else if let (Some(section), Some((key, value))) = (&section, line.split_once('=')) {
                let entries = self.sections.entry(section.clone()).or_default();
                entries
                    .entry(key.trim().to_owned())
                    .or_insert_with(|| value.trim().to_owned());
            }
        }
    }

    fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.sections.get(section)?.get(key).map(String::as_str)
    }

    /// The values of the default region and its user, under their environment names.
    pub(crate) fn variables(&self) -> HashMap<String, String> {
        let mut variables = HashMap::new();
        let Some(region) = self.get("global", "default-region") else {
            return variables;
        };
        let (user, region) = match region.split_once('@') {
            Some((user, region)) => (Some(user), region),
            None => (None, region),
        };
        let region = format!("region {region}");
        let user = user
            .or_else(|| self.get(&region, "user"))
            .or_else(|| self.get("global", "user"));
        collect(&mut variables, &REGION_KEYS, |key| self.get(&region, key));
        if let Some(user) = user.map(|user| format!("user {user}")) {
            collect(&mut variables, &USER_KEYS, |key| self.get(&user, key));
        }
        variables
    }
}

fn collect<'a>(
    variables: &mut HashMap<String, String>,
    keys: &[(&str, &str)],
    get: impl Fn(&str) -> Option<&'a str>,
) {
    for (key, name) in keys {
        if let Some(value) = get(key) {
            variables.insert((*name).to_owned(), value.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_region_and_its_user_count() {
        let mut ini = Ini::default();
        ini.add("[global]\ndefault-region = home\n[region home]\nec2-url = http://a/\nuser = me\n");
        ini.add("[region home]\nec2-url = http://b/\ns3-url=http://s/\n# c\n[user me]\nkey-id = AK\n[user you]\nkey-id = NO\n");
        let variables = ini.variables();
        assert_eq!(variables["EC2_URL"], "http://a/", "the first file wins");
        assert_eq!(variables["S3_URL"], "http://s/");
        assert_eq!(variables["EC2_ACCESS_KEY"], "AK");
    }

    #[test]
    fn without_a_default_region_nothing_counts() {
        let mut ini = Ini::default();
        ini.add("[region home]\nec2-url = http://a/\n");
        assert!(ini.variables().is_empty());
    }
}
