-- Uploads in parts know the checksum that the object is to have, and parts have their own.

ALTER TABLE uploads ADD COLUMN checksum TEXT NOT NULL DEFAULT 'null';  -- JSON: algorithm, and whether of the whole
ALTER TABLE parts ADD COLUMN checksum TEXT;                            -- in base64, by that algorithm
ALTER TABLE segments ADD COLUMN checksum TEXT;                         -- the same, of parts
