//! Rows of images with their launch permissions and tags, and units of change of them.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

use gumnut_cloud_catalogue::{
    Conflict, Image, ImageChange, ImageRef, ImageState, ImagesState, LaunchPermissions,
    ResourceTag, Tag,
};
use gumnut_types::{AccountId, ImageClass};
use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, params};

use crate::failure::Failure;
use crate::json::Json;

macro_rules! select_images {
    ($rest:literal) => {
        concat!(
            "SELECT i.id, i.location, i.state, i.owner, i.owner_name, i.class, i.architecture, i.name, i.description, \
             i.kernel, i.ramdisk, i.platform, i.root_device, i.block_devices, i.product_codes, i.ancestry, \
             i.virtualization, i.public, i.image_size, i.bundled_size, i.manifest_sha256, i.signature, i.profile, \
             i.created, a.name, i.unique_name IS NOT NULL, i.changed FROM images i JOIN accounts a ON a.id = i.owner ",
            $rest
        )
    };
}

statements! {
    ALL = select_images!("ORDER BY i.id");
    BY_ID = select_images!("WHERE i.id IN (SELECT value FROM json_each(?))");
    ALL_LAUNCH = "SELECT image, account FROM launch_permissions";
    LAUNCH = "SELECT image, account FROM launch_permissions WHERE image IN (SELECT value FROM json_each(?))";
    ALL_TAGS = "SELECT resource, key, value FROM tags WHERE account = ? ORDER BY resource, key";
    TAGS = "SELECT resource, key, value FROM tags \
            WHERE account = ? AND resource IN (SELECT value FROM json_each(?)) ORDER BY resource, key";
    RESOURCE_TAGS = "SELECT i.id, i.class, t.key, t.value FROM tags t JOIN images i ON i.id = t.resource \
                     WHERE t.account = ? ORDER BY i.id, t.key";
    NAMED = "SELECT id FROM images WHERE owner = ? AND name = ? AND state IN ('available', 'pending') \
             ORDER BY rowid LIMIT 1";
    EXISTS = "SELECT EXISTS (SELECT 1 FROM images WHERE id = ?)";
    HOLDER = "SELECT id FROM images WHERE owner = ? AND unique_name = ?";
    INSERT = "INSERT INTO images (id, location, state, owner, owner_name, class, architecture, name, unique_name, \
              description, kernel, ramdisk, platform, root_device, block_devices, product_codes, ancestry, \
              virtualization, public, image_size, bundled_size, manifest_sha256, signature, profile, checks, created, \
              changed) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'[]',?,?)";
    SET_STATE = "UPDATE images SET state = ?1, changed = ?2, unique_name = iif(?3, unique_name, NULL) WHERE id = ?4";
    REMOVE_TAGS = "DELETE FROM tags WHERE resource = ?";
    REMOVE = "DELETE FROM images WHERE id = ?";
    REMOVE_OLD_TAGS = "DELETE FROM tags WHERE resource IN \
                       (SELECT id FROM images WHERE state = 'deregistered' AND changed < ?)";
    REMOVE_OLD = "DELETE FROM images WHERE state = 'deregistered' AND changed < ?";
    SET_PUBLIC = "UPDATE images SET public = ? WHERE id = ?";
    CLEAR_LAUNCH = "DELETE FROM launch_permissions WHERE image = ?";
    ADD_LAUNCH = "INSERT INTO launch_permissions (image, account) VALUES (?, ?)";
    SET_DESCRIPTION = "UPDATE images SET description = ? WHERE id = ?";
    SET_PRODUCT_CODES = "UPDATE images SET product_codes = ? WHERE id = ?";
    PUT_TAG = "INSERT OR REPLACE INTO tags (resource, account, key, value) VALUES (?, ?, ?, ?)";
    DELETE_TAG = "DELETE FROM tags WHERE resource = ? AND account = ? AND key = ?";
}

