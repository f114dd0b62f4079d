-- Hours, counted since 1970, in which no more blobs without rows are to be looked for.

CREATE TABLE swept (
    hour INTEGER PRIMARY KEY
) STRICT;
