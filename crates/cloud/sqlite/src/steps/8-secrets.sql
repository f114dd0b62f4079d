-- What the front ends of a cloud share beside users and objects: keys, and who does what only one may do.

CREATE TABLE secrets (
    name    TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL,                       -- encrypted with the master key, which is elsewhere
    made    INTEGER NOT NULL
) STRICT;

CREATE TABLE leases (
    name    TEXT PRIMARY KEY,
    owner   TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
