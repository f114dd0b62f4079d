//! Rows of images with their launch permissions and tags, and units of change of them.

use std::collections::{BTreeSet, HashMap};

use futures::future::join4;
use gumnut_cloud_catalogue::{
    Image, ImageChange, ImageRef, ImageState, ImagesState, LaunchPermissions, ResourceTag, Tag,
};
use gumnut_types::AccountId;
use tokio_postgres::Row;

use crate::buckets::{self, Now};
use crate::connection::{Connection, Write};
use crate::failure::Failure;
use crate::transaction::Unit;
use crate::values::{
    Sought, folded, from_json, get, json, not_understood, parsed, signed, unsigned,
};

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
    ALL = select_images!("ORDER BY lower(i.id)");
    BY_ID = select_images!("WHERE lower(i.id) = ANY ($1)");
    LOCK = select_images!("WHERE lower(i.id) = ANY ($1) ORDER BY i.id FOR UPDATE OF i");
    ALL_LAUNCH = "SELECT image, account FROM launch_permissions";
    LAUNCH = "SELECT image, account FROM launch_permissions \
              WHERE lower(image) = ANY ($1)";
    ALL_TAGS = "SELECT resource, key, value FROM tags WHERE account = $1 ORDER BY key";
    TAGS = "SELECT resource, key, value FROM tags WHERE account = $1 AND lower(resource) = ANY ($2) ORDER BY key";
    RESOURCE_TAGS = "SELECT i.id, i.class, t.key, t.value FROM tags t JOIN images i ON lower(i.id) = lower(t.resource) \
                     WHERE t.account = $1 ORDER BY lower(i.id), t.key";
    NAMED = "SELECT id FROM images WHERE owner = $1 AND name = $2 AND state IN ('available', 'pending') \
             ORDER BY added LIMIT 1";
    EXISTS = "SELECT EXISTS (SELECT 1 FROM images WHERE lower(id) = $1)";
    HOLDER = "SELECT id FROM images WHERE owner = $1 AND unique_name = $2";
    INSERT = "INSERT INTO images (id, location, state, owner, owner_name, class, architecture, name, unique_name, \
              description, kernel, ramdisk, platform, root_device, block_devices, product_codes, ancestry, \
              virtualization, public, image_size, bundled_size, manifest_sha256, signature, profile, created, changed) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
              $23, $24, $25, $26)";
    SET_STATE = "UPDATE images SET state = $1, changed = $2, unique_name = CASE WHEN $3 THEN unique_name END \
                 WHERE lower(id) = $4";
    REMOVE_TAGS = "DELETE FROM tags WHERE lower(resource) = $1";
    REMOVE = "DELETE FROM images WHERE lower(id) = $1";
    REMOVE_OLD_TAGS = "DELETE FROM tags WHERE lower(resource) IN \
                       (SELECT lower(id) FROM images WHERE state = 'deregistered' AND changed < $1)";
    REMOVE_OLD_LAUNCH = "DELETE FROM launch_permissions WHERE lower(image) IN \
                         (SELECT lower(id) FROM images WHERE state = 'deregistered' AND changed < $1)";
    REMOVE_OLD = "DELETE FROM images WHERE state = 'deregistered' AND changed < $1";
    SET_PUBLIC = "UPDATE images SET public = $1 WHERE lower(id) = $2";
    CLEAR_LAUNCH = "DELETE FROM launch_permissions WHERE lower(image) = $1";
    ADD_LAUNCH = "INSERT INTO launch_permissions (image, account) \
                  SELECT i.id, named.account FROM images i, unnest($2::text[]) AS named (account) WHERE lower(i.id) = $1";
    SET_DESCRIPTION = "UPDATE images SET description = $1 WHERE lower(id) = $2";
    SET_PRODUCT_CODES = "UPDATE images SET product_codes = $1 WHERE lower(id) = $2";
    PUT_TAG = "INSERT INTO tags (resource, account, key, value) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (lower(resource), account, key) DO UPDATE SET value = excluded.value";
    DELETE_TAG = "DELETE FROM tags WHERE lower(resource) = $1 AND account = $2 AND key = $3";
}

