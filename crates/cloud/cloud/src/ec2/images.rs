//! The rows of images.

use std::collections::BTreeSet;

use gumnut_types::{AccountId, ImageClass};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::tags::Tag;
use crate::auth::Caller;
use crate::catalogue::Json;
use crate::register::{Ids, Refusal};
use gumnut_cloud_catalogue::{OwnerId, Profile};

/// The state of an image that can be used.
pub(crate) const AVAILABLE: &str = "available";
/// The state after the first deregistration; the second removes the row.
pub(crate) const DEREGISTERED: &str = "deregistered";

/// A registered image.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) location: String,
    pub(crate) state: String,
    pub(crate) owner: AccountId,
    /// The user who registered it.
    pub(crate) user: String,
    /// The name of the owner's account.
    pub(crate) account_name: String,
    pub(crate) class: ImageClass,
    pub(crate) architecture: String,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) kernel: Option<String>,
    pub(crate) ramdisk: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) root_device: Option<String>,
    pub(crate) block_devices: Vec<(String, String)>,
    pub(crate) product_codes: Vec<String>,
    pub(crate) ancestry: Vec<String>,
    pub(crate) virtualization: String,
    pub(crate) launch: Launch,
    pub(crate) size: u64,
    pub(crate) bundled_size: u64,
    pub(crate) manifest_sha256: String,
    pub(crate) signature: String,
    pub(crate) profile: String,
    pub(crate) created: i64,
    /// What the caller has noted on it; empty unless they were asked for.
    pub(crate) tags: Vec<Tag>,
}

/// Who may run an image beside its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Launch {
    /// Everybody.
    pub(crate) public: bool,
    /// Account numbers, and names of users in clouds that know no accounts.
    pub(crate) accounts: BTreeSet<String>,
}

impl Image {
    /// Whether the caller may see and run it.
    pub(crate) fn usable_by(&self, caller: &Caller, profile: Profile) -> bool {
        self.administered_by(caller) || self.launch.public || self.launch.names(caller, profile)
    }

    /// Whether the caller may change it.
    pub(crate) fn administered_by(&self, caller: &Caller) -> bool {
        caller.admin || caller.account == self.owner
    }

    /// What `imageOwnerId` shows.
    pub(crate) fn shown_owner(&self, owner: OwnerId) -> &str {
        match owner {
            OwnerId::Account => self.owner.as_str(),
            OwnerId::User => &self.user,
        }
    }

    /// What `imageOwnerAlias` shows.
    pub(crate) fn alias(&self, owner: OwnerId) -> &str {
        match owner {
            OwnerId::Account => &self.account_name,
            OwnerId::User => &self.user,
        }
    }
}

impl Launch {
    /// Whether the caller is named: by account, or by user in clouds that know no accounts.
    pub(crate) fn names(&self, caller: &Caller, profile: Profile) -> bool {
        self.accounts.contains(caller.account.as_str())
            || (profile.is_legacy() && self.accounts.contains(&caller.user))
    }
}

const SELECT: &str = "SELECT i.id, i.location, i.state, i.owner, i.owner_name, i.class, i.architecture, i.name, \
    i.description, i.kernel, i.ramdisk, i.platform, i.root_device, i.block_devices, i.product_codes, i.ancestry, \
    i.virtualization, i.public, i.image_size, i.bundled_size, i.manifest_sha256, i.signature, i.profile, i.created, \
    a.name FROM images i JOIN accounts a ON a.id = i.owner";

fn image(row: &Row<'_>) -> rusqlite::Result<Image> {
    let owner: String = row.get(3)?;
    let owner = owner.parse().map_err(|_| rusqlite::Error::InvalidQuery)?;
    let class: String = row.get(5)?;
    Ok(Image {
        id: row.get(0)?,
        location: row.get(1)?,
        state: row.get(2)?,
        owner,
        user: row.get(4)?,
        account_name: row.get(24)?,
        class: match class.as_str() {
            "kernel" => ImageClass::Kernel,
            "ramdisk" => ImageClass::Ramdisk,
            _ => ImageClass::Machine,
        },
        architecture: row.get(6)?,
        name: row.get(7)?,
        description: row.get(8)?,
        kernel: row.get(9)?,
        ramdisk: row.get(10)?,
        platform: row.get(11)?,
        root_device: row.get(12)?,
        block_devices: row.get::<_, Json<_>>(13)?.0,
        product_codes: row.get::<_, Json<_>>(14)?.0,
        ancestry: row.get::<_, Json<_>>(15)?.0,
        virtualization: row.get(16)?,
        launch: Launch {
            public: row.get(17)?,
            accounts: BTreeSet::new(),
        },
        size: row.get(18)?,
        bundled_size: row.get(19)?,
        manifest_sha256: row.get(20)?,
        signature: row.get(21)?,
        profile: row.get(22)?,
        created: row.get(23)?,
        tags: Vec::new(),
    })
}

