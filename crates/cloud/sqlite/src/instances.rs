//! Rows of instances with their tags, and units of change of them.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use gumnut_cloud_catalogue::{
    Instance, InstanceChange, InstanceState, InstancesState, NewInstance, Tag,
};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::failure::Failure;
use crate::images::parsed;
use crate::json::Json;

statements! {
    ALL = "SELECT id, reservation, owner, state, address, launched, changed, security_groups, launch, settings \
           FROM instances ORDER BY launched, id";
    TAGS = "SELECT t.resource, t.key, t.value FROM tags t JOIN instances i ON i.id = t.resource \
            WHERE t.account = ? ORDER BY t.key";
    USER_DATA = "SELECT user_data FROM instances WHERE id = ?";
    INSERT = "INSERT INTO instances (id, reservation, owner, state, address, launched, changed, security_groups, launch, \
              settings, user_data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    UPDATE = "UPDATE instances SET state = ?, address = ?, changed = ?, security_groups = ?, settings = ? WHERE id = ?";
    REMOVE_TAGS = "DELETE FROM tags WHERE resource = ?";
    REMOVE = "DELETE FROM instances WHERE id = ?";
    PUT_TAG = "INSERT OR REPLACE INTO tags (resource, account, key, value) VALUES (?, ?, ?, ?)";
    DELETE_TAG = "DELETE FROM tags WHERE resource = ? AND account = ? AND key = ?";
}

fn instance(row: &Row<'_>) -> rusqlite::Result<Instance> {
    Ok(Instance {
        id: row.get(0)?,
        reservation: row.get(1)?,
        owner: parsed(row, 2)?,
        state: state(row, 3)?,
        address: match row.get::<_, Option<String>>(4)? {
            Some(_) => Some(parsed::<Ipv4Addr>(row, 4)?),
            None => None,
        },
        launched: row.get(5)?,
        changed: row.get(6)?,
        groups: row.get::<_, Json<_>>(7)?.0,
        launch: row.get::<_, Json<_>>(8)?.0,
        settings: row.get::<_, Json<_>>(9)?.0,
        tags: Vec::new(),
    })
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<InstanceState> {
    let word: String = row.get(column)?;
    InstanceState::parse(&word).ok_or_else(|| {
        let error = format!("{word:?} is not a state of an instance");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

/// All instances, in the order of their launch, with the tags of an account.
pub(crate) fn all(
    connection: &Connection,
    tags_of: Option<&str>,
) -> rusqlite::Result<Vec<Instance>> {
    let mut instances: Vec<_> = connection
        .prepare_cached(ALL)?
        .query_map([], instance)?
        .collect::<Result<_, _>>()?;
    if let Some(account) = tags_of {
        let mut tags = tags(connection, account)?;
        for instance in &mut instances {
            let id = instance.id.to_ascii_lowercase();
            instance.tags = tags.remove(&id).unwrap_or_default();
        }
    }
    Ok(instances)
}

/// The tags that an account has given instances, by their ids in lower case.
fn tags(connection: &Connection, account: &str) -> rusqlite::Result<HashMap<String, Vec<Tag>>> {
    let mut tags: HashMap<_, Vec<_>> = HashMap::new();
    let mut statement = connection.prepare_cached(TAGS)?;
    let mut rows = statement.query([account])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        tags.entry(id.to_ascii_lowercase()).or_default().push(Tag {
            key: row.get(1)?,
            value: row.get(2)?,
        });
    }
    Ok(tags)
}

/// What a decision about instances rests on.
pub(crate) fn load(connection: &Connection, now: i64) -> rusqlite::Result<InstancesState> {
    Ok(InstancesState {
        instances: all(connection, None)?,
        now,
    })
}

/// What the metadata service gives an instance.
pub(crate) fn user_data(connection: &Connection, id: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let found = connection
        .prepare_cached(USER_DATA)?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(found.flatten())
}

/// Changes rows of instances.
pub(crate) fn apply(connection: &Connection, change: &InstanceChange) -> Result<(), Failure> {
    for id in &change.remove {
        connection.prepare_cached(REMOVE_TAGS)?.execute([id])?;
        connection.prepare_cached(REMOVE)?.execute([id])?;
    }
    // An address that one of them gives up can be that of a new one.
    for instance in &change.update {
        connection.prepare_cached(UPDATE)?.execute(params![
            instance.state.as_str(),
            instance.address.map(|address| address.to_string()),
            instance.changed,
            Json(&instance.groups),
            Json(&instance.settings),
            instance.id,
        ])?;
    }
    for new in &change.insert {
        insert(connection, new)?;
    }
    for (id, account, tag) in &change.put_tags {
        put_tag(connection, id, account, tag)?;
    }
    for (id, account, key) in &change.delete_tags {
        connection
            .prepare_cached(DELETE_TAG)?
            .execute([id, account, key])?;
    }
    Ok(())
}

fn insert(connection: &Connection, new: &NewInstance) -> rusqlite::Result<()> {
    let instance = &new.instance;
    connection.prepare_cached(INSERT)?.execute(params![
        instance.id,
        instance.reservation,
        instance.owner.as_str(),
        instance.state.as_str(),
        instance.address.map(|address| address.to_string()),
        instance.launched,
        instance.changed,
        Json(&instance.groups),
        Json(&instance.launch),
        Json(&instance.settings),
        new.user_data,
    ])?;
    for tag in &instance.tags {
        put_tag(connection, &instance.id, instance.owner.as_str(), tag)?;
    }
    Ok(())
}

fn put_tag(connection: &Connection, id: &str, account: &str, tag: &Tag) -> rusqlite::Result<()> {
    let values = [id, account, &tag.key, &tag.value];
    connection.prepare_cached(PUT_TAG)?.execute(values)?;
    Ok(())
}
