//! Where and when a derived key is good.

use gumnut_types::SecretString;
use time::OffsetDateTime;

use super::SigningKey;
use crate::{AccessKeyId, SignatureError, format_amz_date};

/// Where and when a derived key is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The day, `YYYYMMDD`.
    date: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl Scope {
    /// Takes `KEY/DATE/REGION/SERVICE/aws4_request` of a request of this time apart.
    pub(crate) fn of_credential(
        credential: &str,
        time: OffsetDateTime,
    ) -> Result<(AccessKeyId, Self), SignatureError> {
        // Access keys may hold slashes, so the scope is counted from the end.
        let fields: Vec<_> = credential.rsplitn(5, '/').collect();
        let [end, service, region, date, access_key] = fields[..] else {
            return Err(SignatureError::Malformed("the credential"));
        };
        let right_day = format_amz_date(time).starts_with(date) && date.len() == 8;
        if end != "aws4_request" || !right_day {
            return Err(SignatureError::Malformed("the credential"));
        }
        let scope = Self {
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        };
        Ok((AccessKeyId::new(access_key), scope))
    }

    /// The key that is good there.
    pub(crate) fn key(&self, secret: &SecretString) -> SigningKey {
        SigningKey::derive(secret, &self.date, &self.region, &self.service)
    }

    /// `DATE/REGION/SERVICE/aws4_request`
    pub(super) fn text(&self) -> String {
        format!(
            "{}/{}/{}/aws4_request",
            self.date, self.region, self.service
        )
    }
}
