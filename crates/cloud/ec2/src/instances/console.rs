//! `GetConsoleOutput`

use data_encoding::BASE64;
use gumnut_cloud_catalogue::Caller;
use gumnut_cloud_instances::ConsoleOutput;

use super::required_ids;
use crate::context::Context;
use crate::dates::date;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

pub(crate) async fn run(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let ids = required_ids(parameters, context.profile())?;
    let console = context.services.instances.console(caller, &ids[0]).await;
    let ConsoleOutput { id, console, at } = console?;
    let console = console.unwrap_or_default();
    // The clouds of 2009 and 2010 have the beginning, later ones the end.
    let bytes = if context.profile().is_legacy() {
        console.first
    } else {
        console.last
    };
    let mut xml = Xml::new();
    xml.leaf("instanceId", &id);
    xml.leaf("timestamp", &date(at));
    xml.leaf("output", &BASE64.encode(&bytes));
    Ok(xml)
}
