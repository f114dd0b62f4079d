-- Objects know the upload that has made them, so that ending it once more is answered as the first time.

ALTER TABLE objects ADD COLUMN upload TEXT;
