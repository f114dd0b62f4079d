-- Security groups: which packets instances get.

CREATE TABLE security_groups (
    account     TEXT NOT NULL REFERENCES accounts (id),
    name        TEXT NOT NULL,
    id          TEXT NOT NULL UNIQUE,            -- sg- and 8 hex digits
    description TEXT NOT NULL,
    rules       TEXT NOT NULL,                   -- JSON, list of rules
    created     INTEGER NOT NULL,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;
