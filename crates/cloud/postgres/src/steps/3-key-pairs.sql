-- Key pairs with which users log in to instances: their public keys.
CREATE TABLE key_pairs (
    account     TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    name        TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL UNIQUE, -- key- and 17 hex digits
    fingerprint TEXT NOT NULL,
    public      TEXT NOT NULL,                   -- a line of authorized_keys
    created     BIGINT NOT NULL,
    PRIMARY KEY (account, name)
);