fn with_permissions(connection: &Connection, mut image: Image) -> rusqlite::Result<Image> {
    let sql = "SELECT account FROM launch_permissions WHERE image = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let accounts = statement.query_map([&image.id], |row| row.get::<_, String>(0))?;
    image.launch.accounts = accounts.collect::<Result<_, _>>()?;
    Ok(image)
}

/// The image with this id, in either case.
pub(crate) fn get(connection: &Connection, id: &str) -> rusqlite::Result<Option<Image>> {
    let sql = format!("{SELECT} WHERE i.id = ?");
    let found = connection
        .prepare_cached(&sql)?
        .query_row([id], image)
        .optional()?;
    found
        .map(|found| with_permissions(connection, found))
        .transpose()
}

/// All images, in the order of their ids.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<Image>> {
    let sql = format!("{SELECT} ORDER BY i.id");
    let mut statement = connection.prepare_cached(&sql)?;
    let images = statement.query_map([], image)?;
    images
        .map(|found| with_permissions(connection, found?))
        .collect()
}

/// The id of the account's image that has this name, if there is one.
pub(crate) fn name_in_use(
    connection: &Connection,
    account: &AccountId,
    name: &str,
) -> rusqlite::Result<Option<String>> {
    let sql =
        "SELECT id FROM images WHERE owner = ? AND name = ? AND state IN ('available', 'pending')";
    let mut statement = connection.prepare_cached(sql)?;
    statement
        .query_row([account.as_str(), name], |row| row.get(0))
        .optional()
}

/// Stores a new image and gives its id.
pub(crate) fn insert(
    transaction: &Transaction<'_>,
    mut image: Image,
    ids: &Ids,
) -> Result<String, Refusal> {
    let taken = |id: &str| Ok(get(transaction, id)?.is_some());
    image.id = ids.next(image.class, &image.location, image.created, taken)?;
    let sql = "INSERT INTO images (id, location, state, owner, owner_name, class, architecture, name, description, \
               kernel, ramdisk, platform, root_device, block_devices, product_codes, ancestry, virtualization, public, \
               image_size, bundled_size, manifest_sha256, signature, profile, checks, created, changed) \
               VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
    transaction.execute(
        sql,
        params![
            image.id,
            image.location,
            image.state,
            image.owner.as_str(),
            image.user,
            crate::register::class_name(image.class),
            image.architecture,
            image.name,
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
            "[]",
            image.created,
            image.created,
        ],
    )?;
    Ok(image.id)
}

/// Hides the image; it goes for good with the next deregistration, or when it is [`sweep`]ed.
pub(crate) fn hide(transaction: &Transaction<'_>, id: &str, now: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE images SET state = ?, changed = ? WHERE id = ?";
    transaction
        .execute(sql, params![DEREGISTERED, now, id])
        .map(drop)
}

/// Removes the images that were hidden before `time`, in milliseconds since 1970.
pub(crate) fn sweep(transaction: &Transaction<'_>, time: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM tags WHERE resource IN (SELECT id FROM images WHERE state = ? AND changed < ?)";
    transaction.execute(sql, params![DEREGISTERED, time])?;
    let sql = "DELETE FROM images WHERE state = ? AND changed < ?";
    transaction
        .execute(sql, params![DEREGISTERED, time])
        .map(drop)
}

/// Removes the row.
pub(crate) fn remove(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM tags WHERE resource = ?", [id])?;
    transaction
        .execute("DELETE FROM images WHERE id = ?", [id])
        .map(drop)
}

/// Changes who may run it.
pub(crate) fn set_launch(
    transaction: &Transaction<'_>,
    id: &str,
    launch: &Launch,
) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE images SET public = ? WHERE id = ?",
        params![launch.public, id],
    )?;
    transaction.execute("DELETE FROM launch_permissions WHERE image = ?", [id])?;
    for account in &launch.accounts {
        let sql = "INSERT INTO launch_permissions (image, account) VALUES (?, ?)";
        transaction.execute(sql, [id, account])?;
    }
    Ok(())
}

/// Changes the description.
pub(crate) fn set_description(
    transaction: &Transaction<'_>,
    id: &str,
    description: &str,
) -> rusqlite::Result<()> {
    let sql = "UPDATE images SET description = ? WHERE id = ?";
    transaction.execute(sql, [description, id]).map(drop)
}

/// Adds product codes that are not there yet.
pub(crate) fn add_product_codes(
    transaction: &Transaction<'_>,
    image: &Image,
    codes: &[String],
) -> rusqlite::Result<()> {
    let mut all = image.product_codes.clone();
    for code in codes {
        if !all.contains(code) {
            all.push(code.clone());
        }
    }
    let sql = "UPDATE images SET product_codes = ? WHERE id = ?";
    transaction
        .execute(sql, params![Json(all), image.id])
        .map(drop)
}
