//! Rows of security groups, and units of change of them.

use futures::future::{join3, join4};
use gumnut_cloud_catalogue::{GroupChange, GroupsState, SecurityGroup};
use gumnut_types::AccountId;
use tokio_postgres::Row;

use crate::buckets::{self, Now};
use crate::connection::{Connection, Write};
use crate::failure::Failure;
use crate::transaction::Unit;
use crate::values::{from_json, get, json, parsed};

statements! {
    OF_ACCOUNT = "SELECT account, name, id, description, rules, created FROM security_groups WHERE account = $1 ORDER BY name";
    ALL = "SELECT account, name, id, description, rules, created FROM security_groups ORDER BY account, name";
    IN_USE = "SELECT DISTINCT g->>0 FROM instances i, jsonb_array_elements(i.security_groups::jsonb) g \
              WHERE i.owner = $1 AND i.state <> 'terminated'";
    INSERT = "INSERT INTO security_groups (account, name, id, description, rules, created) VALUES ($1, $2, $3, $4, $5, $6)";
    SET_RULES = "UPDATE security_groups SET rules = $1 WHERE account = $2 AND name = $3";
    REMOVE = "DELETE FROM security_groups WHERE account = $1 AND name = $2";
}

fn group(row: &Row) -> Result<SecurityGroup, Failure> {
    Ok(SecurityGroup {
        owner: parsed(row, 0)?,
        name: get(row, 1)?,
        id: get(row, 2)?,
        description: get(row, 3)?,
        rules: from_json(row, 4)?,
        created: get(row, 5)?,
    })
}

fn state(rows: &[Row], in_use: &[Row], now: i64) -> Result<GroupsState, Failure> {
    let in_use = in_use.iter().map(|row| get(row, 0));
    Ok(GroupsState {
        in_use: in_use.collect::<Result<_, _>>()?,
        groups: rows.iter().map(group).collect::<Result<_, _>>()?,
        now,
    })
}

/// The security groups of an account, by name.
pub(crate) async fn find(
    connection: &Connection,
    account: &AccountId,
    now: Now,
) -> Result<GroupsState, Failure> {
    let (rows, in_use, now) = join3(
        connection.rows(OF_ACCOUNT, &[&account.as_str()]),
        connection.rows(IN_USE, &[&account.as_str()]),
        buckets::time(connection, now),
    )
    .await;
    state(&rows?, &in_use?, now?)
}

/// The security groups of all accounts, by account and name.
pub(crate) async fn all(connection: &Connection) -> Result<Vec<SecurityGroup>, Failure> {
    let rows = connection.rows(ALL, &[]).await?;
    rows.iter().map(group).collect()
}

/// A unit of change of the security groups of an account.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) account: AccountId,
    pub(crate) now: Now,
}

impl Unit for Groups {
    type State = GroupsState;
    type Change = GroupChange;

    async fn load(&self, connection: &Connection) -> Result<GroupsState, Failure> {
        let account = self.account.as_str();
        // Behind the lock: who waited there for another unit sees the rules that it has changed.
        let (locked, rows, in_use, now) = join4(
            connection.rows(buckets::LOCK_ACCOUNT, &[&account]),
            connection.rows(OF_ACCOUNT, &[&account]),
            connection.rows(IN_USE, &[&account]),
            buckets::time(connection, self.now),
        )
        .await;
        locked?;
        state(&rows?, &in_use?, now?)
    }

    fn writes(&self, _state: &GroupsState, change: GroupChange) -> Result<Vec<Write>, Failure> {
        let account = || self.account.as_str().to_owned();
        let mut writes = Vec::new();
        if let Some(name) = change.remove {
            writes.push(Write {
                sql: REMOVE,
                values: values![account(), name],
            });
        }
        if let Some((name, rules)) = &change.rules {
            writes.push(Write {
                sql: SET_RULES,
                values: values![json(rules)?, account(), name.clone()],
            });
        }
        if let Some(new) = change.insert {
            writes.push(Write {
                sql: INSERT,
                values: values![
                    account(),
                    new.name,
                    new.id,
                    new.description,
                    json(&new.rules)?,
                    new.created,
                ],
            });
        }
        Ok(writes)
    }
}