fn image(row: &Row) -> Result<Image, Failure> {
    let word: &str = get(row, 2)?;
    let state = ImageState::parse(word)
        .ok_or_else(|| not_understood(format!("{word:?} is not a state of an image")))?;
    Ok(Image {
        id: get(row, 0)?,
        location: get(row, 1)?,
        state,
        owner: parsed(row, 3)?,
        user: get(row, 4)?,
        account_name: get(row, 24)?,
        class: parsed(row, 5)?,
        architecture: get(row, 6)?,
        name: get(row, 7)?,
        name_is_unique: get(row, 25)?,
        description: get(row, 8)?,
        kernel: get(row, 9)?,
        ramdisk: get(row, 10)?,
        platform: get(row, 11)?,
        root_device: get(row, 12)?,
        block_devices: from_json(row, 13)?,
        product_codes: from_json(row, 14)?,
        ancestry: from_json(row, 15)?,
        virtualization: get(row, 16)?,
        launch: LaunchPermissions {
            public: get(row, 17)?,
            accounts: BTreeSet::new(),
        },
        size: unsigned(row, 18)?,
        bundled_size: unsigned(row, 19)?,
        manifest_sha256: get(row, 20)?,
        signature: get(row, 21)?,
        profile: get(row, 22)?,
        created: get(row, 23)?,
        changed: get(row, 26)?,
        tags: Vec::new(),
    })
}

/// Images, and what other tables say of them.
fn with_details(images: &[Row], launch: &[Row], tags: &[Row]) -> Result<Vec<Image>, Failure> {
    let mut accounts: HashMap<String, BTreeSet<String>> = HashMap::new();
    for row in launch {
        accounts
            .entry(folded(get(row, 0)?))
            .or_default()
            .insert(get(row, 1)?);
    }
    let mut tags_of: HashMap<String, Vec<Tag>> = HashMap::new();
    for row in tags {
        tags_of.entry(folded(get(row, 0)?)).or_default().push(Tag {
            key: get(row, 1)?,
            value: get(row, 2)?,
        });
    }
    let images = images.iter().map(|row| {
        let mut image = image(row)?;
        let id = folded(&image.id);
        image.launch.accounts = accounts.remove(&id).unwrap_or_default();
        image.tags = tags_of.remove(&id).unwrap_or_default();
        Ok(image)
    });
    images.collect()
}

/// All images, in the order of their ids, with the tags of an account.
pub(crate) async fn all(
    connection: &Connection,
    tags_of: Option<&str>,
) -> Result<Vec<Image>, Failure> {
    let account = tags_of.map(Sought);
    let (images, launch, tags) = futures::future::join3(
        connection.rows(ALL, &[]),
        connection.rows(ALL_LAUNCH, &[]),
        connection.rows(ALL_TAGS, &[&account]),
    )
    .await;
    with_details(&images?, &launch?, &tags?)
}

/// Images by their ids, as a decision about them would see them.
pub(crate) async fn find(
    connection: &Connection,
    at: &ImageRef,
    now: Now,
) -> Result<ImagesState, Failure> {
    load(connection, BY_ID, at, now).await
}

async fn load(
    connection: &Connection,
    sql: &'static str,
    at: &ImageRef,
    now: Now,
) -> Result<ImagesState, Failure> {
    let ids = at.ids.iter().filter(|id| !id.contains('\0'));
    let ids: Vec<_> = ids.map(|id| folded(id)).collect();
    let account = at.tags_of.as_deref().map(Sought);
    // Launch permissions and tags behind the lock of the image.
    let (images, launch, tags, now) = join4(
        connection.rows(sql, &[&ids]),
        connection.rows(LAUNCH, &[&ids]),
        connection.rows(TAGS, &[&account, &ids]),
        buckets::time(connection, now),
    )
    .await;
    let found = with_details(&images?, &launch?, &tags?)?;
    let found: HashMap<_, _> = found
        .into_iter()
        .map(|image| (folded(&image.id), image))
        .collect();
    let images = at.ids.iter().map(|id| found.get(&folded(id)).cloned());
    Ok(ImagesState {
        images: images.collect(),
        now: now?,
    })
}

/// The id of the usable image of an account that has this name, of several the one that was registered first.
pub(crate) async fn named(
    connection: &Connection,
    account: &AccountId,
    name: &str,
) -> Result<Option<String>, Failure> {
    let row = connection
        .row(NAMED, &[&account.as_str(), &Sought(name)])
        .await?;
    row.map(|row| get(&row, 0)).transpose()
}

/// The tags that an account has given images, by image and key.
pub(crate) async fn tags(
    connection: &Connection,
    account: &str,
) -> Result<Vec<ResourceTag>, Failure> {
    let rows = connection.rows(RESOURCE_TAGS, &[&Sought(account)]).await?;
    let tags = rows.iter().map(|row| {
        Ok(ResourceTag {
            resource: get(row, 0)?,
            class: parsed(row, 1)?,
            tag: Tag {
                key: get(row, 2)?,
                value: get(row, 3)?,
            },
        })
    });
    tags.collect()
}

