-- The record, version 2: the oldest lines may leave it, behind a signed base.
--
-- Only lines up to the base can be deleted, and the base only moves forward, onto a line that has a checkpoint. That the
-- device signed it is not for a trigger to judge: every reader checks it.

PRAGMA user_version = 2;

CREATE TABLE base (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    count          INTEGER NOT NULL, -- the last line that is gone
    hash           BLOB    NOT NULL, -- its hash
    exported       INTEGER NOT NULL, -- how many lines the newest export took
    export_digest  BLOB    NOT NULL,
    wall_ms        INTEGER,
    utc_offset_min INTEGER NOT NULL,
    signature      BLOB    NOT NULL
) STRICT;

-- A REPLACE is the one way to move it, and fires only this.
CREATE TRIGGER base_forward BEFORE INSERT ON base WHEN NEW.count <= (SELECT coalesce(max(count), 0) FROM base)
BEGIN SELECT RAISE(ABORT, 'the base moves forward'); END;
CREATE TRIGGER base_signed BEFORE INSERT ON base
WHEN NOT EXISTS (SELECT 1 FROM checkpoint WHERE seq = NEW.count AND hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'the base is a signed line'); END;
CREATE TRIGGER base_stays BEFORE UPDATE ON base
BEGIN SELECT RAISE(ABORT, 'the base moves forward'); END;
CREATE TRIGGER base_kept BEFORE DELETE ON base
BEGIN SELECT RAISE(ABORT, 'the base moves forward'); END;

DROP TRIGGER record_kept;
CREATE TRIGGER record_kept BEFORE DELETE ON record WHEN OLD.seq > (SELECT coalesce(max(count), 0) FROM base)
BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END;
DROP TRIGGER checkpoint_kept;
CREATE TRIGGER checkpoint_kept BEFORE DELETE ON checkpoint WHEN OLD.seq > (SELECT coalesce(max(count), 0) FROM base)
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
