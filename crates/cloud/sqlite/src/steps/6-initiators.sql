-- Uploads know the user who began them. Those of before were begun by some user of the account that will own the object.

ALTER TABLE uploads ADD COLUMN initiator INTEGER REFERENCES users (id);  -- NULL: a request without a signature
UPDATE uploads SET initiator = (SELECT min(id) FROM users WHERE users.account = uploads.owner);

-- Delete markers could have keys longer than objects can: nothing is hidden by them, and no request names them.
DELETE FROM objects WHERE marker = 1 AND length(CAST(key AS BLOB)) > 1024;
