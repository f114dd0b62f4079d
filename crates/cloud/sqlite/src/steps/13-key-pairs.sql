-- Key pairs with which users log in to instances: their public keys.

CREATE TABLE key_pairs (
    account     TEXT NOT NULL REFERENCES accounts (id),
    name        TEXT NOT NULL,
    id          TEXT NOT NULL UNIQUE,            -- key- and 17 hex digits
    fingerprint TEXT NOT NULL,
    public      TEXT NOT NULL,                   -- a line of authorized_keys
    created     INTEGER NOT NULL,
    PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;
