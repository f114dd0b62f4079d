-- Times are milliseconds since 1970. JSON columns are written and read by serde.

CREATE TABLE accounts (
    id           TEXT PRIMARY KEY,               -- 12 digits
    name         TEXT NOT NULL UNIQUE,
    canonical_id TEXT NOT NULL UNIQUE,           -- the owner id of S3, 64 hex digits
    email        TEXT UNIQUE COLLATE NOCASE,     -- for grants by e-mail
    created      INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id      INTEGER PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    name    TEXT NOT NULL,
    admin   INTEGER NOT NULL,                    -- 1: administrator of the whole cloud
    created INTEGER NOT NULL,
    UNIQUE (account, name)
) STRICT;

CREATE TABLE access_keys (
    access_key TEXT PRIMARY KEY,
    user       INTEGER NOT NULL REFERENCES users (id),
    secret     TEXT NOT NULL,                    -- HMAC needs it as it is
    active     INTEGER NOT NULL DEFAULT 1,
    created    INTEGER NOT NULL
) STRICT;

CREATE TABLE certificates (
    id          INTEGER PRIMARY KEY,
    user        INTEGER NOT NULL REFERENCES users (id),
    pem         TEXT NOT NULL,
    fingerprint TEXT NOT NULL UNIQUE,
    active      INTEGER NOT NULL DEFAULT 1,
    created     INTEGER NOT NULL
) STRICT;

CREATE TABLE buckets (
    name    TEXT PRIMARY KEY,
    owner   TEXT NOT NULL REFERENCES accounts (id),
    acl     TEXT NOT NULL,                       -- JSON, list of grants
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE objects (
    id       INTEGER PRIMARY KEY,
    bucket   TEXT NOT NULL REFERENCES buckets (name),
    key      TEXT NOT NULL,
    owner    TEXT NOT NULL REFERENCES accounts (id),
    acl      TEXT NOT NULL,                      -- JSON, list of grants
    size     INTEGER NOT NULL,
    etag     TEXT NOT NULL,                      -- without quotes
    headers  TEXT NOT NULL,                      -- JSON: content type, user metadata and so on
    modified INTEGER NOT NULL,
    UNIQUE (bucket, key)
) STRICT;

-- The files that make up an object, in order; a plain PUT makes one, a multipart upload one for each part.
CREATE TABLE segments (
    object INTEGER NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    blob   TEXT NOT NULL UNIQUE,                 -- name of the file
    size   INTEGER NOT NULL,
    etag   TEXT NOT NULL,
    PRIMARY KEY (object, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE uploads (
    id      TEXT PRIMARY KEY,
    bucket  TEXT NOT NULL REFERENCES buckets (name),
    key     TEXT NOT NULL,
    owner   TEXT NOT NULL REFERENCES accounts (id),
    acl     TEXT NOT NULL,
    headers TEXT NOT NULL,
    started INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_by_key ON uploads (bucket, key, id);

CREATE TABLE parts (
    upload   TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    number   INTEGER NOT NULL,                   -- 1 to 10000
    blob     TEXT NOT NULL UNIQUE,
    size     INTEGER NOT NULL,
    etag     TEXT NOT NULL,
    modified INTEGER NOT NULL,
    PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE images (
    id                TEXT PRIMARY KEY COLLATE NOCASE,
    location          TEXT NOT NULL,
    state             TEXT NOT NULL,             -- available, deregistered, failed
    owner             TEXT NOT NULL REFERENCES accounts (id),
    owner_name        TEXT NOT NULL,             -- the user who registered it
    class             TEXT NOT NULL,             -- machine, kernel, ramdisk
    architecture      TEXT NOT NULL,
    name              TEXT,
    description       TEXT,
    kernel            TEXT,
    ramdisk           TEXT,
    platform          TEXT,
    root_device       TEXT,
    block_devices     TEXT NOT NULL,             -- JSON, list of pairs virtual and device
    product_codes     TEXT NOT NULL,             -- JSON, list of texts
    ancestry          TEXT NOT NULL,             -- JSON, list of texts
    virtualization    TEXT NOT NULL,             -- paravirtual, hvm
    public            INTEGER NOT NULL,
    image_size        INTEGER NOT NULL,
    bundled_size      INTEGER NOT NULL,
    manifest_sha256   TEXT NOT NULL,
    signature         TEXT NOT NULL,
    profile           TEXT NOT NULL,
    checks            TEXT NOT NULL,             -- JSON, list of the checks that were passed
    created           INTEGER NOT NULL,
    changed           INTEGER NOT NULL
) STRICT;

CREATE TABLE launch_permissions (
    image   TEXT NOT NULL COLLATE NOCASE REFERENCES images (id) ON DELETE CASCADE,
    account TEXT NOT NULL,
    PRIMARY KEY (image, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
    resource TEXT NOT NULL COLLATE NOCASE,
    account  TEXT NOT NULL REFERENCES accounts (id),
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (resource, account, key)
) STRICT, WITHOUT ROWID;
