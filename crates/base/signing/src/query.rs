//! The parameters of a request, decoded once for all who look at them.

use crate::SignatureError;
use crate::encode::percent_encode;

/// One parameter of a query string or of a form body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    name: String,
    value: String,
    /// The value as it was sent, before decoding.
    sent: String,
}

impl Parameter {
    fn parse(piece: &str) -> Result<Self, SignatureError> {
        let (name, sent) = piece.split_once('=').unwrap_or((piece, ""));
        Ok(Self {
            name: decode(name)?,
            value: decode(sent)?,
            sent: sent.to_owned(),
        })
    }

    /// The decoded name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The decoded value; empty for a parameter without one.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The value as it was sent, which old clients sign.
    pub(crate) fn sent(&self) -> &str {
        &self.sent
    }
}

/// Decodes `%XX`, and a plus to a blank.
fn decode(text: &str) -> Result<String, SignatureError> {
    let text = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&text).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| SignatureError::Malformed("the query string"))
}

/// The parameters of a query string or of a form body, in their order.
///
/// This is the only decoding there is: who checks a signature and who does what is asked for look at the same pairs, so that a
/// parameter cannot be one thing for the one and another for the other.
///
/// ```
/// use gumnut_signing::Query;
///
/// let query = Query::parse("%61cl&prefix=a+b%2Bc")?;
/// assert!(query.has("acl"));
/// assert_eq!(query.get("prefix"), Some("a b+c"));
/// assert_eq!(query.encode(|_| true), "acl&prefix=a%20b%2Bc");
/// # Ok::<(), gumnut_signing::SignatureError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<Parameter>);

impl Query {
    /// Decodes the text behind the question mark, or a form body.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`] when a name or a value is not UTF-8.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let pieces = text.split('&').filter(|piece| !piece.is_empty());
        pieces
            .map(Parameter::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// These parameters, and those of a form body behind them.
    #[must_use]
    pub fn and(mut self, form: Self) -> Self {
        self.0.extend(form.0);
        self
    }

    /// The decoded value of the first parameter of this name; `None` when there is none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|parameter| parameter.name == name)
            .map(Parameter::value)
    }

    /// Whether there is a parameter of this name, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The parameters in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Parameter> {
        self.0.iter()
    }

    /// Insists that no parameter comes twice: one reader would take the first and another the last. Names of headers, which
    /// begin with `x-amz-`, are compared without regard to case.
    ///
    /// # Errors
    /// [`SignatureError::Repeated`]
    pub fn check_unique(&self) -> Result<(), SignatureError> {
        let mut names: Vec<_> = self
            .iter()
            .map(|parameter| {
                let lower = parameter.name.to_ascii_lowercase();
                if lower.starts_with("x-amz-") {
                    lower
                } else {
                    parameter.name.clone()
                }
            })
            .collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(SignatureError::Repeated(pair[0].clone())),
            None => Ok(()),
        }
    }

    /// The parameters that `keep` says, encoded in one way: everything but letters, digits and `- . _ ~`.
    pub fn encode(&self, keep: impl Fn(&str) -> bool) -> String {
        let mut text = String::new();
        for parameter in self.iter().filter(|parameter| keep(&parameter.name)) {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(&percent_encode(&parameter.name));
            if !parameter.value.is_empty() {
                text.push('=');
                text.push_str(&percent_encode(&parameter.value));
            }
        }
        text
    }

    /// The decoded names and values.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        let pairs = self.0.into_iter();
        pairs
            .map(|parameter| (parameter.name, parameter.value))
            .collect()
    }
}

impl<'q> IntoIterator for &'q Query {
    type Item = &'q Parameter;
    type IntoIter = std::slice::Iter<'q, Parameter>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_know_plus_and_names_without_value() {
        let pairs = Query::parse("Action=a+b&x=%2B&flag&=v&").unwrap();
        let expected = [("Action", "a b"), ("x", "+"), ("flag", ""), ("", "v")];
        assert_eq!(
            pairs.into_pairs(),
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn what_is_not_utf_8_is_refused() {
        for bad in ["a=%FF", "%C3=b", "a=b&%ff"] {
            let refused = Query::parse(bad).unwrap_err();
            assert_eq!(refused, SignatureError::Malformed("the query string"));
        }
        // An invalid escape stands for itself.
        assert_eq!(Query::parse("a=100%").unwrap().get("a"), Some("100%"));
    }

    #[test]
    fn a_parameter_comes_once() {
        for (query, name) in [
            ("acl&prefix=a", None),
            ("acl&acl", Some("acl")),
            ("versionId=1&version%49d=2", Some("versionId")),
            ("x-amz-acl=a&X-Amz-Acl=a", Some("x-amz-acl")),
            ("prefix=a&Prefix=b", None),
        ] {
            let repeated = Query::parse(query).unwrap().check_unique();
            let expected = name.map_or(Ok(()), |name| {
                Err(SignatureError::Repeated(name.to_owned()))
            });
            assert_eq!(repeated, expected, "{query}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes(pairs in proptest::collection::vec((".{1,6}", ".{0,6}"), 0..5)) {
            let text: Vec<_> = pairs
                .iter()
                .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
                .collect();
            let query = Query::parse(&text.join("&")).unwrap();
            let again = Query::parse(&query.encode(|_| true)).unwrap();
            prop_assert_eq!(again.into_pairs(), pairs.clone());
            prop_assert_eq!(query.into_pairs(), pairs);
        }

        #[test]
        fn any_text_is_read_the_same_way_when_it_is_encoded_again(text in "[a-c%+&=0-9A-F]{0,24}") {
            if let Ok(query) = Query::parse(&text) {
                let again = Query::parse(&query.encode(|_| true)).unwrap();
                let not_empty = |pairs: Vec<(String, String)>| {
                    pairs.into_iter().filter(|pair| pair != &Default::default()).collect::<Vec<_>>()
                };
                prop_assert_eq!(not_empty(again.into_pairs()), not_empty(query.into_pairs()));
            }
        }
    }
}
