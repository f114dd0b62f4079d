//! `DryRun`: whether a call would be done, by one rule in front of all calls.
//!
//! A dry run decides everything that the call decides, with the same rights and the same words, and changes nothing.

use crate::parameters::Parameters;
use crate::refusal::Refusal;

/// The parameter. A client that spells it in other letters means it, too: what it wants to try must not be done.
const NAME: &str = "DryRun";

/// Whether this is the name of the parameter.
pub(crate) fn is_name(name: &str) -> bool {
    name.eq_ignore_ascii_case(NAME)
}

/// Whether the request asks for a dry run: `true` or `1`, and not `false` or `0`, in any case.
pub(crate) fn is_asked_for(parameters: &Parameters) -> Result<bool, Refusal> {
    let given = parameters.0.iter().filter(|(name, _)| is_name(name));
    let mut asked = None;
    for (_, text) in given {
        let value = match text.to_ascii_lowercase().as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => return Err(Refusal::invalid_value(NAME, text)),
        };
        if asked.is_some_and(|before| before != value) {
            let message = "The parameter DryRun is given twice, with different values";
            return Err(Refusal::new("InvalidParameterCombination", message));
        }
        asked = Some(value);
    }
    Ok(asked.unwrap_or(false))
}

/// The answer to a dry run that came to this end. EC2 has a code of its own for a lack of rights there.
pub(crate) fn answer<T>(decided: Result<T, Refusal>) -> Refusal {
    match decided {
        Ok(_) => Refusal {
            code: "DryRunOperation",
            status: 412,
            message: "Request would have succeeded, but DryRun flag is set.".to_owned(),
        },
        Err(refusal) if refusal.code == "AuthFailure" => Refusal {
            code: "UnauthorizedOperation",
            status: 403,
            ..refusal
        },
        Err(refusal) => refusal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(given: &[(&str, &str)]) -> Result<bool, &'static str> {
        let owned = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        is_asked_for(&Parameters(owned.collect())).map_err(|refusal| refusal.code)
    }

    #[test]
    fn values_are_words_or_digits_and_nothing_else() {
        for (value, expected) in [
            ("true", Ok(true)),
            ("True", Ok(true)),
            ("TRUE", Ok(true)),
            ("1", Ok(true)),
            ("false", Ok(false)),
            ("False", Ok(false)),
            ("0", Ok(false)),
            ("", Err("InvalidParameterValue")),
            ("yes", Err("InvalidParameterValue")),
            ("2", Err("InvalidParameterValue")),
            (" true", Err("InvalidParameterValue")),
        ] {
            assert_eq!(asked(&[("DryRun", value)]), expected, "{value:?}");
            assert_eq!(asked(&[("dryrun", value)]), expected, "{value:?}");
        }
        assert_eq!(asked(&[("Action", "true")]), Ok(false));
    }

    #[test]
    fn two_values_that_differ_are_refused() {
        let twice = |one, other| asked(&[("DryRun", one), ("DryRun", other)]);
        assert_eq!(twice("true", "1"), Ok(true));
        assert_eq!(twice("false", "true"), Err("InvalidParameterCombination"));
        assert_eq!(twice("true", "no"), Err("InvalidParameterValue"));
    }
}
