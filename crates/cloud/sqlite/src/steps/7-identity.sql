-- Which catalogue this is, and how far it has come; the file beside it keeps both, so that another one or an older state is noticed.

CREATE TABLE identity (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    id      TEXT NOT NULL,                       -- 32 hex digits
    changes INTEGER NOT NULL                     -- units of change so far
) STRICT;

INSERT INTO identity VALUES (1, lower(hex(randomblob(16))), 0);
