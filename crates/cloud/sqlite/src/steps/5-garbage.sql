-- Blobs that are given up are known until their bytes are gone; images hold their names by an index.

CREATE TABLE garbage (
    blob  TEXT PRIMARY KEY,                      -- no object and no part needs it
    since INTEGER NOT NULL
) STRICT;

ALTER TABLE images ADD COLUMN unique_name TEXT;  -- the name, while the owner may have no other usable image of it
-- Before there was an index a name could be had twice: the image that was first holds it.
UPDATE images SET unique_name = name WHERE rowid IN (
    SELECT min(rowid) FROM images
    WHERE name IS NOT NULL AND state IN ('available', 'pending') GROUP BY owner, name
);
CREATE UNIQUE INDEX images_unique_name ON images (owner, unique_name);
CREATE INDEX images_name ON images (owner, name);