/// The name that no other usable image of the owner may hold.
pub(crate) fn held_name(image: &Image) -> Option<&str> {
    let holds = image.name_is_unique && image.state.holds_name();
    image.name.as_deref().filter(|_| holds)
}

/// Whether there is an image with this id, in whatever case.
pub(crate) async fn is_taken(connection: &Connection, id: &str) -> Result<bool, Failure> {
    let row = connection.row(EXISTS, &[&Sought(&folded(id))]).await?;
    get(&row.ok_or(Failure::Stale)?, 0)
}

/// The id of the image of an account that holds a name.
pub(crate) async fn holder(
    connection: &Connection,
    account: &AccountId,
    name: &str,
) -> Result<Option<String>, Failure> {
    let row = connection
        .row(HOLDER, &[&account.as_str(), &Sought(name)])
        .await?;
    row.map(|row| get(&row, 0)).transpose()
}

/// A unit of change of images.
#[derive(Debug)]
pub(crate) struct Images {
    pub(crate) at: ImageRef,
    pub(crate) now: Now,
}

impl Unit for Images {
    type State = ImagesState;
    type Change = ImageChange;

    async fn load(&self, connection: &Connection) -> Result<ImagesState, Failure> {
        load(connection, LOCK, &self.at, self.now).await
    }

    fn writes(&self, state: &ImagesState, change: ImageChange) -> Result<Vec<Write>, Failure> {
        let mut writes = Vec::new();
        if let Some(image) = change.insert {
            writes.push(insert(&image)?);
            writes.extend(set_launch(&image.id, image.launch));
        }
        if let Some((id, new)) = change.state {
            writes.push(Write {
                sql: SET_STATE,
                values: values![new.as_str(), state.now, new.holds_name(), folded(&id)],
            });
        }
        for id in &change.remove {
            writes.extend([REMOVE_TAGS, CLEAR_LAUNCH, REMOVE].map(|sql| Write {
                sql,
                values: values![folded(id)],
            }));
        }
        if let Some(time) = change.remove_deregistered_before {
            writes.extend(
                [REMOVE_OLD_TAGS, REMOVE_OLD_LAUNCH, REMOVE_OLD].map(|sql| Write {
                    sql,
                    values: values![time],
                }),
            );
        }
        if let Some((id, launch)) = change.launch {
            writes.extend(set_launch(&id, launch));
        }
        if let Some((id, description)) = change.description {
            writes.push(Write {
                sql: SET_DESCRIPTION,
                values: values![description, folded(&id)],
            });
        }
        if let Some((id, codes)) = &change.product_codes {
            writes.push(Write {
                sql: SET_PRODUCT_CODES,
                values: values![json(codes)?, folded(id)],
            });
        }
        for (id, account, Tag { key, value }) in change.put_tags {
            writes.push(Write {
                sql: PUT_TAG,
                values: values![id, account, key, value],
            });
        }
        for (id, account, key) in change.delete_tags {
            writes.push(Write {
                sql: DELETE_TAG,
                values: values![folded(&id), account, key],
            });
        }
        Ok(writes)
    }
}

fn insert(image: &Image) -> Result<Write, Failure> {
    Ok(Write {
        sql: INSERT,
        values: values![
            image.id.clone(),
            image.location.clone(),
            image.state.as_str(),
            image.owner.as_str().to_owned(),
            image.user.clone(),
            image.class.as_str(),
            image.architecture.clone(),
            image.name.clone(),
            held_name(image).map(str::to_owned),
            image.description.clone(),
            image.kernel.clone(),
            image.ramdisk.clone(),
            image.platform.clone(),
            image.root_device.clone(),
            json(&image.block_devices)?,
            json(&image.product_codes)?,
            json(&image.ancestry)?,
            image.virtualization.clone(),
            image.launch.public,
            signed(image.size)?,
            signed(image.bundled_size)?,
            image.manifest_sha256.clone(),
            image.signature.clone(),
            image.profile.clone(),
            image.created,
            image.changed,
        ],
    })
}

fn set_launch(id: &str, launch: LaunchPermissions) -> [Write; 3] {
    let accounts: Vec<_> = launch.accounts.into_iter().collect();
    [
        Write {
            sql: SET_PUBLIC,
            values: values![launch.public, folded(id)],
        },
        Write {
            sql: CLEAR_LAUNCH,
            values: values![folded(id)],
        },
        Write {
            sql: ADD_LAUNCH,
            values: values![folded(id), accounts],
        },
    ]
}
