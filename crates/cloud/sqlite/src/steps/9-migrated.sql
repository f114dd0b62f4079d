-- Steps of a copy from or to another database; a catalogue that has some is not to be served.

CREATE TABLE migrated (
    step TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
