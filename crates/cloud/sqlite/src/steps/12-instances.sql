-- Instances. Their tags are in the table of tags.

CREATE TABLE instances (
    id              TEXT PRIMARY KEY COLLATE NOCASE,
    reservation     TEXT NOT NULL,
    owner           TEXT NOT NULL REFERENCES accounts (id),
    state           TEXT NOT NULL,               -- pending, running, shutting-down, terminated, stopping, stopped
    address         TEXT UNIQUE,                 -- in the network of the cloud; NULL once it is terminated
    launched        INTEGER NOT NULL,
    changed         INTEGER NOT NULL,
    security_groups TEXT NOT NULL,               -- JSON, list of pairs id and name
    launch          TEXT NOT NULL,               -- JSON: image, type, key and so on
    settings        TEXT NOT NULL,               -- JSON: what can change
    user_data       BLOB
) STRICT;
