//! `CreateTags`, `DeleteTags`, `DescribeTags`: an account's own notes on images.

use rusqlite::{Connection, params};

use super::filter::glob;
use super::images;
use super::parameters::{Parameters, not_found};
use super::{Context, Xml, xml};
use crate::auth::Caller;
use crate::register::{Refusal, class_name};
use gumnut_cloud_catalogue::Profile;

/// Most tags of a resource, longest key and longest value, in characters, as in EC2.
const MAX_TAGS: usize = 50;
const MAX_KEY: usize = 127;
const MAX_VALUE: usize = 255;

/// Key and value.
pub(crate) type Tag = (String, String);

/// The tags that an account has given an image, by key.
pub(super) fn of_image(
    connection: &Connection,
    id: &str,
    account: &str,
) -> rusqlite::Result<Vec<Tag>> {
    let sql = "SELECT key, value FROM tags WHERE resource = ? AND account = ? ORDER BY key";
    let mut statement = connection.prepare_cached(sql)?;
    let tags = statement.query_map([id, account], |row| Ok((row.get(0)?, row.get(1)?)))?;
    tags.collect()
}

/// Key and value of a tag.
pub(super) fn pair(xml: &mut Xml, (key, value): &Tag) {
    xml.leaf("key", key);
    xml.leaf("value", value);
}

/// The tags of a request; a value that is not there is nothing.
fn tags(parameters: &Parameters) -> Result<Vec<(String, Option<String>)>, Refusal> {
    let mut tags = Vec::new();
    for index in 1..=MAX_TAGS {
        let Some(key) = parameters.owned(&format!("Tag.{index}.Key")) else {
            break;
        };
        let value = parameters.given(&format!("Tag.{index}.Value"));
        let long = |text: &str, most| text.chars().count() > most;
        if long(&key, MAX_KEY) || value.is_some_and(|value| long(value, MAX_VALUE)) {
            let message = "Tag keys have at most 127 characters and values at most 255";
            return Err(Refusal::new("InvalidParameterValue", message));
        }
        tags.push((key, value.map(str::to_owned)));
    }
    if tags.is_empty() {
        let message = "The request must contain the parameter Tag";
        return Err(Refusal::new("MissingParameter", message));
    }
    Ok(tags)
}

fn resources(parameters: &Parameters) -> Result<Vec<String>, Refusal> {
    let resources = parameters.list("ResourceId");
    if resources.is_empty() {
        parameters.required("ResourceId")?;
    }
    Ok(resources)
}

/// The ids as they were made, of images that the caller may run.
fn visible(
    connection: &Connection,
    ids: &[String],
    caller: &Caller,
    profile: Profile,
) -> Result<Vec<String>, Refusal> {
    let find = |id: &String| {
        let image = images::get(connection, id)?.filter(|image| image.usable_by(caller, profile));
        image.map(|image| image.id).ok_or_else(|| not_found(id))
    };
    ids.iter().map(find).collect()
}

pub(super) async fn create(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let (tags, resources) = (tags(parameters)?, resources(parameters)?);
    let (caller, profile) = (caller.clone(), context.rules.profile);
    context
        .catalogue
        .write(move |transaction| {
            let account = caller.account.as_str();
            for id in visible(transaction, &resources, &caller, profile)? {
                for (key, value) in &tags {
                    let sql = "INSERT OR REPLACE INTO tags (resource, account, key, value) VALUES (?, ?, ?, ?)";
                    let value = value.as_deref().unwrap_or_default();
                    transaction.execute(sql, params![id, account, key, value])?;
                }
                if of_image(transaction, &id, account)?.len() > MAX_TAGS {
                    let message = "A resource has at most 50 tags";
                    return Err(Refusal::new("TagLimitExceeded", message));
                }
            }
            Ok(xml::returned(true))
        })
        .await
}

pub(super) async fn delete(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let (tags, resources) = (tags(parameters)?, resources(parameters)?);
    let (caller, profile) = (caller.clone(), context.rules.profile);
    context
        .catalogue
        .write(move |transaction| {
            for id in visible(transaction, &resources, &caller, profile)? {
                for (key, value) in &tags {
                    // Without a value the tag goes whatever its value is.
                    let sql = "DELETE FROM tags WHERE resource = ?1 AND account = ?2 AND key = ?3 \
                               AND (?4 IS NULL OR value = ?4)";
                    transaction.execute(sql, params![id, caller.account.as_str(), key, value])?;
                }
            }
            Ok(xml::returned(true))
        })
        .await
}

pub(super) async fn describe(
    context: &Context<'_>,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Xml, Refusal> {
    let filters = parameters.filters();
    let known = ["resource-id", "resource-type", "key", "value"];
    if let Some((name, _)) = filters
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()))
    {
        let message = format!("The filter '{name}' is invalid");
        return Err(Refusal::new("InvalidParameterValue", message));
    }
    let account = caller.account.to_string();
    let mut rows = context
        .catalogue
        .read(move |connection: &Connection| rows(connection, &account))
        .await?;
    rows.retain(|row| {
        filters.iter().all(|(name, values)| {
            let at = known.iter().position(|known| known == name);
            at.is_some_and(|at| values.iter().any(|pattern| glob(pattern, &row[at])))
        })
    });
    let mut xml = Xml::new();
    xml.element("tagSet", |xml| {
        for [id, class, key, value] in &rows {
            xml.element("item", |xml| {
                xml.leaf("resourceId", id);
                xml.leaf("resourceType", class);
                xml.leaf("key", key);
                xml.leaf("value", value);
            });
        }
    });
    Ok(xml)
}

/// Id, type, key and value of each tag of an account.
fn rows(connection: &Connection, account: &str) -> Result<Vec<[String; 4]>, Refusal> {
    let mut rows = Vec::new();
    for image in images::all(connection)? {
        for (key, value) in of_image(connection, &image.id, account)? {
            let class = match class_name(image.class) {
                "machine" => "image",
                other => other,
            };
            rows.push([image.id.clone(), class.to_owned(), key, value]);
        }
    }
    Ok(rows)
}
