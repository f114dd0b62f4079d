-- Small objects have their bytes here and no segments. A table of its own: listings never read bytes.

CREATE TABLE small (
    object INTEGER PRIMARY KEY REFERENCES objects (id) ON DELETE CASCADE,
    bytes  BLOB NOT NULL                         -- their MD5 is the ETag of the object
) STRICT;
