//! Rows of security groups, and units of change of them.

use gumnut_cloud_catalogue::{GroupChange, GroupsState, SecurityGroup};
use gumnut_types::AccountId;
use rusqlite::{Connection, Row, params};

use crate::images::parsed;
use crate::json::Json;

statements! {
    OF_ACCOUNT = "SELECT account, name, id, description, rules, created FROM security_groups WHERE account = ? ORDER BY name";
    ALL = "SELECT account, name, id, description, rules, created FROM security_groups ORDER BY account, name";
    IN_USE = "SELECT DISTINCT json_extract(g.value, '$[0]') FROM instances i, json_each(i.security_groups) g \
              WHERE i.owner = ? AND i.state <> 'terminated'";
    INSERT = "INSERT INTO security_groups (account, name, id, description, rules, created) VALUES (?, ?, ?, ?, ?, ?)";
    SET_RULES = "UPDATE security_groups SET rules = ? WHERE account = ? AND name = ?";
    REMOVE = "DELETE FROM security_groups WHERE account = ? AND name = ?";
}

fn group(row: &Row<'_>) -> rusqlite::Result<SecurityGroup> {
    Ok(SecurityGroup {
        owner: parsed(row, 0)?,
        name: row.get(1)?,
        id: row.get(2)?,
        description: row.get(3)?,
        rules: row.get::<_, Json<_>>(4)?.0,
        created: row.get(5)?,
    })
}

/// The security groups of an account, by name.
pub(crate) fn load(
    connection: &Connection,
    account: &AccountId,
    now: i64,
) -> rusqlite::Result<GroupsState> {
    let mut statement = connection.prepare_cached(OF_ACCOUNT)?;
    let groups = statement.query_map([account.as_str()], group)?;
    let mut in_use = connection.prepare_cached(IN_USE)?;
    let in_use = in_use.query_map([account.as_str()], |row| row.get(0))?;
    Ok(GroupsState {
        groups: groups.collect::<Result<_, _>>()?,
        in_use: in_use.collect::<Result<_, _>>()?,
        now,
    })
}

/// The security groups of all accounts, by account and name.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<SecurityGroup>> {
    let mut statement = connection.prepare_cached(ALL)?;
    statement.query_map([], group)?.collect()
}

/// Changes security groups of an account.
pub(crate) fn apply(
    connection: &Connection,
    account: &AccountId,
    change: &GroupChange,
) -> rusqlite::Result<()> {
    if let Some(name) = &change.remove {
        let mut remove = connection.prepare_cached(REMOVE)?;
        remove.execute([account.as_str(), name])?;
    }
    if let Some((name, rules)) = &change.rules {
        let mut set = connection.prepare_cached(SET_RULES)?;
        set.execute(params![Json(rules), account.as_str(), name])?;
    }
    if let Some(new) = &change.insert {
        connection.prepare_cached(INSERT)?.execute(params![
            account.as_str(),
            new.name,
            new.id,
            new.description,
            Json(&new.rules),
            new.created,
        ])?;
    }
    Ok(())
}
