//! Answers in pages. Instances come in the order of their launch, and the token names the last one of the page before.

use gumnut_cloud_catalogue::Instance;

use crate::parameters::Parameters;
use crate::refusal::Refusal;

/// Sizes of a page that can be asked for, as in EC2.
const SIZES: std::ops::RangeInclusive<usize> = 5..=1000;

/// Which page is wanted.
pub(super) struct Wanted {
    most: usize,
    after: Option<Place>,
}

/// Where an instance is among all: launch, reservation, number among those of its reservation.
type Place = (i64, String, u32);

impl Wanted {
    /// The page that a request wants: all when it does not say.
    pub(super) fn of(parameters: &Parameters, has_ids: bool) -> Result<Self, Refusal> {
        let most = match parameters.get("MaxResults") {
            None => usize::MAX,
            Some(_) if has_ids => {
                let message = "MaxResults cannot be used together with InstanceId";
                return Err(Refusal::new("InvalidParameterCombination", message));
            }
            Some(text) => match text.parse() {
                Ok(most) if SIZES.contains(&most) => most,
                _ => return Err(Refusal::invalid_value("MaxResults", text)),
            },
        };
        let after = match parameters.get("NextToken") {
            None => None,
            Some(text) => {
                let place = parsed(text);
                Some(place.ok_or_else(|| Refusal::invalid_value("NextToken", text))?)
            }
        };
        Ok(Self { most, after })
    }

    /// The page, and the token of the next one.
    pub(super) fn cut(&self, mut instances: Vec<Instance>) -> (Vec<Instance>, Option<String>) {
        if let Some(after) = &self.after {
            instances.retain(|instance| place(instance) > *after);
        }
        let more = instances.len() > self.most;
        instances.truncate(self.most);
        let next = instances.last().filter(|_| more).map(|last| {
            let (launched, reservation, index) = place(last);
            format!("{launched}.{reservation}.{index}")
        });
        (instances, next)
    }
}

fn place(instance: &Instance) -> Place {
    let reservation = instance.reservation.clone();
    (instance.launched, reservation, instance.launch.index)
}

fn parsed(token: &str) -> Option<Place> {
    let mut pieces = token.split('.');
    let launched = pieces.next()?.parse().ok()?;
    let reservation = pieces.next()?;
    let index = pieces.next()?.parse().ok()?;
    let is_id = reservation.starts_with("r-") && pieces.next().is_none();
    is_id.then(|| (launched, reservation.to_owned(), index))
}
