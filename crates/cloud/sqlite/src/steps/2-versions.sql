-- Objects get versions, tags and locks; buckets get settings. A table with another key is a new table.

ALTER TABLE buckets ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';  -- JSON: versioning, tags, CORS and so on
ALTER TABLE uploads ADD COLUMN marks TEXT NOT NULL DEFAULT '{}';     -- JSON: tags and locks of the object to be

CREATE TABLE objects_new (
    id       INTEGER PRIMARY KEY,                -- of two versions the newer has the larger one
    bucket   TEXT NOT NULL REFERENCES buckets (name),
    key      TEXT NOT NULL,
    version  TEXT NOT NULL,                      -- 'null' for those made without versioning
    current  INTEGER NOT NULL,                   -- 1: the newest version of its key
    marker   INTEGER NOT NULL,                   -- 1: stands for a deletion, without bytes
    owner    TEXT NOT NULL REFERENCES accounts (id),
    acl      TEXT NOT NULL,                      -- JSON, list of grants
    size     INTEGER NOT NULL,
    etag     TEXT NOT NULL,                      -- without quotes
    headers  TEXT NOT NULL,                      -- JSON: content type, user metadata and so on
    marks    TEXT NOT NULL,                      -- JSON: tags and locks
    modified INTEGER NOT NULL,
    UNIQUE (bucket, key, version)
) STRICT;
INSERT INTO objects_new
    SELECT id, bucket, key, 'null', 1, 0, owner, acl, size, etag, headers, '{}', modified FROM objects;

CREATE TABLE segments_new (
    object INTEGER NOT NULL REFERENCES objects_new (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    blob   TEXT NOT NULL UNIQUE,                 -- name of the file
    size   INTEGER NOT NULL,
    etag   TEXT NOT NULL,
    PRIMARY KEY (object, number)
) STRICT, WITHOUT ROWID;
INSERT INTO segments_new SELECT object, number, blob, size, etag FROM segments;

DROP TABLE segments;
DROP TABLE objects;
ALTER TABLE objects_new RENAME TO objects;
ALTER TABLE segments_new RENAME TO segments;

CREATE UNIQUE INDEX objects_current ON objects (bucket, key) WHERE current = 1;
CREATE INDEX objects_visible ON objects (bucket, key) WHERE current = 1 AND marker = 0;
CREATE INDEX objects_history ON objects (bucket, key, id DESC);
