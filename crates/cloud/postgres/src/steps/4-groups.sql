-- Security groups: which packets instances get.
CREATE TABLE security_groups (
    account     TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    name        TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL UNIQUE, -- sg- and 8 hex digits
    description TEXT NOT NULL,
    rules       TEXT NOT NULL,                   -- JSON, list of rules
    created     BIGINT NOT NULL,
    PRIMARY KEY (account, name)
);