fn image(row: &Row<'_>) -> rusqlite::Result<Image> {
    Ok(Image {
        id: row.get(0)?,
        location: row.get(1)?,
        state: state(row, 2)?,
        owner: parsed(row, 3)?,
        user: row.get(4)?,
        account_name: row.get(24)?,
        class: parsed(row, 5)?,
        architecture: row.get(6)?,
        name: row.get(7)?,
        name_is_unique: row.get(25)?,
        description: row.get(8)?,
        kernel: row.get(9)?,
        ramdisk: row.get(10)?,
        platform: row.get(11)?,
        root_device: row.get(12)?,
        block_devices: row.get::<_, Json<_>>(13)?.0,
        product_codes: row.get::<_, Json<_>>(14)?.0,
        ancestry: row.get::<_, Json<_>>(15)?.0,
        virtualization: row.get(16)?,
        launch: LaunchPermissions {
            public: row.get(17)?,
            accounts: BTreeSet::new(),
        },
        size: row.get(18)?,
        bundled_size: row.get(19)?,
        manifest_sha256: row.get(20)?,
        signature: row.get(21)?,
        profile: row.get(22)?,
        created: row.get(23)?,
        changed: row.get(26)?,
        tags: Vec::new(),
    })
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<ImageState> {
    let word: String = row.get(column)?;
    ImageState::parse(&word).ok_or_else(|| {
        let error = format!("{word:?} is no state of an image");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

/// A text of which something is made.
pub(crate) fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error: T::Err| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

/// All images, in the order of their ids, with the tags of an account.
pub(crate) fn all(connection: &Connection, tags_of: Option<&str>) -> rusqlite::Result<Vec<Image>> {
    let mut images: Vec<_> = connection
        .prepare_cached(ALL)?
        .query_map([], image)?
        .collect::<Result<_, _>>()?;
    let mut details = Details::default();
    let mut launch = connection.prepare_cached(ALL_LAUNCH)?;
    details.read_launch(launch.query([])?)?;
    if let Some(account) = tags_of {
        let mut tags = connection.prepare_cached(ALL_TAGS)?;
        details.read_tags(tags.query([account])?)?;
    }
    for image in &mut images {
        details.add_to(image);
    }
    Ok(images)
}

/// Loads what a decision about images rests on.
pub(crate) fn load(
    connection: &Connection,
    at: &ImageRef,
    now: i64,
) -> rusqlite::Result<ImagesState> {
    if at.ids.is_empty() {
        let images = Vec::new();
        return Ok(ImagesState { images, now });
    }
    let ids = Json(&at.ids);
    let mut images: HashMap<_, _> = connection
        .prepare_cached(BY_ID)?
        .query_map([&ids], |row| image(row).map(|it| (folded(&it.id), it)))?
        .collect::<Result<_, _>>()?;
    let mut details = Details::default();
    let mut launch = connection.prepare_cached(LAUNCH)?;
    details.read_launch(launch.query([&ids])?)?;
    if let Some(account) = &at.tags_of {
        let mut tags = connection.prepare_cached(TAGS)?;
        details.read_tags(tags.query(params![account, ids])?)?;
    }
    for image in images.values_mut() {
        details.add_to(image);
    }
    let images = at.ids.iter().map(|id| images.get(&folded(id)).cloned());
    Ok(ImagesState {
        images: images.collect(),
        now,
    })
}

/// What other tables say of images, by their folded ids.
#[derive(Default)]
struct Details {
    launch: HashMap<String, BTreeSet<String>>,
    tags: HashMap<String, Vec<Tag>>,
}

impl Details {
    fn read_launch(&mut self, mut rows: rusqlite::Rows<'_>) -> rusqlite::Result<()> {
        while let Some(row) = rows.next()? {
            let image: String = row.get(0)?;
            let accounts = self.launch.entry(folded(&image)).or_default();
            accounts.insert(row.get(1)?);
        }
        Ok(())
    }

    fn read_tags(&mut self, mut rows: rusqlite::Rows<'_>) -> rusqlite::Result<()> {
        while let Some(row) = rows.next()? {
            let image: String = row.get(0)?;
            self.tags.entry(folded(&image)).or_default().push(Tag {
                key: row.get(1)?,
                value: row.get(2)?,
            });
        }
        Ok(())
    }

    fn add_to(&mut self, image: &mut Image) {
        let id = folded(&image.id);
        image.launch.accounts = self.launch.remove(&id).unwrap_or_default();
        image.tags = self.tags.remove(&id).unwrap_or_default();
    }
}

/// An id as the tables compare it: without regard to the case of ASCII letters.
fn folded(id: &str) -> String {
    id.to_ascii_lowercase()
}

/// The id of the usable image of an account that has this name, of several the one that was registered first.
pub(crate) fn named(
    connection: &Connection,
    account: &AccountId,
    name: &str,
) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(NAMED)?
        .query_row([account.as_str(), name], |row| row.get(0))
        .optional()
}

/// The tags that an account has given images, by image and key.
pub(crate) fn tags(connection: &Connection, account: &str) -> rusqlite::Result<Vec<ResourceTag>> {
    connection
        .prepare_cached(RESOURCE_TAGS)?
        .query_map([account], |row| {
            Ok(ResourceTag {
                resource: row.get(0)?,
                class: parsed::<ImageClass>(row, 1)?,
                tag: Tag {
                    key: row.get(2)?,
                    value: row.get(3)?,
                },
            })
        })?
        .collect()
}

/// Changes rows of images.
pub(crate) fn apply(
    connection: &Connection,
    change: &ImageChange,
    now: i64,
) -> Result<(), Failure> {
    if let Some(image) = &change.insert {
        insert(connection, image).or_else(|error| Err(conflict(connection, image, error)?))?;
        set_launch(connection, &image.id, &image.launch)?;
    }
    if let Some((id, state)) = &change.state {
        connection.prepare_cached(SET_STATE)?.execute(params![
            state.as_str(),
            now,
            state.holds_name(),
            id
        ])?;
    }
    for id in &change.remove {
        connection.prepare_cached(REMOVE_TAGS)?.execute([id])?;
        connection.prepare_cached(REMOVE)?.execute([id])?;
    }
    if let Some(time) = change.remove_deregistered_before {
        connection
            .prepare_cached(REMOVE_OLD_TAGS)?
            .execute([time])?;
        connection.prepare_cached(REMOVE_OLD)?.execute([time])?;
    }
    if let Some((id, launch)) = &change.launch {
        set_launch(connection, id, launch)?;
    }
    if let Some((id, description)) = &change.description {
        connection
            .prepare_cached(SET_DESCRIPTION)?
            .execute([description, id])?;
    }
    if let Some((id, codes)) = &change.product_codes {
        connection
            .prepare_cached(SET_PRODUCT_CODES)?
            .execute(params![Json(codes), id])?;
    }
    for (id, account, Tag { key, value }) in &change.put_tags {
        connection
            .prepare_cached(PUT_TAG)?
            .execute([id, account, key, value])?;
    }
    for (id, account, key) in &change.delete_tags {
        connection
            .prepare_cached(DELETE_TAG)?
            .execute([id, account, key])?;
    }
    Ok(())
}

fn insert(connection: &Connection, image: &Image) -> rusqlite::Result<()> {
    connection.prepare_cached(INSERT)?.execute(params![
        image.id,
        image.location,
        image.state.as_str(),
        image.owner.as_str(),
        image.user,
        image.class.as_str(),
        image.architecture,
        image.name,
        held_name(image),
        image.description,
        image.kernel,
        image.ramdisk,
        image.platform,
        image.root_device,
        Json(&image.block_devices),
        Json(&image.product_codes),
        Json(&image.ancestry),
        image.virtualization,
        image.launch.public,
        image.size,
        image.bundled_size,
        image.manifest_sha256,
        image.signature,
        image.profile,
        image.created,
        image.changed,
    ])?;
    Ok(())
}

/// The name that no other usable image of the owner may hold.
fn held_name(image: &Image) -> Option<&str> {
    let holds = image.name_is_unique && image.state.holds_name();
    image.name.as_deref().filter(|_| holds)
}

/// Why an image could not be inserted: the error, or what is there already.
fn conflict(
    connection: &Connection,
    image: &Image,
    error: rusqlite::Error,
) -> rusqlite::Result<Failure> {
    if error.sqlite_error_code() != Some(ErrorCode::ConstraintViolation) {
        return Ok(error.into());
    }
    let is_taken: bool = connection
        .prepare_cached(EXISTS)?
        .query_row([&image.id], |row| row.get(0))?;
    if is_taken {
        return Ok(Conflict::ImageId(image.id.clone()).into());
    }
    let Some(name) = held_name(image) else {
        return Ok(error.into());
    };
    let holder = connection
        .prepare_cached(HOLDER)?
        .query_row([image.owner.as_str(), name], |row| row.get(0))
        .optional()?;
    Ok(holder.map_or_else(
        || error.into(),
        |id| {
            let name = name.to_owned();
            Conflict::ImageName { name, id }.into()
        },
    ))
}

fn set_launch(
    connection: &Connection,
    id: &str,
    launch: &LaunchPermissions,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(SET_PUBLIC)?
        .execute(params![launch.public, id])?;
    connection.prepare_cached(CLEAR_LAUNCH)?.execute([id])?;
    let mut add = connection.prepare_cached(ADD_LAUNCH)?;
    for account in &launch.accounts {
        add.execute([id, account])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_an_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::prepare(&mut connection).unwrap();
        for (sql, index) in [(NAMED, "images_name"), (HOLDER, "images_unique_name")] {
            let plan = format!("EXPLAIN QUERY PLAN {sql}");
            let plan: String = connection
                .query_row(&plan, ["1", "2"], |row| row.get("detail"))
                .unwrap();
            assert!(plan.contains(&format!("{index} (owner=?")), "{plan}");
        }
    }
}
