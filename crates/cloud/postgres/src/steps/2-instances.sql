-- Instances. Their tags are in the table of tags.

CREATE TABLE instances (
    id              TEXT COLLATE "C" NOT NULL,
    reservation     TEXT COLLATE "C" NOT NULL,
    owner           TEXT COLLATE "C" NOT NULL REFERENCES accounts (id),
    state           TEXT NOT NULL,               -- pending, running, shutting-down, terminated, stopping, stopped
    address         TEXT COLLATE "C" UNIQUE,     -- in the network of the cloud; NULL once it is terminated
    launched        BIGINT NOT NULL,
    changed         BIGINT NOT NULL,
    security_groups TEXT NOT NULL,               -- JSON, list of pairs id and name
    launch          TEXT NOT NULL,               -- JSON: image, type, key and so on
    settings        TEXT NOT NULL,               -- JSON: what can change
    user_data       BYTEA
);
CREATE UNIQUE INDEX instances_id ON instances (lower(id));
