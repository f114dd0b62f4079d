//! The calls about instances.

mod attributes;
mod console;
mod describe;
mod filter;
mod item;
mod page;
mod reason;
mod requests;
mod run;
mod run_request;
mod status;
mod unsupported;

pub(crate) use attributes::{describe as describe_attribute, modify as modify_attribute};
pub(crate) use console::run as console;
pub(crate) use describe::run as describe;
pub(crate) use requests::{reboot, start, stop, terminate};
pub(crate) use run::run;
pub(crate) use status::run as status;

use gumnut_cloud_catalogue::Profile;
use gumnut_cloud_instances::InstanceId;

use crate::parameters::Parameters;
use crate::refusal::Refusal;

/// The ids of instances that a call names.
fn ids(parameters: &Parameters, profile: Profile) -> Result<Vec<String>, Refusal> {
    let ids = parameters.list("InstanceId");
    for id in &ids {
        if id.parse::<InstanceId>().is_err() && !profile.is_legacy() {
            let message = format!("Invalid id: \"{id}\"");
            return Err(Refusal::new("InvalidInstanceID.Malformed", message));
        }
    }
    Ok(ids)
}

/// The ids of instances that a call must name.
fn required_ids(parameters: &Parameters, profile: Profile) -> Result<Vec<String>, Refusal> {
    let ids = ids(parameters, profile)?;
    if ids.is_empty() {
        parameters.required("InstanceId")?;
    }
    Ok(ids)
}

/// A truth value: `true` or `1`, `false` or `0`, in any case. `None`: it is not given.
fn truth(parameters: &Parameters, name: &str) -> Result<Option<bool>, Refusal> {
    let Some(text) = parameters.get(name) else {
        return Ok(None);
    };
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        _ => Err(Refusal::invalid_value(name, text)),
    }
}
