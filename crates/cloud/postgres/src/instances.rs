//! Rows of instances with their tags, and units of change of them.

use std::collections::HashMap;

use futures::future::{join, join3};
use gumnut_cloud_catalogue::{
    Instance, InstanceChange, InstanceState, InstancesState, NewInstance, Tag,
};
use tokio_postgres::Row;

use crate::buckets::{self, Now};
use crate::connection::{Connection, Write};
use crate::failure::Failure;
use crate::images;
use crate::transaction::Unit;
use crate::values::{Sought, folded, from_json, get, json, not_understood, parsed};

statements! {
    // Decisions about instances rest on all of them, so they come one after the other.
    LOCK = "SELECT 1 FROM schema FOR UPDATE";
    ALL = "SELECT id, reservation, owner, state, address, launched, changed, security_groups, launch, settings \
           FROM instances ORDER BY launched, lower(id)";
    TAGS = "SELECT t.resource, t.key, t.value FROM tags t JOIN instances i ON lower(i.id) = lower(t.resource) \
            WHERE t.account = $1 ORDER BY t.key";
    USER_DATA = "SELECT user_data FROM instances WHERE lower(id) = $1";
    INSERT = "INSERT INTO instances (id, reservation, owner, state, address, launched, changed, security_groups, launch, \
              settings, user_data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    UPDATE = "UPDATE instances SET state = $1, address = $2, changed = $3, security_groups = $4, settings = $5 \
              WHERE lower(id) = $6";
    REMOVE = "DELETE FROM instances WHERE lower(id) = $1";
}

fn instance(row: &Row) -> Result<Instance, Failure> {
    let word: &str = get(row, 3)?;
    let state = InstanceState::parse(word)
        .ok_or_else(|| not_understood(format!("{word:?} is not a state of an instance")))?;
    Ok(Instance {
        id: get(row, 0)?,
        reservation: get(row, 1)?,
        owner: parsed(row, 2)?,
        state,
        address: match get::<Option<&str>>(row, 4)? {
            Some(address) => Some(address.parse().map_err(not_understood)?),
            None => None,
        },
        launched: get(row, 5)?,
        changed: get(row, 6)?,
        groups: from_json(row, 7)?,
        launch: from_json(row, 8)?,
        settings: from_json(row, 9)?,
        tags: Vec::new(),
    })
}

/// All instances, in the order of their launch, with the tags of an account.
pub(crate) async fn all(
    connection: &Connection,
    tags_of: Option<&str>,
) -> Result<Vec<Instance>, Failure> {
    let account = tags_of.map(Sought);
    let (instances, tags) = join(
        connection.rows(ALL, &[]),
        connection.rows(TAGS, &[&account]),
    )
    .await;
    let mut tags_of: HashMap<String, Vec<Tag>> = HashMap::new();
    for row in tags? {
        tags_of.entry(folded(get(&row, 0)?)).or_default().push(Tag {
            key: get(&row, 1)?,
            value: get(&row, 2)?,
        });
    }
    let instances = instances?.into_iter().map(|row| {
        let mut instance = instance(&row)?;
        let tags = tags_of.remove(&folded(&instance.id));
        instance.tags = tags.unwrap_or_default();
        Ok(instance)
    });
    instances.collect()
}

/// What the metadata service gives an instance.
pub(crate) async fn user_data(
    connection: &Connection,
    id: &str,
) -> Result<Option<Vec<u8>>, Failure> {
    let row = connection.row(USER_DATA, &[&Sought(&folded(id))]).await?;
    row.map_or(Ok(None), |row| get(&row, 0))
}

/// A unit of change of instances.
#[derive(Debug)]
pub(crate) struct Instances {
    pub(crate) now: Now,
}

impl Unit for Instances {
    type State = InstancesState;
    type Change = InstanceChange;

    async fn load(&self, connection: &Connection) -> Result<InstancesState, Failure> {
        let (locked, instances, now) = join3(
            connection.rows(LOCK, &[]),
            all(connection, None),
            buckets::time(connection, self.now),
        )
        .await;
        locked?;
        Ok(InstancesState {
            instances: instances?,
            now: now?,
        })
    }

    fn writes(&self, _: &InstancesState, change: InstanceChange) -> Result<Vec<Write>, Failure> {
        let mut writes = Vec::new();
        for id in &change.remove {
            writes.extend([images::REMOVE_TAGS, REMOVE].map(|sql| Write {
                sql,
                values: values![folded(id)],
            }));
        }
        // An address that one of them gives up can be that of a new one.
        for instance in change.update {
            writes.push(Write {
                sql: UPDATE,
                values: values![
                    instance.state.as_str(),
                    instance.address.map(|address| address.to_string()),
                    instance.changed,
                    json(&instance.groups)?,
                    json(&instance.settings)?,
                    folded(&instance.id),
                ],
            });
        }
        for NewInstance {
            instance,
            user_data,
        } in change.insert
        {
            let owner = instance.owner.as_str().to_owned();
            writes.push(Write {
                sql: INSERT,
                values: values![
                    instance.id.clone(),
                    instance.reservation,
                    owner.clone(),
                    instance.state.as_str(),
                    instance.address.map(|address| address.to_string()),
                    instance.launched,
                    instance.changed,
                    json(&instance.groups)?,
                    json(&instance.launch)?,
                    json(&instance.settings)?,
                    user_data,
                ],
            });
            for tag in instance.tags {
                writes.push(put_tag(instance.id.clone(), owner.clone(), tag));
            }
        }
        for (id, account, tag) in change.put_tags {
            writes.push(put_tag(id, account, tag));
        }
        for (id, account, key) in change.delete_tags {
            writes.push(Write {
                sql: images::DELETE_TAG,
                values: values![folded(&id), account, key],
            });
        }
        Ok(writes)
    }
}

fn put_tag(id: String, account: String, Tag { key, value }: Tag) -> Write {
    Write {
        sql: images::PUT_TAG,
        values: values![id, account, key, value],
    }
}
